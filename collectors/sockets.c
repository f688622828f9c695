/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The host's sockets, in the same shape as the flows: states by sock_diag (no extension is asked
 * for), and the limits of the socket layer from /proc beside what is used of them. None of it needs
 * a capability.
 */

#include <errno.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "../exporter/util.h"
#include "collector.h"
#include "labels.h"
#include "socket_counts.h"
#include "socket_limits.h"

enum sockets_metric {
	SOCKETS_TCP,
	SOCKETS_UDP,
	SOCKETS_ORPHANED,
	SOCKETS_ORPHANED_LIMIT,
	SOCKETS_MEMORY,
	SOCKETS_MEMORY_LIMIT,
	SOCKETS_FILES,
	SOCKETS_FILES_LIMIT,
	SOCKETS_LISTENERS,
	SOCKETS_LISTENERS_FULL,
	SOCKETS_ACCEPT_QUEUE,
	N_SOCKETS_METRICS,
};

static const char *const tcp_states[N_TCP_SOCKET_STATES] = {
	[TCP_SOCKET_ESTABLISHED] = "established",
	[TCP_SOCKET_SYN_SENT] = "syn_sent",
	[TCP_SOCKET_SYN_RECV] = "syn_recv",
	[TCP_SOCKET_FIN_WAIT1] = "fin_wait1",
	[TCP_SOCKET_FIN_WAIT2] = "fin_wait2",
	[TCP_SOCKET_TIME_WAIT] = "time_wait",
	[TCP_SOCKET_CLOSE] = "close",
	[TCP_SOCKET_CLOSE_WAIT] = "close_wait",
	[TCP_SOCKET_LAST_ACK] = "last_ack",
	[TCP_SOCKET_LISTEN] = "listen",
	[TCP_SOCKET_CLOSING] = "closing",
};
static const char *const udp_states[N_UDP_SOCKET_STATES] = {
	[UDP_SOCKET_CONNECTED] = "connected",
	[UDP_SOCKET_UNCONNECTED] = "unconnected",
};
static const struct label_set label_tcp_state = LABEL_SET("state", tcp_states);
static const struct label_set label_udp_state = LABEL_SET("state", udp_states);

static const struct metric_desc sockets_descs[] = {
	[SOCKETS_TCP] = {
		.name = "conntrack_tcp_sockets",
		.help =
			"TCP sockets by state, as ss shows them (sock_diag). IPv4 connections of "
			"IPv6 sockets count as ipv6, as the kernel lists them.",
		.labels = { &label_family, &label_tcp_state },
	},
	[SOCKETS_UDP] = {
		.name = "conntrack_udp_sockets",
		.help = "UDP sockets, connected to one peer or not (sock_diag).",
		.labels = { &label_family, &label_udp_state },
	},
	[SOCKETS_ORPHANED] = {
		.name = "conntrack_tcp_sockets_orphaned",
		.help =
			"TCP sockets no process holds any more, in all network namespaces "
			"(/proc/net/sockstat: orphan).",
	},
	[SOCKETS_ORPHANED_LIMIT] = {
		.name = "conntrack_tcp_sockets_orphaned_limit",
		.help =
			"Orphaned TCP sockets above which the kernel resets them "
			"(net.ipv4.tcp_max_orphans).",
	},
	[SOCKETS_MEMORY] = {
		.name = "conntrack_tcp_memory_bytes",
		.help =
			"Memory of TCP socket buffers, in all network namespaces "
			"(/proc/net/sockstat: mem, in pages there).",
	},
	[SOCKETS_MEMORY_LIMIT] = {
		.name = "conntrack_tcp_memory_bytes_limit",
		.help =
			"Memory of TCP socket buffers at which the kernel refuses more (third "
			"number of net.ipv4.tcp_mem, in pages there).",
	},
	[SOCKETS_FILES] = {
		.name = "conntrack_file_handles",
		.help =
			"Open files of the whole system, sockets among them "
			"(/proc/sys/fs/file-nr: allocated less free).",
	},
	[SOCKETS_FILES_LIMIT] = {
		.name = "conntrack_file_handles_limit",
		.help =
			"Open files at which the system refuses more (/proc/sys/fs/file-nr: "
			"maximum).",
	},
	[SOCKETS_LISTENERS] = {
		.name = "conntrack_tcp_listeners",
		.help = "Listening TCP sockets (sock_diag).",
	},
	[SOCKETS_LISTENERS_FULL] = {
		.name = "conntrack_tcp_listeners_full",
		.help =
			"Listening TCP sockets whose accept queue is full, so that they take no "
			"new connection (sock_diag: idiag_rqueue above idiag_wqueue).",
	},
	[SOCKETS_ACCEPT_QUEUE] = {
		.name = "conntrack_tcp_accept_queue_max_ratio",
		.help =
			"Length over limit of the fullest accept queue: full when above 1, with a "
			"limit "
			"of 0 at 1 (sock_diag: idiag_rqueue over idiag_wqueue of listeners).",
	},
};

static_assert(ARRAY_SIZE(sockets_descs) == N_SOCKETS_METRICS, "one description for each metric");

/* UDP knows two states (udp_diag): connected and not. */
#define UDP_STATES_ALL (1U << (TCP_SOCKET_ESTABLISHED + 1) | 1U << (TCP_SOCKET_CLOSE + 1))

static int on_udp(void *ctx, const struct nlmsghdr *message)
{
	return socket_counts_add(ctx, IPPROTO_UDP, message) ? 0 : -EBADMSG;
}

static int fetch_udp(struct collector_context *ctx, enum flow_family family,
		     struct socket_counts *ret)
{
	const struct inet_diag_req_v2 request = {
		.sdiag_family = family == FLOW_IPV4 ? AF_INET : AF_INET6,
		.sdiag_protocol = IPPROTO_UDP,
		.idiag_states = UDP_STATES_ALL,
	};

	return netlink_query(&ctx->netlink, NETLINK_SOCKETS, &request, sizeof(request),
			     ctx->deadline_ns, on_udp, ret);
}

/* Emits the family rows that could be read. -ENOENT: the kernel has no udp_diag. */
static int emit_udp(struct exposition *e, const int errors[N_FLOW_FAMILIES],
		    const struct socket_counts *counts)
{
	int first = 0;

	for (enum flow_family family = FLOW_IPV4; family < N_FLOW_FAMILIES; family++) {
		if (errors[family] == 0)
			exposition_grid_row(e, &sockets_descs[SOCKETS_UDP], family,
					    &counts->udp[0][0]);
		else if (first == 0)
			first = errors[family];
	}
	return first;
}

static int collect_udp(struct collector_context *ctx, struct exposition *e)
{
	struct socket_counts counts = { 0 };
	int errors[N_FLOW_FAMILIES];

	for (enum flow_family family = FLOW_IPV4; family < N_FLOW_FAMILIES; family++)
		errors[family] = fetch_udp(ctx, family, &counts);
	return emit_udp(e, errors, &counts);
}

static_assert(SOCKETS_FILES_LIMIT - SOCKETS_ORPHANED == LIMIT_FILES_LIMIT,
	      "the limits stand in the order of enum socket_limit");

static int collect_limits(struct collector_context *ctx, struct exposition *e)
{
	struct reading limits[N_SOCKET_LIMITS];
	int r = socket_limits_read(ctx, limits);

	readings_emit(e, &sockets_descs[SOCKETS_ORPHANED], limits, N_SOCKET_LIMITS);
	return r;
}

static void emit_listeners(struct exposition *e, const struct socket_counts *counts)
{
	exposition_u64(e, &sockets_descs[SOCKETS_LISTENERS], counts->listeners);
	exposition_u64(e, &sockets_descs[SOCKETS_LISTENERS_FULL], counts->listeners_full);
	exposition_double(e, &sockets_descs[SOCKETS_ACCEPT_QUEUE], counts->accept_queue_max_ratio);
}

static int sockets_collect(struct collector_context *ctx, struct exposition *e)
{
	const struct socket_dump *dump;
	int udp, limits;

	socket_dump_get(ctx, false, &dump);
	if (dump->error == 0)
		exposition_grid(e, &sockets_descs[SOCKETS_TCP], &dump->counts.tcp[0][0]);
	udp = collect_udp(ctx, e);
	limits = collect_limits(ctx, e);
	if (dump->error == 0)
		emit_listeners(e, &dump->counts);
	return dump->error ? dump->error : udp ? udp : limits;
}

const struct collector sockets_collector = {
	.name = "sockets",
	.help = "the host's TCP and UDP sockets by state, listeners' queues, and the socket "
		"layer's limits",
	.enabled_by_default = true,
	.descs = sockets_descs,
	.n_descs = ARRAY_SIZE(sockets_descs),
	.collect = sockets_collect,
};
