/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "socket_dump.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "../exporter/util.h"
#include "collector.h"

#define STATE_BIT(state) (1U << ((state) + 1))
#define TCP_STATES_ALL ((STATE_BIT(N_TCP_SOCKET_STATES) - 1) & ~1U)

struct dump {
	struct socket_counts counts;
	struct port_crowds crowds;
	struct socket_connections *connections; /* NULL: not wanted */
	enum flow_family family;
};

static struct address address_of(const __be32 words[4], uint8_t family)
{
	return family == AF_INET ? address_from_ipv4(words) : address_from_ipv6(words);
}

static struct lookup connection_of(const struct inet_diag_msg *socket)
{
	return (struct lookup){
		.local = address_of(socket->id.idiag_src, socket->idiag_family),
		.remote = address_of(socket->id.idiag_dst, socket->idiag_family),
		.local_port = ntohs(socket->id.idiag_sport),
		.remote_port = ntohs(socket->id.idiag_dport),
		.interface = socket->id.idiag_if,
		.cookie = { socket->id.idiag_cookie[0], socket->id.idiag_cookie[1] },
	};
}

static int on_message(void *ctx, const struct nlmsghdr *message)
{
	struct dump *dump = ctx;
	const struct inet_diag_msg *socket = NLMSG_DATA(message);
	struct lookup connection;
	unsigned int state;

	if (!socket_counts_add(&dump->counts, IPPROTO_TCP, dump->family, message))
		return -EBADMSG;
	if (dump->connections)
		dump->connections->has_bound |= socket->id.idiag_if != 0;
	state = socket->idiag_state - 1U;
	if (state >= N_TCP_SOCKET_STATES || state == TCP_SOCKET_LISTEN || state == TCP_SOCKET_CLOSE)
		return 0;
	connection = connection_of(socket);
	port_crowds_add(&dump->crowds, &connection);
	if (!dump->connections)
		return 0;
	return socket_connections_add(dump->connections, &connection,
				      state == TCP_SOCKET_ESTABLISHED);
}

static int dump_family(struct collector_context *ctx, struct dump *dump, enum flow_family family)
{
	const struct inet_diag_req_v2 request = {
		.sdiag_family = family == FLOW_IPV4 ? AF_INET : AF_INET6,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = TCP_STATES_ALL,
	};

	dump->family = family;
	return netlink_query(&ctx->netlink, NETLINK_SOCKETS, &request, sizeof(request),
			     ctx->deadline_ns, on_message, dump);
}

int socket_dump_error(const struct socket_dump *dump)
{
	const int ipv6 = dump->error[FLOW_IPV6];

	if (dump->error[FLOW_IPV4] < 0)
		return dump->error[FLOW_IPV4];
	return ipv6 == -ENOENT ? 0 : ipv6;
}

static void make(struct collector_context *ctx, struct socket_connections *connections)
{
	struct socket_dump *result = &ctx->sockets;
	struct dump dump = { .connections = connections };

	result->ports_error = port_crowds_init(ctx, &dump.crowds);
	for (enum flow_family family = FLOW_IPV4; family < N_FLOW_FAMILIES; family++)
		result->error[family] = dump_family(ctx, &dump, family);
	port_crowds_result(&dump.crowds, &result->ports);
	if (socket_dump_error(result) < 0)
		result->ports.in_use_max.known = false;
	port_crowds_finish(&dump.crowds);
	result->counts = dump.counts;
	result->request = ctx->request;
}

void socket_dump_get(struct collector_context *ctx, const struct socket_dump **ret)
{
	if (ctx->sockets.request != ctx->request)
		make(ctx, NULL);
	*ret = &ctx->sockets;
}

int socket_dump_again(struct collector_context *ctx, struct socket_connections *connections)
{
	struct dump dump = { .connections = connections };

	for (enum flow_family family = FLOW_IPV4; family < N_FLOW_FAMILIES; family++) {
		int r = dump_family(ctx, &dump, family);

		if (r < 0 && (family == FLOW_IPV4 || r != -ENOENT))
			return r;
	}
	return 0;
}

int socket_dump_connections(struct collector_context *ctx, struct socket_connections *connections)
{
	make(ctx, connections);
	return socket_dump_error(&ctx->sockets);
}
