/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <sys/socket.h>

#include "../../exporter/connection.h"

enum { N_CLIENTS = 4 };

struct server {
	struct connections all;
	struct connection connections[N_CLIENTS];
	int clients[N_CLIENTS];
	int ends[N_CLIENTS];
};

static int setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	connections_init(&s->all);
	for (int i = 0; i < N_CLIENTS; i++) {
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
			return -1;
		s->ends[i] = fds[0];
		s->clients[i] = fds[1];
		connection_add(&s->all, &s->connections[i], fds[0]);
	}
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct server *s = *state;

	for (int i = 0; i < N_CLIENTS; i++) {
		(void)close(s->ends[i]);
		(void)close(s->clients[i]);
	}
	free(s);
	return 0;
}

/* The client sees the end of its connection. */
static bool is_shut_down(const struct server *s, int i)
{
	char byte;
	ssize_t n = recv(s->clients[i], &byte, 1, MSG_DONTWAIT);

	assert_true(n == 0 || (n < 0 && errno == EAGAIN));
	assert_true(s->connections[i].evicted == (n == 0));
	return n == 0;
}

/* Evicts, and makes sure that it was this one and no other. */
static void check_evicts(struct server *s, int expected)
{
	bool before[N_CLIENTS];
	const size_t n = s->all.n;

	for (int i = 0; i < N_CLIENTS; i++)
		before[i] = is_shut_down(s, i);
	assert_true(connections_evict(&s->all));
	assert_int_equal(s->all.n, n - 1);
	for (int i = 0; i < N_CLIENTS; i++)
		assert_true(is_shut_down(s, i) == (before[i] || i == expected));
}

static void the_oldest_goes_first(void **state)
{
	struct server *s = *state;

	assert_int_equal(s->all.n, N_CLIENTS);
	for (int i = 0; i < N_CLIENTS; i++)
		check_evicts(s, i);
	assert_false(connections_evict(&s->all));
	assert_int_equal(s->all.n, 0);
}

static void an_answer_makes_young_again(void **state)
{
	struct server *s = *state;

	connection_busy(&s->connections[0]);
	connection_idle(&s->all, &s->connections[0]);
	/* It need not have been busy, nor in the middle. */
	connection_idle(&s->all, &s->connections[2]);
	connection_idle(&s->all, &s->connections[2]);
	assert_int_equal(s->all.n, N_CLIENTS);
	check_evicts(s, 1);
	check_evicts(s, 3);
	check_evicts(s, 0);
	check_evicts(s, 2);
}

static void a_scrape_that_waits_is_never_evicted(void **state)
{
	struct server *s = *state;

	connection_busy(&s->connections[0]);
	connection_busy(&s->connections[0]);
	connection_busy(&s->connections[2]);
	assert_int_equal(s->all.n, N_CLIENTS);
	check_evicts(s, 1);
	check_evicts(s, 3);
	assert_false(connections_evict(&s->all));
	assert_false(is_shut_down(s, 0) || is_shut_down(s, 2));
	assert_int_equal(s->all.n, 2);
	connection_idle(&s->all, &s->connections[2]);
	connection_idle(&s->all, &s->connections[0]);
	check_evicts(s, 2);
	check_evicts(s, 0);
}

static void the_evicted_do_not_come_back(void **state)
{
	struct server *s = *state;

	check_evicts(s, 0);
	/* Its last answer may still be under way. */
	connection_busy(&s->connections[0]);
	connection_idle(&s->all, &s->connections[0]);
	assert_int_equal(s->all.n, 3);
	check_evicts(s, 1);
	check_evicts(s, 2);
	check_evicts(s, 3);
	assert_false(connections_evict(&s->all));
	assert_int_equal(s->all.n, 0);
}

static void the_end_of_an_evicted_one_is_not_counted_twice(void **state)
{
	struct server *s = *state;

	check_evicts(s, 0);
	check_evicts(s, 1);
	connection_remove(&s->all, &s->connections[0]);
	connection_remove(&s->all, &s->connections[1]);
	assert_int_equal(s->all.n, 2);
	check_evicts(s, 2);
	check_evicts(s, 3);
}

static void the_removed_are_gone(void **state)
{
	struct server *s = *state;

	connection_remove(&s->all, &s->connections[0]);
	connection_busy(&s->connections[1]);
	connection_remove(&s->all, &s->connections[1]);
	assert_int_equal(s->all.n, 2);
	check_evicts(s, 2);
	connection_add(&s->all, &s->connections[0], s->ends[0]);
	assert_int_equal(s->all.n, 2);
	check_evicts(s, 3);
	check_evicts(s, 0);
	assert_false(connections_evict(&s->all));
}

static void room_is_made_by_the_oldest(void **state)
{
	struct server *s = *state;

	assert_true(connections_make_room(&s->all, N_CLIENTS + 1));
	assert_int_equal(s->all.n, N_CLIENTS);
	connection_busy(&s->connections[1]);
	assert_true(connections_make_room(&s->all, N_CLIENTS - 1));
	assert_int_equal(s->all.n, N_CLIENTS - 2);
	assert_true(is_shut_down(s, 0) && is_shut_down(s, 2));
	assert_false(is_shut_down(s, 1) || is_shut_down(s, 3));
	connection_busy(&s->connections[3]);
	assert_false(connections_make_room(&s->all, 2));
	assert_int_equal(s->all.n, 2);
}

#define server_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		server_test(the_oldest_goes_first),
		server_test(an_answer_makes_young_again),
		server_test(a_scrape_that_waits_is_never_evicted),
		server_test(the_evicted_do_not_come_back),
		server_test(the_end_of_an_evicted_one_is_not_counted_twice),
		server_test(the_removed_are_gone),
		server_test(room_is_made_by_the_oldest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
