/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which kind of flow holds most of the table, and the timeout that keeps it there. Pure. */

#include "looks.h"

struct holder_kind {
	const char *what; /* "TCP flows in state ESTABLISHED" */
	enum flow_protocol protocol;
	int tcp_state;	    /* enum flow_tcp_state; -1: not by state */
	uint32_t replies;   /* bits 1 << enum flow_reply, where not by state */
	int timeout;	    /* enum timeout_setting; -1: none of conntrack's, or not known which */
	uint32_t shorter_s; /* to propose; 0: nothing shorter is sensible */
	const char *cost;   /* of the shorter one */
};

struct holder {
	const struct holder_kind *kind;
	uint64_t flows, total;
	struct reading timeout_s; /* as set now */
};

/* The largest kind. False without a walk, or when it lacked what the kinds are told by. */
bool holder_find(const struct looks *looks, struct holder *ret);

/*
 * ESTABLISHED TCP flows that have been idle for more than lifetime_s and have at least an hour
 * left, by that time: a packet sets it to the timeout, except that flows with data not answered yet
 * get at most 5 minutes (nf_conntrack_tcp_packet()); those within the last hour are left out for
 * this. Whole hours, rounded down. False where the timeout or the flows are not known, or it is not
 * longer than lifetime_s.
 */
bool holder_idle(const struct looks *looks, uint32_t lifetime_s, uint64_t *ret);
