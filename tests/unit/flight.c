/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/flight.h"

static const struct flight_key text = { EXPOSITION_TEXT, 3 };
static const struct flight_key openmetrics = { EXPOSITION_OPENMETRICS, 3 };
static const struct flight_key text_all = { EXPOSITION_TEXT, 7 };

static size_t count(const struct waiter *list)
{
	size_t n = 0;

	for (; list; list = list->next)
		n++;
	return n;
}

static bool has(const struct waiter *list, const struct waiter *waiter)
{
	while (list && list != waiter)
		list = list->next;
	return list != NULL;
}

static void join(struct flights *flights, const struct flight_key *key, struct waiter *waiter,
		 uint64_t give_up_ns)
{
	waiter->give_up_ns = give_up_ns;
	assert_int_equal(flights_join(flights, key, 0, give_up_ns - 2, waiter), 0);
}

static void nobody_waits(_unused_ void **state)
{
	struct flights flights = { 0 };

	assert_null(flights_start(&flights));
	assert_false(flights.running);
	assert_null(flights_expire(&flights, UINT64_MAX));
	assert_int_equal(flights_next_expiry(&flights), UINT64_MAX);
	assert_null(flights_finish(&flights));
	assert_null(flights_clear(&flights));
	assert_int_equal(flights.n_waiters, 0);
}

static void equal_keys_share_one_flight(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a, b, c, *list;
	const struct flight *flight;

	join(&flights, &text, &a, 100);
	join(&flights, &text, &b, 150);
	flight = flights_start(&flights);
	assert_non_null(flight);
	assert_int_equal(flight->key.format, EXPOSITION_TEXT);
	assert_int_equal(flight->key.collectors, 3);
	assert_int_equal(flight->deadline_ns, 98);
	/* It has begun, and who comes now still shares it. */
	join(&flights, &text, &c, 190);
	assert_int_equal(flights.n_waiters, 3);
	list = flights_finish(&flights);
	assert_int_equal(count(list), 3);
	assert_true(has(list, &a) && has(list, &b) && has(list, &c));
	assert_int_equal(flights.n_waiters, 0);
	assert_null(flights_start(&flights));
}

static void other_keys_fly_one_after_the_other(_unused_ void **state)
{
	const struct flight_key *const order[] = { &text, &openmetrics, &text_all };
	struct flights flights = { 0 };
	struct waiter waiters[3];

	for (size_t i = 0; i < 3; i++)
		join(&flights, order[i], &waiters[i], 100 + i);
	for (size_t i = 0; i < 3; i++) {
		const struct flight *flight = flights_start(&flights);

		assert_memory_equal(&flight->key.format, &order[i]->format, sizeof(text.format));
		assert_int_equal(flight->key.collectors, order[i]->collectors);
		assert_true(flights.running);
		/* One at a time. */
		assert_null(flights_start(&flights));
		assert_int_equal(flights.n_waiters, 3 - i);
		assert_ptr_equal(flights_finish(&flights), &waiters[i]);
		assert_null(waiters[i].next);
		assert_false(flights.running);
	}
	assert_null(flights_start(&flights));
}

static void who_asks_again_after_the_end_gets_a_new_flight(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a, b;

	join(&flights, &text, &a, 100);
	assert_non_null(flights_start(&flights));
	assert_ptr_equal(flights_finish(&flights), &a);
	join(&flights, &text, &b, 200);
	assert_int_equal(flights_start(&flights)->deadline_ns, 198);
	assert_ptr_equal(flights_finish(&flights), &b);
}

static void patience_ends_at_its_time(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a, b, c, *list;

	join(&flights, &text, &a, 300);
	join(&flights, &text, &b, 100);
	join(&flights, &openmetrics, &c, 200);
	assert_int_equal(flights_next_expiry(&flights), 100);
	assert_null(flights_expire(&flights, 99));
	assert_int_equal(flights.n_waiters, 3);
	assert_ptr_equal(flights_expire(&flights, 100), &b);
	assert_null(b.next);
	assert_int_equal(flights_next_expiry(&flights), 200);
	list = flights_expire(&flights, 1000);
	assert_int_equal(count(list), 2);
	assert_true(has(list, &a) && has(list, &c));
	assert_int_equal(flights.n_waiters, 0);
	assert_int_equal(flights_next_expiry(&flights), UINT64_MAX);
	/* Nobody waits for these two any more: they are not flown. */
	assert_null(flights_start(&flights));
	assert_false(flights.running);
	assert_null(flights.first);
}

static void a_running_flight_goes_on_without_waiters(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a, b, late;

	join(&flights, &text, &a, 100);
	join(&flights, &openmetrics, &b, 1000);
	assert_non_null(flights_start(&flights));
	assert_ptr_equal(flights_expire(&flights, 500), &a);
	assert_true(flights.running);
	assert_null(flights_start(&flights));
	join(&flights, &text, &late, 150);
	assert_ptr_equal(flights_finish(&flights), &late);
	assert_int_equal(flights_start(&flights)->key.format, EXPOSITION_OPENMETRICS);
	assert_ptr_equal(flights_expire(&flights, 1000), &b);
	assert_null(flights_finish(&flights));
	assert_int_equal(flights.n_waiters, 0);
	assert_null(flights.first);
}

/* A flight with little time left would cut the answer of one who has much. */
static void the_hurry_of_one_is_not_that_of_another(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter hasty, patient, next;

	assert_int_equal(flights_join(&flights, &text, 1000, 1100, &hasty), 0);
	assert_int_equal(flights_join(&flights, &text, 1000, 1202, &patient), 0);
	assert_int_equal(flights_join(&flights, &text, 1050, 1350, &next), 0);
	assert_int_equal(flights_start(&flights)->deadline_ns, 1100);
	assert_ptr_equal(flights_finish(&flights), &hasty);
	assert_int_equal(flights_start(&flights)->deadline_ns, 1202);
	assert_int_equal(count(flights_finish(&flights)), 2);
	assert_null(flights.first);
}

static void flights_for_nobody_do_not_pile_up(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter running, waiter;

	join(&flights, &text, &running, 10);
	assert_non_null(flights_start(&flights));
	for (uint64_t i = 1; i < 100; i++) {
		join(&flights, &openmetrics, &waiter, 1000 * i);
		assert_ptr_equal(flights.first->next->waiters, &waiter);
		assert_true(has(flights_expire(&flights, 1000 * i), &waiter));
		assert_null(flights.first->next);
	}
	assert_null(flights_finish(&flights));
	assert_null(flights.first);
}

static void clear_gives_everybody_back(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter waiters[5], *list;

	for (size_t i = 0; i < 5; i++)
		join(&flights, i % 2 ? &text : &openmetrics, &waiters[i], 100);
	assert_non_null(flights_start(&flights));
	list = flights_clear(&flights);
	assert_int_equal(count(list), 5);
	for (size_t i = 0; i < 5; i++)
		assert_true(has(list, &waiters[i]));
	assert_int_equal(flights.n_waiters, 0);
	assert_false(flights.running);
	assert_null(flights.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_waits),
		cmocka_unit_test(equal_keys_share_one_flight),
		cmocka_unit_test(other_keys_fly_one_after_the_other),
		cmocka_unit_test(who_asks_again_after_the_end_gets_a_new_flight),
		cmocka_unit_test(patience_ends_at_its_time),
		cmocka_unit_test(a_running_flight_goes_on_without_waiters),
		cmocka_unit_test(the_hurry_of_one_is_not_that_of_another),
		cmocka_unit_test(flights_for_nobody_do_not_pile_up),
		cmocka_unit_test(clear_gives_everybody_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
