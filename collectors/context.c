/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The state of the collector process: made at start, used by one scrape at a time. */

#include <errno.h>
#include <stdbool.h>

#include "../exporter/log.h"
#include "../exporter/util.h"
#include "collector.h"
#include "entry_size.h"
#include "procfs.h"
#include "table_parse.h"

void collector_context_init(struct collector_context *ctx,
			    const struct collector_settings *settings)
{
	*ctx = (struct collector_context){ .settings = settings };
	netlink_init(&ctx->netlink);
	ctx->entry_size_bytes = entry_size_read(settings->procfs);
}

void collector_context_finish(struct collector_context *ctx)
{
	netlink_finish(&ctx->netlink);
	sysctls_finish(&ctx->sysctls);
	stat_carry_finish(&ctx->stat);
	survey_finish(&ctx->survey);
	for (int i = 0; i < CONTEXT_LOOKS; i++)
		free(ctx->looks[i]);
}

bool collector_notice_once(struct collector_context *ctx, enum collector_notice notice)
{
	bool first = !(ctx->logged & notice);

	ctx->logged |= notice;
	return first;
}

static int try_to_read(const struct collector_context *ctx, const char *path)
{
	struct buffer file;
	int r;

	buffer_init(&file, PROCFS_FILE_MAX);
	r = procfs_read(ctx->settings->procfs, path, &file);
	buffer_finish(&file);
	return r;
}

/* One that cannot be read for another reason is there. */
static bool is_missing(const struct collector_context *ctx, const char *path)
{
	return try_to_read(ctx, path) == -ENOENT;
}

/*
 * Either of the first two comes with nf_conntrack; some kernels hide one of them. The third is
 * there in every network namespace: without it, this /proc shows nothing of the network
 * (ProcSubset=pid, not mounted) and says nothing about conntrack either.
 */
bool collector_may_be_loaded(struct collector_context *ctx)
{
	uint64_t entries;

	return sysctls_read(&ctx->sysctls, ctx->settings->procfs, SYSCTL_COUNT, &entries) !=
		       -ENOENT ||
	       !is_missing(ctx, "net/stat/nf_conntrack") ||
	       try_to_read(ctx, "sys/net/core/somaxconn") < 0;
}

static void notice_permission(struct collector_context *ctx)
{
	if (!collector_notice_once(ctx, NOTICE_NOT_PERMITTED))
		return;
	log_warn(
		"Reading conntrack over netlink needs CAP_NET_ADMIN, serving what /proc shows "
		"without it",
		"missing", "flows, correlation, talkers", "grant",
		"AmbientCapabilities=CAP_NET_ADMIN in the systemd unit; or setcap cap_net_admin+ep "
		"on the binary; or start it as root, in a container with --cap-add=NET_ADMIN");
}

int collector_query_conntrack(struct collector_context *ctx, enum netlink_query query,
			      uint64_t deadline_ns, netlink_message_fn fn, void *fn_ctx)
{
	int r;

	if (!collector_may_be_loaded(ctx))
		return -ENODATA;
	r = netlink_query_conntrack(&ctx->netlink, query, deadline_ns, fn, fn_ctx);
	if (r == -EPERM)
		notice_permission(ctx);
	return r;
}

int collector_lookup_conntrack(struct collector_context *ctx, size_t n,
			       const struct netlink_lookup *lookup)
{
	int r;

	if (!collector_may_be_loaded(ctx))
		return -ENODATA;
	r = netlink_lookup(&ctx->netlink, NETLINK_FLOW_LOOKUP, n, lookup, ctx->deadline_ns);
	if (r == -EPERM)
		notice_permission(ctx);
	return r;
}

static int on_stats(void *ctx, const struct nlmsghdr *message)
{
	table_parse(message, ctx);
	return 0;
}

int table_stats_fetch(struct collector_context *ctx, struct table_stats *ret)
{
	struct table_stats stats = { 0 };
	int r = collector_query_conntrack(ctx, NETLINK_CONNTRACK_STATS, ctx->deadline_ns, on_stats,
					  &stats);

	if (r == 0)
		*ret = stats;
	return r;
}
