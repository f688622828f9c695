/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The two looks of a diagnosis, at a clock of the test. Looking and judging are stood in for: a
 * diagnosis says over which time it compared and when it was made.
 */

#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "../../collectors/diagnosis.h"
#include "../../collectors/reports.h"
#include "../../collectors/talkers_write.h"

#define NOTHING (-1) /* interval: no time has passed */

static struct {
	uint64_t now_ms;
	int walks, cheap;
	int walk_ms; /* how long a look with a walk takes */
	int write_error, survey_error, run_error;
	int surveys, runs;
	uint32_t wanted;
} host;

int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	assert_int_equal(id, CLOCK_MONOTONIC);
	*ret = (struct timespec){ (time_t)(host.now_ms / 1000),
				  (long)(host.now_ms % 1000) * 1000000 };
	return 0;
}

void observation_take_cheap(_unused_ struct collector_context *ctx, struct observation *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->taken_ns = clock_monotonic_ns();
	host.cheap++;
}

void observation_take(_unused_ struct collector_context *ctx, struct observation *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->taken_ns = clock_monotonic_ns();
	ret->has_walk = true;
	host.walks++;
	host.now_ms += (uint64_t)host.walk_ms;
}

void diagnosis_make(const struct observation *before, const struct observation *now,
		    struct diagnosis *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->interval_s = (double)(now->taken_ns - before->taken_ns) / 1e9;
}

static void write_interval(const struct diagnosis *diagnosis, struct buffer *out)
{
	buffer_printf(out, "%.3f", diagnosis->interval_s);
	if (host.write_error)
		out->error = host.write_error;
}

int diagnosis_write_json(const struct diagnosis *diagnosis, const struct observation *now,
			 struct buffer *out)
{
	assert_true(now->has_walk);
	write_interval(diagnosis, out);
	return 0;
}

void diagnosis_write_text(const struct diagnosis *diagnosis, bool colour, unsigned int width,
			  struct buffer *out)
{
	assert_true(colour);
	assert_int_equal(width, 99);
	write_interval(diagnosis, out);
}

void diagnosis_write_verdict(const struct diagnosis *diagnosis, struct buffer *out)
{
	write_interval(diagnosis, out);
}

int survey_get(struct collector_context *ctx, uint32_t parts, const struct survey **ret)
{
	assert_int_equal(parts, SURVEY_TALKERS);
	host.surveys++;
	ctx->survey.walk.visited = 77;
	*ret = &ctx->survey;
	return host.survey_error;
}

int walk_run(_unused_ struct collector_context *ctx, const struct walk_consumer *consumers,
	     size_t n, struct walk_summary *ret)
{
	assert_int_equal(n, 1);
	assert_ptr_equal(consumers->add, talkers_add);
	host.runs++;
	if (host.run_error == 0)
		*ret = (struct walk_summary){ .visited = 78 };
	return host.run_error;
}

int talkers_init(struct talkers *talkers, uint32_t wanted, const struct talkers_query *filter)
{
	assert_non_null(filter);
	*talkers = (struct talkers){ .query = *filter, .wanted = wanted };
	host.wanted = wanted;
	return 0;
}

void talkers_finish(struct talkers *talkers)
{
	talkers->wanted = 0;
}

void talkers_reset(_unused_ void *state)
{
}

void talkers_add(_unused_ void *state, _unused_ const struct flow *flow,
		 _unused_ const struct walk_view *view)
{
}

void talkers_top(_unused_ const struct talkers *talkers, enum talkers_by by, size_t limit,
		 _unused_ const struct walk_summary *walk, struct talkers_top *ret)
{
	ret->n = by;
	ret->flows = limit;
}

static void write_top(const struct talkers_top *top, const struct walk_summary *walk,
		      struct buffer *out)
{
	buffer_printf(out, "%d %d %d", (int)top->n, (int)top->flows, (int)walk->visited);
	if (host.write_error)
		out->error = host.write_error;
}

int talkers_write_json(_unused_ const struct talkers_query *query, const struct talkers_top *top,
		       const struct walk_summary *walk, bool pretty, struct buffer *out)
{
	assert_false(pretty);
	write_top(top, walk, out);
	return 0;
}

void talkers_write_text(_unused_ const struct talkers_query *query, const struct talkers_top *top,
			const struct walk_summary *walk, struct buffer *out)
{
	write_top(top, walk, out);
}

/* A host that has been up for a while, and nobody looked at. */
static int begin(void **state)
{
	memset(&host, 0, sizeof(host));
	host.now_ms = 1000000;
	*state = calloc(1, sizeof(struct collector_context));
	return *state ? 0 : -1;
}

static int end(void **state)
{
	struct collector_context *ctx = *state;

	for (int i = 0; i < CONTEXT_LOOKS; i++)
		free(ctx->looks[i]);
	free(ctx);
	return 0;
}

enum how { FIRST, SECOND, TEXT, VERDICT };

static int ask_for(struct collector_context *ctx, enum how how, struct buffer *out)
{
	switch (how) {
	case TEXT:
		return reports_diagnosis_text(ctx, true, 99, out);
	case VERDICT:
		return reports_verdict(ctx, out);
	default:
		return reports_diagnosis(ctx, how == SECOND, out);
	}
}

/* Asked so many milliseconds after the start, it compares over that many. */
static void check(struct collector_context *ctx, uint64_t at_ms, enum how how, int interval_ms)
{
	struct buffer out;
	char expected[64];

	host.now_ms = 1000000 + at_ms;
	buffer_init(&out, 1000);
	buffer_append_string(&out, "before:");
	if (interval_ms == -EAGAIN) {
		assert_int_equal(ask_for(ctx, how, &out), -EAGAIN);
		(void)snprintf(expected, sizeof(expected), "before:");
	} else {
		assert_int_equal(ask_for(ctx, how, &out), 0);
		(void)snprintf(expected, sizeof(expected), "before:%.3f",
			       interval_ms == NOTHING ? 0 : interval_ms / 1e3);
	}
	buffer_append_char(&out, '\0');
	assert_string_equal(out.data, expected);
	buffer_finish(&out);
}

static void the_first_look_is_cheap_and_asks_to_be_asked_again(void **state)
{
	check(*state, 0, FIRST, -EAGAIN);
	assert_true(host.cheap == 1 && host.walks == 0);
	check(*state, 5000, SECOND, 5000);
	assert_true(host.cheap == 1 && host.walks == 1);
}

static void who_comes_behind_a_look_need_not_wait(void **state)
{
	check(*state, 0, FIRST, -EAGAIN);
	check(*state, 999, FIRST, -EAGAIN);
	assert_int_equal(host.cheap, 1);
	check(*state, 1000, FIRST, 1000);
	check(*state, 4999, FIRST, 4999);
	/* From here on the newest look is that of 5 s. */
	check(*state, 5000, FIRST, 5000);
	check(*state, 6000, FIRST, 1000);
	check(*state, 65000, FIRST, 60000);
}

static void what_is_too_old_is_the_past(void **state)
{
	check(*state, 0, FIRST, -EAGAIN);
	check(*state, 60001, FIRST, -EAGAIN);
	assert_int_equal(host.cheap, 2);
	check(*state, 65001, SECOND, 5000);
	/* But whoever comes the second time has waited that long. */
	check(*state, 125002, SECOND, 60001);
	check(*state, 130002, SECOND, 5000);
}

static void a_second_look_without_a_first(void **state)
{
	check(*state, 0, SECOND, NOTHING);
	check(*state, 5000, SECOND, 5000);
}

/* One that is in a hurry takes nothing from one that waits, nor does the page's verdict. */
static void two_that_wait_do_not_disturb_each_other(void **state)
{
	check(*state, 0, FIRST, -EAGAIN);
	check(*state, 500, FIRST, -EAGAIN);
	check(*state, 1500, SECOND, 1500); /* in a hurry */
	check(*state, 5000, SECOND, 5000);
	check(*state, 5500, SECOND, 5500);
	check(*state, 5600, VERDICT, 5600);
	check(*state, 5700, FIRST, 5700); /* answered at once, over more than a second */
}

static void what_runs_late_does_not_shrink_the_next(void **state)
{
	host.walk_ms = 2000;
	check(*state, 0, FIRST, -EAGAIN);
	check(*state, 900, FIRST, -EAGAIN);
	check(*state, 15900, SECOND, 15900);
	check(*state, 17900, SECOND, 17900);
	check(*state, 20900, SECOND, 5000);
}

static void a_verdict_in_between(void **state)
{
	check(*state, 0, VERDICT, NOTHING);
	check(*state, 10, VERDICT, NOTHING);
	check(*state, 999, VERDICT, NOTHING);
	check(*state, 1000, VERDICT, 1000);
	assert_int_equal(host.walks, 0);
	check(*state, 4000, FIRST, 4000);
	check(*state, 5001, VERDICT, 5001);
	check(*state, 5002, SECOND, 5002);
	check(*state, 70000, VERDICT, NOTHING);
}

static void the_command(void **state)
{
	check(*state, 0, FIRST, -EAGAIN);
	check(*state, 200, TEXT, 200); /* as long as was wanted */
	check(*state, 5000, TEXT, 5000);
}

/* What does not fit is not there in part. */
static void a_report_that_fails_appends_nothing(void **state)
{
	const struct talkers_query query = { .limit = 5 };

	host.write_error = -EFBIG;
	for (int what = 0; what < 5; what++) {
		struct buffer out;
		int r;

		buffer_init(&out, 1000);
		buffer_append_string(&out, "before");
		if (what == 3)
			r = reports_talkers(*state, &query, &out);
		else if (what == 4)
			r = reports_talkers_text(*state, &query, &out);
		else
			r = ask_for(*state, what == 0 ? SECOND : what == 1 ? TEXT : VERDICT, &out);
		assert_int_equal(r, -EFBIG);
		assert_int_equal(out.len, strlen("before"));
		buffer_finish(&out);
	}
}

static void check_talkers(struct collector_context *ctx, const struct talkers_query *query,
			  int value, const char *expected)
{
	for (int text = 0; text < 2; text++) {
		struct buffer out;

		buffer_init(&out, 1000);
		ctx->wants_ports = true; /* left over from a scrape */
		assert_int_equal(text ? reports_talkers_text(ctx, query, &out)
				      : reports_talkers(ctx, query, &out),
				 value);
		assert_false(ctx->wants_ports);
		buffer_append_char(&out, '\0');
		assert_string_equal(out.data, expected);
		buffer_finish(&out);
	}
}

static void talkers_come_from_the_shared_walk_unless_filtered(void **state)
{
	struct talkers_query query = { .by = TALKERS_BY_PAIR, .limit = 5 };
	struct collector_context *ctx = *state;
	static const struct collector_settings settings = { .flows_min_interval_ns = 0 };

	ctx->settings = &settings;
	check_talkers(ctx, &query, 0, "3 5 77");
	assert_true(host.surveys == 2 && host.runs == 0);
	assert_int_equal(ctx->request, 2);
	host.survey_error = -EPERM;
	check_talkers(ctx, &query, -EPERM, "");
	query.filter = TALKERS_FILTER_PORT;
	check_talkers(ctx, &query, 0, "3 5 78");
	assert_true(host.surveys == 4 && host.runs == 2);
	assert_int_equal(host.wanted, 1U << TALKERS_BY_PAIR);
	host.run_error = -ENODATA;
	check_talkers(ctx, &query, -ENODATA, "");
}

#define reports_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		reports_test(the_first_look_is_cheap_and_asks_to_be_asked_again),
		reports_test(who_comes_behind_a_look_need_not_wait),
		reports_test(what_is_too_old_is_the_past),
		reports_test(a_second_look_without_a_first),
		reports_test(two_that_wait_do_not_disturb_each_other),
		reports_test(what_runs_late_does_not_shrink_the_next),
		reports_test(a_verdict_in_between),
		reports_test(the_command),
		reports_test(a_report_that_fails_appends_nothing),
		reports_test(talkers_come_from_the_shared_walk_unless_filtered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
