/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "flight.h"

#include <errno.h>
#include <stdlib.h>

static bool is_same(const struct flight_key *a, const struct flight_key *b)
{
	return a->format == b->format && a->collectors == b->collectors;
}

int flights_join(struct flights *flights, const struct flight_key *key, uint64_t now_ns,
		 uint64_t deadline_ns, struct waiter *waiter)
{
	const uint64_t enough_ns = now_ns + (deadline_ns - now_ns) / 2;
	struct flight **at = &flights->first;

	while (*at && !(is_same(&(*at)->key, key) && (*at)->deadline_ns >= enough_ns))
		at = &(*at)->next;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return -ENOMEM;
		(*at)->key = *key;
		(*at)->deadline_ns = deadline_ns;
	}
	waiter->next = (*at)->waiters;
	(*at)->waiters = waiter;
	flights->n_waiters++;
	return 0;
}

/* Unlinks and frees the first flight; its waiters are returned. */
static struct waiter *pop(struct flights *flights)
{
	struct flight *flight = flights->first;
	struct waiter *waiters = flight->waiters;

	flights->first = flight->next;
	for (struct waiter *w = waiters; w; w = w->next)
		flights->n_waiters--;
	free(flight);
	return waiters;
}

const struct flight *flights_start(struct flights *flights)
{
	if (flights->running)
		return NULL;
	flights->running = flights->first != NULL;
	return flights->first;
}

struct waiter *flights_finish(struct flights *flights)
{
	flights->running = false;
	return flights->first ? pop(flights) : NULL;
}

/* Moves the flight's waiters that gave up by now to the list. */
static void expire_waiters(struct flight *flight, uint64_t now_ns, struct waiter **list)
{
	struct waiter **at = &flight->waiters;

	while (*at) {
		struct waiter *w = *at;

		if (w->give_up_ns > now_ns) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		w->next = *list;
		*list = w;
	}
}

struct waiter *flights_expire(struct flights *flights, uint64_t now_ns)
{
	struct flight **at = &flights->first;
	struct waiter *expired = NULL;

	while (*at) {
		struct flight *flight = *at;

		expire_waiters(flight, now_ns, &expired);
		if (flight->waiters || (flights->running && flight == flights->first)) {
			at = &flight->next;
			continue;
		}
		/* Nobody waits for it any more. */
		*at = flight->next;
		free(flight);
	}
	for (const struct waiter *w = expired; w; w = w->next)
		flights->n_waiters--;
	return expired;
}

uint64_t flights_next_expiry(const struct flights *flights)
{
	uint64_t first = UINT64_MAX;

	for (const struct flight *flight = flights->first; flight; flight = flight->next)
		for (const struct waiter *w = flight->waiters; w; w = w->next)
			first = w->give_up_ns < first ? w->give_up_ns : first;
	return first;
}

struct waiter *flights_clear(struct flights *flights)
{
	struct waiter *all = NULL;

	while (flights->first) {
		struct waiter *next;

		for (struct waiter *w = pop(flights); w; w = next) {
			next = w->next;
			w->next = all;
			all = w;
		}
	}
	flights->running = false;
	return all;
}
