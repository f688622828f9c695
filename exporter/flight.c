/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "flight.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_same(const struct flight_key *a, const struct flight_key *b)
{
	return a->kind == b->kind && a->format == b->format && a->collectors == b->collectors &&
	       memcmp(&a->talkers, &b->talkers, sizeof(a->talkers)) == 0;
}

int flights_join(struct flights *flights, const struct flight_key *key, uint64_t now_ns,
		 uint64_t deadline_ns, struct waiter *waiter)
{
	const uint64_t enough_ns = now_ns + (deadline_ns - now_ns) / 2;
	struct flight **at = &flights->first;

	while (*at && !(is_same(&(*at)->key, key) && (*at)->deadline_ns >= enough_ns &&
			(*at)->due_ns < deadline_ns))
		at = &(*at)->next;
	if (!*at) {
		*at = calloc(1, sizeof(**at));
		if (!*at)
			return -ENOMEM;
		(*at)->key = *key;
		(*at)->deadline_ns = deadline_ns;
	}
	waiter->deadline_ns = deadline_ns;
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

/* Of what the most patient waiter still has, a flight must have half, as when it is joined. */
static void extend_deadline(struct flight *flight, uint64_t now_ns)
{
	uint64_t last_ns = flight->deadline_ns;

	for (const struct waiter *w = flight->waiters; w; w = w->next)
		last_ns = w->deadline_ns > last_ns ? w->deadline_ns : last_ns;
	if (last_ns > now_ns && flight->deadline_ns < now_ns + (last_ns - now_ns) / 2)
		flight->deadline_ns = last_ns;
}

const struct flight *flights_start(struct flights *flights, uint64_t now_ns)
{
	struct flight **at = &flights->first, *flight;

	if (flights->running)
		return NULL;
	while (*at && (*at)->due_ns > now_ns)
		at = &(*at)->next;
	flight = *at;
	if (!flight)
		return NULL;
	*at = flight->next;
	flight->next = flights->first;
	flights->first = flight;
	flights->running = true;
	extend_deadline(flight, now_ns);
	return flight;
}

void flights_postpone(struct flights *flights, uint64_t due_ns)
{
	assert(flights->running);
	flights->first->due_ns = due_ns;
	flights->running = false;
}

uint64_t flights_next_due(const struct flights *flights)
{
	uint64_t first = UINT64_MAX;

	if (flights->running)
		return first;
	for (const struct flight *flight = flights->first; flight; flight = flight->next)
		first = flight->due_ns < first ? flight->due_ns : first;
	return first;
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
