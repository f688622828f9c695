/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whatever connections do, the one that is closed is the one that plain numbers say. */

#include "told_connections.h"

static size_t count(const struct server *s, uint64_t key)
{
	size_t n = 0;

	for (int i = 0; i < N_PLACES; i++)
		n += s->told[i].open && (!key || s->told[i].key == key);
	return n;
}

/* Those that may be closed. */
static bool may_go(const struct told *t, uint64_t key)
{
	return t->open && t->phase != CONNECTION_WAITING && (!key || t->key == key);
}

/* The one that must make room; -1: none. key 0: of all. */
static int victim(const struct server *s, uint64_t key)
{
	size_t n_new = 0;
	bool trusted;
	int found = -1;

	for (int i = 0; i < N_PLACES; i++)
		n_new += may_go(&s->told[i], key) && !s->told[i].old_trusted;
	trusted = n_new < count(s, key) / 4;
	for (int i = 0; i < N_PLACES; i++) {
		const struct told *t = &s->told[i], *f = &s->told[found < 0 ? 0 : found];

		if (!may_go(t, key))
			continue;
		if (found < 0 || (t->old_trusted == trusted) > (f->old_trusted == trusted) ||
		    (t->old_trusted == f->old_trusted && t->age < f->age))
			found = i;
	}
	return found;
}

/* Whether there is room then. */
static bool expect_room(struct server *s, uint64_t key, size_t max, enum http_limit hit)
{
	int i = -1;

	if (count(s, key) < max)
		return true;
	i = victim(s, key);
	if (i < 0)
		s->expected[hit]++;
	else
		expect_shut(s, i, hit);
	return i >= 0;
}

static void come(struct server *s, uint64_t key, int place)
{
	const bool room = (!key || expect_room(s, key, HTTP_CONNECTIONS_PER_ADDRESS_MAX,
					       HTTP_LIMIT_CONNECTIONS_PER_ADDRESS)) &&
			  expect_room(s, 0, HTTP_CONNECTIONS_MAX, HTTP_LIMIT_CONNECTIONS);

	assert_int_equal(connections_admit(&s->all, key), room);
	if (room)
		add(s, place, key);
}

static void expire(struct server *s)
{
	static const struct {
		uint64_t limit;
		enum http_limit hit;
	} rows[] = { { 10 * SECOND, HTTP_LIMIT_REQUEST_TIME },
		     { 10 * SECOND, HTTP_LIMIT_REQUEST_TIME },
		     { 310 * SECOND, HTTP_LIMIT_IDLE_TIME } };

	for (int i = 0; i < N_PLACES; i++)
		if (s->told[i].open && s->told[i].phase != CONNECTION_WAITING &&
		    s->now - s->told[i].since >= rows[s->told[i].phase].limit)
			expect_shut(s, i, rows[s->told[i].phase].hit);
	connections_expire(&s->all, s->now);
}

static void step(struct server *s, struct dice *dice, uint64_t keys)
{
	const int i = (int)dice_below(dice, N_PLACES);

	if (!s->used[i]) {
		come(s, dice_below(dice, keys), i);
	} else if (!s->told[i].open || dice_one_in(dice, 500)) {
		leave(s, i);
	} else {
		if (dice_one_in(dice, 3))
			trust(s, i);
		enter(s, i, (enum connection_phase)dice_below(dice, N_CONNECTION_PHASES));
	}
	s->now += dice_below(dice, SECOND / 200);
	if (dice_one_in(dice, 20))
		expire(s);
}

/* Whatever they do: as the plain numbers say. Few clients meet one limit, many the other. */
static void any_order_of_events(void **state)
{
	static const uint64_t keys[] = { 2, 4, 7, 40, 5000 };
	struct dice dice = dice_start();

	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		const struct server *s;

		assert_int_equal(setup(state), 0);
		s = *state;
		for (int i = 0; i < 6000; i++) {
			step(*state, &dice, keys[k]);
			check(s);
		}
		assert_true(s->hits[k < 3 ? HTTP_LIMIT_CONNECTIONS_PER_ADDRESS
					  : HTTP_LIMIT_CONNECTIONS] > 0);
		(void)teardown(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_of_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
