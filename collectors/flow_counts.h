/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Flows -> counts. Pure, bounded: nothing is kept per flow. */

#include <stddef.h>
#include <stdint.h>

#include "address_set.h"
#include "flow.h"

enum flow_reply {
	FLOW_UNREPLIED,
	FLOW_REPLIED,
	FLOW_ASSURED,
	N_FLOW_REPLIES,
};

enum flow_path {
	FLOW_INBOUND,
	FLOW_OUTBOUND,
	FLOW_LOOPBACK,
	FLOW_FORWARDED,
	N_FLOW_PATHS,
};

enum flow_nat {
	FLOW_NAT_NONE,
	FLOW_NAT_SOURCE,
	FLOW_NAT_DESTINATION,
	FLOW_NAT_BOTH,
	N_FLOW_NATS,
};

enum flow_offload {
	FLOW_OFFLOAD_SOFTWARE,
	FLOW_OFFLOAD_HARDWARE,
	N_FLOW_OFFLOADS,
};

/* Remaining timeouts of at most 10 s, 1 m, 10 m, 1 h, 1 d. */
enum { N_FLOW_EXPIRIES = 5 };
extern const uint32_t flow_expiry_limits_s[N_FLOW_EXPIRIES];

/*
 * ESTABLISHED TCP flows by the whole hours they have left, the last all that have longer. Their
 * default timeout is the 120 hours of nf_conntrack_tcp_timeout_established.
 */
enum { N_FLOW_HOURS_LEFT = 121 };

struct flow_counts {
	uint64_t visited;
	uint32_t missing; /* enum flow_has: what at least one visited flow lacked, so that its
			     breakdown would lie */
	uint64_t by_protocol[N_FLOW_FAMILIES][N_FLOW_PROTOCOLS];
	uint64_t by_tcp_state[N_FLOW_FAMILIES][N_FLOW_TCP_STATES];
	uint64_t by_reply[N_FLOW_PROTOCOLS][N_FLOW_REPLIES];
	uint64_t by_path[N_FLOW_PATHS];
	uint64_t by_nat[N_FLOW_NATS];
	uint64_t offloaded[N_FLOW_OFFLOADS];
	uint64_t expiring[N_FLOW_EXPIRIES]; /* cumulative */
	uint64_t established_hours_left[N_FLOW_HOURS_LEFT];
};

/* inbound, outbound, loopback or forwarded, by which end is an address of this host. */
enum flow_path flow_path(const struct address *initiator, const struct address *responder,
			 const struct address_set *own);

/* Adds one flow to every breakdown whose fields it has, and to missing what it lacks. */
void flow_counts_add(struct flow_counts *counts, const struct flow *flow,
		     const struct address_set *own);

/*
 * Scales counts of a sample of visited flows to a table of entries. Sums that were equal stay
 * equal, a zero stays zero, and every sum over a whole breakdown becomes exactly entries. Does
 * nothing when nothing was visited.
 */
void flow_counts_scale(struct flow_counts *counts, uint64_t entries);

/*
 * Scales n counts so that they add up to exactly to, each within 1 of its share; all zeros stay
 * zeros.
 */
void flow_counts_scale_parts(uint64_t *values, size_t n, uint64_t to);
