/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The walk: one pass over the conntrack table that feeds everyone who wants flows. It is exact up
 * to a limit; above it, or when the deadline comes, it stops reading. The kernel dumps in the order
 * of a keyed hash, so what was read until then is a uniform sample.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address_set.h"
#include "flow.h"

/* What a consumer may look at beside the flow; valid during the call. */
struct walk_view {
	const struct address_set *own;
	const struct nlmsghdr *message; /* the flow as the kernel wrote it */
};

/* One who wants flows. Keeps nothing per flow beyond a named bound. */
struct walk_consumer {
	/* Forgets all: before each attempt of the walk. */
	void (*reset)(void *state);
	void (*add)(void *state, const struct flow *flow, const struct walk_view *view);
	void *state;
};

struct walk_summary {
	uint64_t visited;      /* flows read */
	uint64_t entries;      /* in the table when it began; 0: unknown or none */
	bool complete;	       /* every flow was read, from one hash table */
	bool cut;	       /* its deadline ended it */
	uint64_t available_ns; /* the time it had */
	uint64_t duration_ns;
	uint64_t finished_ns; /* CLOCK_MONOTONIC */
	double timestamp_s;   /* CLOCK_REALTIME at its end */
};

struct collector_context;

/* When a walk that begins now must end: the others of the same request want to answer too. */
uint64_t walk_deadline(uint64_t now_ns, uint64_t deadline_ns);

/*
 * Walks over the table and gives every flow to every consumer; ctx->deadline_ns and the settings
 * bound it. Returns 0 when something was read or nothing is there, or a negative errno: -EPERM
 * without CAP_NET_ADMIN, -ENODATA without conntrack, -ETIMEDOUT when the kernel lost the dump, or
 * what kept it from reading even one flow.
 */
int walk_run(struct collector_context *ctx, const struct walk_consumer *consumers, size_t n,
	     struct walk_summary *ret);
