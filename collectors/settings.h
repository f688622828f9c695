/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* conntrack's own settings of this network namespace, below /proc/sys/net/netfilter. */

#include "reading.h"

/* Every nf_conntrack_*timeout* a kernel has had; in the order of the exposition. */
enum timeout_setting {
	TIMEOUT_TCP_SYN_SENT,
	TIMEOUT_TCP_SYN_RECV,
	TIMEOUT_TCP_ESTABLISHED,
	TIMEOUT_TCP_FIN_WAIT,
	TIMEOUT_TCP_CLOSE_WAIT,
	TIMEOUT_TCP_LAST_ACK,
	TIMEOUT_TCP_TIME_WAIT,
	TIMEOUT_TCP_CLOSE,
	TIMEOUT_TCP_MAX_RETRANS,
	TIMEOUT_TCP_UNACKNOWLEDGED,
	TIMEOUT_UDP_UNREPLIED, /* nf_conntrack_udp_timeout */
	TIMEOUT_UDP_STREAM,
	TIMEOUT_UDPLITE_UNREPLIED, /* nf_conntrack_udplite_timeout */
	TIMEOUT_UDPLITE_STREAM,
	TIMEOUT_ICMP,
	TIMEOUT_ICMPV6,
	TIMEOUT_SCTP_CLOSED,
	TIMEOUT_SCTP_COOKIE_WAIT,
	TIMEOUT_SCTP_COOKIE_ECHOED,
	TIMEOUT_SCTP_ESTABLISHED,
	TIMEOUT_SCTP_SHUTDOWN_SENT,
	TIMEOUT_SCTP_SHUTDOWN_RECD,
	TIMEOUT_SCTP_SHUTDOWN_ACK_SENT,
	TIMEOUT_SCTP_HEARTBEAT_SENT,
	TIMEOUT_SCTP_HEARTBEAT_ACKED,
	TIMEOUT_GRE_UNREPLIED, /* nf_conntrack_gre_timeout */
	TIMEOUT_GRE_STREAM,
	TIMEOUT_DCCP_REQUEST,
	TIMEOUT_DCCP_RESPOND,
	TIMEOUT_DCCP_PARTOPEN,
	TIMEOUT_DCCP_OPEN,
	TIMEOUT_DCCP_CLOSEREQ,
	TIMEOUT_DCCP_CLOSING,
	TIMEOUT_DCCP_TIMEWAIT,
	TIMEOUT_GENERIC,
	N_TIMEOUT_SETTINGS,
};

enum setting {
	SETTING_ACCT,
	SETTING_CHECKSUM,
	SETTING_DCCP_LOOSE,
	SETTING_EVENTS,
	SETTING_HELPER,
	SETTING_LOG_INVALID,
	SETTING_TCP_BE_LIBERAL,
	SETTING_TCP_IGNORE_INVALID_RST,
	SETTING_TCP_LOOSE,
	SETTING_TCP_MAX_RETRANS,
	SETTING_TIMESTAMP,
	N_SETTINGS,
};

struct settings {
	struct reading timeout_s[N_TIMEOUT_SETTINGS];
	struct reading setting[N_SETTINGS];
};

struct collector_context;

/*
 * Reads what this kernel has. Returns 0, -ENODATA where none is there (nf_conntrack is not loaded),
 * or the negative errno of the first file that is there and could not be read; what the others told
 * is in *ret either way.
 */
int settings_read(struct collector_context *ctx, struct settings *ret);

/* The name of a timeout's file below /proc/sys/net/netfilter; a sysctl after "net.netfilter.". */
const char *timeout_setting_file(enum timeout_setting timeout);
