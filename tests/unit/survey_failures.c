/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What of a survey failed, for whom, and for how long. */

#include "unit.h"

#include <errno.h>

#include "survey_host.h"

/* A join that failed is for who does not want it, who asked for it, and who would fail as well. */
static void a_join_that_failed_is_not_for_others(void **state)
{
	static const struct {
		int error;
		bool again; /* with the same time, another request makes a new one */
	} rows[] = {
		{ -EINTR, true },     { -EIO, true },	 { -ENOBUFS, true },	 { -ENOMEM, true },
		{ -ETIMEDOUT, true }, { -ETIME, false }, { -EOPNOTSUPP, false }, { -ENOENT, false },
	};
	struct collector_context *ctx = *state;

	ctx->request = 1;
	host.walk.available_ns = 5 * SECOND;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint64_t visited = host.walks + 1;

		ctx->survey.made = false;
		host.finish_error = rows[i].error;
		assert_int_equal(survey_gives(ctx, SURVEY_JOIN, visited)->join_error,
				 rows[i].error);
		host.finish_error = 0;
		(void)survey_gives(ctx, SURVEY_JOIN, visited);
		ctx->request++;
		(void)survey_gives(ctx, 0, visited);
		ctx->request++;
		ctx->deadline_ns = clock_monotonic_ns() + 9 * SECOND;
		(void)survey_gives(ctx, SURVEY_JOIN, visited + rows[i].again);
	}
}

static void a_join_that_was_too_late_is_not_for_who_has_time(void **state)
{
	struct collector_context *ctx = *state;

	ctx->request = 1;
	host.walk.available_ns = 5 * SECOND;
	host.create_error = -ETIME;
	assert_int_equal(survey_gives(ctx, SURVEY_JOIN, 1)->join_error, -ETIME);
	host.create_error = 0;
	ctx->request++;
	ctx->deadline_ns = clock_monotonic_ns() + 60 * SECOND;
	(void)survey_gives(ctx, 0, 1);
	ctx->request++;
	assert_int_equal(survey_gives(ctx, SURVEY_JOIN, 2)->join_error, 0);
}

static void what_fails_leaves_the_one_before(void **state)
{
	struct collector_context *ctx = *state;

	(void)survey_gives(ctx, SURVEY_TALKERS, 1);
	ctx->settings = &always;
	host.walk_error = -EPERM;
	survey_fails(ctx, 0, -EPERM);
	survey_fails(ctx, SURVEY_JOIN | SURVEY_TALKERS, -EPERM);
	host.walk_error = 0;
	host.talkers_error = -ENOMEM;
	survey_fails(ctx, SURVEY_JOIN | SURVEY_TALKERS, -ENOMEM);
	ctx->settings = &seldom;
	assert_true(survey_gives(ctx, SURVEY_TALKERS, 1)->talkers.wanted);
}

static void a_join_that_fails_costs_only_the_join(void **state)
{
	struct collector_context *ctx = *state;
	const struct survey *survey;

	host.create_error = -EACCES;
	survey = survey_gives(ctx, SURVEY_JOIN, 1);
	assert_int_equal(survey->join_error, -EACCES);
	assert_int_equal(host.n_consumers, 2);
	ctx->settings = &always;
	host.create_error = 0;
	host.finish_error = -ETIME;
	survey = survey_gives(ctx, SURVEY_JOIN, 2);
	assert_int_equal(survey->join_error, -ETIME);
	assert_false(survey->join.has_flows);
	host.finish_error = 0;
	survey = survey_gives(ctx, SURVEY_JOIN, 3);
	assert_int_equal(survey->join_error, 0);
	assert_true(survey->join.has_flows);
	assert_int_equal(host.established, 3 + 2 * 3);
}

/* Else it would dump all sockets for nothing. */
static void who_may_not_walk_joins_nothing(void **state)
{
	struct collector_context *ctx = *state;

	host.stats_error = -EPERM;
	survey_fails(ctx, SURVEY_JOIN, -EPERM);
	assert_int_equal(host.creations, 0);
	assert_int_equal(host.walks, 0);
	host.stats_error = 0;
	(void)survey_gives(ctx, SURVEY_JOIN, 1);
	assert_int_equal(host.creations, 1);
}

static void what_failed_is_tried_once_in_a_request(void **state)
{
	struct collector_context *ctx = *state;

	ctx->request = 1;
	host.walk_error = -ENODATA;
	for (int i = 0; i < 3; i++) {
		survey_fails(ctx, SURVEY_JOIN, -ENODATA);
		survey_fails(ctx, SURVEY_TALKERS, -ENODATA);
	}
	assert_int_equal(host.walks, 1);
	assert_int_equal(host.creations, 1);
	ctx->request++;
	survey_fails(ctx, SURVEY_JOIN, -ENODATA);
	assert_int_equal(host.walks, 2);
	ctx->request++;
	host.walk_error = 0;
	(void)survey_gives(ctx, SURVEY_JOIN, 3);
	ctx->settings = &always;
	(void)survey_gives(ctx, SURVEY_JOIN, 3);
	/* Who is nobody's request has none that it shares a failure with. */
	ctx->request = 0;
	host.walk_error = -EPERM;
	survey_fails(ctx, 0, -EPERM);
	survey_fails(ctx, 0, -EPERM);
	assert_int_equal(host.walks, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		survey_test(a_join_that_failed_is_not_for_others),
		survey_test(a_join_that_was_too_late_is_not_for_who_has_time),
		survey_test(what_fails_leaves_the_one_before),
		survey_test(who_may_not_walk_joins_nothing),
		survey_test(what_failed_is_tried_once_in_a_request),
		survey_test(a_join_that_fails_costs_only_the_join),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
