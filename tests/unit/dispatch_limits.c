/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who waits for whom, and who may not. */

#include "scripted_dispatch.h"

static void talkers_wait_until_a_walk_is_due(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter w, scrape;
	uint64_t before, due;

	ask(d, &w, REQUEST_TALKERS, NULL);
	for (unsigned int i = 1; i <= 20; i++) {
		assert_int_equal(fake.n_sent, i);
		assert_int_equal(fake.sent.kind, REQUEST_TALKERS);
		assert_int_equal(fake.sent.flags, 0);
		before = clock_monotonic_ns();
		receive(d, -EAGAIN);
		due = dispatch_next_turn(d);
		assert_in_range(due - DISPATCH_WALK_INTERVAL_MS * NSEC_PER_MSEC, before,
				clock_monotonic_ns());
		dispatch_turn(d, due - 1);
		assert_int_equal(fake.n_sent, i);
		dispatch_turn(d, due);
	}
	ask(d, &scrape, REQUEST_METRICS, NULL);
	receive(d, -EAGAIN);
	/* Meanwhile others have their turn. */
	assert_int_equal(fake.sent.kind, REQUEST_METRICS);
	receive(d, 0);
	check_replies("success 0 plain\nanswer 0 plain\n");
	dispatch_turn(d, d->flights.first->due_ns);
	receive(d, 0);
	check_replies("success 3 plain\nanswer 3 plain\n");
}

static void nothing_is_asked_again_for_nobody(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter w;

	for (int kind = REQUEST_DIAGNOSIS; kind <= REQUEST_TALKERS; kind++) {
		ask(d, &w, kind, "0.2");
		dispatch_turn(d, w.waiter.give_up_ns);
		forget_replies();
		assert_true(d->flights.running);
		receive(d, -EAGAIN);
		assert_null(d->flights.first);
		assert_false(d->collecting);
	}
	check_replies("");
}

static void refusals(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter w, other;

	fake.query_error = "It is wrong.";
	ask(d, &w, REQUEST_TALKERS, NULL);
	ask(d, &w, REQUEST_METRICS, NULL);
	check_replies(
		"text 400 It is wrong.\nanswer 3 plain\ntext 400 It is wrong.\nanswer 0 plain\n");
	fake.query_error = NULL;
	d->max_requests = 1;
	ask(d, &w, REQUEST_DIAGNOSIS, NULL);
	receive(d, -EAGAIN);
	ask(d, &other, REQUEST_TALKERS, NULL);
	check_replies(
		"failure 503 Limit of concurrent requests reached (1), try again later.\n"
		"answer 3 plain\n");
	dispatch_clear(d);
	check_replies("failure 503 The exporter is ending.\nanswer 1 plain\n");
	ask(d, &w, REQUEST_VERDICT, NULL);
	check_replies("failure 503 The exporter is ending.\nanswer 2 plain\n");
	assert_int_equal(dispatch_next_turn(d), UINT64_MAX);
}

/* Somebody who asks for reports all day must not keep scrapes out. */
static void reports_leave_places_to_scrapes(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter waiters[6];

	d->max_requests = 5;
	for (int i = 0; i < 3; i++)
		ask(d, &waiters[i], i ? REQUEST_DIAGNOSIS : REQUEST_VERDICT, NULL);
	check_replies("");
	ask(d, &waiters[3], REQUEST_DIAGNOSIS, NULL);
	check_replies(
		"failure 503 Limit of concurrent requests reached (3), try again later.\n"
		"answer 1 plain\n");
	ask(d, &waiters[3], REQUEST_METRICS, NULL);
	ask(d, &waiters[4], REQUEST_METRICS, NULL);
	check_replies("");
	ask(d, &waiters[5], REQUEST_METRICS, NULL);
	check_replies(
		"failure 503 Limit of concurrent requests reached (5), try again later.\n"
		"answer 0 plain\n");
	assert_int_equal(fake.web.limit_hits[HTTP_LIMIT_REQUESTS], 2);
	d->max_requests = 0;
	ask(d, &waiters[5], REQUEST_DIAGNOSIS, NULL);
	check_replies("");
	assert_int_equal(d->flights.n_waiters, 6);
	dispatch_clear(d);
}

static void ask_as(struct dispatch *d, uint64_t client, struct http_waiter *waiter,
		   enum request_kind kind)
{
	fake.client = client;
	ask(d, waiter, kind, NULL);
}

#define LIMIT_REACHED(n) \
	"failure 503 Limit of concurrent requests reached (" #n "), try again later.\n"

/* Whoever takes all places gets one after the other taken back, until it has no more than others.
 */
static void one_address_leaves_places_to_others(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter greedy[4], other[3], third;

	d->max_requests = 4;
	for (int i = 0; i < 4; i++)
		ask_as(d, 1, &greedy[i], i ? REQUEST_METRICS : REQUEST_VERDICT);
	check_replies("");
	/* The newest, which waits for the flight that is the last to begin. */
	ask_as(d, 2, &other[0], REQUEST_METRICS);
	check_replies(LIMIT_REACHED(4) "answer 0 plain\n");
	assert_ptr_equal(d->flights.first->next->waiters, &other[0].waiter);
	assert_ptr_equal(other[0].waiter.next, &greedy[2].waiter);
	ask_as(d, 1, &greedy[3], REQUEST_METRICS);
	check_replies(LIMIT_REACHED(4) "answer 0 plain\n");
	assert_int_equal(d->flights.n_waiters, 4);
	ask_as(d, 2, &other[1], REQUEST_METRICS);
	check_replies(LIMIT_REACHED(4) "answer 0 plain\n");
	/* Both have as many now: who comes is refused. */
	assert_ptr_equal(other[0].waiter.next, &greedy[1].waiter);
	ask_as(d, 2, &other[2], REQUEST_METRICS);
	ask_as(d, 1, &greedy[3], REQUEST_METRICS);
	check_replies(LIMIT_REACHED(4) "answer 0 plain\n" LIMIT_REACHED(4) "answer 0 plain\n");
	ask_as(d, 3, &third, REQUEST_METRICS);
	check_replies(LIMIT_REACHED(4) "answer 0 plain\n");
	assert_int_equal(fake.web.limit_hits[HTTP_LIMIT_REQUESTS], 6);
	assert_int_equal(d->flights.n_waiters, 4);
	dispatch_clear(d);
}

/* A report of another address takes the place of a report where reports have all they may have. */
static void reports_take_places_of_reports(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter greedy[5], other[2];

	d->max_requests = 5;
	ask_as(d, 1, &greedy[0], REQUEST_METRICS);
	ask_as(d, 1, &greedy[1], REQUEST_VERDICT);
	ask_as(d, 1, &greedy[2], REQUEST_DIAGNOSIS);
	ask_as(d, 1, &greedy[3], REQUEST_TALKERS);
	ask_as(d, 1, &greedy[4], REQUEST_METRICS);
	check_replies("");
	ask_as(d, 2, &other[0], REQUEST_VERDICT);
	check_replies(LIMIT_REACHED(3) "answer 3 plain\n");
	/* With one report more it would have as many as the other has. */
	ask_as(d, 2, &other[1], REQUEST_DIAGNOSIS);
	check_replies(LIMIT_REACHED(3) "answer 1 plain\n");
	assert_int_equal(d->flights.n_waiters, 5);
	dispatch_clear(d);
}

static void nobody_waits_for_a_flight_whose_place_was_taken(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter greedy[2], other;

	d->max_requests = 2;
	ask_as(d, 1, &greedy[0], REQUEST_METRICS);
	ask_as(d, 1, &greedy[1], REQUEST_VERDICT);
	ask_as(d, 2, &other, REQUEST_METRICS);
	check_replies(LIMIT_REACHED(2) "answer 2 plain\n");
	receive(d, 0);
	check_replies("success 0 plain\nanswer 0 plain\nanswer 0 plain\n");
	assert_null(d->flights.first);
}

static void an_answer_nobody_asked_for(void **state)
{
	static struct http_waiter w;
	struct dispatch *d = *state;

	assert_int_equal(dispatch_receive(d), -EBADMSG);
	ask(d, &w, REQUEST_DIAGNOSIS, NULL);
	receive(d, -EAGAIN);
	assert_int_equal(dispatch_receive(d), -EBADMSG);
}

/* However long it takes within its time, and whatever nobody asks. */
static void a_collector_process_that_hangs(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter w, second;
	uint64_t late_ns;

	assert_false(dispatch_overdue(d, UINT64_MAX));
	ask(d, &w, REQUEST_METRICS, "5");
	late_ns = fake.sent.deadline_ns + DISPATCH_OVERDUE_S * NSEC_PER_SEC;
	assert_false(dispatch_overdue(d, clock_monotonic_ns()));
	assert_false(dispatch_overdue(d, late_ns - 1));
	assert_true(dispatch_overdue(d, late_ns));
	/* Those who wait give up first, which changes nothing. */
	dispatch_turn(d, late_ns - 1);
	forget_replies();
	assert_false(dispatch_overdue(d, late_ns - 1));
	assert_true(dispatch_overdue(d, late_ns));
	/* Nor does one who asks behind it. */
	ask(d, &second, REQUEST_METRICS, "60");
	assert_true(dispatch_overdue(d, late_ns));
	/* With its answer it is well, and the next one has its own time. */
	receive(d, 0);
	late_ns = fake.sent.deadline_ns + DISPATCH_OVERDUE_S * NSEC_PER_SEC;
	assert_false(dispatch_overdue(d, late_ns - 1));
	assert_true(dispatch_overdue(d, late_ns));
	receive(d, 0);
	assert_false(dispatch_overdue(d, UINT64_MAX));
	forget_replies();
	/* A second look that is not due yet is nothing that it owes. */
	ask(d, &w, REQUEST_DIAGNOSIS, "60");
	receive(d, -EAGAIN);
	assert_false(dispatch_overdue(d, UINT64_MAX));
	dispatch_turn(d, dispatch_next_turn(d));
	assert_true(dispatch_overdue(d, UINT64_MAX));
	receive(d, 0);
	forget_replies();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		dispatch_test(talkers_wait_until_a_walk_is_due),
		dispatch_test(nothing_is_asked_again_for_nobody),
		dispatch_test(refusals),
		dispatch_test(reports_leave_places_to_scrapes),
		dispatch_test(one_address_leaves_places_to_others),
		dispatch_test(reports_take_places_of_reports),
		dispatch_test(nobody_waits_for_a_flight_whose_place_was_taken),
		dispatch_test(an_answer_nobody_asked_for),
		dispatch_test(a_collector_process_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
