/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../exporter/util.h"
#include "collector.h"
#include "flow.h"
#include "labels.h"
#include "procfs.h"

#define FILE_PREFIX "nf_conntrack_"

enum settings_metric {
	SETTINGS_TIMEOUT,
	SETTINGS_SETTING,
	SETTINGS_TRACKING,
	N_SETTINGS_METRICS,
};

static const struct label_set label_state = { .name = "state" };
static const struct label_set label_name = { .name = "name" };

static const struct metric_desc settings_descs[] = {
	[SETTINGS_TIMEOUT] = {
		.name = "conntrack_timeout_seconds",
		.help =
			"How long an entry in this state stays when no packet of it comes any more "
			"(net.netfilter.nf_conntrack_PROTOCOL_timeout_STATE; without the state in "
			"its name for unreplied and any, nf_conntrack_generic_timeout for other).",
		.labels = { &label_protocol, &label_state },
	},
	[SETTINGS_SETTING] = {
		.name = "conntrack_setting",
		.help =
			"How conntrack is set in this network namespace "
			"(net.netfilter.nf_conntrack_NAME).",
		.labels = { &label_name },
	},
	[SETTINGS_TRACKING] = {
		.name = "conntrack_tracking_active",
		.help =
			"1 when packets of this network namespace pass through conntrack, 0 when "
			"not, absent when it cannot be told. Concluded from flows that just had a "
			"packet, from the scrape's own connection (SO_ORIGINAL_DST) and from "
			"there being no ruleset at all (NFT_MSG_GETTABLE, "
			"/proc/net/ip_tables_names).",
		.labels = { &label_family },
	},
};

static_assert(ARRAY_SIZE(settings_descs) == N_SETTINGS_METRICS, "one description for each metric");

static const struct {
	const char *file;
	enum flow_protocol protocol;
	const char *state;
} timeouts[] = {
	[TIMEOUT_TCP_SYN_SENT] = { "nf_conntrack_tcp_timeout_syn_sent", FLOW_TCP, "syn_sent" },
	[TIMEOUT_TCP_SYN_RECV] = { "nf_conntrack_tcp_timeout_syn_recv", FLOW_TCP, "syn_recv" },
	[TIMEOUT_TCP_ESTABLISHED] = { "nf_conntrack_tcp_timeout_established", FLOW_TCP,
				      "established" },
	[TIMEOUT_TCP_FIN_WAIT] = { "nf_conntrack_tcp_timeout_fin_wait", FLOW_TCP, "fin_wait" },
	[TIMEOUT_TCP_CLOSE_WAIT] = { "nf_conntrack_tcp_timeout_close_wait", FLOW_TCP,
				     "close_wait" },
	[TIMEOUT_TCP_LAST_ACK] = { "nf_conntrack_tcp_timeout_last_ack", FLOW_TCP, "last_ack" },
	[TIMEOUT_TCP_TIME_WAIT] = { "nf_conntrack_tcp_timeout_time_wait", FLOW_TCP, "time_wait" },
	[TIMEOUT_TCP_CLOSE] = { "nf_conntrack_tcp_timeout_close", FLOW_TCP, "close" },
	[TIMEOUT_TCP_MAX_RETRANS] = { "nf_conntrack_tcp_timeout_max_retrans", FLOW_TCP,
				      "max_retrans" },
	[TIMEOUT_TCP_UNACKNOWLEDGED] = { "nf_conntrack_tcp_timeout_unacknowledged", FLOW_TCP,
					 "unacknowledged" },
	[TIMEOUT_UDP_UNREPLIED] = { "nf_conntrack_udp_timeout", FLOW_UDP, "unreplied" },
	[TIMEOUT_UDP_STREAM] = { "nf_conntrack_udp_timeout_stream", FLOW_UDP, "stream" },
	[TIMEOUT_UDPLITE_UNREPLIED] = { "nf_conntrack_udplite_timeout", FLOW_UDPLITE, "unreplied" },
	[TIMEOUT_UDPLITE_STREAM] = { "nf_conntrack_udplite_timeout_stream", FLOW_UDPLITE,
				     "stream" },
	[TIMEOUT_ICMP] = { "nf_conntrack_icmp_timeout", FLOW_ICMP, "any" },
	[TIMEOUT_ICMPV6] = { "nf_conntrack_icmpv6_timeout", FLOW_ICMPV6, "any" },
	[TIMEOUT_SCTP_CLOSED] = { "nf_conntrack_sctp_timeout_closed", FLOW_SCTP, "closed" },
	[TIMEOUT_SCTP_COOKIE_WAIT] = { "nf_conntrack_sctp_timeout_cookie_wait", FLOW_SCTP,
				       "cookie_wait" },
	[TIMEOUT_SCTP_COOKIE_ECHOED] = { "nf_conntrack_sctp_timeout_cookie_echoed", FLOW_SCTP,
					 "cookie_echoed" },
	[TIMEOUT_SCTP_ESTABLISHED] = { "nf_conntrack_sctp_timeout_established", FLOW_SCTP,
				       "established" },
	[TIMEOUT_SCTP_SHUTDOWN_SENT] = { "nf_conntrack_sctp_timeout_shutdown_sent", FLOW_SCTP,
					 "shutdown_sent" },
	[TIMEOUT_SCTP_SHUTDOWN_RECD] = { "nf_conntrack_sctp_timeout_shutdown_recd", FLOW_SCTP,
					 "shutdown_recd" },
	[TIMEOUT_SCTP_SHUTDOWN_ACK_SENT] = { "nf_conntrack_sctp_timeout_shutdown_ack_sent",
					     FLOW_SCTP, "shutdown_ack_sent" },
	[TIMEOUT_SCTP_HEARTBEAT_SENT] = { "nf_conntrack_sctp_timeout_heartbeat_sent", FLOW_SCTP,
					  "heartbeat_sent" },
	[TIMEOUT_SCTP_HEARTBEAT_ACKED] = { "nf_conntrack_sctp_timeout_heartbeat_acked", FLOW_SCTP,
					   "heartbeat_acked" },
	[TIMEOUT_GRE_UNREPLIED] = { "nf_conntrack_gre_timeout", FLOW_GRE, "unreplied" },
	[TIMEOUT_GRE_STREAM] = { "nf_conntrack_gre_timeout_stream", FLOW_GRE, "stream" },
	[TIMEOUT_DCCP_REQUEST] = { "nf_conntrack_dccp_timeout_request", FLOW_DCCP, "request" },
	[TIMEOUT_DCCP_RESPOND] = { "nf_conntrack_dccp_timeout_respond", FLOW_DCCP, "respond" },
	[TIMEOUT_DCCP_PARTOPEN] = { "nf_conntrack_dccp_timeout_partopen", FLOW_DCCP, "partopen" },
	[TIMEOUT_DCCP_OPEN] = { "nf_conntrack_dccp_timeout_open", FLOW_DCCP, "open" },
	[TIMEOUT_DCCP_CLOSEREQ] = { "nf_conntrack_dccp_timeout_closereq", FLOW_DCCP, "closereq" },
	[TIMEOUT_DCCP_CLOSING] = { "nf_conntrack_dccp_timeout_closing", FLOW_DCCP, "closing" },
	[TIMEOUT_DCCP_TIMEWAIT] = { "nf_conntrack_dccp_timeout_timewait", FLOW_DCCP, "timewait" },
	[TIMEOUT_GENERIC] = { "nf_conntrack_generic_timeout", FLOW_OTHER, "any" },
};

static_assert(ARRAY_SIZE(timeouts) == N_TIMEOUT_SETTINGS, "one row for each timeout");

static const char *const setting_files[] = {
	[SETTING_ACCT] = FILE_PREFIX "acct",
	[SETTING_CHECKSUM] = FILE_PREFIX "checksum",
	[SETTING_DCCP_LOOSE] = FILE_PREFIX "dccp_loose",
	[SETTING_EVENTS] = FILE_PREFIX "events",
	[SETTING_HELPER] = FILE_PREFIX "helper",
	[SETTING_LOG_INVALID] = FILE_PREFIX "log_invalid",
	[SETTING_TCP_BE_LIBERAL] = FILE_PREFIX "tcp_be_liberal",
	[SETTING_TCP_IGNORE_INVALID_RST] = FILE_PREFIX "tcp_ignore_invalid_rst",
	[SETTING_TCP_LOOSE] = FILE_PREFIX "tcp_loose",
	[SETTING_TCP_MAX_RETRANS] = FILE_PREFIX "tcp_max_retrans",
	[SETTING_TIMESTAMP] = FILE_PREFIX "timestamp",
};

static_assert(ARRAY_SIZE(setting_files) == N_SETTINGS, "one file for each setting");

const char *timeout_setting_file(enum timeout_setting timeout)
{
	return timeouts[timeout].file;
}

/* Keeps the first error that is not "no such file" in *first. */
static void read_setting(int directory, const char *file, struct reading *ret, int *first)
{
	uint64_t value;
	int r = procfs_read_u64_at(directory, file, &value);

	if (r == 0)
		*ret = reading(value);
	else if (r != -ENOENT && *first == 0)
		*first = r;
}

static bool is_any_known(const struct reading *readings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (readings[i].known)
			return true;
	return false;
}

int settings_read(struct collector_context *ctx, struct settings *ret)
{
	_cleanup_fd_ int directory = procfs_open_directory(ctx->settings->procfs,
							   "sys/net/netfilter");
	int first = 0;

	memset(ret, 0, sizeof(*ret));
	if (directory < 0)
		return directory == -ENOENT ? -ENODATA : directory;
	for (int i = 0; i < N_TIMEOUT_SETTINGS; i++)
		read_setting(directory, timeouts[i].file, &ret->timeout_s[i], &first);
	for (int i = 0; i < N_SETTINGS; i++)
		read_setting(directory, setting_files[i], &ret->setting[i], &first);
	if (first == 0 && !is_any_known(ret->timeout_s, N_TIMEOUT_SETTINGS) &&
	    !is_any_known(ret->setting, N_SETTINGS))
		return -ENODATA;
	return first;
}

static void emit_timeouts(struct exposition *e, const struct reading *readings)
{
	for (int i = 0; i < N_TIMEOUT_SETTINGS; i++) {
		const char *const values[] = { label_protocol.values[timeouts[i].protocol],
					       timeouts[i].state };

		if (readings[i].known)
			exposition_labelled_u64(e, &settings_descs[SETTINGS_TIMEOUT], values,
						readings[i].value);
	}
}

static void emit_settings(struct exposition *e, const struct reading *readings)
{
	for (int i = 0; i < N_SETTINGS; i++) {
		const char *const values[] = { setting_files[i] + strlen(FILE_PREFIX) };

		if (readings[i].known)
			exposition_labelled_u64(e, &settings_descs[SETTINGS_SETTING], values,
						readings[i].value);
	}
}

static void emit_tracking(struct exposition *e, const enum tracking tracking[N_FLOW_FAMILIES])
{
	for (int family = 0; family < N_FLOW_FAMILIES; family++) {
		const char *const values[] = { label_family.values[family] };

		if (tracking[family] != TRACKING_UNKNOWN)
			exposition_labelled_u64(e, &settings_descs[SETTINGS_TRACKING], values,
						tracking[family] == TRACKING_ACTIVE);
	}
}

static int settings_collect(struct collector_context *ctx, struct exposition *e)
{
	enum tracking tracking[N_FLOW_FAMILIES];
	struct settings settings;
	int r = settings_read(ctx, &settings);

	emit_timeouts(e, settings.timeout_s);
	emit_settings(e, settings.setting);
	tracking_read(ctx, tracking);
	emit_tracking(e, tracking);
	return r;
}

const struct collector settings_collector = {
	.name = "settings",
	.help = "conntrack's timeouts and settings, and whether packets pass through it",
	.enabled_by_default = true,
	.descs = settings_descs,
	.n_descs = ARRAY_SIZE(settings_descs),
	.collect = settings_collect,
};
