/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Counts of a sample scaled to the table it was taken from. */

#include "unit.h"

#include "own_addresses.h"

static uint64_t sum(const uint64_t *values, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += values[i];
	return total;
}

static void random_flow(struct dice *dice, struct flow *flow)
{
	static const uint32_t timeouts[] = { 5, 50, 500, 5000, 50000, 500000 };
	static const char *const ends[] = { "192.0.2.1", "198.51.100.2", "127.0.0.1", "224.0.0.1" };

	*flow = (struct flow){ .has = HAS_TCP };
	flow->family = (uint8_t)dice_below(dice, N_FLOW_FAMILIES);
	flow->tcp_state = (uint8_t)dice_below(dice, N_FLOW_TCP_STATES);
	if (dice_one_in(dice, 2))
		flow->protocol = (uint8_t)dice_below(dice, N_FLOW_PROTOCOLS);
	flow->status = (uint32_t)dice_next(dice);
	flow->timeout_s = timeouts[dice_below(dice, ARRAY_SIZE(timeouts))];
	flow->original.source = address_of(ends[dice_below(dice, ARRAY_SIZE(ends))]);
	flow->reply.source = address_of(ends[dice_below(dice, ARRAY_SIZE(ends))]);
}

static void check_family(const struct flow_counts *c, int family)
{
	assert_int_equal(sum(c->by_tcp_state[family], N_FLOW_TCP_STATES),
			 c->by_protocol[family][FLOW_TCP]);
}

/* What holds of the counts of any table whose flows lack nothing. */
static void check_invariants(const struct flow_counts *c, uint64_t entries)
{
	assert_int_equal(sum(&c->by_protocol[0][0], N_FLOW_FAMILIES * N_FLOW_PROTOCOLS), entries);
	check_family(c, FLOW_IPV4);
	check_family(c, FLOW_IPV6);
	for (int protocol = 0; protocol < N_FLOW_PROTOCOLS; protocol++)
		assert_int_equal(sum(c->by_reply[protocol], N_FLOW_REPLIES),
				 c->by_protocol[FLOW_IPV4][protocol] +
					 c->by_protocol[FLOW_IPV6][protocol]);
	assert_int_equal(sum(c->by_path, N_FLOW_PATHS), entries);
	assert_int_equal(sum(c->by_nat, N_FLOW_NATS), entries);
	assert_true(sum(c->offloaded, N_FLOW_OFFLOADS) <= entries + 1);
	for (int i = 1; i < N_FLOW_EXPIRIES; i++)
		assert_true(c->expiring[i] >= c->expiring[i - 1]);
	assert_true(c->expiring[N_FLOW_EXPIRIES - 1] <= entries);
}

/* No zero comes alive, and what is not scaled away stays near its share. */
static void check_shares(const uint64_t *before, const uint64_t *after, size_t n, double factor,
			 double slack)
{
	for (size_t i = 0; i < n; i++) {
		const double share = (double)before[i] * factor;

		assert_true(before[i] || after[i] == 0);
		assert_true((double)after[i] > share - slack && (double)after[i] < share + slack);
	}
}

static void check_scaled(const struct flow_counts *before, uint64_t entries)
{
	const double factor = (double)entries / (double)before->visited;
	struct flow_counts after = *before;

	flow_counts_scale(&after, entries);
	check_invariants(&after, entries);
	assert_int_equal(after.visited, before->visited);
	assert_int_equal(after.missing, before->missing);
	check_shares(&before->by_protocol[0][0], &after.by_protocol[0][0],
		     N_FLOW_FAMILIES * N_FLOW_PROTOCOLS, factor, 1.001);
	/* These are parts of parts that were rounded already. */
	check_shares(&before->by_tcp_state[0][0], &after.by_tcp_state[0][0],
		     N_FLOW_FAMILIES * N_FLOW_TCP_STATES, factor, 2.001);
	check_shares(&before->by_reply[0][0], &after.by_reply[0][0],
		     N_FLOW_PROTOCOLS * N_FLOW_REPLIES, factor, 3.001);
	check_shares(before->by_path, after.by_path, N_FLOW_PATHS, factor, 1.001);
	check_shares(before->by_nat, after.by_nat, N_FLOW_NATS, factor, 1.001);
	check_shares(before->offloaded, after.offloaded, N_FLOW_OFFLOADS, factor, 0.501);
	check_shares(before->expiring, after.expiring, N_FLOW_EXPIRIES, factor, 0.501);
	check_shares(before->established_hours_left, after.established_hours_left,
		     N_FLOW_HOURS_LEFT, factor, 1.501);
}

static void scaled_samples_of_random_tables(void **state)
{
	struct dice dice = dice_start();

	for (int i = 0; i < 300; i++) {
		const uint64_t visited = 1 + dice_below(&dice, 1ULL << dice_below(&dice, 10));
		struct flow_counts counts = { 0 };

		for (uint64_t n = 0; n < visited; n++) {
			struct flow flow;

			random_flow(&dice, &flow);
			flow_counts_add(&counts, &flow, *state);
		}
		assert_int_equal(counts.missing, 0);
		check_invariants(&counts, visited);
		check_scaled(&counts, visited);
		check_scaled(&counts, visited + 1);
		check_scaled(&counts, visited * 10);
		check_scaled(&counts, visited + dice_below(&dice, 1ULL << 31));
		check_scaled(&counts, INT32_MAX);
	}
}

static void scaling_to_what_was_visited_changes_nothing(void **state)
{
	struct dice dice = dice_start();
	struct flow_counts counts = { 0 }, before;

	for (int n = 0; n < 1000; n++) {
		struct flow flow;

		random_flow(&dice, &flow);
		flow_counts_add(&counts, &flow, *state);
	}
	before = counts;
	flow_counts_scale(&counts, 1000);
	assert_memory_equal(&counts, &before, sizeof(counts));
}

static void nothing_visited_is_not_scaled(_unused_ void **state)
{
	struct flow_counts counts = { .missing = FLOW_HAS_STATUS }, before = counts;

	flow_counts_scale(&counts, 1000);
	assert_memory_equal(&counts, &before, sizeof(counts));
}

/* As large as the kernel's count of entries can be, from a sample of the default limit. */
static void the_largest_table_does_not_overflow(_unused_ void **state)
{
	struct flow_counts counts = {
		.visited = 262144,
		.by_protocol = { [FLOW_IPV4] = { [FLOW_TCP] = 262143, [FLOW_UDP] = 1 } },
		.by_tcp_state = { [FLOW_IPV4] = { [FLOW_TCP_ESTABLISHED] = 262143 } },
		.by_reply = { [FLOW_TCP] = { [FLOW_ASSURED] = 262143 },
			      [FLOW_UDP] = { [FLOW_UNREPLIED] = 1 } },
		.by_path = { [FLOW_FORWARDED] = 262144 },
		.by_nat = { [FLOW_NAT_BOTH] = 262144 },
		.expiring = { 0, 1, 1, 1, 262144 },
	};

	flow_counts_scale(&counts, UINT32_MAX);
	check_invariants(&counts, UINT32_MAX);
	assert_int_equal(counts.by_protocol[FLOW_IPV4][FLOW_UDP], 16384);
	assert_int_equal(counts.by_path[FLOW_FORWARDED], UINT32_MAX);
	assert_int_equal(counts.expiring[4], UINT32_MAX);
	assert_int_equal(counts.expiring[0], 0);
}

#define own_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		own_test(scaled_samples_of_random_tables),
		own_test(scaling_to_what_was_visited_changes_nothing),
		cmocka_unit_test(nothing_visited_is_not_scaled),
		cmocka_unit_test(the_largest_table_does_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
