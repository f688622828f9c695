/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Single flight: requests for the same thing while it is being collected, or before its collection
 * began, share one collection. The collector process runs one flight after the other, in the order
 * they were asked for; one that has to be asked a second time stands aside until it is due. Knows
 * neither HTTP nor the channel.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exposition.h"
#include "request.h"

/* What is asked for. What a kind does not use is 0. */
struct flight_key {
	enum request_kind kind;
	enum exposition_format format;
	uint64_t collectors;
	struct talkers_query talkers;
};

/* One request that waits. The caller owns the memory until the waiter is handed back. */
struct waiter {
	struct waiter *next;
	uint64_t client;      /* what those of one address have in common */
	uint64_t give_up_ns;  /* CLOCK_MONOTONIC: when not to wait any longer */
	uint64_t deadline_ns; /* of its request; set by flights_join() */
};

struct flight {
	struct flight *next;
	struct flight_key key;
	uint64_t deadline_ns;
	uint64_t due_ns; /* CLOCK_MONOTONIC: not to be run before; 0 unless it was postponed */
	struct waiter *waiters;
};

struct flights {
	struct flight *first; /* the running one, if any runs */
	bool running;
	size_t n_waiters;
};

/*
 * Adds the waiter to an equal flight, or to a new one at the end. An equal flight must still have
 * at least half of the time this request has, so that nobody's answer is cut short by the hurry of
 * another, and must not be postponed beyond it. Returns 0 or -ENOMEM.
 */
int flights_join(struct flights *flights, const struct flight_key *key, uint64_t now_ns,
		 uint64_t deadline_ns, struct waiter *waiter);

/*
 * The first flight that is due, which counts as running from here on; NULL when one runs or none is
 * due. One that stood in the queue until it had less than half of the time that its most patient
 * waiter has left gets all of that: who is about to give up would have hardly an answer anyway.
 */
const struct flight *flights_start(struct flights *flights, uint64_t now_ns);

/* The running flight stops, keeps its waiters and is to be started again, ahead of others, then. */
void flights_postpone(struct flights *flights, uint64_t due_ns);

/* When the next flight is to be started; UINT64_MAX while one runs and when none waits. */
uint64_t flights_next_due(const struct flights *flights);

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
