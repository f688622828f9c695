/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "told_connections.h"

static void check_evicts(struct server *s, int i)
{
	expect_shut(s, i, HTTP_LIMIT_CONNECTIONS);
	assert_true(connections_evict(&s->all));
	check(s);
}

static void the_oldest_goes_first(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < 4; i++)
		add(s, i, 0);
	for (int i = 0; i < 4; i++)
		check_evicts(s, i);
	assert_false(connections_evict(&s->all));
	check(s);
}

static void who_was_never_served_goes_before_who_was(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < 5; i++)
		add(s, i, 0);
	be_served(s, 0);
	be_served(s, 1);
	enter(s, 2, CONNECTION_ANSWERING); /* a refusal makes young, not trusted */
	enter(s, 2, CONNECTION_IDLE);
	be_served(s, 0);
	check_evicts(s, 3);
	check_evicts(s, 4);
	check_evicts(s, 2);
	check_evicts(s, 1);
	check_evicts(s, 0);
}

/* Who holds three places of four by requests does not keep a fifth one out. */
static void newcomers_have_a_part(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < 8; i++) {
		add(s, i, 0);
		be_served(s, i);
	}
	check_evicts(s, 0);
	add(s, 8, 0);
	check_evicts(s, 1);
	add(s, 9, 0);
	check_evicts(s, 8);
	enter(s, 9, CONNECTION_WAITING);
	check_evicts(s, 2);
}

static void an_answer_makes_young_and_a_beginning_does_not(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < 3; i++) {
		add(s, i, 0);
		be_served(s, i);
	}
	enter(s, 1, CONNECTION_READING);
	enter(s, 0, CONNECTION_READING);
	enter(s, 0, CONNECTION_ANSWERING);
	check_evicts(s, 1);
	check_evicts(s, 2);
	check_evicts(s, 0);
}

static void who_waits_is_never_closed(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < 3; i++)
		add(s, i, 0);
	enter(s, 0, CONNECTION_WAITING);
	enter(s, 0, CONNECTION_WAITING);
	enter(s, 2, CONNECTION_WAITING);
	check_evicts(s, 1);
	assert_false(connections_evict(&s->all));
	connections_expire(&s->all, s->now + 100000 * SECOND);
	check(s);
	enter(s, 2, CONNECTION_ANSWERING);
	enter(s, 0, CONNECTION_ANSWERING);
	check_evicts(s, 2);
	check_evicts(s, 0);
}

static void the_closed_do_not_come_back(void **state)
{
	struct server *s = *state;

	add(s, 0, 5);
	add(s, 1, 5);
	check_evicts(s, 0);
	/* Its last answer may still be under way. */
	be_served(s, 0);
	check(s);
	check_evicts(s, 1);
	assert_false(connections_evict(&s->all));
	leave(s, 0);
	leave(s, 1);
	check(s);
}

static void each_phase_has_its_time(void **state)
{
	static const struct {
		enum connection_phase phase;
		enum http_limit hit;
		uint64_t seconds;
	} rows[] = {
		{ CONNECTION_READING, HTTP_LIMIT_REQUEST_TIME, 10 },
		{ CONNECTION_ANSWERING, HTTP_LIMIT_REQUEST_TIME, 10 },
		{ CONNECTION_IDLE, HTTP_LIMIT_IDLE_TIME, 310 },
	};
	struct server *s = *state;

	assert_true(connections_next_expiry(&s->all) == UINT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint64_t end = s->now + rows[i].seconds * SECOND;

		add(s, (int)i, 0);
		enter(s, (int)i, rows[i].phase);
		assert_true(connections_next_expiry(&s->all) == end);
		connections_expire(&s->all, end - 1);
		check(s);
		expect_shut(s, (int)i, rows[i].hit);
		connections_expire(&s->all, end);
		check(s);
		assert_true(connections_next_expiry(&s->all) == UINT64_MAX);
	}
	add(s, 10, 0);
	enter(s, 10, CONNECTION_WAITING);
	assert_true(connections_next_expiry(&s->all) == UINT64_MAX);
}

/* A request line now and then prolongs nothing: the time of a phase counts from its beginning. */
static void bytes_prolong_nothing(void **state)
{
	struct server *s = *state;
	const uint64_t begun = s->now;

	add(s, 0, 0);
	s->now += 9 * SECOND;
	enter(s, 0, CONNECTION_READING);
	assert_true(connections_next_expiry(&s->all) == begun + 10 * SECOND);
	be_served(s, 0);
	assert_true(connections_next_expiry(&s->all) == s->now + 310 * SECOND);
	s->now += 100 * SECOND;
	enter(s, 0, CONNECTION_READING);
	assert_true(connections_next_expiry(&s->all) == s->now + 10 * SECOND);
	check(s);
}

static void an_address_makes_room_for_itself(void **state)
{
	enum { MAX = HTTP_CONNECTIONS_PER_ADDRESS_MAX };
	struct server *s = *state;

	for (int i = 0; i < MAX; i++) {
		assert_true(connections_admit(&s->all, 7));
		add(s, i, 7);
	}
	add(s, MAX, 8);
	assert_true(connections_admit(&s->all, 8));
	be_served(s, 0);
	check(s);
	expect_shut(s, 1, HTTP_LIMIT_CONNECTIONS_PER_ADDRESS);
	assert_true(connections_admit(&s->all, 7));
	check(s);
	add(s, MAX + 1, 7);
	for (int i = 0; i <= MAX + 1; i++)
		enter(s, i, CONNECTION_WAITING);
	s->expected[HTTP_LIMIT_CONNECTIONS_PER_ADDRESS]++;
	assert_false(connections_admit(&s->all, 7));
	assert_true(connections_admit(&s->all, 8));
	check(s);
}

static void who_has_no_address_has_all_the_room(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		assert_true(connections_admit(&s->all, 0));
		add(s, i, 0);
	}
	check(s);
	expect_shut(s, 0, HTTP_LIMIT_CONNECTIONS);
	assert_true(connections_admit(&s->all, 0));
	for (int i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		enter(s, i, CONNECTION_WAITING);
	check(s);
	assert_true(connections_admit(&s->all, 0));
	add(s, HTTP_CONNECTIONS_MAX, 0);
	enter(s, HTTP_CONNECTIONS_MAX, CONNECTION_WAITING);
	s->expected[HTTP_LIMIT_CONNECTIONS]++;
	assert_false(connections_admit(&s->all, 0));
	check(s);
}

/* Without anybody's having made room. */
static void a_client_without_a_place_is_closed(void **state)
{
	struct server *s = *state;

	for (int i = 0; i <= HTTP_CONNECTIONS_MAX; i++)
		add(s, i, 1000 + (uint64_t)i);
	expect_shut(s, HTTP_CONNECTIONS_MAX, HTTP_LIMIT_CONNECTIONS);
	check(s);
	leave(s, HTTP_CONNECTIONS_MAX);
	check(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(the_oldest_goes_first),
		server_test(who_was_never_served_goes_before_who_was),
		server_test(newcomers_have_a_part),
		server_test(an_answer_makes_young_and_a_beginning_does_not),
		server_test(who_waits_is_never_closed),
		server_test(the_closed_do_not_come_back),
		server_test(each_phase_has_its_time),
		server_test(bytes_prolong_nothing),
		server_test(an_address_makes_room_for_itself),
		server_test(who_has_no_address_has_all_the_room),
		server_test(a_client_without_a_place_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
