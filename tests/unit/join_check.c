/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The second look at sockets whose flow was not found, and what the whole adds up to. */

#include "unit.h"

#include <errno.h>

#include "scripted_join.h"

/* One remote socket whose flow the first look did not find as ESTABLISHED. */
static void check_one(enum lookup_result first, struct script script, uint64_t tracked,
		      uint64_t mismatched, uint64_t untracked)
{
	struct join *join = scripted_make(1);
	struct join_counts counts;

	scripted_add(join, JOIN_REMOTE, first, script);
	counts = scripted_finish(join, 0);
	scripted_check_sockets(&counts, JOIN_REMOTE, tracked, mismatched, untracked);
	scripted_check_sockets(&counts, JOIN_LOOPBACK, 0, 0, 0);
	scripted_check_flows(&counts, 0, 0, 0);
	scripted_destroy(join);
}

static void test_nothing(_unused_ void **state)
{
	struct join *join = scripted_make(0);
	struct join_counts counts = scripted_finish(join, 0);

	for (int path = 0; path < N_JOIN_PATHS; path++)
		scripted_check_sockets(&counts, path, 0, 0, 0);
	scripted_check_flows(&counts, 0, 0, 0);
	assert_int_equal(kernel.socket_lookups + kernel.flow_lookups, 0);
	scripted_destroy(join);
}

static void test_what_is_tracked_is_not_asked_about(_unused_ void **state)
{
	struct join *join = scripted_make(30);
	struct join_counts counts;

	for (int i = 0; i < 30; i++)
		scripted_add_socket(join, i < 10 ? JOIN_LOOPBACK : JOIN_REMOTE, E);
	counts = scripted_finish(join, 0);
	scripted_check_sockets(&counts, JOIN_LOOPBACK, 10, 0, 0);
	scripted_check_sockets(&counts, JOIN_REMOTE, 20, 0, 0);
	assert_int_equal(counts.lookups, 30);
	assert_int_equal(kernel.socket_lookups + kernel.flow_lookups, 0);
	scripted_destroy(join);
}

static void test_socket_without_a_flow(_unused_ void **state)
{
	check_one(N, (struct script){ { E, E, E }, { N, N, N } }, 0, 0, 1);
}

static void test_socket_with_a_flow_in_another_state(_unused_ void **state)
{
	check_one(O, (struct script){ { E, E, E }, { O, O, O } }, 0, 1, 0);
	/* What it is at last is what counts. */
	check_one(O, (struct script){ { E, E, E }, { O, N, N } }, 0, 0, 1);
	check_one(N, (struct script){ { E, E, E }, { N, O, O } }, 0, 1, 0);
}

static void test_socket_that_closed_meanwhile(_unused_ void **state)
{
	check_one(N, (struct script){ { N, N, N }, { N, N, N } }, 0, 0, 0);
	check_one(O, (struct script){ { O, O, O }, { O, O, O } }, 0, 0, 0);
	/* Between two rounds. */
	check_one(N, (struct script){ { E, E, N }, { N, N, N } }, 0, 0, 0);
	check_one(O, (struct script){ { E, O, O }, { O, O, O } }, 0, 0, 0);
	check_one(N, (struct script){ { E, N, N }, { N, N, N } }, 0, 0, 0);
}

static void test_flow_that_came_meanwhile(_unused_ void **state)
{
	check_one(N, (struct script){ { E, E, E }, { E, E, E } }, 1, 0, 0);
	/* Unmatched at first, matched in a later round. */
	check_one(N, (struct script){ { E, E, E }, { N, N, E } }, 1, 0, 0);
	check_one(N, (struct script){ { E, E, E }, { N, E, E } }, 1, 0, 0);
	check_one(O, (struct script){ { E, E, E }, { O, E, E } }, 1, 0, 0);
}

static void check_zone(uint16_t zone, struct script script, uint64_t tracked, uint64_t mismatched,
		       uint64_t untracked)
{
	struct join *join = scripted_make(1);
	struct join_counts counts;

	script.zone = zone;
	scripted_add(join, JOIN_REMOTE, N, script);
	join->zones[join->n_zones++] = 5;
	join->zones[join->n_zones++] = 7;
	counts = scripted_finish(join, 0);
	scripted_check_sockets(&counts, JOIN_REMOTE, tracked, mismatched, untracked);
	scripted_destroy(join);
}

static void test_flow_in_another_zone(_unused_ void **state)
{
	check_zone(5, (struct script){ { E, E, E }, { E, E, E } }, 1, 0, 0);
	check_zone(7, (struct script){ { E, E, E }, { E, E, E } }, 1, 0, 0);
	check_zone(0, (struct script){ { E, E, E }, { E, E, E } }, 1, 0, 0);
	check_zone(9, (struct script){ { E, E, E }, { E, E, E } }, 0, 0, 1);
	check_zone(0, (struct script){ { E, E, E }, { O, O, O } }, 0, 1, 0);
	check_zone(7, (struct script){ { E, E, E }, { N, N, N } }, 0, 0, 1);
}

static void test_flow_in_another_zone_and_state(_unused_ void **state)
{
	check_zone(7, (struct script){ { E, E, E }, { O, O, O } }, 0, 1, 0);
	check_zone(5, (struct script){ { E, E, E }, { O, O, O } }, 0, 1, 0);
	/* One of several that the zones hold. */
	for (uint16_t zone = 0; zone <= 7; zone++)
		check_zone(zone, (struct script){ { E, E, E }, { E, E, E }, .elsewhere = O },
			   zone == 0 || zone == 5 || zone == 7, zone != 0 && zone != 5 && zone != 7,
			   0);
}

static void test_all_kinds_of_both_paths(_unused_ void **state)
{
	static const struct script untracked = { { E, E, E }, { N, N, N } },
				   mismatched = { { E, E, E }, { O, O, O } },
				   closed = { { O, O, O }, { N, N, N } },
				   late = { { E, E, E }, { N, E, E } };
	struct join *join = scripted_make(200);
	struct join_counts counts;

	for (int i = 0; i < 10; i++) {
		for (int path = 0; path < N_JOIN_PATHS; path++) {
			for (int n = 0; n <= path; n++)
				scripted_add(join, path, N, untracked);
			scripted_add(join, path, O, mismatched);
			scripted_add(join, path, O, closed);
			scripted_add(join, path, N, late);
			scripted_add_socket(join, path, E);
		}
	}
	counts = scripted_finish(join, 0);
	scripted_check_sockets(&counts, JOIN_LOOPBACK, 20, 10, 10);
	scripted_check_sockets(&counts, JOIN_REMOTE, 20, 10, 20);
	assert_int_equal(counts.lookups, 110);
	scripted_destroy(join);
}

static uint64_t sum_of_sockets(const struct join_counts *counts)
{
	uint64_t sum = 0;

	for (int tracking = 0; tracking < N_JOIN_TRACKINGS; tracking++)
		for (int path = 0; path < N_JOIN_PATHS; path++)
			sum += counts->sockets[tracking][path];
	return sum;
}

/* 5000 suspects of which 1024 are checked, evenly: those of each path stand for their path. */
static void test_more_suspects_than_are_checked(_unused_ void **state)
{
	static const struct script untracked = { { E, E, E }, { N, N, N } },
				   mismatched = { { E, E, E }, { O, O, O } };
	struct join *join = scripted_make(15000);
	struct join_counts counts;

	for (int i = 0; i < 15000; i++) {
		if (i % 3)
			scripted_add_socket(join, JOIN_LOOPBACK, E);
		else if (i % 15)
			scripted_add(join, JOIN_REMOTE, N, untracked);
		else
			scripted_add(join, JOIN_LOOPBACK, O, mismatched);
	}
	counts = scripted_finish(join, 0);
	scripted_check_sockets(&counts, JOIN_REMOTE, 0, 0, 4000);
	scripted_check_sockets(&counts, JOIN_LOOPBACK, 10000, 1000, 0);
	assert_int_equal(counts.lookups, 15000);
	/* Three rounds, and no more than the bound in each. */
	assert_int_equal(kernel.socket_lookups, 3 * JOIN_CHECKS_MAX);
	assert_int_equal(kernel.flow_lookups, 3 * JOIN_CHECKS_MAX);
	scripted_destroy(join);
}

static void test_sampled_sockets_are_scaled(_unused_ void **state)
{
	static const struct script untracked = { { E, E, E }, { N, N, N } };
	struct join *join = scripted_make(100);
	struct join_counts counts;

	for (int i = 0; i < 75; i++)
		scripted_add_socket(join, JOIN_REMOTE, E);
	for (int i = 0; i < 25; i++)
		scripted_add(join, JOIN_LOOPBACK, N, untracked);
	join->connections.n_established = 100000;
	counts = scripted_finish(join, 0);
	scripted_check_sockets(&counts, JOIN_REMOTE, 75000, 0, 0);
	scripted_check_sockets(&counts, JOIN_LOOPBACK, 0, 0, 25000);
	assert_int_equal(counts.lookups, 100);
	scripted_destroy(join);
}

/* Whatever the mixture and the scale: nothing closed, so the sums are exact. */
static void test_sums_are_exact(_unused_ void **state)
{
	static const struct script scripts[] = { { { E, E, E }, { N, N, N } },
						 { { E, E, E }, { O, O, O } },
						 { { E, E, E }, { N, E, E } } };
	struct dice dice = dice_start();

	for (int round = 0; round < 200; round++) {
		const size_t n = 1 + dice_below(&dice, 4000);
		struct join *join = scripted_make(n);
		struct join_counts counts;
		uint64_t flows = 0;

		for (size_t i = 0; i < n; i++)
			scripted_add(join, (enum join_path)dice_below(&dice, N_JOIN_PATHS),
				     (enum lookup_result)dice_below(&dice, F),
				     scripts[dice_below(&dice, ARRAY_SIZE(scripts))]);
		join->connections.n_established += dice_below(&dice, 100000);
		for (uint64_t i = dice_below(&dice, JOIN_CHECKS_MAX + 1); i; i--)
			scripted_add_candidate(join, 0,
					       dice_one_in(&dice, 2) ? NO_SOCKET : SOCKET(N, O, O),
					       NO_SOCKET);
		join->flows[JOIN_ABSENT] += join->n_candidates ? dice_below(&dice, 10000) : 0;
		join->flows[JOIN_PRESENT] = 1 + dice_below(&dice, 10000);
		counts = scripted_finish(join, 123456);
		assert_int_equal(sum_of_sockets(&counts), join->connections.n_established);
		for (int i = 0; i < N_JOIN_SOCKETS; i++)
			flows += counts.flows[i];
		assert_int_equal(flows, 123456);
		scripted_destroy(join);
	}
}

static void check_failure(struct join *join, int expect)
{
	static struct collector_context ctx;
	struct join_counts counts, before;

	memset(&counts, 0x5a, sizeof(counts));
	memcpy(&before, &counts, sizeof(before));
	assert_int_equal(join_finish(&ctx, join, 1, &counts), expect);
	assert_memory_equal(&counts, &before, sizeof(before));
	scripted_destroy(join);
}

static void test_errors_are_passed_on(_unused_ void **state)
{
	static const struct script suspect = { { E, E, E }, { N, N, N } };

	int *const errors[] = { &kernel.sockets_error, &kernel.flows_error, &kernel.sockets_error,
				&kernel.flows_error, &kernel.dump_error };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct join *join = scripted_make(1);

		if (i < 2)
			scripted_add(join, JOIN_REMOTE, N, suspect);
		else
			scripted_add_candidate(join, 0, NO_SOCKET, NO_SOCKET);
		join->connections.has_bound = true;
		*errors[i] = -ETIME;
		check_failure(join, -ETIME);
	}
}

/* A question that the kernel refused has no answer, and so the whole has none. */
static void test_refused_questions(_unused_ void **state)
{
	static const struct script flow = { { E, E, E }, { F, F, F } },
				   socket = { { F, F, F }, { N, N, N } },
				   later = { { E, E, E }, { N, F, F } };
	struct join *join = scripted_make(1);

	scripted_add_socket(join, JOIN_REMOTE, F);
	check_failure(join, -EIO);
	for (int i = 0; i < 3; i++) {
		join = scripted_make(1);
		scripted_add(join, JOIN_REMOTE, N, i == 0 ? flow : i == 1 ? socket : later);
		check_failure(join, -EIO);
		join = scripted_make(0);
		scripted_add_candidate(join, 0, i == 1 ? SOCKET(F, F, F) : NO_SOCKET,
				       i == 2 ? SOCKET(F, F, F) : NO_SOCKET);
		if (i == 0)
			kernel.scripts[20000].flow[0] = F;
		check_failure(join, -EIO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_what_is_tracked_is_not_asked_about),
		cmocka_unit_test(test_socket_without_a_flow),
		cmocka_unit_test(test_socket_with_a_flow_in_another_state),
		cmocka_unit_test(test_socket_that_closed_meanwhile),
		cmocka_unit_test(test_flow_that_came_meanwhile),
		cmocka_unit_test(test_flow_in_another_zone),
		cmocka_unit_test(test_flow_in_another_zone_and_state),
		cmocka_unit_test(test_all_kinds_of_both_paths),
		cmocka_unit_test(test_more_suspects_than_are_checked),
		cmocka_unit_test(test_sampled_sockets_are_scaled),
		cmocka_unit_test(test_sums_are_exact),
		cmocka_unit_test(test_errors_are_passed_on),
		cmocka_unit_test(test_refused_questions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
