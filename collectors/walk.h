/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The walk: one pass over the conntrack table that feeds everyone who wants flows. It is exact up
 * to a limit; above it, or when the deadline comes, it stops reading. The kernel dumps in the order
 * of a keyed hash, so what was read until then is a uniform sample.
 */

#include <stdbool.h>
#include <stdint.h>

#include "flow_counts.h"

struct walk_result {
	struct flow_counts counts; /* scaled to the table when the walk is not complete */
	bool complete;		   /* every flow was read, from one hash table */
	uint64_t duration_ns;
	double timestamp_s; /* CLOCK_REALTIME at its end */
};

/* The last walk; zeroed memory is "none yet". */
struct walk {
	struct walk_result result;
	uint64_t finished_ns;  /* CLOCK_MONOTONIC; 0: no result */
	uint64_t cut_after_ns; /* the time it had when its deadline cut it short; 0: it was not */
};

struct collector_context;

/*
 * Gives the last walk if it is younger than the minimum interval, else makes a new one; also when
 * the last one was cut short by a deadline and there is much more time now. *ret points into ctx
 * and holds until the next call. Returns 0 or a negative errno: -EPERM without CAP_NET_ADMIN,
 * -ENODATA without conntrack, or what kept the walk from reading even one flow.
 */
int walk_get(struct collector_context *ctx, const struct walk_result **ret);
