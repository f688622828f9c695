/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The set of this host's connections: membership, growth, its bound and its key. */

#include "unit.h"

#include <errno.h>

#include "../../collectors/socket_set.h"
#include "address_text.h"

/* The i-th of many connections, all different. */
static int add(struct socket_set *set, uint32_t i)
{
	const struct address local = address_of("192.0.2.1"), remote = address_of("198.51.100.1");

	return socket_set_add(set, &local, (uint16_t)i, &remote, (uint16_t)(i >> 16));
}

static bool has(const struct socket_set *set, uint32_t i)
{
	const struct address local = address_of("192.0.2.1"), remote = address_of("198.51.100.1");

	return socket_set_has(set, &local, (uint16_t)i, &remote, (uint16_t)(i >> 16));
}

static void test_an_empty_set_has_nothing(_unused_ void **state)
{
	struct socket_set set;

	assert_int_equal(socket_set_init(&set), 0);
	assert_false(has(&set, 0));
	assert_int_equal(set.n, 0);
	socket_set_finish(&set);
	socket_set_finish(&set);
}

static void test_every_part_of_a_connection_counts(_unused_ void **state)
{
	const struct address a = address_of("192.0.2.1"), b = address_of("192.0.2.2"),
			     c = address_of("2001:db8::1"), d = address_of("2001:db8::2");
	struct socket_set set;

	assert_int_equal(socket_set_init(&set), 0);
	assert_int_equal(socket_set_add(&set, &a, 1, &b, 2), 0);
	assert_int_equal(socket_set_add(&set, &c, 1, &d, 2), 0);
	assert_true(socket_set_has(&set, &a, 1, &b, 2));
	assert_true(socket_set_has(&set, &c, 1, &d, 2));
	assert_false(socket_set_has(&set, &b, 2, &a, 1));
	assert_false(socket_set_has(&set, &b, 1, &a, 2));
	assert_false(socket_set_has(&set, &a, 2, &b, 1));
	assert_false(socket_set_has(&set, &a, 1, &b, 3));
	assert_false(socket_set_has(&set, &a, 257, &b, 2));
	assert_false(socket_set_has(&set, &a, 1, &d, 2));
	assert_false(socket_set_has(&set, &c, 1, &b, 2));
	socket_set_finish(&set);
}

static void test_what_is_there_is_not_added_again(_unused_ void **state)
{
	struct socket_set set;

	assert_int_equal(socket_set_init(&set), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(add(&set, (uint32_t)i % 7), 0);
	assert_int_equal(set.n, 7);
	socket_set_finish(&set);
}

static void test_all_stay_through_growth(_unused_ void **state)
{
	const uint32_t n = 100000;
	struct socket_set set;

	assert_int_equal(socket_set_init(&set), 0);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(add(&set, i), 0);
		assert_true(has(&set, i / 2));
	}
	assert_int_equal(set.n, n);
	assert_true(set.n_slots >= 2 * set.n);
	for (uint32_t i = 0; i < n; i++) {
		assert_true(has(&set, i));
		assert_false(has(&set, n + i));
	}
	socket_set_finish(&set);
}

static void test_bound(_unused_ void **state)
{
	struct socket_set set;

	assert_int_equal(socket_set_init(&set), 0);
	for (uint32_t i = 0; i < SOCKET_SET_MAX; i++)
		assert_int_equal(add(&set, i), 0);
	assert_int_equal(add(&set, SOCKET_SET_MAX), -E2BIG);
	assert_int_equal(set.n, SOCKET_SET_MAX);
	assert_false(has(&set, SOCKET_SET_MAX));
	assert_true(has(&set, SOCKET_SET_MAX - 1));
	/* What is there already needs no room. */
	assert_int_equal(add(&set, 5), 0);
	assert_true(set.n_slots * sizeof(*set.slots) <= 16 << 20);
	socket_set_finish(&set);
}

/* Where a connection goes depends on a secret, so nobody can choose connections that collide. */
static void test_each_set_has_a_key_of_its_own(_unused_ void **state)
{
	struct socket_set one, other;
	int same = 0;

	assert_int_equal(socket_set_init(&one), 0);
	assert_int_equal(socket_set_init(&other), 0);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(add(&one, i), 0);
		assert_int_equal(add(&other, i), 0);
	}
	for (size_t i = 0; i < one.n_slots; i++)
		same += one.slots[i] && one.slots[i] == other.slots[i];
	assert_int_equal(same, 0);
	socket_set_finish(&one);
	socket_set_finish(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_set_has_nothing),
		cmocka_unit_test(test_every_part_of_a_connection_counts),
		cmocka_unit_test(test_what_is_there_is_not_added_again),
		cmocka_unit_test(test_all_stay_through_growth),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_each_set_has_a_key_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
