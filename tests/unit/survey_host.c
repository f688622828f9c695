/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <errno.h>

#include "../../collectors/table_parse.h"
#include "survey_host.h"

struct survey_host host;

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

int table_stats_fetch(_unused_ struct collector_context *ctx, struct table_stats *ret)
{
	if (host.stats_error == 0)
		*ret = (struct table_stats){ 0 };
	return host.stats_error;
}

int join_create(_unused_ struct collector_context *ctx, struct join **ret)
{
	host.creations++;
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

const struct collector_settings always = { .flows_min_interval_ns = 0 };
const struct collector_settings seldom = { .flows_min_interval_ns = 60 * SECOND };

int survey_begin(void **state)
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
int survey_end(void **state)
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

const struct survey *survey_gives(struct collector_context *ctx, uint32_t parts, uint64_t visited)
{
	const struct survey *survey = NULL;

	assert_int_equal(survey_get(ctx, parts, &survey), 0);
	assert_ptr_equal(survey, &ctx->survey);
	assert_int_equal(survey->counts.visited, visited);
	assert_int_equal(survey->parts & parts, parts);
	return survey;
}

void survey_fails(struct collector_context *ctx, uint32_t parts, int error)
{
	const struct survey *survey = NULL;

	assert_int_equal(survey_get(ctx, parts, &survey), error);
	assert_null(survey);
}
