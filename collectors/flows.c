/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What fills the table: the counts of the walk (IPCTNL_MSG_CT_GET dump) as metrics. */

#include "../exporter/log.h"
#include "../exporter/util.h"
#include "collector.h"
#include "labels.h"

enum flows_metric {
	FLOWS,
	FLOWS_TCP,
	FLOWS_BY_REPLY,
	FLOWS_BY_PATH,
	FLOWS_BY_NAT,
	FLOWS_OFFLOADED,
	FLOWS_EXPIRING,
	FLOWS_WALK_FLOWS,
	FLOWS_WALK_COMPLETE,
	FLOWS_WALK_DURATION,
	FLOWS_WALK_TIMESTAMP,
	N_FLOWS_METRICS,
};

static const char *const nats[N_FLOW_NATS] = {
	[FLOW_NAT_NONE] = "none",
	[FLOW_NAT_SOURCE] = "source",
	[FLOW_NAT_DESTINATION] = "destination",
	[FLOW_NAT_BOTH] = "both",
};
static const char *const offloads[N_FLOW_OFFLOADS] = {
	[FLOW_OFFLOAD_SOFTWARE] = "software",
	[FLOW_OFFLOAD_HARDWARE] = "hardware",
};
static const char *const expiries[] = { "10s", "1m", "10m", "1h", "1d" };

static_assert(ARRAY_SIZE(expiries) == N_FLOW_EXPIRIES, "one label value for each limit");

static const struct label_set label_tcp_state = LABEL_SET("state", tcp_state_names);
static const struct label_set label_nat = LABEL_SET("nat", nats);
static const struct label_set label_to = LABEL_SET("to", offloads);
static const struct label_set label_within = LABEL_SET("within", expiries);

static const struct metric_desc flows_descs[] = {
	[FLOWS] = {
		.name = "conntrack_flows",
		.help =
			"Flows in the conntrack table, by address family and transport protocol "
			"(ctnetlink dump: nfgen_family, CTA_PROTO_NUM).",
		.labels = { &label_family, &label_protocol },
	},
	[FLOWS_TCP] = {
		.name = "conntrack_tcp_flows",
		.help =
			"TCP flows in the conntrack table by conntrack's own state, which is not "
			"the socket's (CTA_PROTOINFO_TCP_STATE); offloaded: a flowtable carries "
			"the flow and the kernel leaves the state out.",
		.labels = { &label_family, &label_tcp_state },
	},
	[FLOWS_BY_REPLY] = {
		.name = "conntrack_flows_by_reply",
		.help =
			"Flows by what conntrack has seen of the answer (CTA_STATUS): unreplied, "
			"replied (both ways, not yet assured), assured. A full table may evict "
			"the first two (early_drop), never an assured flow.",
		.labels = { &label_protocol, &label_reply },
	},
	[FLOWS_BY_PATH] = {
		.name = "conntrack_flows_by_path",
		.help =
			"Flows by which end is an address of this host: the initiator (outbound), "
			"the responder after NAT (inbound), both (loopback), none (forwarded). "
			"Source addresses of CTA_TUPLE_ORIG and CTA_TUPLE_REPLY against "
			"RTM_GETADDR.",
		.labels = { &label_path },
	},
	[FLOWS_BY_NAT] = {
		.name = "conntrack_flows_by_nat",
		.help =
			"Flows by the address translation that applies to them (CTA_STATUS: "
			"IPS_SRC_NAT, IPS_DST_NAT).",
		.labels = { &label_nat },
	},
	[FLOWS_OFFLOADED] = {
		.name = "conntrack_flows_offloaded",
		.help =
			"Flows that a flowtable carries past conntrack, in software or in "
			"hardware (CTA_STATUS: IPS_OFFLOAD, IPS_HW_OFFLOAD).",
		.labels = { &label_to },
	},
	[FLOWS_EXPIRING] = {
		.name = "conntrack_flows_expiring",
		.help =
			"Flows whose remaining timeout is at most this long, cumulative: how soon "
			"the table frees itself if no more packets come (CTA_TIMEOUT; offloaded "
			"flows have none).",
		.labels = { &label_within },
	},
	[FLOWS_WALK_FLOWS] = {
		.name = "conntrack_walk_flows",
		.help =
			"Flows that the last walk over the table read (ctnetlink dump); "
			"conntrack_entries also counts entries that are unconfirmed or expired "
			"and not yet collected, which no dump lists.",
	},
	[FLOWS_WALK_COMPLETE] = {
		.name = "conntrack_walk_complete",
		.help =
			"1 when the last walk read every flow; 0 when it stopped at its limit or "
			"deadline, or the hash table was resized meanwhile, and the flow counts "
			"are scaled from a sample to conntrack_entries.",
	},
	[FLOWS_WALK_DURATION] = {
		.name = "conntrack_walk_duration_seconds",
		.help = "How long the last walk took.",
	},
	[FLOWS_WALK_TIMESTAMP] = {
		.name = "conntrack_walk_timestamp_seconds",
		.help =
			"When the last walk ended, in Unix time; a walk younger than "
			"--collector.flows.min-interval is reused.",
	},
};

static_assert(ARRAY_SIZE(flows_descs) == N_FLOWS_METRICS, "one description for each metric");

/*
 * Each breakdown: where its counts are, and what every visited flow must have had for it to be
 * true.
 */
static const struct {
	enum flows_metric metric;
	size_t offset;
	uint32_t needs;
} breakdowns[] = {
	{ FLOWS, offsetof(struct flow_counts, by_protocol), FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL },
	{ FLOWS_TCP, offsetof(struct flow_counts, by_tcp_state),
	  FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_TCP_STATE },
	{ FLOWS_BY_REPLY, offsetof(struct flow_counts, by_reply),
	  FLOW_HAS_PROTOCOL | FLOW_HAS_STATUS },
	{ FLOWS_BY_PATH, offsetof(struct flow_counts, by_path),
	  FLOW_HAS_INITIATOR | FLOW_HAS_RESPONDER },
	{ FLOWS_BY_NAT, offsetof(struct flow_counts, by_nat), FLOW_HAS_STATUS },
	{ FLOWS_OFFLOADED, offsetof(struct flow_counts, offloaded), FLOW_HAS_STATUS },
	{ FLOWS_EXPIRING, offsetof(struct flow_counts, expiring), FLOW_HAS_TIMEOUT },
};

static void emit_breakdowns(struct exposition *e, const struct flow_counts *counts)
{
	for (size_t i = 0; i < ARRAY_SIZE(breakdowns); i++) {
		const char *at = (const char *)counts + breakdowns[i].offset;

		if ((counts->missing & breakdowns[i].needs) == 0)
			exposition_grid(e, &flows_descs[breakdowns[i].metric],
					(const uint64_t *)(const void *)at);
	}
}

static int flows_collect(struct collector_context *ctx, struct exposition *e)
{
	const struct survey *survey;
	int r = survey_get(ctx, ctx->survey_parts, &survey);

	if (r < 0)
		return r;
	if (survey->counts.missing && collector_notice_once(ctx, NOTICE_MISSING_ATTRIBUTE))
		log_warn(
			"This kernel lists flows without attributes that are needed, leaving out "
			"the breakdowns that need them");
	emit_breakdowns(e, &survey->counts);
	exposition_u64(e, &flows_descs[FLOWS_WALK_FLOWS], survey->walk.visited);
	exposition_u64(e, &flows_descs[FLOWS_WALK_COMPLETE], survey->walk.complete);
	exposition_double(e, &flows_descs[FLOWS_WALK_DURATION],
			  (double)survey->walk.duration_ns / 1e9);
	exposition_double(e, &flows_descs[FLOWS_WALK_TIMESTAMP], survey->walk.timestamp_s);
	return 0;
}

const struct collector flows_collector = {
	.name = "flows",
	.help = "what fills the table: flows by protocol, state, reply, path, NAT and remaining "
		"timeout (one walk over the table)",
	.enabled_by_default = true,
	.descs = flows_descs,
	.n_descs = ARRAY_SIZE(flows_descs),
	.collect = flows_collect,
};
