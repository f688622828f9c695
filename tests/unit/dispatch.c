/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "scripted_dispatch.h"

static void each_kind_sends_what_it_uses(void **state)
{
	static const struct talkers_query no_query;
	static const struct web_state no_state;
	struct http_waiter waiters[4];
	struct dispatch *d = *state;

	fake.talkers = (struct talkers_query){ .limit = 3, .port = 443 };
	for (int kind = REQUEST_METRICS; kind <= REQUEST_TALKERS; kind++) {
		const bool scrape = kind == REQUEST_METRICS;

		ask(d, &waiters[kind], kind, NULL);
		assert_int_equal(fake.n_sent, kind + 1);
		assert_int_equal(fake.sent.magic, REQUEST_MAGIC);
		assert_int_equal(fake.sent.kind, kind);
		assert_int_equal(fake.sent.flags, scrape ? REQUEST_EXPORTER_METRICS : 0);
		assert_int_equal(fake.sent.collectors, scrape ? 5 : 0);
		assert_true(scrape == (memcmp(&fake.sent.web, &no_state, sizeof(no_state)) != 0));
		assert_memory_equal(&fake.sent.talkers,
				    kind == REQUEST_TALKERS ? &fake.talkers : &no_query,
				    sizeof(no_query));
		assert_int_equal(fake.sent.tracked[FLOW_IPV4], TRACKING_UNKNOWN);
		assert_int_equal(fake.sent.tracked[FLOW_IPV6], TRACKING_ACTIVE);
		receive(d, 0);
	}
	check_replies(
		"success 0 plain\nanswer 0 plain\nsuccess 1 plain\nanswer 1 plain\n"
		"success 2 plain\nanswer 2 plain\nsuccess 3 plain\nanswer 3 plain\n");
}

static void the_verdict_is_wanted_soon(void **state)
{
	const uint64_t before = clock_monotonic_ns();
	struct dispatch *d = *state;
	struct http_waiter w;
	uint64_t after;

	ask(d, &w, REQUEST_VERDICT, "30");
	after = clock_monotonic_ns();
	assert_in_range(fake.sent.deadline_ns - 500 * NSEC_PER_MSEC, before, after);
	assert_int_equal(w.waiter.give_up_ns, fake.sent.deadline_ns);
	assert_int_equal(dispatch_next_turn(d), w.waiter.give_up_ns);
	dispatch_turn(d, w.waiter.give_up_ns - 1);
	check_replies("");
	dispatch_turn(d, w.waiter.give_up_ns);
	check_replies(
		"failure 503 The collector process is busy, try again later.\nanswer 2 plain\n");
	assert_int_equal(dispatch_next_turn(d), UINT64_MAX);
}

static void failures_have_their_status_and_sentence(void **state)
{
	static const struct {
		enum request_kind kind;
		int status;
		const char *replies;
	} rows[] = {
		{ REQUEST_METRICS, -EPERM,
		  "failure 500 Reading conntrack over netlink needs "
		  "CAP_NET_ADMIN.\nanswer 0 plain\n" },
		{ REQUEST_DIAGNOSIS, -ENOMEM,
		  "failure 503 Cannot allocate memory\nanswer 1 plain\n" },
		{ REQUEST_VERDICT, -EIO, "failure 503 Input/output error\nanswer 2 plain\n" },
		{ REQUEST_TALKERS, -EPERM,
		  "failure 503 Reading conntrack over netlink needs "
		  "CAP_NET_ADMIN.\nanswer 3 plain\n" },
		{ REQUEST_TALKERS, -ENODATA,
		  "failure 503 nf_conntrack is not loaded.\n"
		  "answer 3 plain\n" },
		/* Nothing that would come of asking again. */
		{ REQUEST_METRICS, -EAGAIN,
		  "failure 500 Resource temporarily unavailable\n"
		  "answer 0 plain\n" },
		{ REQUEST_VERDICT, -EAGAIN,
		  "failure 503 Resource temporarily unavailable\n"
		  "answer 2 plain\n" },
	};
	struct dispatch *d = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct http_waiter w;

		ask(d, &w, rows[i].kind, NULL);
		receive(d, rows[i].status);
		check_replies(rows[i].replies);
		assert_null(d->flights.first);
	}
}

static void a_diagnosis_is_asked_again_when_it_is_due(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter w, scrape;
	uint64_t before, due;

	ask(d, &w, REQUEST_DIAGNOSIS, NULL);
	assert_int_equal(fake.sent.flags, 0);
	before = clock_monotonic_ns();
	receive(d, -EAGAIN);
	due = d->flights.first->due_ns;
	assert_in_range(due - 5 * NSEC_PER_SEC, before, clock_monotonic_ns());
	check_replies("");
	assert_false(d->collecting);
	assert_int_equal(dispatch_next_turn(d), due);
	ask(d, &scrape, REQUEST_METRICS, NULL);
	assert_int_equal(fake.sent.kind, REQUEST_METRICS);
	/* While it runs, nothing is due. */
	assert_int_equal(dispatch_next_turn(d), w.waiter.give_up_ns);
	receive(d, 0);
	check_replies("success 0 plain\nanswer 0 plain\n");
	dispatch_turn(d, due - 1);
	assert_int_equal(fake.n_sent, 2);
	dispatch_turn(d, due);
	assert_int_equal(fake.n_sent, 3);
	assert_int_equal(fake.sent.kind, REQUEST_DIAGNOSIS);
	assert_int_equal(fake.sent.flags, REQUEST_SECOND_LOOK);
	assert_true(d->collecting);
	receive(d, 0);
	check_replies("success 1 plain\nanswer 1 plain\n");
}

/* When the second look is due; 0: it was asked for already. */
static uint64_t look_after(struct dispatch *d, struct http_waiter *w, const char *timeout,
			   uint64_t *ret_deadline)
{
	uint64_t due;

	ask(d, w, REQUEST_DIAGNOSIS, timeout);
	*ret_deadline = fake.sent.deadline_ns;
	receive(d, -EAGAIN);
	if (d->flights.running)
		return 0;
	due = d->flights.first->due_ns;
	dispatch_turn(d, due);
	receive(d, 0);
	return due;
}

static void the_second_look_comes_before_the_deadline(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter w;
	uint64_t deadline, due = look_after(d, &w, "3.5", &deadline);

	assert_int_equal(due, deadline - 500 * NSEC_PER_MSEC);
	assert_true(look_after(d, &w, "60", &deadline) < deadline - 50 * NSEC_PER_SEC);
	check_replies("success 1 plain\nanswer 1 plain\nsuccess 1 plain\nanswer 1 plain\n");
}

static void with_no_time_left_it_comes_at_once(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter w;
	uint64_t deadline;

	assert_int_equal(look_after(d, &w, "0.9", &deadline), 0);
	assert_int_equal(fake.n_sent, 2);
	assert_int_equal(fake.sent.flags, REQUEST_SECOND_LOOK);
	receive(d, 0);
	check_replies("success 1 plain\nanswer 1 plain\n");
}

static void there_is_no_third_look(void **state)
{
	struct dispatch *d = *state;
	struct http_waiter w;
	uint64_t deadline;

	assert_int_equal(look_after(d, &w, "0.9", &deadline), 0);
	receive(d, -EAGAIN);
	check_replies("failure 503 Resource temporarily unavailable\nanswer 1 plain\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		dispatch_test(each_kind_sends_what_it_uses),
		dispatch_test(the_verdict_is_wanted_soon),
		dispatch_test(failures_have_their_status_and_sentence),
		dispatch_test(a_diagnosis_is_asked_again_when_it_is_due),
		dispatch_test(there_is_no_third_look),
		dispatch_test(the_second_look_comes_before_the_deadline),
		dispatch_test(with_no_time_left_it_comes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
