/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whom a survey is made for and whom it is given again. */

#include "unit.h"

#include "survey_host.h"

static void only_what_is_wanted_takes_part(void **state)
{
	static const struct {
		uint32_t parts;
		size_t consumers;
	} rows[] = {
		{ 0, 2 },
		{ SURVEY_JOIN, 3 },
		{ SURVEY_TALKERS, 3 },
		{ SURVEY_JOIN | SURVEY_TALKERS, 4 },
		{ 0, 2 },
	};
	struct collector_context *ctx = *state;

	ctx->settings = &always;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct survey *survey;

		memset(ctx->part_wanted_ns, 0, sizeof(ctx->part_wanted_ns));
		survey = survey_gives(ctx, rows[i].parts, i + 1);
		assert_int_equal(host.n_consumers, rows[i].consumers);
		assert_int_equal(survey->parts, rows[i].parts);
		assert_int_equal(survey->join.has_flows, rows[i].parts & SURVEY_JOIN);
		assert_int_equal(survey->talkers.wanted != 0,
				 (rows[i].parts & SURVEY_TALKERS) != 0);
	}
}

static void a_young_one_with_all_parts_is_given_again(void **state)
{
	struct collector_context *ctx = *state;

	for (ctx->request = 1; ctx->request < 4; ctx->request++)
		(void)survey_gives(ctx, 0, 1);
	(void)survey_gives(ctx, SURVEY_JOIN, 2);
	/* It has what the one before had. */
	(void)survey_gives(ctx, SURVEY_TALKERS, 3);
	(void)survey_gives(ctx, SURVEY_JOIN | SURVEY_TALKERS, 3);
	(void)survey_gives(ctx, SURVEY_JOIN, 3);
	(void)survey_gives(ctx, 0, 3);
	ctx->survey.walk.finished_ns -= 59 * SECOND;
	(void)survey_gives(ctx, 0, 3);
	ctx->request++;
	ctx->survey.walk.finished_ns -= 1 * SECOND;
	(void)survey_gives(ctx, 0, 4);
}

/* So that of two who take turns one walks for both; who has gone for a minute costs nothing. */
static void what_others_want_is_made_for_a_minute(void **state)
{
	const uint32_t all = SURVEY_JOIN | SURVEY_TALKERS;
	struct collector_context *ctx = *state;

	ctx->settings = &always;
	assert_int_equal(survey_gives(ctx, SURVEY_JOIN, 1)->parts, SURVEY_JOIN);
	assert_int_equal(survey_gives(ctx, SURVEY_TALKERS, 2)->parts, all);
	assert_int_equal(survey_gives(ctx, 0, 3)->parts, all);
	ctx->part_wanted_ns[0] -= 60 * SECOND;
	assert_int_equal(survey_gives(ctx, 0, 4)->parts, SURVEY_TALKERS);
	ctx->part_wanted_ns[1] -= 59 * SECOND;
	assert_int_equal(survey_gives(ctx, 0, 5)->parts, SURVEY_TALKERS);
	ctx->part_wanted_ns[1] -= 1 * SECOND;
	assert_int_equal(survey_gives(ctx, 0, 6)->parts, 0);
}

/* However old it has become, and although the interval is 0. */
static void within_a_request_all_get_the_same(void **state)
{
	struct collector_context *ctx = *state;

	ctx->settings = &always;
	ctx->request = 7;
	(void)survey_gives(ctx, SURVEY_JOIN, 1);
	ctx->survey.walk.finished_ns -= 3600 * SECOND;
	ctx->survey.walk.cut = true;
	(void)survey_gives(ctx, SURVEY_JOIN, 1);
	(void)survey_gives(ctx, 0, 1);
	ctx->request = 8;
	(void)survey_gives(ctx, 0, 2);
	/* Requests are numbered from 1 on: 0 is nobody's. */
	ctx->request = 0;
	(void)survey_gives(ctx, 0, 3);
	(void)survey_gives(ctx, 0, 4);
}

/* A walk that its deadline ended is not for who has twice as much time. */
static void one_cut_short_is_for_the_hasty(void **state)
{
	struct collector_context *ctx = *state;

	host.walk = (struct walk_summary){ .cut = true, .available_ns = 5 * SECOND };
	for (ctx->request = 1; ctx->request < 3; ctx->request++)
		(void)survey_gives(ctx, 0, 1);
	ctx->deadline_ns = clock_monotonic_ns() + 9 * SECOND;
	(void)survey_gives(ctx, 0, 1);
	ctx->request++;
	ctx->deadline_ns = clock_monotonic_ns() + 11 * SECOND;
	(void)survey_gives(ctx, 0, 2);
}

/* The join adds up to the scaled counts; what the watch saw is kept. */
static void a_sample_is_scaled_before_it_is_joined(void **state)
{
	struct collector_context *ctx = *state;
	const struct survey *survey;

	ctx->settings = &always;
	host.fresh = true;
	host.walk = (struct walk_summary){ .complete = false, .entries = 100 };
	survey = survey_gives(ctx, SURVEY_JOIN, 1);
	assert_int_equal(host.scaled, 1);
	assert_int_equal(host.established, 100 + 2);
	assert_true(survey->fresh[FLOW_IPV6] && !survey->fresh[FLOW_IPV4]);
	assert_false(survey->has_flows[FLOW_IPV6] || survey->has_flows[FLOW_IPV4]);
	host.fresh = false;
	host.flows = true;
	host.walk.complete = true;
	survey = survey_gives(ctx, SURVEY_JOIN, 2);
	assert_false(survey->fresh[FLOW_IPV6]);
	assert_true(survey->has_flows[FLOW_IPV6]);
	host.walk = (struct walk_summary){ .complete = false, .entries = 3 };
	(void)survey_gives(ctx, 0, 3);
	assert_int_equal(host.scaled, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		survey_test(only_what_is_wanted_takes_part),
		survey_test(a_young_one_with_all_parts_is_given_again),
		survey_test(what_others_want_is_made_for_a_minute),
		survey_test(within_a_request_all_get_the_same),
		survey_test(one_cut_short_is_for_the_hasty),
		survey_test(a_sample_is_scaled_before_it_is_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
