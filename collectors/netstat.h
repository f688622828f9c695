/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The TCP stack's own reasons why a new connection fails. */

#include "reading.h"

enum netstat_counter {
	NETSTAT_LISTEN_OVERFLOWS,
	NETSTAT_LISTEN_DROPS,
	NETSTAT_REQUEST_QUEUE_FULL_DROPS,
	NETSTAT_REQUEST_QUEUE_FULL_COOKIES,
	NETSTAT_ACTIVE_OPENS,
	NETSTAT_PASSIVE_OPENS,
	NETSTAT_ATTEMPT_FAILS,
	NETSTAT_SYN_RETRANSMITS,
	N_NETSTAT_COUNTERS,
};

struct collector_context;

/*
 * Reads /proc/net/netstat and /proc/net/snmp. Returns 0, or the negative errno of the first file
 * that could not be read (-EBADMSG: it has none of these counters); what the other one told is in
 * ret either way. A counter that this kernel lacks is unknown.
 */
int netstat_read(struct collector_context *ctx, struct reading ret[N_NETSTAT_COUNTERS]);
