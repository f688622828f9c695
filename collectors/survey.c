/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "survey.h"

#include <errno.h>

#include "../exporter/util.h"
#include "collector.h"
#include "table_parse.h"
#include "tracking.h"

/* How long a part goes on being made for someone who wanted it. */
#define PART_MEMORY_NS (60 * NSEC_PER_SEC)
#define CONSUMERS_MAX 4 /* counts, tracking, join, talkers */

static void counts_reset(void *state)
{
	*(struct flow_counts *)state = (struct flow_counts){ 0 };
}

static void counts_add(void *state, const struct flow *flow, const struct walk_view *view)
{
	flow_counts_add(state, flow, view->own);
}

void survey_finish(struct survey *survey)
{
	talkers_finish(&survey->talkers);
	survey->made = false;
}

/* A survey in the making, and what is gone behind it. */
struct making {
	struct survey survey;
	struct tracking_watch watch;
	struct join *join;
};

/*
 * What the parts need before the walk. That the join cannot be had is no reason to lose the rest.
 * Who may not walk is told before the join dumps all sockets in vain.
 */
static int prepare(struct collector_context *ctx, struct making *making)
{
	struct survey *survey = &making->survey;
	struct table_stats stats;
	int r = survey->parts & SURVEY_JOIN ? table_stats_fetch(ctx, &stats) : 0;

	if (r < 0)
		return r;
	(void)settings_read(ctx, &making->watch.settings); /* what is absent judges nothing */
	if (survey->parts & SURVEY_JOIN)
		survey->join_error = join_create(ctx, &making->join);
	if (survey->parts & SURVEY_TALKERS)
		return talkers_init(&survey->talkers, (1U << N_TALKERS_BYS) - 1, NULL);
	return 0;
}

static int walk(struct collector_context *ctx, struct making *making)
{
	struct survey *survey = &making->survey;
	struct walk_consumer consumers[CONSUMERS_MAX];
	size_t n = 0;

	consumers[n++] = (struct walk_consumer){ counts_reset, counts_add, &survey->counts };
	consumers[n++] = tracking_consumer(&making->watch);
	if (making->join)
		consumers[n++] = join_consumer(making->join);
	if (survey->parts & SURVEY_TALKERS)
		consumers[n++] = (struct walk_consumer){ talkers_reset, talkers_add,
							 &survey->talkers };
	return walk_run(ctx, consumers, n, &survey->walk);
}

static void finish_join(struct collector_context *ctx, struct join *join, struct survey *survey)
{
	uint64_t established = 0;

	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		established += survey->counts.by_tcp_state[family][FLOW_TCP_ESTABLISHED];
	survey->join_error = join_finish(ctx, join, established, &survey->join);
}

/* Behind the walk. */
static void conclude(struct collector_context *ctx, struct making *making)
{
	struct survey *survey = &making->survey;

	if (!survey->walk.complete && survey->walk.entries > survey->counts.visited)
		flow_counts_scale(&survey->counts, survey->walk.entries);
	if (making->join)
		finish_join(ctx, making->join, survey);
	for (int family = 0; family < N_FLOW_FAMILIES; family++) {
		survey->has_flows[family] = making->watch.flows[family];
		survey->fresh[family] = making->watch.fresh[family];
	}
}

/* The survey before stays until the new one is whole. */
static int survey_make(struct collector_context *ctx, uint32_t parts)
{
	struct making making = { .survey = { .made = true, .parts = parts } };
	int r = prepare(ctx, &making);

	if (r == 0)
		r = walk(ctx, &making);
	if (r == 0)
		conclude(ctx, &making);
	join_destroy(making.join);
	if (r < 0) {
		survey_finish(&making.survey);
		return r;
	}
	survey_finish(&ctx->survey);
	ctx->survey = making.survey;
	return 0;
}

/* A join that failed so may succeed now. */
static bool is_passing(int error)
{
	return error == -EINTR || error == -EIO || error == -ENOBUFS || error == -ENOMEM ||
	       error == -ETIMEDOUT;
}

/* A scrape in a hurry must not leave its small sample, or no join, to those who have time. */
static bool is_reusable(const struct collector_context *ctx, uint32_t parts)
{
	const struct survey *survey = &ctx->survey;
	const int join_error = parts & SURVEY_JOIN ? survey->join_error : 0;
	const uint64_t now_ns = clock_monotonic_ns();

	if (!survey->made || (survey->parts & parts) != parts)
		return false;
	if (survey->request && survey->request == ctx->request)
		return true;
	if (now_ns - survey->walk.finished_ns >= ctx->settings->flows_min_interval_ns ||
	    is_passing(join_error))
		return false;
	return (!survey->walk.cut && join_error != -ETIME) ||
	       walk_deadline(now_ns, ctx->deadline_ns) < now_ns + 2 * survey->walk.available_ns;
}

/*
 * Who asks every few seconds, a page or a scraper, finds what he needs in the walks that others
 * make: of two who take turns and each want what the other one's lacks, one walk is for both.
 */
static uint32_t parts_to_make(struct collector_context *ctx, uint32_t parts)
{
	const uint64_t now_ns = clock_monotonic_ns();

	for (uint32_t i = 0; i < N_SURVEY_PARTS; i++) {
		uint64_t *wanted_ns = &ctx->part_wanted_ns[i];

		if (parts & 1U << i)
			*wanted_ns = now_ns;
		else if (*wanted_ns && now_ns - *wanted_ns < PART_MEMORY_NS)
			parts |= 1U << i;
	}
	return parts;
}

/* What failed is not tried again for the next collector of the same request. */
static int make_once(struct collector_context *ctx, uint32_t parts)
{
	struct survey_failure *failure = &ctx->survey_failure;

	if (failure->error == 0 || failure->request == 0 || failure->request != ctx->request)
		*failure = (struct survey_failure){ ctx->request, survey_make(ctx, parts) };
	return failure->error;
}

int survey_get(struct collector_context *ctx, uint32_t parts, const struct survey **ret)
{
	const uint32_t all_parts = parts_to_make(ctx, parts);

	if (!is_reusable(ctx, parts)) {
		int r = make_once(ctx, all_parts);

		if (r < 0)
			return r;
	}
	ctx->survey.request = ctx->request;
	*ret = &ctx->survey;
	return 0;
}
