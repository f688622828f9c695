/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Whom a survey is made for and whom it is given again. The walk and those who take part in it are
 * stood in for: each walk visits one flow more than the one before.
 */

#include "unit.h"

#include <errno.h>

#include "../../collectors/collector.h"

#define SECOND NSEC_PER_SEC

static struct {
	uint64_t walks;
	struct walk_summary walk; /* what the next one says */
	int walk_error, talkers_error, create_error, finish_error;
	size_t n_consumers;
	bool fresh, flows;  /* of IPv6 */
	int joins, talkers; /* that are not freed */
	uint64_t established;
	int scaled;
} host;

static struct join *const a_join = (struct join *)&host;

int settings_read(_unused_ struct collector_context *ctx, struct settings *ret)
{
	ret->timeout_s[TIMEOUT_ICMP] = reading(30);
	return -EIO; /* part of it is better than nothing */
}

uint64_t walk_deadline(_unused_ uint64_t now_ns, uint64_t deadline_ns)
{
	return deadline_ns;
}

static void watch_reset(void *state)
{
	struct tracking_watch *watch = state;

	assert_int_equal(watch->settings.timeout_s[TIMEOUT_ICMP].value, 30);
	watch->fresh[FLOW_IPV6] = host.fresh;
	watch->flows[FLOW_IPV6] = host.flows;
}

static void reset_nothing(_unused_ void *state)
{
}

static void add_nothing(_unused_ void *state, _unused_ const struct flow *flow,
			_unused_ const struct walk_view *view)
{
}

struct walk_consumer tracking_consumer(struct tracking_watch *watch)
{
	return (struct walk_consumer){ watch_reset, add_nothing, watch };
}

void flow_counts_add(struct flow_counts *counts, _unused_ const struct flow *flow,
		     _unused_ const struct address_set *own)
{
	counts->visited++;
	counts->by_tcp_state[FLOW_IPV4][FLOW_TCP_ESTABLISHED]++;
	counts->by_tcp_state[FLOW_IPV6][FLOW_TCP_ESTABLISHED] += 2;
}

void flow_counts_scale(struct flow_counts *counts, uint64_t total)
{
	host.scaled++;
	counts->by_tcp_state[FLOW_IPV4][FLOW_TCP_ESTABLISHED] = total;
}

int walk_run(_unused_ struct collector_context *ctx, const struct walk_consumer *consumers,
	     size_t n, struct walk_summary *ret)
{
	const struct walk_view view = { 0 };
	const struct flow flow = { 0 };

	host.n_consumers = n;
	host.walks++;
	/* Two attempts: what the first saw is forgotten. */
	for (int attempt = 0; attempt < 2; attempt++) {
		for (size_t i = 0; i < n; i++)
			consumers[i].reset(consumers[i].state);
		for (uint64_t f = 0; f < host.walks; f++)
			for (size_t i = 0; i < n; i++)
				consumers[i].add(consumers[i].state, &flow, &view);
	}
	if (host.walk_error == 0) {
		*ret = host.walk;
		ret->finished_ns = clock_monotonic_ns();
	}
	return host.walk_error;
}

int join_create(_unused_ struct collector_context *ctx, struct join **ret)
{
	if (host.create_error == 0) {
		*ret = a_join;
		host.joins++;
	}
	return host.create_error;
}

void join_destroy(struct join *join)
{
	host.joins -= join != NULL;
}

struct walk_consumer join_consumer(struct join *join)
{
	assert_ptr_equal(join, a_join);
	return (struct walk_consumer){ reset_nothing, add_nothing, NULL };
}

int join_finish(_unused_ struct collector_context *ctx, struct join *join, uint64_t established,
		struct join_counts *ret)
{
	assert_ptr_equal(join, a_join);
	host.established = established;
	if (host.finish_error == 0)
		ret->has_flows = true;
	return host.finish_error;
}

int talkers_init(struct talkers *talkers, uint32_t wanted, const struct talkers_query *filter)
{
	assert_null(filter);
	assert_int_equal(wanted, (1U << N_TALKERS_BYS) - 1);
	if (host.talkers_error == 0) {
		talkers->wanted = wanted;
		host.talkers++;
	}
	return host.talkers_error;
}

void talkers_finish(struct talkers *talkers)
{
	host.talkers -= talkers->wanted != 0;
	talkers->wanted = 0;
}

void talkers_reset(_unused_ void *state)
{
}

void talkers_add(_unused_ void *state, _unused_ const struct flow *flow,
		 _unused_ const struct walk_view *view)
{
}

static const struct collector_settings always = { .flows_min_interval_ns = 0 };
static const struct collector_settings seldom = { .flows_min_interval_ns = 60 * SECOND };

static int begin(void **state)
{
	struct collector_context *ctx = calloc(1, sizeof(*ctx));

	memset(&host, 0, sizeof(host));
	host.walk.complete = true;
	*state = ctx;
	if (!ctx)
		return -1;
	ctx->settings = &seldom;
	ctx->deadline_ns = clock_monotonic_ns() + 10 * SECOND;
	return 0;
}

/* Nothing is lost, whatever failed. */
static int end(void **state)
{
	struct collector_context *ctx = *state;
	const bool has_talkers = ctx->survey.talkers.wanted;

	assert_int_equal(host.joins, 0);
	assert_int_equal(host.talkers, has_talkers);
	survey_finish(&ctx->survey);
	survey_finish(&ctx->survey);
	assert_int_equal(host.talkers, 0);
	free(ctx);
	return 0;
}

static const struct survey *get(struct collector_context *ctx, uint32_t parts, uint64_t visited)
{
	const struct survey *survey = NULL;

	assert_int_equal(survey_get(ctx, parts, &survey), 0);
	assert_ptr_equal(survey, &ctx->survey);
	assert_int_equal(survey->counts.visited, visited);
	assert_int_equal(survey->parts & parts, parts);
	return survey;
}

static void fails(struct collector_context *ctx, uint32_t parts, int error)
{
	const struct survey *survey = NULL;

	assert_int_equal(survey_get(ctx, parts, &survey), error);
	assert_null(survey);
}

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
		survey = get(ctx, rows[i].parts, i + 1);
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
		(void)get(ctx, 0, 1);
	(void)get(ctx, SURVEY_JOIN, 2);
	/* It has what the one before had. */
	(void)get(ctx, SURVEY_TALKERS, 3);
	(void)get(ctx, SURVEY_JOIN | SURVEY_TALKERS, 3);
	(void)get(ctx, SURVEY_JOIN, 3);
	(void)get(ctx, 0, 3);
	ctx->survey.walk.finished_ns -= 59 * SECOND;
	(void)get(ctx, 0, 3);
	ctx->request++;
	ctx->survey.walk.finished_ns -= 1 * SECOND;
	(void)get(ctx, 0, 4);
}

/* So that of two who take turns one walks for both; who has gone for a minute costs nothing. */
static void what_others_want_is_made_for_a_minute(void **state)
{
	const uint32_t all = SURVEY_JOIN | SURVEY_TALKERS;
	struct collector_context *ctx = *state;

	ctx->settings = &always;
	assert_int_equal(get(ctx, SURVEY_JOIN, 1)->parts, SURVEY_JOIN);
	assert_int_equal(get(ctx, SURVEY_TALKERS, 2)->parts, all);
	assert_int_equal(get(ctx, 0, 3)->parts, all);
	ctx->part_wanted_ns[0] -= 60 * SECOND;
	assert_int_equal(get(ctx, 0, 4)->parts, SURVEY_TALKERS);
	ctx->part_wanted_ns[1] -= 59 * SECOND;
	assert_int_equal(get(ctx, 0, 5)->parts, SURVEY_TALKERS);
	ctx->part_wanted_ns[1] -= 1 * SECOND;
	assert_int_equal(get(ctx, 0, 6)->parts, 0);
}

/* However old it has become, and although the interval is 0. */
static void within_a_request_all_get_the_same(void **state)
{
	struct collector_context *ctx = *state;

	ctx->settings = &always;
	ctx->request = 7;
	(void)get(ctx, SURVEY_JOIN, 1);
	ctx->survey.walk.finished_ns -= 3600 * SECOND;
	ctx->survey.walk.cut = true;
	(void)get(ctx, SURVEY_JOIN, 1);
	(void)get(ctx, 0, 1);
	ctx->request = 8;
	(void)get(ctx, 0, 2);
	/* Requests are numbered from 1 on: 0 is nobody's. */
	ctx->request = 0;
	(void)get(ctx, 0, 3);
	(void)get(ctx, 0, 4);
}

/* A walk that its deadline ended is not for who has twice as much time. */
static void one_cut_short_is_for_the_hasty(void **state)
{
	struct collector_context *ctx = *state;

	host.walk = (struct walk_summary){ .cut = true, .available_ns = 5 * SECOND };
	for (ctx->request = 1; ctx->request < 3; ctx->request++)
		(void)get(ctx, 0, 1);
	ctx->deadline_ns = clock_monotonic_ns() + 9 * SECOND;
	(void)get(ctx, 0, 1);
	ctx->request++;
	ctx->deadline_ns = clock_monotonic_ns() + 11 * SECOND;
	(void)get(ctx, 0, 2);
}

static void what_fails_leaves_the_one_before(void **state)
{
	struct collector_context *ctx = *state;

	(void)get(ctx, SURVEY_TALKERS, 1);
	ctx->settings = &always;
	host.walk_error = -EPERM;
	fails(ctx, 0, -EPERM);
	fails(ctx, SURVEY_JOIN | SURVEY_TALKERS, -EPERM);
	host.walk_error = 0;
	host.talkers_error = -ENOMEM;
	fails(ctx, SURVEY_JOIN | SURVEY_TALKERS, -ENOMEM);
	ctx->settings = &seldom;
	assert_true(get(ctx, SURVEY_TALKERS, 1)->talkers.wanted);
}

static void a_join_that_fails_costs_only_the_join(void **state)
{
	struct collector_context *ctx = *state;
	const struct survey *survey;

	host.create_error = -EACCES;
	survey = get(ctx, SURVEY_JOIN, 1);
	assert_int_equal(survey->join_error, -EACCES);
	assert_int_equal(host.n_consumers, 2);
	ctx->settings = &always;
	host.create_error = 0;
	host.finish_error = -ETIME;
	survey = get(ctx, SURVEY_JOIN, 2);
	assert_int_equal(survey->join_error, -ETIME);
	assert_false(survey->join.has_flows);
	host.finish_error = 0;
	survey = get(ctx, SURVEY_JOIN, 3);
	assert_int_equal(survey->join_error, 0);
	assert_true(survey->join.has_flows);
	assert_int_equal(host.established, 3 + 2 * 3);
}

/* The join adds up to the scaled counts; what the watch saw is kept. */
static void a_sample_is_scaled_before_it_is_joined(void **state)
{
	struct collector_context *ctx = *state;
	const struct survey *survey;

	ctx->settings = &always;
	host.fresh = true;
	host.walk = (struct walk_summary){ .complete = false, .entries = 100 };
	survey = get(ctx, SURVEY_JOIN, 1);
	assert_int_equal(host.scaled, 1);
	assert_int_equal(host.established, 100 + 2);
	assert_true(survey->fresh[FLOW_IPV6] && !survey->fresh[FLOW_IPV4]);
	assert_false(survey->has_flows[FLOW_IPV6] || survey->has_flows[FLOW_IPV4]);
	host.fresh = false;
	host.flows = true;
	host.walk.complete = true;
	survey = get(ctx, SURVEY_JOIN, 2);
	assert_false(survey->fresh[FLOW_IPV6]);
	assert_true(survey->has_flows[FLOW_IPV6]);
	host.walk = (struct walk_summary){ .complete = false, .entries = 3 };
	(void)get(ctx, 0, 3);
	assert_int_equal(host.scaled, 1);
}

#define survey_test(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		survey_test(only_what_is_wanted_takes_part),
		survey_test(a_young_one_with_all_parts_is_given_again),
		survey_test(what_others_want_is_made_for_a_minute),
		survey_test(within_a_request_all_get_the_same),
		survey_test(one_cut_short_is_for_the_hasty),
		survey_test(what_fails_leaves_the_one_before),
		survey_test(a_join_that_fails_costs_only_the_join),
		survey_test(a_sample_is_scaled_before_it_is_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
