/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "labels.h"

#include "../exporter/util.h"
#include "flow_counts.h"
#include "join.h"

static const char *const families[N_FLOW_FAMILIES] = {
	[FLOW_IPV4] = "ipv4",
	[FLOW_IPV6] = "ipv6",
};
static const char *const protocols[N_FLOW_PROTOCOLS] = {
	[FLOW_TCP] = "tcp",	  [FLOW_UDP] = "udp",	      [FLOW_ICMP] = "icmp",
	[FLOW_ICMPV6] = "icmpv6", [FLOW_SCTP] = "sctp",	      [FLOW_GRE] = "gre",
	[FLOW_DCCP] = "dccp",	  [FLOW_UDPLITE] = "udplite", [FLOW_OTHER] = "other",
};

const char *const tcp_state_names[N_FLOW_TCP_STATES] = {
	[FLOW_TCP_NONE] = "none",	    [FLOW_TCP_SYN_SENT] = "syn_sent",
	[FLOW_TCP_SYN_RECV] = "syn_recv",   [FLOW_TCP_ESTABLISHED] = "established",
	[FLOW_TCP_FIN_WAIT] = "fin_wait",   [FLOW_TCP_CLOSE_WAIT] = "close_wait",
	[FLOW_TCP_LAST_ACK] = "last_ack",   [FLOW_TCP_TIME_WAIT] = "time_wait",
	[FLOW_TCP_CLOSE] = "close",	    [FLOW_TCP_SYN_SENT2] = "syn_sent2",
	[FLOW_TCP_OFFLOADED] = "offloaded",
};
static const char *const replies[N_FLOW_REPLIES] = {
	[FLOW_UNREPLIED] = "unreplied",
	[FLOW_REPLIED] = "replied",
	[FLOW_ASSURED] = "assured",
};
static const char *const paths[N_FLOW_PATHS] = {
	[FLOW_INBOUND] = "inbound",
	[FLOW_OUTBOUND] = "outbound",
	[FLOW_LOOPBACK] = "loopback",
	[FLOW_FORWARDED] = "forwarded",
};
static const char *const trackings[N_JOIN_TRACKINGS] = {
	[JOIN_TRACKED] = "tracked",
	[JOIN_MISMATCHED] = "mismatched",
	[JOIN_UNTRACKED] = "untracked",
};
static const char *const socket_paths[N_JOIN_PATHS] = {
	[JOIN_LOOPBACK] = "loopback",
	[JOIN_REMOTE] = "remote",
};
static const char *const sockets[N_JOIN_SOCKETS] = {
	[JOIN_PRESENT] = "present",
	[JOIN_ABSENT] = "absent",
	[JOIN_FORWARDED] = "forwarded",
};

const struct label_set label_family = LABEL_SET("family", families);
const struct label_set label_protocol = LABEL_SET("protocol", protocols);
const struct label_set label_reply = LABEL_SET("reply", replies);
const struct label_set label_path = LABEL_SET("path", paths);
const struct label_set label_tracking = LABEL_SET("tracking", trackings);
const struct label_set label_socket_path = LABEL_SET("path", socket_paths);
const struct label_set label_socket = LABEL_SET("socket", sockets);
