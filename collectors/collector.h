/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a collector is, and what it may use. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../exporter/exposition.h"
#include "../exporter/metric.h"
#include "netlink.h"
#include "stat_carry.h"
#include "survey.h"

#define COLLECTORS_MAX 64 /* a mask of collectors is 64 bits */

/* What the flags say to the collectors (--collector.NAME.OPTION, --path.procfs). */
struct collector_settings {
	const char *procfs;
	bool stat_per_cpu;
	uint64_t flows_limit; /* flows; 0: no limit */
	uint64_t flows_min_interval_ns;
};

/*
 * The state of the collector process: sockets, and what must outlive a scrape. One scrape at a time
 * uses it.
 */
struct collector_context {
	const struct collector_settings *settings;
	struct netlink netlink;
	struct stat_carry stat;
	struct survey survey;
	/* Read once at start, while root may read /proc/slabinfo; 0: unknown. */
	uint64_t entry_size_bytes;
	/* Of the running request: CLOCK_MONOTONIC, and enum survey_part that someone in it wants.
	 */
	uint64_t deadline_ns;
	uint32_t survey_parts;
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

struct table_stats;

/* The table's two numbers by IPCTNL_MSG_CT_GET_STATS; returns as collector_query_conntrack(). */
int table_stats_fetch(struct collector_context *ctx, struct table_stats *ret);

struct collector {
	const char *name;
	const char *help; /* one clause for --help: what it reads */
	bool enabled_by_default;
	const struct metric_desc *descs;
	size_t n_descs;
	uint32_t survey_parts; /* bits of struct survey's parts that it wants */
	/*
	 * Emits all samples that could be read. Returns 0, -ENODATA when the kernel has no such
	 * thing here (module not loaded), or the negative errno of the first thing that failed;
	 * what was emitted before stays.
	 */
	int (*collect)(struct collector_context *ctx, struct exposition *e);
};

void collector_context_init(struct collector_context *ctx,
			    const struct collector_settings *settings);
void collector_context_finish(struct collector_context *ctx);

extern const struct collector table_collector;
extern const struct collector stat_collector;
extern const struct collector flows_collector;
extern const struct collector sockets_collector;
extern const struct collector netstat_collector;
extern const struct collector settings_collector;
