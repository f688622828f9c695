/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/flight.h"

static const struct flight_key text = { .format = EXPOSITION_TEXT, .collectors = 3 };
static const struct flight_key openmetrics = { .format = EXPOSITION_OPENMETRICS, .collectors = 3 };
static const struct flight_key text_all = { .format = EXPOSITION_TEXT, .collectors = 7 };
static const struct flight_key diagnosis = { .kind = REQUEST_DIAGNOSIS };
static const struct flight_key verdict = { .kind = REQUEST_VERDICT };
static const struct flight_key talkers = { .kind = REQUEST_TALKERS, .talkers = { .limit = 20 } };
static const struct flight_key few = { .kind = REQUEST_TALKERS, .talkers = { .limit = 2 } };
static const struct flight_key of_port = {
	.kind = REQUEST_TALKERS,
	.talkers = { .limit = 20, .filter = TALKERS_FILTER_PORT },
};

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

	assert_null(flights_start(&flights, 0));
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
	flight = flights_start(&flights, 0);
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
	assert_null(flights_start(&flights, 0));
}

static void other_keys_fly_one_after_the_other(_unused_ void **state)
{
	const struct flight_key *const order[] = { &text, &openmetrics, &text_all };
	struct flights flights = { 0 };
	struct waiter waiters[3];

	for (size_t i = 0; i < 3; i++)
		join(&flights, order[i], &waiters[i], 100 + i);
	for (size_t i = 0; i < 3; i++) {
		const struct flight *flight = flights_start(&flights, 0);

		assert_memory_equal(&flight->key.format, &order[i]->format, sizeof(text.format));
		assert_int_equal(flight->key.collectors, order[i]->collectors);
		assert_true(flights.running);
		/* One at a time. */
		assert_null(flights_start(&flights, 0));
		assert_int_equal(flights.n_waiters, 3 - i);
		assert_ptr_equal(flights_finish(&flights), &waiters[i]);
		assert_null(waiters[i].next);
		assert_false(flights.running);
	}
	assert_null(flights_start(&flights, 0));
}

static void who_asks_again_after_the_end_gets_a_new_flight(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a, b;

	join(&flights, &text, &a, 100);
	assert_non_null(flights_start(&flights, 0));
	assert_ptr_equal(flights_finish(&flights), &a);
	join(&flights, &text, &b, 200);
	assert_int_equal(flights_start(&flights, 0)->deadline_ns, 198);
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
	assert_null(flights_start(&flights, 0));
	assert_false(flights.running);
	assert_null(flights.first);
}

static void a_running_flight_goes_on_without_waiters(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a, b, late;

	join(&flights, &text, &a, 100);
	join(&flights, &openmetrics, &b, 1000);
	assert_non_null(flights_start(&flights, 0));
	assert_ptr_equal(flights_expire(&flights, 500), &a);
	assert_true(flights.running);
	assert_null(flights_start(&flights, 0));
	join(&flights, &text, &late, 150);
	assert_ptr_equal(flights_finish(&flights), &late);
	assert_int_equal(flights_start(&flights, 0)->key.format, EXPOSITION_OPENMETRICS);
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
	assert_int_equal(flights_start(&flights, 0)->deadline_ns, 1100);
	assert_ptr_equal(flights_finish(&flights), &hasty);
	assert_int_equal(flights_start(&flights, 0)->deadline_ns, 1202);
	assert_int_equal(count(flights_finish(&flights)), 2);
	assert_null(flights.first);
}

/* Joined when there was half of the time left, and begun when there is so much, less or none. */
static void a_flight_begun_late_has_the_time_of_the_patient(_unused_ void **state)
{
	static const struct {
		uint64_t start_ns, deadline_ns;
	} rows[] = {
		{ 1000, 1100 },
		{ 1010, 1100 },
		{ 1011, 1100 },
		{ 1012, 1190 },
		{ 1099, 1190 },
		{ 1100, 1190 },
		{ 1189, 1190 },
		/* Too late for all. */
		{ 1190, 1100 },
		{ 1191, 1100 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct flights flights = { 0 };
		struct waiter hasty, patient, between;

		assert_int_equal(flights_join(&flights, &text, 1000, 1100, &hasty), 0);
		assert_int_equal(flights_join(&flights, &text, 1000, 1190, &patient), 0);
		assert_int_equal(flights_join(&flights, &text, 1000, 1150, &between), 0);
		assert_int_equal(flights_start(&flights, rows[i].start_ns)->deadline_ns,
				 rows[i].deadline_ns);
		assert_int_equal(count(flights_finish(&flights)), 3);
	}
}

static void the_patient_who_gave_up_extends_nothing(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter hasty, patient;

	assert_int_equal(flights_join(&flights, &text, 1000, 1100, &hasty), 0);
	assert_int_equal(flights_join(&flights, &text, 1000, 1190, &patient), 0);
	hasty.give_up_ns = UINT64_MAX;
	patient.give_up_ns = 1050;
	assert_ptr_equal(flights_expire(&flights, 1050), &patient);
	assert_int_equal(flights_start(&flights, 1090)->deadline_ns, 1100);
	assert_ptr_equal(flights_finish(&flights), &hasty);
}

static void flights_for_nobody_do_not_pile_up(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter running, waiter;

	join(&flights, &text, &running, 10);
	assert_non_null(flights_start(&flights, 0));
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
	assert_non_null(flights_start(&flights, 0));
	list = flights_clear(&flights);
	assert_int_equal(count(list), 5);
	for (size_t i = 0; i < 5; i++)
		assert_true(has(list, &waiters[i]));
	assert_int_equal(flights.n_waiters, 0);
	assert_false(flights.running);
	assert_null(flights.first);
}

static void other_kinds_and_queries_never_join(_unused_ void **state)
{
	const struct flight_key none = { .kind = REQUEST_METRICS };
	const struct flight_key *const order[] = { &none,    &diagnosis, &verdict,
						   &talkers, &few,	 &of_port };
	struct flights flights = { 0 };
	struct waiter waiters[ARRAY_SIZE(order)], again[ARRAY_SIZE(order)], *list;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		join(&flights, order[i], &waiters[i], 100);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		join(&flights, order[i], &again[i], 100);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		const struct flight *flight = flights_start(&flights, 0);

		assert_int_equal(flight->key.kind, order[i]->kind);
		assert_memory_equal(&flight->key.talkers, &order[i]->talkers,
				    sizeof(talkers.talkers));
		list = flights_finish(&flights);
		assert_int_equal(count(list), 2);
		assert_true(has(list, &waiters[i]) && has(list, &again[i]));
	}
	assert_null(flights.first);
}

static void a_postponed_flight_lets_others_run(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a, b, c;

	assert_int_equal(flights_next_due(&flights), UINT64_MAX);
	join(&flights, &diagnosis, &a, 1000);
	assert_int_equal(flights_next_due(&flights), 0);
	assert_int_equal(flights_start(&flights, 10)->due_ns, 0);
	assert_int_equal(flights_next_due(&flights), UINT64_MAX);
	flights_postpone(&flights, 500);
	assert_false(flights.running);
	assert_int_equal(flights.n_waiters, 1);
	assert_int_equal(flights_next_due(&flights), 500);
	assert_null(flights_start(&flights, 499));
	join(&flights, &text, &b, 1000);
	join(&flights, &openmetrics, &c, 1000);
	assert_int_equal(flights_next_due(&flights), 0);
	assert_int_equal(flights_start(&flights, 20)->key.format, EXPOSITION_TEXT);
	assert_int_equal(flights_next_due(&flights), UINT64_MAX);
	assert_ptr_equal(flights_finish(&flights), &b);
	/* What was asked for first goes ahead once it is due. */
	assert_int_equal(flights_start(&flights, 500)->key.kind, REQUEST_DIAGNOSIS);
	assert_int_equal(flights.first->due_ns, 500);
	assert_ptr_equal(flights_finish(&flights), &a);
	assert_int_equal(flights_start(&flights, 500)->key.format, EXPOSITION_OPENMETRICS);
	assert_ptr_equal(flights_finish(&flights), &c);
	assert_null(flights.first);
	assert_int_equal(flights.n_waiters, 0);
}

static void of_the_postponed_the_next_due_counts(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a, b;

	join(&flights, &diagnosis, &a, 1000);
	join(&flights, &talkers, &b, 1000);
	assert_non_null(flights_start(&flights, 1));
	flights_postpone(&flights, 300);
	assert_int_equal(flights_start(&flights, 1)->key.kind, REQUEST_TALKERS);
	flights_postpone(&flights, 200);
	assert_int_equal(flights_next_due(&flights), 200);
	assert_int_equal(flights_start(&flights, 200)->key.kind, REQUEST_TALKERS);
	flights_postpone(&flights, 400);
	assert_int_equal(flights_next_due(&flights), 300);
	assert_int_equal(count(flights_clear(&flights)), 2);
	assert_int_equal(flights_next_due(&flights), UINT64_MAX);
}

static void who_joins_a_postponed_flight_waits_for_it(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a, later, hasty, *list;

	join(&flights, &diagnosis, &a, 1000);
	assert_non_null(flights_start(&flights, 1));
	flights_postpone(&flights, 500);
	assert_int_equal(flights_join(&flights, &diagnosis, 100, 501, &later), 0);
	/* It could not wait so long. */
	assert_int_equal(flights_join(&flights, &diagnosis, 100, 500, &hasty), 0);
	hasty.give_up_ns = 550;
	later.give_up_ns = 600;
	assert_int_equal(flights_start(&flights, 100)->deadline_ns, 500);
	assert_ptr_equal(flights_finish(&flights), &hasty);
	assert_int_equal(flights_start(&flights, 500)->deadline_ns, 998);
	list = flights_finish(&flights);
	assert_int_equal(count(list), 2);
	assert_true(has(list, &a) && has(list, &later));
	assert_null(flights.first);
}

static void a_postponed_flight_for_nobody_is_dropped(_unused_ void **state)
{
	struct flights flights = { 0 };
	struct waiter a;

	join(&flights, &diagnosis, &a, 100);
	assert_non_null(flights_start(&flights, 1));
	assert_ptr_equal(flights_expire(&flights, 100), &a);
	assert_non_null(flights.first);
	flights_postpone(&flights, 500);
	assert_null(flights_expire(&flights, 101));
	assert_null(flights.first);
	assert_int_equal(flights_next_due(&flights), UINT64_MAX);
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
		cmocka_unit_test(a_flight_begun_late_has_the_time_of_the_patient),
		cmocka_unit_test(the_patient_who_gave_up_extends_nothing),
		cmocka_unit_test(flights_for_nobody_do_not_pile_up),
		cmocka_unit_test(clear_gives_everybody_back),
		cmocka_unit_test(other_kinds_and_queries_never_join),
		cmocka_unit_test(a_postponed_flight_lets_others_run),
		cmocka_unit_test(of_the_postponed_the_next_due_counts),
		cmocka_unit_test(who_joins_a_postponed_flight_waits_for_it),
		cmocka_unit_test(a_postponed_flight_for_nobody_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
