/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What happened in the table: conntrack's per-CPU statistics by IPCTNL_MSG_CT_GET_STATS_CPU,
 * without CAP_NET_ADMIN from /proc/net/stat/nf_conntrack (which kernels built without
 * CONFIG_NF_CONNTRACK_PROCFS lack).
 */

#include "stat.h"

#include <errno.h>
#include <stdio.h>

#include "../exporter/log.h"
#include "../exporter/util.h"
#include "collector.h"
#include "procfs.h"
#include "stat_parse.h"

static const struct label_set label_cpu = {
	.name = "cpu",
	.when = "with --collector.stat.per-cpu",
};

/* Indexed by enum stat_counter. The meanings are those of Linux 5.15 and later. */
static const struct metric_desc stat_descs[] = {
	[STAT_FOUND] = {
		.name = "conntrack_stat_found",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"Address translation looked for a free port or address and met one in use, "
			"so it "
			"tried another (CTA_STATS_FOUND). Not a lookup hit.",
	},
	[STAT_INVALID] = {
		.name = "conntrack_stat_invalid",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"Packets no flow could be made of or that do not fit theirs; they pass "
			"untracked, "
			"rules on ctstate INVALID may drop them (CTA_STATS_INVALID).",
	},
	[STAT_INSERT] = {
		.name = "conntrack_stat_insert",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"Entries made by tools over netlink or BPF (CTA_STATS_INSERT). Not new "
			"flows: "
			"those made by packets never move it.",
	},
	[STAT_INSERT_FAILED] = {
		.name = "conntrack_stat_insert_failed",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"New flows lost on insertion: two raced for one tuple, or the bucket's "
			"chain was "
			"too long, which chaintoolong counts as well (CTA_STATS_INSERT_FAILED). A "
			"full "
			"table does not move it.",
	},
	[STAT_DROP] = {
		.name = "conntrack_stat_drop",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"Packets of new flows dropped: the table was full or out of memory, or an "
			"insertion race was lost, which insert_failed counts as well "
			"(CTA_STATS_DROP). "
			"The only counter a full table moves, once for each packet.",
	},
	[STAT_EARLY_DROP] = {
		.name = "conntrack_stat_early_drop",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"Entries not yet assured that a full table evicted to make room "
			"(CTA_STATS_EARLY_DROP); what the kernel's garbage collector evicts near "
			"the "
			"limit is not counted anywhere.",
	},
	[STAT_ERROR] = {
		.name = "conntrack_stat_error",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"ICMP packets that were malformed or report an error of an unknown flow "
			"(CTA_STATS_ERROR).",
	},
	[STAT_SEARCH_RESTART] = {
		.name = "conntrack_stat_search_restart",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"Lookups begun again because the entry moved to another bucket meanwhile; "
			"harmless "
			"contention (CTA_STATS_SEARCH_RESTART).",
	},
	[STAT_CLASH_RESOLVE] = {
		.name = "conntrack_stat_clash_resolve",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"Insertion races that were resolved without losing a packet "
			"(CTA_STATS_CLASH_RESOLVE, Linux 5.10 and later).",
	},
	[STAT_CHAINTOOLONG] = {
		.name = "conntrack_stat_chaintoolong",
		.type = METRIC_COUNTER,
		.labels = { &label_cpu },
		.help =
			"New flows refused because their hash bucket's chain was too long: too few "
			"buckets "
			"for the entries (CTA_STATS_CHAIN_TOOLONG, Linux 5.15 and later).",
	},
};

static_assert(ARRAY_SIZE(stat_descs) == N_STAT_COUNTERS, "one description for each counter");

static int on_message(void *ctx, const struct nlmsghdr *message)
{
	return stat_parse_message(ctx, message);
}

static int fetch_procfs(struct collector_context *ctx, struct stat_snapshot *snapshot)
{
	struct buffer file;
	int r;

	buffer_init(&file, PROCFS_FILE_MAX);
	r = procfs_read(ctx->settings->procfs, "net/stat/nf_conntrack", &file);
	if (r == 0)
		r = stat_parse_procfs(snapshot, file.data);
	buffer_finish(&file);
	return r == -ENOENT ? -ENODATA : r;
}

static int fetch(struct collector_context *ctx, struct stat_snapshot *snapshot)
{
	int netlink_error = collector_query_conntrack(ctx, NETLINK_CONNTRACK_STATS_CPU,
						      ctx->deadline_ns, on_message, snapshot);
	int r = 0;

	if (netlink_error) {
		stat_snapshot_finish(snapshot);
		r = fetch_procfs(ctx, snapshot);
	}
	if (r == 0 && collector_notice_once(ctx, NOTICE_STAT_SOURCE))
		log_info("Reading statistics", "source", netlink_error ? "procfs" : "netlink");
	return r;
}

int stat_read(struct collector_context *ctx)
{
	struct stat_snapshot snapshot = { 0 };
	int r = fetch(ctx, &snapshot);

	if (r == 0 && snapshot.n == 0)
		r = -ENODATA;
	if (r == 0)
		r = stat_carry_update(&ctx->stat, &snapshot);
	stat_snapshot_finish(&snapshot);
	return r;
}

void stat_sums(const struct stat_carry *carry, struct reading ret[N_STAT_COUNTERS])
{
	for (int counter = 0; counter < N_STAT_COUNTERS; counter++)
		ret[counter].known = stat_carry_sum(carry, counter, &ret[counter].value);
}

static void emit_sums(struct exposition *e, const struct stat_carry *carry)
{
	struct reading sums[N_STAT_COUNTERS];

	stat_sums(carry, sums);
	readings_emit(e, stat_descs, sums, N_STAT_COUNTERS);
}

static void emit_cpus(struct exposition *e, const struct stat_carry *carry)
{
	char number[24];
	const char *const values[] = { number };
	uint64_t value;

	for (int counter = 0; counter < N_STAT_COUNTERS; counter++) {
		for (size_t cpu = 0; cpu < carry->last.n; cpu++) {
			(void)snprintf(number, sizeof(number), "%zu", cpu);
			if (stat_carry_value(carry, cpu, counter, &value))
				exposition_labelled_u64(e, &stat_descs[counter], values, value);
		}
	}
}

static int stat_collect(struct collector_context *ctx, struct exposition *e)
{
	int r = stat_read(ctx);

	if (r < 0)
		return r;
	if (ctx->settings->stat_per_cpu)
		emit_cpus(e, &ctx->stat);
	else
		emit_sums(e, &ctx->stat);
	return 0;
}

const struct collector stat_collector = {
	.name = "stat",
	.help = "conntrack's own counters, as conntrack -S shows them, summed over the CPUs",
	.enabled_by_default = true,
	.descs = stat_descs,
	.n_descs = ARRAY_SIZE(stat_descs),
	.collect = stat_collect,
};
