/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whether conntrack knows our own clients' connections: the one sign of tracking that costs no
 * right. Knows nothing of HTTP.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../collectors/flow.h"
#include "../collectors/tracking.h"

/* What a connection told longer ago than this says nothing about now. */
#define CONNTRACK_PROBE_MAX_AGE_S 60

/*
 * Asks the kernel for the original destination of a connected TCP socket (SO_ORIGINAL_DST of
 * linux/netfilter_ipv4.h, 80 in both families), which it looks up in conntrack: TRACKING_ACTIVE
 * when it has one, TRACKING_INACTIVE when this connection is not in the table (ENOENT, also where a
 * rule exempts it or another zone holds it), TRACKING_UNKNOWN for every other error, such as
 * ENOPROTOOPT without nf_conntrack. An IPv4 client of a socket for both families counts as IPv4.
 * Returns 0, or a negative errno for a socket of neither family.
 */
int conntrack_probe(int fd, enum flow_family *ret_family, enum tracking *ret_tracking);

/* The newest answer of each family. Zeroed memory has none. */
struct conntrack_probes {
	struct {
		enum tracking tracking;
		uint64_t taken_ns; /* CLOCK_MONOTONIC */
	} newest[N_FLOW_FAMILIES];
};

/* Asks and remembers; a socket that cannot be asked changes nothing. */
void conntrack_probes_take(struct conntrack_probes *probes, int fd, uint64_t now_ns);

/* What is known now. */
enum tracking conntrack_probes_get(const struct conntrack_probes *probes, enum flow_family family,
				   uint64_t now_ns);
