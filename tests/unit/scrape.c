/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What collectors find in the context of the request that they are run for. */

#include "unit.h"

#include "../../collectors/registry.h"
#include "../../collectors/scrape.h"

enum { PLAIN, PORTS, N_FAKES };

static struct {
	int runs;
	bool wants_ports;
	uint32_t survey_parts;
	uint64_t request;
} seen;

static int collect(struct collector_context *ctx, _unused_ struct exposition *e)
{
	seen.runs++;
	seen.wants_ports = ctx->wants_ports;
	seen.survey_parts = ctx->survey_parts;
	seen.request = ctx->request;
	return 0;
}

static const struct collector plain = { .name = "plain", .survey_parts = 1, .collect = collect };
static const struct collector ports = {
	.name = "ports", .survey_parts = 4, .wants_ports = true, .collect = collect
};

const struct collector *const collectors[] = { [PLAIN] = &plain, [PORTS] = &ports };
const size_t n_collectors = N_FAKES;

/* Runs those of the mask, of which the last one that ran is in seen. */
static void run(struct collector_context *ctx, uint64_t mask)
{
	struct exposition e;

	seen.runs = 0;
	exposition_init(&e, EXPOSITION_TEXT);
	assert_int_equal(scrape_run(ctx, mask, NULL, NULL, &e), 0);
	exposition_destroy(&e);
}

/* Also by who runs in front of the one that wants it, and not by the next request. */
static void what_one_wants_all_of_a_request_see(_unused_ void **state)
{
	static const struct {
		uint64_t mask;
		int runs;
		bool wants_ports;
		uint32_t survey_parts;
	} requests[] = {
		{ 1U << PLAIN | 1U << PORTS, 2, true, 5 },
		{ 1U << PLAIN, 1, false, 1 },
		{ 1U << PORTS, 1, true, 4 },
		{ 1U << PLAIN, 1, false, 1 },
	};
	struct collector_context ctx = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		run(&ctx, requests[i].mask);
		assert_int_equal(seen.runs, requests[i].runs);
		assert_int_equal(seen.wants_ports, requests[i].wants_ports);
		assert_int_equal(seen.survey_parts, requests[i].survey_parts);
		assert_int_equal(seen.request, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_one_wants_all_of_a_request_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
