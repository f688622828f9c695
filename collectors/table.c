/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How full the table is: IPCTNL_MSG_CT_GET_STATS for the two numbers that the kernel compares,
 * /proc/sys/net/netfilter for those netlink does not tell, and for all of them without
 * CAP_NET_ADMIN.
 */

#include "table.h"

#include <errno.h>
#include <string.h>

#include "../exporter/log.h"
#include "../exporter/util.h"
#include "collector.h"
#include "entry_size.h"
#include "table_parse.h"

static const struct metric_desc table_descs[] = {
	[TABLE_ENTRIES] = {
		.name = "conntrack_entries",
		.help =
			"Entries in the conntrack table now, as the kernel counts them against "
			"the limit, unconfirmed and expired but not yet collected ones included; "
			"it counts before it compares, so at the limit a few more for a moment "
			"(CTA_STATS_GLOBAL_ENTRIES, net.netfilter.nf_conntrack_count).",
	},
	[TABLE_ENTRIES_LIMIT] = {
		.name = "conntrack_entries_limit",
		.help =
			"Entries at which new flows are turned away; 0 means no limit "
			"(CTA_STATS_GLOBAL_MAX_ENTRIES, net.netfilter.nf_conntrack_max).",
	},
	[TABLE_BUCKETS] = {
		.name = "conntrack_buckets",
		.help =
			"Buckets of the hash table, which all network namespaces share "
			"(net.netfilter.nf_conntrack_buckets).",
	},
	[TABLE_EXPECTATIONS_LIMIT] = {
		.name = "conntrack_expectations_limit",
		.help =
			"Expected connections (FTP, SIP and the like) at which new ones are "
			"refused (net.netfilter.nf_conntrack_expect_max).",
	},
	[TABLE_ENTRY_SIZE_BYTES] = {
		.name = "conntrack_entry_size_bytes",
		.help =
			"Kernel memory one entry costs, best estimate: the slab object "
			"(/proc/slabinfo, else 256) plus the extension block that "
			"nf_conntrack_acct, _timestamp or _events=1 add.",
	},
};

static_assert(ARRAY_SIZE(table_descs) == N_TABLE_VALUES, "one description for each metric");

/* The sysctl behind each value that has one. */
static const struct {
	bool is_there;
	enum sysctl sysctl;
} table_files[N_TABLE_VALUES] = {
	[TABLE_ENTRIES] = { true, SYSCTL_COUNT },
	[TABLE_ENTRIES_LIMIT] = { true, SYSCTL_MAX },
	[TABLE_BUCKETS] = { true, SYSCTL_BUCKETS },
	[TABLE_EXPECTATIONS_LIMIT] = { true, SYSCTL_EXPECT_MAX },
};

static int read_sysctl(struct collector_context *ctx, enum sysctl sysctl, uint64_t *ret)
{
	return sysctls_read(&ctx->sysctls, ctx->settings->procfs, sysctl, ret);
}

static int fetch_netlink(struct collector_context *ctx, struct reading *values)
{
	struct table_stats stats;
	int r = table_stats_fetch(ctx, &stats);

	if (r == 0 && stats.has_entries)
		values[TABLE_ENTRIES] = reading(stats.entries);
	if (r == 0 && stats.has_limit)
		values[TABLE_ENTRIES_LIMIT] = reading(stats.limit);
	return r;
}

/* Returns the first error that is not "no such file". */
static int fetch_files(struct collector_context *ctx, struct reading *values)
{
	int first = 0;

	for (int i = 0; i < N_TABLE_VALUES; i++) {
		uint64_t value;
		int r;

		if (values[i].known || !table_files[i].is_there)
			continue;
		r = read_sysctl(ctx, table_files[i].sysctl, &value);
		if (r == 0)
			values[i] = reading(value);
		else if (r != -ENOENT && first == 0)
			first = r;
	}
	return first;
}

/* A kernel without the file does not have the extension either. */
static int estimate_entry_size(struct collector_context *ctx, struct reading *ret)
{
	static const enum sysctl sysctls[] = { SYSCTL_ACCT, SYSCTL_TIMESTAMP, SYSCTL_EVENTS };
	uint64_t flags[ARRAY_SIZE(sysctls)] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(sysctls); i++) {
		int r = read_sysctl(ctx, sysctls[i], &flags[i]);

		if (r < 0 && r != -ENOENT)
			return r;
	}
	*ret = reading(entry_size_estimate(ctx->entry_size_bytes, flags[0], flags[1], flags[2]));
	return 0;
}

int table_read(struct collector_context *ctx, struct reading ret[N_TABLE_VALUES])
{
	struct reading values[N_TABLE_VALUES] = { 0 };
	int netlink_error = fetch_netlink(ctx, values);
	int r = fetch_files(ctx, values), size_error;

	if (!values[TABLE_ENTRIES].known) {
		memset(ret, 0, sizeof(values));
		/* That this /proc hides the files does not mean that there is no table. */
		r = r == 0 ? netlink_error : r;
		return r < 0 ? r : -ENODATA;
	}
	if (collector_notice_once(ctx, NOTICE_TABLE_SOURCE))
		log_info("Reading table size", "source", netlink_error ? "procfs" : "netlink");
	size_error = estimate_entry_size(ctx, &values[TABLE_ENTRY_SIZE_BYTES]);
	memcpy(ret, values, sizeof(values));
	return r < 0 ? r : size_error;
}

static int table_collect(struct collector_context *ctx, struct exposition *e)
{
	struct reading values[N_TABLE_VALUES];
	int r = table_read(ctx, values);

	readings_emit(e, table_descs, values, N_TABLE_VALUES);
	return r;
}

const struct collector table_collector = {
	.name = "table",
	.help = "how full the conntrack table is, and its limits",
	.enabled_by_default = true,
	.descs = table_descs,
	.n_descs = ARRAY_SIZE(table_descs),
	.collect = table_collect,
};
