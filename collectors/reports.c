/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "reports.h"

#include <errno.h>
#include <stdlib.h>

#include "../exporter/util.h"
#include "diagnosis.h"
#include "observation.h"
#include "talkers_query.h"
#include "talkers_write.h"

/*
 * Between the two looks of a diagnosis: too near, a packet or two decide; too far, it is the past.
 */
#define LOOK_AGE_MIN_NS (1 * NSEC_PER_SEC)
#define LOOK_AGE_MAX_NS (60 * NSEC_PER_SEC)
/* As long as who was told to ask again waits; a look that is older makes room for the next one. */
#define LOOK_AGE_GOOD_NS (5 * NSEC_PER_SEC)

/*
 * Walks for filtered talkers take one part in so many of the time: of a small table nobody waits
 * for one, and of a large one they cost no more than a scrape every --collector.flows.min-interval.
 */
#define FILTERED_WALKS_SHARE 10

/* Takes back what was appended behind len if that, or another thing, failed. */
static int finish_report(struct buffer *out, size_t len, int r)
{
	r = r == 0 ? out->error : r;
	if (r < 0)
		buffer_truncate(out, len);
	return r;
}

/* UINT64_MAX when there is none. */
static uint64_t look_age(const struct observation *look)
{
	return look ? clock_monotonic_ns() - look->taken_ns : UINT64_MAX;
}

/* The newest look of at least this age that is not too old; NULL: none. */
static const struct observation *find_look(const struct collector_context *ctx, uint64_t age_min_ns)
{
	for (int i = 0; i < CONTEXT_LOOKS; i++) {
		const uint64_t age_ns = look_age(ctx->looks[i]);

		if (age_ns >= age_min_ns && age_ns <= LOOK_AGE_MAX_NS)
			return ctx->looks[i];
	}
	return NULL;
}

/*
 * Makes look the newest one. The one before stays for those who wait to ask again: with this one
 * alone, hardly any time would have passed for them. Without memory both stay.
 */
static int keep_look(struct collector_context *ctx, const struct observation *look)
{
	struct observation *oldest = ctx->looks[CONTEXT_LOOKS - 1];

	if (!oldest)
		oldest = malloc(sizeof(*oldest));
	if (!oldest)
		return -ENOMEM;
	*oldest = *look;
	for (int i = CONTEXT_LOOKS - 1; i > 0; i--)
		ctx->looks[i] = ctx->looks[i - 1];
	ctx->looks[0] = oldest;
	return 0;
}

static int take_first_look(struct collector_context *ctx)
{
	struct observation *look = malloc(sizeof(*look));
	int r = -ENOMEM;

	if (look) {
		observation_take_cheap(ctx, look);
		r = keep_look(ctx, look);
	}
	free(look);
	return r;
}

/* The two looks and what was made of them: too much for a stack. */
struct examination {
	struct observation now;
	struct diagnosis diagnosis;
};

/* Compares now with before, or says that no time has passed; keeps now in its turn. */
static void judge(struct collector_context *ctx, const struct observation *before,
		  struct examination *examination)
{
	const struct observation *now = &examination->now;

	diagnosis_make(before ? before : now, now, &examination->diagnosis);
	if (look_age(ctx->looks[0]) >= LOOK_AGE_GOOD_NS)
		(void)keep_look(ctx, now);
}

/* That nf_conntrack is not loaded is something to know of the table. */
static bool saw_nothing(const struct observation *look)
{
	return !look->has_walk && !look->has_sockets && !look->table[TABLE_ENTRIES].known &&
	       look->table_error != -ENODATA;
}

/* Who was told to ask again gets the time that it waited, short or long. To be freed. */
static struct examination *examine(struct collector_context *ctx, bool second_look)
{
	struct examination *examination = malloc(sizeof(*examination));
	const struct observation *before = find_look(ctx, second_look ? LOOK_AGE_GOOD_NS
								      : LOOK_AGE_MIN_NS);

	if (!examination)
		return NULL;
	if (second_look && !before)
		before = ctx->looks[0];
	observation_take(ctx, &examination->now);
	ctx->saw_nothing = saw_nothing(&examination->now);
	judge(ctx, before, examination);
	return examination;
}

int reports_diagnosis(struct collector_context *ctx, bool second_look, struct buffer *out)
{
	const size_t len = out->len;
	struct examination *examination;
	int r;

	if (!second_look && !find_look(ctx, 0)) {
		r = take_first_look(ctx);
		return r < 0 ? r : -EAGAIN;
	}
	if (!second_look && !find_look(ctx, LOOK_AGE_MIN_NS))
		return -EAGAIN;
	examination = examine(ctx, second_look);
	if (!examination)
		return -ENOMEM;
	r = diagnosis_write_json(&examination->diagnosis, &examination->now, out);
	free(examination);
	return finish_report(out, len, r);
}

int reports_diagnosis_text(struct collector_context *ctx, bool colour, unsigned int width,
			   struct buffer *out)
{
	struct examination *examination = examine(ctx, true);
	const size_t len = out->len;

	if (!examination)
		return -ENOMEM;
	diagnosis_write_text(&examination->diagnosis, colour, width, out);
	free(examination);
	return finish_report(out, len, 0);
}

int reports_verdict(struct collector_context *ctx, struct buffer *out)
{
	struct examination *examination = malloc(sizeof(*examination));
	const size_t len = out->len;

	if (!examination)
		return -ENOMEM;
	observation_take_cheap(ctx, &examination->now);
	judge(ctx, find_look(ctx, LOOK_AGE_MIN_NS), examination);
	diagnosis_write_verdict(&examination->diagnosis, out);
	free(examination);
	return finish_report(out, len, 0);
}

/* Of the survey, which others share. */
static int find_in_survey(struct collector_context *ctx, const struct talkers_query *query,
			  struct walk_summary *ret_walk, struct talkers_top *ret)
{
	const struct survey *survey;
	int r = survey_get(ctx, SURVEY_TALKERS, &survey);

	if (r < 0)
		return r;
	*ret_walk = survey->walk;
	talkers_top(&survey->talkers, query->by, query->limit, ret_walk, ret);
	return 0;
}

/* Of a walk of its own: no two filters can share one. */
static int find_filtered(struct collector_context *ctx, const struct talkers_query *query,
			 struct walk_summary *ret_walk, struct talkers_top *ret)
{
	struct talkers talkers = { 0 };
	const struct walk_consumer consumer = { talkers_reset, talkers_add, &talkers };
	int r = talkers_init(&talkers, 1U << query->by, query);

	if (r == 0)
		r = walk_run(ctx, &consumer, 1, ret_walk);
	if (r == 0)
		talkers_top(&talkers, query->by, query->limit, ret_walk, ret);
	talkers_finish(&talkers);
	return r;
}

/* When the next filtered walk may begin after one that began then and ends now. */
static uint64_t next_walk_ns(const struct collector_context *ctx, uint64_t started_ns)
{
	const uint64_t now_ns = clock_monotonic_ns();
	const uint64_t pause_ns = (now_ns - started_ns) * (FILTERED_WALKS_SHARE - 1);
	const uint64_t most_ns = ctx->settings->flows_min_interval_ns;

	return now_ns + (pause_ns < most_ns ? pause_ns : most_ns);
}

static int find_talkers(struct collector_context *ctx, const struct talkers_query *query,
			struct walk_summary *ret_walk, struct talkers_top *ret)
{
	const uint64_t started_ns = clock_monotonic_ns();
	int r;

	ctx->request++;
	ctx->wants_ports = false;
	if (!query->filter)
		return find_in_survey(ctx, query, ret_walk, ret);
	if (started_ns < ctx->filtered_walk_ns)
		return -EAGAIN;
	r = find_filtered(ctx, query, ret_walk, ret);
	ctx->filtered_walk_ns = next_walk_ns(ctx, started_ns);
	return r;
}

static int write_talkers(struct collector_context *ctx, const struct talkers_query *query,
			 bool as_json, struct buffer *out)
{
	struct talkers_top *top = malloc(sizeof(*top));
	const size_t len = out->len;
	struct walk_summary walk;
	int r = top ? find_talkers(ctx, query, &walk, top) : -ENOMEM;

	if (r == 0 && as_json)
		r = talkers_write_json(query, top, &walk, false, out);
	else if (r == 0)
		talkers_write_text(query, top, &walk, out);
	free(top);
	return finish_report(out, len, r);
}

int reports_talkers(struct collector_context *ctx, const struct talkers_query *query,
		    struct buffer *out)
{
	return write_talkers(ctx, query, true, out);
}

int reports_talkers_text(struct collector_context *ctx, const struct talkers_query *query,
			 struct buffer *out)
{
	return write_talkers(ctx, query, false, out);
}
