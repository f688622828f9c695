/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who may wait where not all may: the address that has the most places gives one to another. Knows
 * neither HTTP nor the clock.
 */

#include <stdint.h>

#include "flight.h"

/*
 * The limit that keeps a request of this kind from waiting where most may wait (0: no limit), or 0
 * if there is a place for it. A report is cheap to ask for and may wait for seconds, so reports may
 * have half of the places, and leave the others to scrapes.
 */
uint64_t places_limit(const struct flights *flights, enum request_kind kind, uint64_t most);

/*
 * Takes out a waiter whose place a request of this kind and client gets: one of the client that has
 * the most of the places that are contended, and at least two more than this one. Of its waiters,
 * one whose flight is the last to begin. NULL when there is none.
 */
struct waiter *places_take(struct flights *flights, enum request_kind kind, uint64_t client,
			   uint64_t most);
