/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Fetch stage of the evidence whether packets pass through conntrack. */

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "../exporter/util.h"
#include "collector.h"
#include "procfs.h"
#include "tracking.h"

/* As old as a scrape interval gets; a walk that nobody asked for since says nothing about now. */
#define SURVEY_AGE_MAX_NS (60 * NSEC_PER_SEC)

/* NFPROTO_INET and NFPROTO_BRIDGE of linux/netfilter.h. */
#define FAMILY_INET 1
#define FAMILY_BRIDGE 7

/* A rule of a bridge's table activates tracking of both families, too (nf_ct_netns_get()). */
static bool is_for_both(const struct nfgenmsg *header)
{
	return header->nfgen_family == FAMILY_INET || header->nfgen_family == FAMILY_BRIDGE;
}

static int on_table(void *ctx, const struct nlmsghdr *message)
{
	const struct nfgenmsg *header = NLMSG_DATA(message);
	bool *has_table = ctx;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return -EBADMSG;
	has_table[FLOW_IPV4] |= header->nfgen_family == AF_INET || is_for_both(header);
	has_table[FLOW_IPV6] |= header->nfgen_family == AF_INET6 || is_for_both(header);
	return 0;
}

/* Is there a module whose name begins so? One name alone ends with a blank. */
static bool has_module(const char *modules, const char *beginning)
{
	const size_t length = strlen(beginning);

	for (const char *line = modules; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, beginning, length) == 0)
			return true;
	}
	return false;
}

/*
 * Asking for nftables would load it where it is a module. It is not asked where conntrack is a
 * loaded module and nothing of nftables is: its expressions that use conntrack are modules then,
 * and no rule has one of them.
 */
static bool may_have_nftables(const struct collector_context *ctx)
{
	struct buffer modules;
	bool may = true;

	buffer_init(&modules, PROCFS_FILE_MAX);
	if (procfs_read(ctx->settings->procfs, "modules", &modules) == 0)
		may = has_module(modules.data, "nf_tables ") || has_module(modules.data, "nft_") ||
		      !has_module(modules.data, "nf_conntrack ");
	buffer_finish(&modules);
	return may;
}

/* There in every network namespace; without it, this /proc shows nothing of the network. */
static bool shows_network(const struct collector_context *ctx)
{
	uint64_t somaxconn;

	return procfs_read_u64(ctx->settings->procfs, "sys/net/core/somaxconn", &somaxconn) == 0;
}

/* 1: has one, 0: has none, or a negative errno. */
static int has_iptables(const struct collector_context *ctx, const char *path)
{
	struct buffer names;
	int r;

	buffer_init(&names, PROCFS_FILE_MAX);
	r = procfs_read(ctx->settings->procfs, path, &names);
	if (r == 0)
		r = names.len > 0;
	buffer_finish(&names);
	return r == -ENOENT && shows_network(ctx) ? 0 : r;
}

void tracking_rules_read(struct collector_context *ctx, enum tracking ret[N_FLOW_FAMILIES])
{
	static const char *const names[N_FLOW_FAMILIES] = {
		[FLOW_IPV4] = "net/ip_tables_names",
		[FLOW_IPV6] = "net/ip6_tables_names",
	};
	bool has_table[N_FLOW_FAMILIES] = { false };
	int r = 0;

	if (may_have_nftables(ctx))
		r = netlink_query_conntrack(&ctx->netlink, NETLINK_NFT_TABLES, ctx->deadline_ns,
					    on_table, has_table);
	/* A kernel without nftables says so (nfnetlink_rcv_msg()), and has no table of it. */
	r = r == -EINVAL ? 0 : r;
	for (int family = 0; family < N_FLOW_FAMILIES; family++) {
		const int iptables = has_iptables(ctx, names[family]);

		if (has_table[family] || iptables > 0)
			ret[family] = TRACKING_ACTIVE;
		else
			ret[family] = r < 0 || iptables < 0 ? TRACKING_UNKNOWN : TRACKING_INACTIVE;
	}
}

void tracking_read(struct collector_context *ctx, enum tracking ret[N_FLOW_FAMILIES])
{
	const struct survey *survey = &ctx->survey;
	const bool is_young = survey->made &&
			      clock_monotonic_ns() - survey->walk.finished_ns < SURVEY_AGE_MAX_NS;
	const bool loaded = collector_may_be_loaded(ctx);
	enum tracking rules[N_FLOW_FAMILIES] = { TRACKING_UNKNOWN, TRACKING_UNKNOWN };

	if (loaded)
		tracking_rules_read(ctx, rules);
	for (int family = 0; family < N_FLOW_FAMILIES; family++) {
		const struct tracking_evidence evidence = {
			.loaded = loaded,
			.connection = ctx->connection_tracked[family],
			.walked = is_young,
			.fresh = survey->fresh[family],
			.flows = survey->has_flows[family] || !survey->walk.complete,
			.rules = rules[family],
		};

		ret[family] = tracking_decide(&evidence);
	}
}
