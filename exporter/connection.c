/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "connection.h"

#include <sys/socket.h>

#include "util.h"

/* How long a phase may last, and what is counted when it does. */
static const struct {
	uint64_t limit_ns; /* 0: for ever */
	enum http_limit hit;
} phases[N_CONNECTION_PHASES] = {
	[CONNECTION_READING] = { HTTP_REQUEST_TIMEOUT_S * NSEC_PER_SEC, HTTP_LIMIT_REQUEST_TIME },
	[CONNECTION_ANSWERING] = { HTTP_ANSWER_TIMEOUT_S * NSEC_PER_SEC, HTTP_LIMIT_REQUEST_TIME },
	[CONNECTION_IDLE] = { HTTP_IDLE_TIMEOUT_S * NSEC_PER_SEC, HTTP_LIMIT_IDLE_TIME },
};

int connections_init(struct connections *all, uint64_t hits[N_HTTP_LIMITS])
{
	for (size_t i = 0; i < ARRAY_SIZE(all->phases); i++)
		ring_init(&all->phases[i]);
	ages_init(&all->ages);
	all->hits = hits;
	all->n = 0;
	return clients_init(&all->clients);
}

static void leave_ages(struct connections *all, struct connection *c)
{
	if (!c->in_age.next)
		return;
	all->ages.n_untrusted -= !c->aged_trusted;
	c->client->ages.n_untrusted -= !c->aged_trusted;
	ring_leave(&c->in_age);
	ring_leave(&c->in_client);
}

/* As the youngest. */
static void join_ages(struct connections *all, struct connection *c)
{
	leave_ages(all, c);
	c->aged_trusted = c->trusted;
	all->ages.n_untrusted += !c->trusted;
	c->client->ages.n_untrusted += !c->trusted;
	ring_join(&all->ages.rings[c->trusted], &c->in_age);
	ring_join(&c->client->ages.rings[c->trusted], &c->in_client);
}

void connection_remove(struct connections *all, struct connection *c)
{
	if (!c->client)
		return;
	ring_leave(&c->in_phase);
	leave_ages(all, c);
	clients_leave(&all->clients, c->client);
	c->client = NULL;
	all->n--;
}

static void shut_down(struct connections *all, struct connection *c, enum http_limit hit)
{
	all->hits[hit]++;
	connection_remove(all, c);
	(void)shutdown(c->fd, SHUT_RDWR);
}

void connection_add(struct connections *all, struct connection *c, int fd, uint64_t key,
		    uint64_t now_ns)
{
	*c = (struct connection){ .fd = fd, .key = key, .since_ns = now_ns };
	c->client = clients_join(&all->clients, key);
	if (!c->client) {
		all->hits[HTTP_LIMIT_CONNECTIONS]++;
		(void)shutdown(fd, SHUT_RDWR);
		return;
	}
	all->n++;
	ring_join(&all->phases[c->phase], &c->in_phase);
	join_ages(all, c);
}

void connection_enter(struct connections *all, struct connection *c, enum connection_phase phase,
		      uint64_t now_ns)
{
	const bool waited = c->phase == CONNECTION_WAITING;

	if (!c->client || phase == c->phase)
		return;
	c->phase = phase;
	c->since_ns = now_ns;
	ring_join(&all->phases[phase], &c->in_phase);
	if (phase == CONNECTION_WAITING)
		leave_ages(all, c);
	else if (phase == CONNECTION_ANSWERING || waited)
		join_ages(all, c);
}

void connection_trust(struct connection *c)
{
	c->trusted = true;
}

/* The one to close of the n of all or of one client; NULL: none. */
static struct ring *choose(const struct ages *ages, size_t n)
{
	struct ring *trusted = ring_first(&ages->rings[true]),
		    *untrusted = ring_first(&ages->rings[false]);

	return untrusted && (!trusted || ages->n_untrusted >= HTTP_NEWCOMERS(n)) ? untrusted
										 : trusted;
}

bool connections_evict(struct connections *all)
{
	struct ring *first = choose(&all->ages, all->n);

	if (!first)
		return false;
	shut_down(all, ring_entry(first, struct connection, in_age), HTTP_LIMIT_CONNECTIONS);
	return true;
}

static bool evict_of(struct connections *all, const struct client *client)
{
	struct ring *first = choose(&client->ages, client->n);

	if (!first)
		return false;
	shut_down(all, ring_entry(first, struct connection, in_client),
		  HTTP_LIMIT_CONNECTIONS_PER_ADDRESS);
	return true;
}

static bool refuse(struct connections *all, enum http_limit hit)
{
	all->hits[hit]++;
	return false;
}

bool connections_admit(struct connections *all, uint64_t key)
{
	const struct client *client = key ? clients_find(&all->clients, key) : NULL;

	if (client && client->n >= HTTP_CONNECTIONS_PER_ADDRESS_MAX && !evict_of(all, client))
		return refuse(all, HTTP_LIMIT_CONNECTIONS_PER_ADDRESS);
	if (all->n >= HTTP_CONNECTIONS_MAX && !connections_evict(all))
		return refuse(all, HTTP_LIMIT_CONNECTIONS);
	return true;
}

static struct connection *first_of(const struct connections *all, size_t phase)
{
	struct ring *first = ring_first(&all->phases[phase]);

	return first ? ring_entry(first, struct connection, in_phase) : NULL;
}

void connections_expire(struct connections *all, uint64_t now_ns)
{
	for (size_t i = 0; i < N_CONNECTION_PHASES; i++) {
		struct connection *c;

		while (phases[i].limit_ns && (c = first_of(all, i)) &&
		       now_ns - c->since_ns >= phases[i].limit_ns)
			shut_down(all, c, phases[i].hit);
	}
}

uint64_t connections_next_expiry(const struct connections *all)
{
	uint64_t next_ns = UINT64_MAX;

	for (size_t i = 0; i < N_CONNECTION_PHASES; i++) {
		const struct connection *c = first_of(all, i);

		if (phases[i].limit_ns && c && c->since_ns + phases[i].limit_ns < next_ns)
			next_ns = c->since_ns + phases[i].limit_ns;
	}
	return next_ns;
}
