/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The join of this host's ESTABLISHED TCP sockets with the flows of the table, as counts.
 *
 * A socket sends (local, remote). conntrack sees that before it translates anything of what leaves,
 * and translates back what arrives before a socket does: so it equals the original tuple of a flow
 * that was opened here and the reply tuple of one that was opened elsewhere, under any NAT.
 *
 * Sockets and flows are not read at one instant. Sockets come first: a flow that is ESTABLISHED
 * behind that and has no socket among them either has none or is new, and the kernel is asked for
 * its socket then and there. The same for a socket whose flow is not found.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lookup.h"
#include "socket_dump.h"
#include "walk.h"

enum join_tracking {
	JOIN_TRACKED,	 /* the table holds the socket's flow as ESTABLISHED */
	JOIN_MISMATCHED, /* it holds it in another state */
	JOIN_UNTRACKED,	 /* it does not hold it */
	N_JOIN_TRACKINGS,
};

enum join_path {
	JOIN_LOOPBACK, /* both ends of the connection are this host's */
	JOIN_REMOTE,
	N_JOIN_PATHS,
};

enum join_socket {
	JOIN_PRESENT,	/* an end of the flow is a socket here */
	JOIN_ABSENT,	/* an end should be, and none is */
	JOIN_FORWARDED, /* neither end is this host's */
	N_JOIN_SOCKETS,
};

struct join_counts {
	bool has_sockets;
	bool has_flows;
	/* ESTABLISHED TCP sockets; scaled to all of them when not every one was looked up. */
	uint64_t sockets[N_JOIN_TRACKINGS][N_JOIN_PATHS];
	uint64_t lookups; /* sockets that were looked up */
	/* ESTABLISHED TCP flows of the walk. */
	uint64_t flows[N_JOIN_SOCKETS];
};

/*
 * Unmatched ones of either kind that are checked again; if there are more, a uniform sample of them
 * is, and stands for all.
 */
#define JOIN_CHECKS_MAX 1024
/* Zones other than the default in which flows of our sockets are looked for. */
#define JOIN_ZONES_MAX 16

/* A flow without a socket, as each of its ends would be one here. */
struct join_candidate {
	struct lookup by_original, by_reply;
};

/* The state of one join; some 230 KiB, and 56 bytes for each socket that is looked up. */
struct join {
	struct address_set own;
	struct socket_connections connections;
	/* The flows' side, while the walk goes on. */
	uint64_t flows[N_JOIN_SOCKETS]; /* absent: candidates */
	uint64_t unreadable;		/* ESTABLISHED TCP flows without addresses or ports */
	struct join_candidate candidates[JOIN_CHECKS_MAX];
	size_t n_candidates;
	uint16_t zones[JOIN_ZONES_MAX];
	size_t n_zones;
	/* Where questions are put together. */
	struct lookup work[2 * JOIN_CHECKS_MAX];
};

/*
 * Before the walk, in a third of the time that is left: reads the host's addresses and sockets, and
 * looks up their flows. Returns 0 with *ret to be given to join_destroy(), or a negative errno.
 */
int join_create(struct collector_context *ctx, struct join **ret);

/* Accepts NULL. */
void join_destroy(struct join *join);

/* The consumer that the walk feeds with flows. */
struct walk_consumer join_consumer(struct join *join);

/*
 * Behind the walk: checks what is unmatched, and counts. established is how many ESTABLISHED TCP
 * flows the table holds, as the walk's own counts have it; the flows' side adds up to it. Returns 0
 * or a negative errno.
 */
int join_finish(struct collector_context *ctx, struct join *join, uint64_t established,
		struct join_counts *ret);
