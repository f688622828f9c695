/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Single flight: scrapes that ask for the same thing while it is being collected, or before its
 * collection began, share one collection. The collector process runs one flight after the other, in
 * the order they were asked for. Knows neither HTTP nor the channel.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exposition.h"

struct flight_key {
	enum exposition_format format;
	uint64_t collectors;
};

/* One scrape that waits. The caller owns the memory until the waiter is handed back. */
struct waiter {
	struct waiter *next;
	uint64_t give_up_ns; /* CLOCK_MONOTONIC: when not to wait any longer */
};

struct flight {
	struct flight *next;
	struct flight_key key;
	uint64_t deadline_ns;
	struct waiter *waiters;
};

struct flights {
	struct flight *first; /* the running one, if any runs */
	bool running;
	size_t n_waiters;
};

/*
 * Adds the waiter to an equal flight that still has at least half of the time this scrape has, so
 * that nobody's answer is cut short by the hurry of another, or to a new one at the end. Returns 0
 * or -ENOMEM.
 */
int flights_join(struct flights *flights, const struct flight_key *key, uint64_t now_ns,
		 uint64_t deadline_ns, struct waiter *waiter);

/* The flight to start now; NULL when one runs or none waits. It counts as running from here on. */
const struct flight *flights_start(struct flights *flights);

/* Ends the running flight and gives back its waiters as a list. */
struct waiter *flights_finish(struct flights *flights);

/*
 * Takes out the waiters that gave up by now. A running flight goes on without them; one that had
 * not begun is dropped when nobody waits for it any more.
 */
struct waiter *flights_expire(struct flights *flights, uint64_t now_ns);

/* When the first waiter gives up; UINT64_MAX when none waits. */
uint64_t flights_next_expiry(const struct flights *flights);

/* Takes out all waiters, for the end of the process, and frees all flights. */
struct waiter *flights_clear(struct flights *flights);
