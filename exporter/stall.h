/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How long to wait when libmicrohttpd says that it has something to do and does nothing. Up to
 * 0.9.75 at least it says so all the time while a client stands still in the middle of its TLS
 * handshake, so that one such client would take a whole core. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

/* As many runs nothing came of, one after another, before there is a pause. */
#define STALL_RUNS 8
/* A pause is this much longer than the run before it, so that such runs take a tenth of a core. */
#define STALL_SHARE 9
#define STALL_PAUSE_MIN_MS 1
/* What is in fact due, and brings no event of its own, waits for so long at most. */
#define STALL_PAUSE_MAX_MS 50

/* Zeroed memory is one in which nothing ran. */
struct stall {
	bool stirred;
	unsigned int runs; /* in a row that nothing came of */
	uint64_t ended_ns; /* the last run */
	uint64_t took_ns;
};

/* There is something to do, or something was done. */
void stall_stir(struct stall *stall);

void stall_ran(struct stall *stall, uint64_t began_ns, uint64_t ended_ns);

/* When to run again at the latest, if it has something to do; 0: at once. */
uint64_t stall_next_turn(const struct stall *stall);
