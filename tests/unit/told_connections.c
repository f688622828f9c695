/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "told_connections.h"

#include <sys/socket.h>

static bool is_shut[N_PLACES]; /* by shutdown() */

int __wrap_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how)
{
	assert_in_range(fd, 0, N_PLACES - 1);
	assert_int_equal(how, SHUT_RDWR);
	assert_false(is_shut[fd]);
	is_shut[fd] = true;
	return 0;
}

int setup(void **state)
{
	struct server *s = calloc(1, sizeof(*s));

	if (!s || connections_init(&s->all, s->hits) < 0)
		return -1;
	memset(is_shut, 0, sizeof(is_shut));
	s->now = 1000 * SECOND;
	*state = s;
	return 0;
}

int teardown(void **state)
{
	free(*state);
	return 0;
}

void add(struct server *s, int i, uint64_t key)
{
	assert_false(s->used[i]);
	is_shut[i] = false;
	connection_add(&s->all, &s->connections[i], i, key, s->now);
	s->used[i] = true;
	s->told[i] = (struct told){ .open = true, .key = key, .age = ++s->ages, .since = s->now };
}

void leave(struct server *s, int i)
{
	connection_remove(&s->all, &s->connections[i]);
	s->used[i] = s->told[i].open = false;
}

void enter(struct server *s, int i, enum connection_phase phase)
{
	struct told *t = &s->told[i];
	bool waited;

	connection_enter(&s->all, &s->connections[i], phase, s->now);
	if (phase == t->phase)
		return;
	waited = t->phase == CONNECTION_WAITING;
	t->phase = phase;
	t->since = s->now;
	if (phase == CONNECTION_ANSWERING || (waited && phase != CONNECTION_WAITING)) {
		t->age = ++s->ages;
		t->old_trusted = t->trusted;
	}
}

void trust(struct server *s, int i)
{
	connection_trust(&s->connections[i]);
	s->told[i].trusted = true;
}

void be_served(struct server *s, int i)
{
	enter(s, i, CONNECTION_READING);
	trust(s, i);
	enter(s, i, CONNECTION_WAITING);
	enter(s, i, CONNECTION_ANSWERING);
	enter(s, i, CONNECTION_IDLE);
}

void check(const struct server *s)
{
	size_t n = 0;

	for (int i = 0; i < N_PLACES; i++) {
		assert_int_equal(s->used[i] && !is_shut[i], s->told[i].open);
		n += s->told[i].open;
	}
	assert_int_equal(s->all.n, n);
	assert_memory_equal(s->hits, s->expected, sizeof(s->hits));
}

void expect_shut(struct server *s, int i, enum http_limit hit)
{
	s->told[i].open = false;
	s->expected[hit]++;
}
