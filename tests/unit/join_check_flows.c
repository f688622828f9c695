/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The second look at flows without a socket. */

#include "unit.h"

#include <errno.h>

#include "scripted_join.h"

#include "address_text.h"

static void check_candidate(struct script original, struct script reply, bool absent)
{
	struct join *join = scripted_make(0);
	struct join_counts counts;

	scripted_add_candidate(join, 0, original, reply);
	counts = scripted_finish(join, 1);
	scripted_check_flows(&counts, !absent, absent, 0);
	scripted_destroy(join);
}

static void test_flow_without_a_socket(_unused_ void **state)
{
	check_candidate(NO_SOCKET, NO_SOCKET, true);
}

static void test_flow_whose_socket_came_meanwhile(_unused_ void **state)
{
	check_candidate(SOCKET(E, E, E), NO_SOCKET, false);
	check_candidate(NO_SOCKET, SOCKET(E, E, E), false);
	/* Any state but a listener's owns its flow. */
	check_candidate(SOCKET(O, O, O), NO_SOCKET, false);
	check_candidate(NO_SOCKET, SOCKET(O, O, O), false);
	/* Absent at first, present in a later round. */
	check_candidate(SOCKET(N, N, E), NO_SOCKET, false);
	check_candidate(NO_SOCKET, SOCKET(N, N, O), false);
	check_candidate(SOCKET(N, E, E), NO_SOCKET, false);
	check_candidate(NO_SOCKET, SOCKET(N, O, O), false);
	/* Present, and gone behind that: it had one. */
	check_candidate(SOCKET(E, N, N), NO_SOCKET, false);
}

/* One that is bound to a device is in a dump, and found by no lookup that does not name it. */
static void test_flow_whose_socket_only_a_dump_shows(_unused_ void **state)
{
	for (int side = 0; side < 2; side++) {
		struct join *join = scripted_make(0);
		struct join_counts counts;

		scripted_add_candidate(join, 0, NO_SOCKET, NO_SOCKET);
		scripted_add_candidate(join, 0, NO_SOCKET, NO_SOCKET);
		join->connections.has_bound = true;
		kernel.listed = (uint16_t)(20001 + side * OTHER_TUPLE);
		counts = scripted_finish(join, 2);
		scripted_check_flows(&counts, 1, 1, 0);
		assert_int_equal(kernel.dumps, 1);
		scripted_destroy(join);
	}
}

static size_t dumps_for(bool has_bound, const char *local, const char *remote, bool by_reply)
{
	struct join *join = scripted_make(0);
	struct join_candidate *second = &join->candidates[1];
	struct lookup *lookup = by_reply ? &second->by_reply : &second->by_original;

	join->connections.has_bound = has_bound;
	scripted_add_candidate(join, 0, NO_SOCKET, NO_SOCKET);
	scripted_add_candidate(join, 0, NO_SOCKET, NO_SOCKET);
	lookup->local = address_of(local);
	lookup->remote = address_of(remote);
	scripted_finish(join, 2);
	scripted_destroy(join);
	return kernel.dumps;
}

/* Only where some socket is bound to a device, or a candidate's would be. */
static void test_dump_where_sockets_may_be_bound(_unused_ void **state)
{
	for (int by_reply = 0; by_reply < 2; by_reply++) {
		assert_int_equal(dumps_for(false, "192.0.2.1", "2001:db8::1", by_reply), 0);
		assert_int_equal(dumps_for(true, "192.0.2.1", "2001:db8::1", by_reply), 1);
		assert_int_equal(dumps_for(false, "fe80::1", "2001:db8::1", by_reply), 1);
		assert_int_equal(dumps_for(false, "2001:db8::1", "febf::1", by_reply), 1);
		assert_int_equal(dumps_for(false, "fec0::1", "fe7f::1", by_reply), 0);
	}
}

static void test_no_dump_without_need(_unused_ void **state)
{
	struct join *join = scripted_make(1);

	join->connections.has_bound = true;
	scripted_add_candidate(join, 0, SOCKET(N, E, E), NO_SOCKET);
	scripted_add_candidate(join, 0, SOCKET(E, E, E), NO_SOCKET);
	scripted_finish(join, 2);
	assert_int_equal(kernel.dumps, 0);
	scripted_destroy(join);
}

static void test_flow_that_ended_meanwhile(_unused_ void **state)
{
	const struct script ended = { { N, N, N }, { N, N, N } },
			    closing = { { N, N, N }, { O, O, O } },
			    ends = { { N, N, N }, { E, O, O } };

	check_candidate(ended, ended, false);
	check_candidate(closing, closing, false);
	check_candidate(ends, ends, false);
}

/* In a zone of one direction only that direction's tuple finds the flow. */
static void test_flow_of_a_one_sided_zone(_unused_ void **state)
{
	const struct script found = { { N, N, N }, { E, E, E }, .zone = 7 },
			    lost = { { N, N, N }, { N, N, N }, .zone = 7 };

	for (int side = 0; side < 2; side++) {
		struct join *join = scripted_make(0);
		struct join_counts counts;

		scripted_add_candidate(join, 7, side ? found : lost, side ? lost : found);
		counts = scripted_finish(join, 1);
		scripted_check_flows(&counts, 0, 1, 0);
		scripted_destroy(join);
	}
}

static void test_forwarded_and_present_stay(_unused_ void **state)
{
	struct join *join = scripted_make(0);
	struct join_counts counts;

	join->flows[JOIN_PRESENT] = 40;
	join->flows[JOIN_FORWARDED] = 30;
	scripted_add_candidate(join, 0, NO_SOCKET, NO_SOCKET);
	scripted_add_candidate(join, 0, SOCKET(E, E, E), NO_SOCKET);
	scripted_add_candidate(join, 0, NO_SOCKET, NO_SOCKET);
	counts = scripted_finish(join, 73);
	scripted_check_flows(&counts, 41, 2, 30);
	scripted_destroy(join);
}

static void test_flows_that_could_not_be_read(_unused_ void **state)
{
	struct join *join = scripted_make(1);
	struct join_counts counts;

	scripted_add_socket(join, JOIN_REMOTE, E);
	join->unreadable = 1;
	counts = scripted_finish(join, 1);
	assert_false(counts.has_flows);
	scripted_check_sockets(&counts, JOIN_REMOTE, 1, 0, 0);
	scripted_destroy(join);
}

static void test_sampled_walk_is_scaled(_unused_ void **state)
{
	struct join *join = scripted_make(0);
	struct join_counts counts;

	join->flows[JOIN_PRESENT] = 50;
	join->flows[JOIN_FORWARDED] = 49;
	scripted_add_candidate(join, 0, NO_SOCKET, NO_SOCKET);
	counts = scripted_finish(join, 1000);
	scripted_check_flows(&counts, 500, 10, 490);
	scripted_destroy(join);
}

/* A quarter of the kept candidates turns out to be absent: so it is of all. */
static void test_more_candidates_than_are_kept(_unused_ void **state)
{
	struct join *join = scripted_make(0);
	struct join_counts counts;

	for (int i = 0; i < JOIN_CHECKS_MAX; i++)
		scripted_add_candidate(join, 0, i % 4 ? SOCKET(E, E, E) : NO_SOCKET, NO_SOCKET);
	join->flows[JOIN_ABSENT] = 10000;
	join->flows[JOIN_PRESENT] = 7;
	counts = scripted_finish(join, 10007);
	scripted_check_flows(&counts, 7507, 2500, 0);
	scripted_destroy(join);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flow_without_a_socket),
		cmocka_unit_test(test_flow_whose_socket_came_meanwhile),
		cmocka_unit_test(test_flow_whose_socket_only_a_dump_shows),
		cmocka_unit_test(test_dump_where_sockets_may_be_bound),
		cmocka_unit_test(test_no_dump_without_need),
		cmocka_unit_test(test_flow_that_ended_meanwhile),
		cmocka_unit_test(test_flow_of_a_one_sided_zone),
		cmocka_unit_test(test_forwarded_and_present_stay),
		cmocka_unit_test(test_flows_that_could_not_be_read),
		cmocka_unit_test(test_sampled_walk_is_scaled),
		cmocka_unit_test(test_more_candidates_than_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
