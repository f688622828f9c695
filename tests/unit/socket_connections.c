/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The sockets kept for the join: all up to a limit, a uniform sample beyond. */

#include "unit.h"

#include <stdio.h>

#include "../../collectors/socket_dump.h"
#include "address_text.h"

static struct lookup connection(uint32_t i)
{
	return (struct lookup){ .local = address_of("192.0.2.1"),
				.remote = address_of("198.51.100.1"),
				.local_port = (uint16_t)i,
				.remote_port = (uint16_t)(i >> 16),
				.interface = i,
				.cookie = { i, 1 } };
}

/* Not the bytes between its members. */
static void check_connection(const struct lookup *found, uint32_t i)
{
	const struct lookup expected = connection(i);

	assert_memory_equal(found, &expected, offsetof(struct lookup, zone));
	assert_int_equal(found->zone, 0);
	assert_int_equal(found->interface, i);
	assert_memory_equal(found->cookie, expected.cookie, sizeof(expected.cookie));
	assert_int_equal(found->result, expected.result);
}

static void add(struct socket_connections *connections, uint32_t i, bool established)
{
	const struct lookup lookup = connection(i);

	assert_int_equal(socket_connections_add(connections, &lookup, established), 0);
}

static void fill(struct socket_connections *connections, size_t max, uint32_t n)
{
	assert_int_equal(socket_connections_init(connections, max), 0);
	for (uint32_t i = 0; i < n; i++)
		add(connections, i, true);
	assert_int_equal(connections->n_established, n);
}

static void test_all_up_to_the_limit(_unused_ void **state)
{
	static const uint32_t numbers[] = { 0, 1, 255, 256, 257, 999, 1000 };
	struct socket_connections connections;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		fill(&connections, 1000, numbers[i]);
		assert_int_equal(connections.n, numbers[i]);
		for (uint32_t at = 0; at < numbers[i]; at++) {
			check_connection(&connections.sampled[at], at);
		}
		socket_connections_finish(&connections);
	}
}

static void test_no_limit(_unused_ void **state)
{
	struct socket_connections connections;

	fill(&connections, 0, 5000);
	assert_int_equal(connections.n, 5000);
	assert_int_equal(connections.max, SOCKET_SAMPLE_MAX);
	socket_connections_finish(&connections);
	assert_int_equal(socket_connections_init(&connections, SIZE_MAX), 0);
	assert_int_equal(connections.max, SOCKET_SAMPLE_MAX);
	socket_connections_finish(&connections);
}

/* They are asked for in the set, not looked up. */
static void test_other_states_are_not_sampled(_unused_ void **state)
{
	struct socket_connections connections;
	const struct lookup other = connection(1), absent = connection(3);

	assert_int_equal(socket_connections_init(&connections, 10), 0);
	add(&connections, 1, false);
	add(&connections, 2, true);
	assert_int_equal(connections.n, 1);
	assert_int_equal(connections.n_established, 1);
	assert_int_equal(connections.sampled[0].interface, 2);
	assert_true(socket_set_has(&connections.set, &other.local, other.local_port, &other.remote,
				   other.remote_port));
	assert_false(socket_set_has(&connections.set, &absent.local, absent.local_port,
				    &absent.remote, absent.remote_port));
	socket_connections_finish(&connections);
	socket_connections_finish(&connections);
}

/* What the sample does not hold, the set does. */
static void test_the_set_holds_all(_unused_ void **state)
{
	struct socket_connections connections;

	fill(&connections, 10, 1000);
	assert_int_equal(connections.n, 10);
	assert_int_equal(connections.set.n, 1000);
	socket_connections_finish(&connections);
}

static void test_a_full_set_is_no_error(_unused_ void **state)
{
	struct socket_connections connections;

	fill(&connections, 10, SOCKET_SET_MAX + 5);
	assert_int_equal(connections.set.n, SOCKET_SET_MAX);
	assert_int_equal(connections.n, 10);
	socket_connections_finish(&connections);
}

/*
 * 2000 samples of 20 of 100: each connection is in 400 of them, with a variance of 2000 * 0.2 * 0.8
 * = 320. The sum of the squared deviations over that is chi-square with 99 degrees of freedom
 * (nearly: the size of a sample is fixed): above 200 once in 10^8 runs.
 */
static void test_the_sample_is_uniform(_unused_ void **state)
{
	enum { ROUNDS = 2000, ALL = 100, MAX = 20 };
	struct dice dice = dice_start();
	uint32_t hits[ALL] = { 0 };
	double sum = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct socket_connections connections;

		assert_int_equal(socket_connections_init(&connections, MAX), 0);
		connections.random = dice_next(&dice);
		for (uint32_t i = 0; i < ALL; i++)
			add(&connections, i, true);
		assert_int_equal(connections.n, MAX);
		for (size_t i = 0; i < MAX; i++)
			hits[connections.sampled[i].interface]++;
		socket_connections_finish(&connections);
	}
	for (int i = 0; i < ALL; i++)
		sum += ((double)hits[i] - 400) * ((double)hits[i] - 400) / 320;
	print_message("chi-square %.1f of 99 degrees of freedom\n", sum);
	assert_true(sum < 200);
	assert_true(sum > 40);
}

/* Also from a state that a generator might not leave. */
static void test_a_state_of_zero(_unused_ void **state)
{
	struct socket_connections connections;
	size_t late = 0;

	assert_int_equal(socket_connections_init(&connections, 50), 0);
	connections.random = 0;
	for (uint32_t i = 0; i < 10000; i++)
		add(&connections, i, true);
	for (size_t i = 0; i < connections.n; i++)
		late += connections.sampled[i].interface >= 5000;
	assert_in_range(late, 5, 45);
	socket_connections_finish(&connections);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_up_to_the_limit),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_other_states_are_not_sampled),
		cmocka_unit_test(test_the_set_holds_all),
		cmocka_unit_test(test_a_full_set_is_no_error),
		cmocka_unit_test(test_the_sample_is_uniform),
		cmocka_unit_test(test_a_state_of_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
