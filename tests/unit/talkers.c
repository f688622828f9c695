/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/talkers.h"
#include "../../collectors/talkers_query.h"
#include "address_text.h"

#define ALL ((1U << N_TALKERS_BYS) - 1)
#define HAS (FLOW_HAS_PROTOCOL | FLOW_HAS_ADDRESSES | FLOW_HAS_PORTS | FLOW_HAS_TCP_STATE)

static const struct walk_summary whole = { .complete = true };

static struct flow flow_of(const char *source, const char *destination, uint16_t port)
{
	return (struct flow){
		.has = HAS,
		.protocol = FLOW_TCP,
		.tcp_state = FLOW_TCP_ESTABLISHED,
		.original = { address_of(source), address_of(destination), 40000, port },
		/* Behind NAT; nobody asks for it. */
		.reply = { address_of("203.0.113.1"), address_of("203.0.113.2"), 1, 2 },
	};
}

static void add(struct talkers *talkers, const struct flow *flow, int times)
{
	for (int i = 0; i < times; i++)
		talkers_add(talkers, flow, NULL);
}

static void add_of(struct talkers *talkers, const char *source, const char *destination,
		   uint16_t port, int times)
{
	const struct flow flow = flow_of(source, destination, port);

	add(talkers, &flow, times);
}

static void check_address(const struct address *address, const char *text)
{
	const struct address expected = text ? address_of(text) : (struct address){ 0 };

	assert_memory_equal(address, &expected, sizeof(expected));
}

/* NULL: not of this kind. */
static void check_talker(const struct talker *talker, const char *source, const char *destination,
			 uint16_t port, uint64_t flows)
{
	check_address(&talker->source, source);
	check_address(&talker->destination, destination);
	assert_int_equal(talker->port, port);
	assert_int_equal(talker->flows, flows);
	assert_int_equal(talker->error, 0);
}

static void each_kind_by_the_original_tuple(_unused_ void **state)
{
	struct talkers t = { 0 };
	static struct talkers_top top;

	assert_int_equal(talkers_init(&t, ALL, NULL), 0);
	for (int round = 0; round < 2; round++) {
		talkers_reset(&t);
		add_of(&t, "10.0.0.1", "10.0.0.9", 443, 3);
		add_of(&t, "10.0.0.2", "10.0.0.9", 80, 2);
		add_of(&t, "2001:db8::1", "2001:db8::9", 443, 4);
	}
	talkers_top(&t, TALKERS_BY_SOURCE, 2, &whole, &top);
	assert_int_equal(top.n, 2);
	assert_int_equal(top.flows, 9);
	assert_int_equal(top.other, 2);
	assert_int_equal(top.error_max, 0);
	check_talker(&top.talkers[0], "2001:db8::1", NULL, 0, 4);
	check_talker(&top.talkers[1], "10.0.0.1", NULL, 0, 3);
	talkers_top(&t, TALKERS_BY_DESTINATION, 10, &whole, &top);
	assert_int_equal(top.n, 2);
	assert_int_equal(top.other, 0);
	check_talker(&top.talkers[0], NULL, "10.0.0.9", 0, 5);
	check_talker(&top.talkers[1], NULL, "2001:db8::9", 0, 4);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 1, &whole, &top);
	assert_int_equal(top.other, 2);
	check_talker(&top.talkers[0], NULL, NULL, 443, 7);
	talkers_top(&t, TALKERS_BY_PAIR, TALKERS_LIMIT_MAX, &whole, &top);
	assert_int_equal(top.n, 3);
	check_talker(&top.talkers[2], "10.0.0.2", "10.0.0.9", 0, 2);
	talkers_finish(&t);
}

static void equal_ones_stand_in_the_order_of_their_bytes(_unused_ void **state)
{
	static const uint16_t ports[] = { 65535, 256, 0, 255, 1, 443 };
	static const uint16_t sorted[] = { 443, 0, 1, 255, 256 };
	struct talkers t = { 0 };
	static struct talkers_top top;

	assert_int_equal(talkers_init(&t, 1U << TALKERS_BY_DESTINATION_PORT, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		add_of(&t, "10.0.0.1", "10.0.0.2", ports[i], ports[i] == 443 ? 2 : 1);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, ARRAY_SIZE(sorted), &whole, &top);
	assert_int_equal(top.n, ARRAY_SIZE(sorted));
	for (size_t i = 0; i < ARRAY_SIZE(sorted); i++)
		assert_int_equal(top.talkers[i].port, sorted[i]);
	assert_int_equal(top.other, 1);
	talkers_finish(&t);
}

static void what_a_flow_lacks_leaves_it_out(_unused_ void **state)
{
	struct flow flow = flow_of("10.0.0.1", "10.0.0.2", 47);
	struct talkers t = { 0 };
	static struct talkers_top top;

	assert_int_equal(talkers_init(&t, ALL, NULL), 0);
	flow.has = HAS & ~(uint32_t)FLOW_HAS_PORTS;
	add(&t, &flow, 2);
	flow.has = HAS & ~(uint32_t)FLOW_HAS_ADDRESSES;
	add(&t, &flow, 3);
	flow.has = HAS;
	flow.protocol = FLOW_GRE;
	add(&t, &flow, 4);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 10, &whole, &top);
	assert_int_equal(top.flows, 3);
	for (int by = 0; by < N_TALKERS_BYS; by++) {
		if (by == TALKERS_BY_DESTINATION_PORT)
			continue;
		talkers_top(&t, by, 10, &whole, &top);
		assert_int_equal(top.flows, 6);
	}
	talkers_finish(&t);
}

/* How many of the flows of one table pass. */
static uint64_t passing(const char *const (*filters)[2], size_t n)
{
	char error[TALKERS_QUERY_ERROR_MAX];
	struct talkers_query query;
	struct talkers t = { 0 };
	static struct talkers_top top;
	struct flow udp = flow_of("10.0.0.1", "10.1.0.1", 53);

	talkers_query_init(&query);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(talkers_query_set(&query, filters[i][0], filters[i][1], error), 0);
	assert_int_equal(talkers_init(&t, 1U << TALKERS_BY_SOURCE, &query), 0);
	add_of(&t, "10.0.0.1", "10.1.0.1", 443, 1);
	add_of(&t, "10.0.0.130", "10.1.0.1", 53, 2);
	add_of(&t, "192.0.2.1", "10.1.0.2", 443, 4);
	add_of(&t, "2001:db8::1", "2001:db8::2", 443, 8);
	udp.protocol = FLOW_UDP;
	add(&t, &udp, 16);
	talkers_top(&t, TALKERS_BY_SOURCE, 1, &whole, &top);
	talkers_finish(&t);
	return top.flows;
}

static void filters(_unused_ void **state)
{
	static const struct {
		const char *const filters[3][2];
		size_t n;
		uint64_t flows;
	} cases[] = {
		{ { { "source", "10.0.0.1" } }, 1, 17 },
		{ { { "source", "10.0.0.0/24" } }, 1, 19 },
		{ { { "source", "10.0.0.0/25" } }, 1, 17 },
		{ { { "source", "10.0.0.128/25" } }, 1, 2 },
		{ { { "source", "0.0.0.0/0" } }, 1, 23 },
		{ { { "source", "::/0" } }, 1, 8 },
		{ { { "source", "2001:db8::/127" } }, 1, 8 },
		{ { { "source", "2001:db8::/128" } }, 1, 0 },
		{ { { "source", "128.0.0.0/1" } }, 1, 4 },
		{ { { "destination", "10.1.0.0/31" } }, 1, 19 },
		{ { { "destination", "2001:db8::2" } }, 1, 8 },
		{ { { "port", "443" } }, 1, 13 },
		{ { { "port", "53" } }, 1, 18 },
		{ { { "port", "0" } }, 1, 0 },
		{ { { "state", "ESTABLISHED" } }, 1, 15 },
		{ { { "state", "close" } }, 1, 0 },
		{ { { "port", "53" }, { "state", "established" } }, 2, 2 },
		{ { { "source", "10.0.0.0/8" }, { "destination", "10.1.0.1" }, { "port", "443" } },
		  3,
		  1 },
		{ { { "source", "::/0" } }, 0, 31 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(passing(cases[i].filters, cases[i].n), cases[i].flows);
}

static void filters_on_what_a_flow_lacks(_unused_ void **state)
{
	struct talkers_query query = { .filter = TALKERS_FILTER_SOURCE | TALKERS_FILTER_PORT |
						 TALKERS_FILTER_STATE,
				       .port = 443,
				       .state = FLOW_TCP_ESTABLISHED,
				       .source = { address_of("10.0.0.1"), 128 } };
	struct flow flow = flow_of("10.0.0.1", "10.0.0.2", 443);
	struct talkers t = { 0 };
	static struct talkers_top top;

	assert_int_equal(talkers_init(&t, 1U << TALKERS_BY_DESTINATION_PORT, &query), 0);
	for (uint32_t bit = 1; bit <= HAS; bit <<= 1) {
		flow.has = HAS & ~bit;
		add(&t, &flow, HAS & bit ? 1 : 0);
	}
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 1, &whole, &top);
	assert_int_equal(top.flows, 0);
	flow.has = HAS;
	add(&t, &flow, 1);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 1, &whole, &top);
	assert_int_equal(top.flows, 1);
	talkers_finish(&t);
}

/* flows in the sample, then what is expected of the table. */
static void a_sample_is_scaled_to_the_table(_unused_ void **state)
{
	const struct walk_summary sample = { .visited = 6, .entries = 10 };
	const struct walk_summary shrunk = { .visited = 6, .entries = 5 };
	struct talkers t = { 0 };
	static struct talkers_top top;

	assert_int_equal(talkers_init(&t, 1U << TALKERS_BY_DESTINATION_PORT, NULL), 0);
	for (uint16_t port = 1; port <= 3; port++)
		add_of(&t, "10.0.0.1", "10.0.0.2", port, 1);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 3, &sample, &top);
	/* 3 of 6 are 5 of 10; each 1.67, and they add up. */
	assert_int_equal(top.flows, 5);
	assert_int_equal(top.other, 0);
	assert_int_equal(top.talkers[0].flows, 2);
	assert_int_equal(top.talkers[1].flows, 2);
	assert_int_equal(top.talkers[2].flows, 1);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 1, &sample, &top);
	assert_int_equal(top.talkers[0].flows, 2);
	assert_int_equal(top.other, 3);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 0, &sample, &top);
	assert_int_equal(top.other, 5);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 3, &shrunk, &top);
	assert_int_equal(top.flows, 3);
	talkers_finish(&t);
}

/* Two standard errors of each share: of 100 flows read of 400, 2 sqrt(p (1 - p) / 100) sqrt(3 / 4)
 * 400. */
static void a_sample_has_its_own_error(_unused_ void **state)
{
	static const struct {
		int count;
		uint64_t flows, error;
	} rows[] = {
		{ 50, 200, 35 }, /* 34.64 */
		{ 40, 160, 34 }, /* 33.94 */
		{ 9, 36, 20 },	 /* 19.83 */
		{ 1, 4, 4 },	 /* 6.89, and there are no fewer than none */
	};
	const struct walk_summary sample = { .visited = 100, .entries = 400 };
	const struct walk_summary uncut = { .visited = 100, .entries = 100 };
	struct talkers t = { 0 };
	static struct talkers_top top;

	assert_int_equal(talkers_init(&t, 1U << TALKERS_BY_DESTINATION_PORT, NULL), 0);
	for (uint16_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_of(&t, "10.0.0.1", "10.0.0.2", i, rows[i].count);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 4, &sample, &top);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(top.talkers[i].flows, rows[i].flows);
		assert_int_equal(top.talkers[i].error, rows[i].error);
	}
	assert_int_equal(top.error_max, 35);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 4, &uncut, &top);
	assert_int_equal(top.error_max, 0);
	talkers_top(&t, TALKERS_BY_DESTINATION_PORT, 4, &whole, &top);
	assert_int_equal(top.error_max, 0);
	talkers_finish(&t);
}

/* What everyone has in common is no guess, and no table is too large. */
static void the_error_of_extremes(_unused_ void **state)
{
	const struct walk_summary sample = { .visited = 4, .entries = UINT32_MAX };
	struct talkers t = { 0 };
	static struct talkers_top top;

	assert_int_equal(talkers_init(&t, ALL, NULL), 0);
	add_of(&t, "10.0.0.1", "10.0.0.2", 80, 2);
	add_of(&t, "10.0.0.1", "10.0.0.3", 80, 2);
	talkers_top(&t, TALKERS_BY_SOURCE, 1, &sample, &top);
	assert_int_equal(top.talkers[0].flows, UINT32_MAX);
	assert_int_equal(top.talkers[0].error, 0);
	/* Half of 4: 2 sqrt(1 / 16) of all. */
	talkers_top(&t, TALKERS_BY_DESTINATION, 2, &sample, &top);
	assert_int_equal(top.error_max, 2147483647);
	talkers_finish(&t);
}

static void check_scaled(const struct talkers_top *top, const struct talkers_top *before,
			 double factor)
{
	uint64_t sum = top->other;

	for (size_t i = 0; i < top->n; i++) {
		const double share = (double)before->talkers[i].flows * factor;

		sum += top->talkers[i].flows;
		assert_true((double)top->talkers[i].flows > share - 1.001 &&
			    (double)top->talkers[i].flows < share + 1.001);
		assert_true(i == 0 || top->talkers[i - 1].flows >= top->talkers[i].flows);
		assert_true(top->talkers[i].error <= top->talkers[i].flows);
		assert_true(before->talkers[i].error <= top->talkers[i].error);
		assert_true(top->talkers[i].error <= top->error_max);
	}
	assert_int_equal(sum, top->flows);
	assert_true((double)top->other > (double)before->other * factor - 1.001 &&
		    (double)top->other < (double)before->other * factor + 1.001);
	assert_true(before->other || top->other == 0);
}

static void sums_and_order_of_scaled_samples(_unused_ void **state)
{
	struct dice dice = dice_start();
	static struct talkers_top before, top;

	for (int i = 0; i < 100; i++) {
		const uint64_t flows = 1 + dice_below(&dice, 1ULL << dice_below(&dice, 14));
		const uint64_t ports = 1 + dice_below(&dice, 6000);
		const uint64_t visited = flows + dice_below(&dice, 1000);
		const size_t limit = (size_t)dice_below(&dice, TALKERS_LIMIT_MAX + 1);
		const struct walk_summary sample = {
			.visited = visited,
			.entries = visited + 1 + dice_below(&dice, 1ULL << dice_below(&dice, 31)),
		};
		struct talkers t = { 0 };

		assert_int_equal(talkers_init(&t, ALL, NULL), 0);
		for (uint64_t n = 0; n < flows; n++)
			add_of(&t, "10.0.0.1", "10.0.0.2", (uint16_t)dice_below(&dice, ports), 1);
		talkers_top(&t, TALKERS_BY_DESTINATION_PORT, limit, &whole, &before);
		check_scaled(&before, &before, 1);
		assert_int_equal(before.flows, flows);
		talkers_top(&t, TALKERS_BY_DESTINATION_PORT, limit, &sample, &top);
		check_scaled(&top, &before, (double)sample.entries / (double)visited);
		talkers_finish(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_by_the_original_tuple),
		cmocka_unit_test(equal_ones_stand_in_the_order_of_their_bytes),
		cmocka_unit_test(what_a_flow_lacks_leaves_it_out),
		cmocka_unit_test(filters),
		cmocka_unit_test(filters_on_what_a_flow_lacks),
		cmocka_unit_test(a_sample_is_scaled_to_the_table),
		cmocka_unit_test(a_sample_has_its_own_error),
		cmocka_unit_test(the_error_of_extremes),
		cmocka_unit_test(sums_and_order_of_scaled_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
