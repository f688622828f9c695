/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/auth_queue.h"

static struct auth_login login_of(uint64_t client)
{
	struct auth_login login = { .client = client, .password = "secret" };

	memcpy(login.digest.bytes, &client, sizeof(client));
	return login;
}

static void first_come_first_served(_unused_ void **state)
{
	static struct auth_queue queue;
	struct auth_waiter waiters[3];

	/* Around the end of the ring, more than once. */
	for (uint64_t round = 0; round < 3 * AUTH_QUEUE_MAX; round++) {
		for (uint64_t i = 0; i < 3; i++) {
			const struct auth_login login = login_of(i);
			struct auth_login *added = auth_queue_add(&queue, &login);

			assert_non_null(added);
			assert_ptr_equal(auth_queue_at(&queue, i), added);
			assert_ptr_equal(auth_queue_find(&queue, &login.digest), added);
			added->waiters = &waiters[i];
		}
		for (uint64_t i = 0; i < 3; i++) {
			assert_int_equal(auth_queue_at(&queue, 0)->client, i);
			assert_ptr_equal(auth_queue_pop(&queue), &waiters[i]);
		}
		assert_int_equal(queue.n, 0);
	}
}

static void a_client_is_in_it_once(_unused_ void **state)
{
	/* 0: all who come without an address. */
	for (uint64_t client = 0; client < 2; client++) {
		struct auth_queue queue = { 0 };
		struct auth_login login = login_of(client);

		assert_non_null(auth_queue_add(&queue, &login));
		login.digest.bytes[20] = 1;
		assert_null(auth_queue_find(&queue, &login.digest));
		assert_null(auth_queue_add(&queue, &login));
		assert_int_equal(queue.n, 1);
		(void)auth_queue_pop(&queue);
		assert_non_null(auth_queue_add(&queue, &login));
	}
}

static void it_has_a_bound(_unused_ void **state)
{
	static struct auth_queue queue;
	struct auth_login login;

	for (uint64_t i = 0; i < AUTH_QUEUE_MAX; i++) {
		login = login_of(i);
		assert_non_null(auth_queue_add(&queue, &login));
	}
	login = login_of(AUTH_QUEUE_MAX);
	assert_null(auth_queue_add(&queue, &login));
	assert_int_equal(queue.n, AUTH_QUEUE_MAX);
	(void)auth_queue_pop(&queue);
	assert_non_null(auth_queue_add(&queue, &login));
}

static void so_many_wait_for_a_login_and_no_more(_unused_ void **state)
{
	static struct auth_queue queue;
	struct auth_waiter waiters[AUTH_WAITERS_MAX + 1] = { 0 };
	const struct auth_login login = login_of(1);
	struct auth_login *added = auth_queue_add(&queue, &login);
	struct auth_waiter *left;

	for (size_t i = 0; i < AUTH_WAITERS_MAX; i++)
		assert_true(auth_login_join(added, &waiters[i]));
	assert_false(auth_login_join(added, &waiters[AUTH_WAITERS_MAX]));
	left = auth_queue_pop(&queue);
	for (size_t i = AUTH_WAITERS_MAX; i > 0; i--, left = left->next)
		assert_ptr_equal(left, &waiters[i - 1]);
	assert_null(left);
	assert_true(auth_login_join(auth_queue_add(&queue, &login), &waiters[0]));
}

static void nothing_is_left_of_what_was_in_it(_unused_ void **state)
{
	static const struct auth_login empty;
	static struct auth_queue queue;
	const struct auth_login login = login_of(1);
	const struct auth_login *added = auth_queue_add(&queue, &login);

	assert_memory_not_equal(added, &empty, sizeof(empty));
	(void)auth_queue_pop(&queue);
	assert_memory_equal(added, &empty, sizeof(empty));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_come_first_served),
		cmocka_unit_test(a_client_is_in_it_once),
		cmocka_unit_test(it_has_a_bound),
		cmocka_unit_test(so_many_wait_for_a_login_and_no_more),
		cmocka_unit_test(nothing_is_left_of_what_was_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
