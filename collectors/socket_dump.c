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
	struct port_crowds *crowds;		/* NULL: not wanted */
	struct socket_connections *connections; /* likewise */
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

/* For those who want to know more of a socket than its state. */
static int add_connection(struct dump *dump, const struct inet_diag_msg *socket)
{
	const unsigned int state = socket->idiag_state - 1U;
	struct lookup connection;

	if (dump->connections)
		dump->connections->has_bound |= socket->id.idiag_if != 0;
	if (state >= N_TCP_SOCKET_STATES || state == TCP_SOCKET_LISTEN || state == TCP_SOCKET_CLOSE)
		return 0;
	connection = connection_of(socket);
	if (dump->crowds)
		port_crowds_add(dump->crowds, &connection);
	if (!dump->connections)
		return 0;
	return socket_connections_add(dump->connections, &connection,
				      state == TCP_SOCKET_ESTABLISHED);
}

static int on_message(void *ctx, const struct nlmsghdr *message)
{
	const struct inet_diag_msg *socket = NLMSG_DATA(message);
	struct dump *dump = ctx;
	enum flow_family family;

	if (!socket_counts_add(&dump->counts, IPPROTO_TCP, message))
		return -EBADMSG;
	if (!socket_family(socket, &family) || (!dump->crowds && !dump->connections))
		return 0;
	return add_connection(dump, socket);
}

/*
 * Both families by the one request that the kernel has for that, which is older than the one for
 * each family: the kernel walks the whole table, which all network namespaces share unless one has
 * its own, once instead of twice. (inet_diag_dump_compat() in net/ipv4/inet_diag.c)
 */
static int run_dump(struct collector_context *ctx, struct dump *dump)
{
	const struct inet_diag_req request = { .idiag_states = TCP_STATES_ALL };

	return netlink_query(&ctx->netlink, NETLINK_TCP_SOCKETS, &request, sizeof(request),
			     ctx->deadline_ns, on_message, dump);
}

static void make(struct collector_context *ctx, bool ports, struct socket_connections *connections)
{
	struct socket_dump *result = &ctx->sockets;
	struct dump dump = { .connections = connections };
	struct port_crowds crowds;

	*result = (struct socket_dump){ .request = ctx->request, .has_ports = ports };
	if (ports) {
		result->ports_error = port_crowds_init(ctx, &crowds);
		dump.crowds = &crowds;
	}
	result->error = run_dump(ctx, &dump);
	result->counts = dump.counts;
	if (!ports)
		return;
	port_crowds_result(&crowds, &result->ports);
	if (result->error < 0)
		result->ports.in_use_max.known = false;
	port_crowds_finish(&crowds);
}

void socket_dump_get(struct collector_context *ctx, bool ports, const struct socket_dump **ret)
{
	if (ctx->sockets.request != ctx->request || (ports && !ctx->sockets.has_ports))
		make(ctx, ports || ctx->wants_ports, NULL);
	*ret = &ctx->sockets;
}

int socket_dump_again(struct collector_context *ctx, struct socket_connections *connections)
{
	struct dump dump = { .connections = connections };

	return run_dump(ctx, &dump);
}

int socket_dump_connections(struct collector_context *ctx, struct socket_connections *connections)
{
	make(ctx, ctx->wants_ports, connections);
	/* The join has less time than the request. */
	if (ctx->sockets.error == -ETIME)
		ctx->sockets.request = 0;
	return ctx->sockets.error;
}
