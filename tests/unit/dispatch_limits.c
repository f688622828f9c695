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
		dispatch_test(an_answer_nobody_asked_for),
		dispatch_test(a_collector_process_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
