/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "places.h"

#include <stdlib.h>

static bool is_report(const struct flight *flight)
{
	return flight->key.kind != REQUEST_METRICS;
}

static uint64_t count_reports(const struct flights *flights)
{
	uint64_t n = 0;

	for (const struct flight *flight = flights->first; flight; flight = flight->next)
		for (const struct waiter *w = flight->waiters; w && is_report(flight); w = w->next)
			n++;
	return n;
}

static bool are_reports_full(const struct flights *flights, uint64_t most)
{
	return count_reports(flights) >= most - most / 2;
}

uint64_t places_limit(const struct flights *flights, enum request_kind kind, uint64_t most)
{
	if (most == 0)
		return 0;
	if (kind != REQUEST_METRICS && are_reports_full(flights, most))
		return most - most / 2;
	return flights->n_waiters >= most ? most : 0;
}

/* Of all places, or of those that reports have. */
static uint64_t count(const struct flights *flights, bool reports, uint64_t client)
{
	uint64_t n = 0;

	for (const struct flight *flight = flights->first; flight; flight = flight->next)
		for (const struct waiter *w = flight->waiters; w && (!reports || is_report(flight));
		     w = w->next)
			n += w->client == client;
	return n;
}

/* Few wait at a time, so that it does no harm to count anew for each. */
static uint64_t find_most(const struct flights *flights, bool reports, uint64_t *ret_client)
{
	uint64_t most = 0;

	for (const struct flight *flight = flights->first; flight; flight = flight->next)
		for (const struct waiter *w = flight->waiters; w; w = w->next) {
			const uint64_t n = count(flights, reports, w->client);

			if (n > most) {
				most = n;
				*ret_client = w->client;
			}
		}
	return most;
}

static struct waiter **find_waiter(struct flight *flight, uint64_t client)
{
	struct waiter **at = &flight->waiters;

	while (*at && (*at)->client != client)
		at = &(*at)->next;
	return at;
}

/* The running flight goes on for nobody; another one is dropped. */
static struct waiter *take(struct flights *flights, struct flight **flight, struct waiter **at)
{
	struct waiter *taken = *at;
	struct flight *left = *flight;

	*at = taken->next;
	flights->n_waiters--;
	if (!left->waiters && !(flights->running && left == flights->first)) {
		*flight = left->next;
		free(left);
	}
	return taken;
}

struct waiter *places_take(struct flights *flights, enum request_kind kind, uint64_t client,
			   uint64_t most)
{
	const bool reports = kind != REQUEST_METRICS && are_reports_full(flights, most);
	struct flight **last = NULL;
	uint64_t from = 0;

	if (find_most(flights, reports, &from) < count(flights, reports, client) + 2)
		return NULL;
	for (struct flight **at = &flights->first; *at; at = &(*at)->next)
		if ((!reports || is_report(*at)) && *find_waiter(*at, from))
			last = at;
	return last ? take(flights, last, find_waiter(*last, from)) : NULL;
}
