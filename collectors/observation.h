/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One look at the whole host as plain structs: what the diagnosis is made of. */

#include <stdbool.h>
#include <stdint.h>

#include "flow_counts.h"
#include "join.h"
#include "netstat.h"
#include "ports.h"
#include "reading.h"
#include "settings.h"
#include "socket_counts.h"
#include "socket_limits.h"
#include "stat_carry.h"
#include "table.h"
#include "talkers.h"
#include "tracking.h"

/* Heaviest ones that a look keeps of each kind. */
#define OBSERVATION_TALKERS 10

struct observation_talkers {
	size_t n;
	uint64_t flows; /* of all */
	struct talker talkers[OBSERVATION_TALKERS];
};

struct observation {
	uint64_t taken_ns; /* CLOCK_MONOTONIC */
	/* The cheap part. */
	int table_error; /* of table_read(); -ENODATA: nf_conntrack is not loaded */
	struct reading table[N_TABLE_VALUES];
	struct reading stat[N_STAT_COUNTERS]; /* summed over the CPUs, carried to 64 bits */
	struct reading netstat[N_NETSTAT_COUNTERS];
	struct reading limits[N_SOCKET_LIMITS];
	struct settings settings;
	uint64_t memory_bytes; /* of the machine; 0: unknown */
	enum tracking tracking[N_FLOW_FAMILIES];
	/* The sockets. */
	bool has_sockets;
	struct socket_counts sockets;
	struct ports ports;
	/* The walk over the table. */
	bool has_walk;
	int walk_error; /* why there is none: -EPERM without CAP_NET_ADMIN */
	bool walk_complete;
	uint64_t walk_visited;
	double walk_duration_s;
	struct flow_counts flows; /* scaled to the table unless complete */
	struct join_counts join;
	struct observation_talkers talkers[N_TALKERS_BYS];
};

struct collector_context;

/* What costs next to nothing: no walk, no dump of sockets. What cannot be read is unknown. */
void observation_take_cheap(struct collector_context *ctx, struct observation *ret);

/* All of it. The walk is shared with the metrics' one while that is young. */
void observation_take(struct collector_context *ctx, struct observation *ret);
