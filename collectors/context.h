/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The state of the collector process, and the questions about conntrack that go through it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netlink_lookup.h"
#include "socket_dump.h"
#include "stat_carry.h"
#include "survey.h"
#include "sysctl.h"
#include "tracking.h"

struct observation;

#define COLLECTORS_MAX 64 /* a mask of collectors is 64 bits */
#define CONTEXT_LOOKS 2

/* What the flags say to the collectors (--collector.NAME.OPTION, --path.procfs). */
struct collector_settings {
	const char *procfs;
	bool stat_per_cpu;
	uint64_t flows_limit; /* flows; 0: no limit */
	uint64_t flows_min_interval_ns;
	uint64_t correlation_lookups; /* ESTABLISHED sockets looked up in one walk */
	uint64_t talkers_limit;	      /* of each kind, 1 to TALKERS_LIMIT_MAX */
};

/*
 * The state of the collector process: sockets, and what must outlive a scrape. One scrape at a time
 * uses it.
 */
struct collector_context {
	const struct collector_settings *settings;
	struct netlink netlink;
	struct sysctls sysctls;
	struct stat_carry stat;
	struct survey survey;
	struct survey_failure survey_failure;
	uint64_t part_wanted_ns[N_SURVEY_PARTS]; /* CLOCK_MONOTONIC; 0: never */
	struct socket_dump sockets;
	uint64_t request; /* number of the running request, from 1 on */
	/* Read once at start, while root may read /proc/slabinfo; 0: unknown. */
	uint64_t entry_size_bytes;
	/* Of the running request. */
	uint64_t deadline_ns;  /* CLOCK_MONOTONIC */
	uint32_t survey_parts; /* enum survey_part that someone in it wants */
	bool wants_ports;      /* someone in it wants those of the sockets' dump */
	/* What the kernel says of the connections that requests came on; unknown in a command. */
	enum tracking connection_tracked[N_FLOW_FAMILIES];
	/* What the next diagnosis may compare with, newest first; owned, NULL: none. */
	struct observation *looks[CONTEXT_LOOKS];
	bool saw_nothing; /* the last diagnosis: no table, no socket, no flow could be read */
	uint64_t filtered_walk_ns; /* CLOCK_MONOTONIC: none for filtered talkers before */
	/* Of each collector, by its index in the registry. */
	int last_error[COLLECTORS_MAX];
	/* Bits of enum collector_notice that stood in the log already. */
	uint32_t logged;
};

/* Things said once in a process' life. */
enum collector_notice {
	NOTICE_NOT_PERMITTED = 1U << 0,
	NOTICE_TABLE_SOURCE = 1U << 1,
	NOTICE_STAT_SOURCE = 1U << 2,
	NOTICE_MISSING_ATTRIBUTE = 1U << 3,
};

/* True the first time it is asked for this notice. */
bool collector_notice_once(struct collector_context *ctx, enum collector_notice notice);

/*
 * netlink_query_conntrack() for collectors. Returns -ENODATA, and sends nothing, where nf_conntrack
 * is not loaded: the request alone would make the kernel load it. The first -EPERM is logged with
 * the ways to grant the right.
 */
int collector_query_conntrack(struct collector_context *ctx, enum netlink_query query,
			      uint64_t deadline_ns, netlink_message_fn fn, void *fn_ctx);

/* False where nf_conntrack is not loaded: whoever asked for it would make the kernel load it. */
bool collector_may_be_loaded(struct collector_context *ctx);

/* netlink_lookup() of flows; returns -ENODATA, and logs -EPERM, as collector_query_conntrack(). */
int collector_lookup_conntrack(struct collector_context *ctx, size_t n,
			       const struct netlink_lookup *lookup);

struct table_stats;

/* The table's two numbers by IPCTNL_MSG_CT_GET_STATS; returns as collector_query_conntrack(). */
int table_stats_fetch(struct collector_context *ctx, struct table_stats *ret);

void collector_context_init(struct collector_context *ctx,
			    const struct collector_settings *settings);
void collector_context_finish(struct collector_context *ctx);
