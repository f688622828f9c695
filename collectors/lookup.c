/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "../exporter/util.h"
#include "collector.h"

/* The kernel's socket states (net/tcp_states.h). */
enum {
	SOCKET_ESTABLISHED = 1,
	SOCKET_CLOSE = 7,
	SOCKET_LISTEN = 10,
};

/* The kernel refuses a question when it has no memory for the answer, for one. */
#define LOOKUP_ATTEMPTS 3

/* Asks the kernel about some lookups, one after another in memory. */
struct asker {
	int (*ask)(struct asker *asker, struct lookup *lookups, size_t n);
	struct collector_context *ctx;
	struct lookup *lookups; /* that are asked about now */
	/* For flows: one for each family, so that no attribute is left over from the other. */
	struct nf_conntrack *tuples[N_FLOW_FAMILIES];
};

/* Asks about all that have no answer. */
static int ask_failed(struct asker *asker, struct lookup *lookups, size_t n)
{
	int r = 0;

	for (size_t first = 0, end; r == 0 && first < n; first = end) {
		for (end = first; end < n && lookups[end].result == LOOKUP_FAILED; end++)
			;
		if (end > first)
			r = asker->ask(asker, lookups + first, end - first);
		else
			end++;
	}
	return r;
}

static int ask_all(struct asker *asker, struct lookup *lookups, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++)
		lookups[i].result = LOOKUP_FAILED;
	for (int i = 0; r == 0 && i < LOOKUP_ATTEMPTS; i++)
		r = ask_failed(asker, lookups, n);
	return r;
}

static void set_addresses(struct nf_conntrack *tuple, const struct lookup *lookup)
{
	if (address_is_ipv4(&lookup->local)) {
		nfct_set_attr_u8(tuple, ATTR_L3PROTO, AF_INET);
		nfct_set_attr(tuple, ATTR_IPV4_SRC, lookup->local.bytes + 12);
		nfct_set_attr(tuple, ATTR_IPV4_DST, lookup->remote.bytes + 12);
	} else {
		nfct_set_attr_u8(tuple, ATTR_L3PROTO, AF_INET6);
		nfct_set_attr(tuple, ATTR_IPV6_SRC, lookup->local.bytes);
		nfct_set_attr(tuple, ATTR_IPV6_DST, lookup->remote.bytes);
	}
}

/* A kernel without zones refuses the attribute, whatever it holds (ctnetlink_parse_zone()). */
static void set_zone(struct nf_conntrack *tuple, uint16_t zone)
{
	if (zone)
		nfct_set_attr_u16(tuple, ATTR_ZONE, zone);
	else
		(void)nfct_attr_unset(tuple, ATTR_ZONE);
}

static size_t build_flow(void *ctx, size_t i, void *payload)
{
	struct asker *all = ctx;
	const struct lookup *lookup = &all->lookups[i];
	const bool is_ipv4 = address_is_ipv4(&lookup->local);
	struct nf_conntrack *tuple = all->tuples[is_ipv4 ? FLOW_IPV4 : FLOW_IPV6];
	char bytes[sizeof(struct nlmsghdr) + NETLINK_PAYLOAD_MAX]
		__attribute__((aligned(8))) = { 0 };
	struct nlmsghdr *message = (void *)bytes;
	struct nfgenmsg *header = NLMSG_DATA(message);

	message->nlmsg_len = NLMSG_LENGTH(sizeof(*header));
	header->nfgen_family = is_ipv4 ? AF_INET : AF_INET6;
	header->version = NFNETLINK_V0;
	set_addresses(tuple, lookup);
	nfct_set_attr_u8(tuple, ATTR_L4PROTO, IPPROTO_TCP);
	nfct_set_attr_u16(tuple, ATTR_PORT_SRC, htons(lookup->local_port));
	nfct_set_attr_u16(tuple, ATTR_PORT_DST, htons(lookup->remote_port));
	set_zone(tuple, lookup->zone);
	if (nfct_nlmsg_build(message, tuple) < 0)
		return 0;
	memcpy(payload, header, message->nlmsg_len - NLMSG_HDRLEN);
	return message->nlmsg_len - NLMSG_HDRLEN;
}

static void on_flow(void *ctx, size_t i, int error, const struct nlmsghdr *message)
{
	struct asker *all = ctx;
	struct flow flow;

	if (!message) {
		all->lookups[i].result = error == -ENOENT ? LOOKUP_NONE : LOOKUP_FAILED;
		return;
	}
	flow_parse(message, &flow);
	if (!(flow.has & FLOW_HAS_ADDRESSES)) {
		all->lookups[i].result = LOOKUP_FAILED;
		return;
	}
	all->lookups[i].result = flow.has & FLOW_HAS_TCP_STATE &&
						 flow.tcp_state == FLOW_TCP_ESTABLISHED
					 ? LOOKUP_ESTABLISHED
					 : LOOKUP_OTHER_STATE;
}

static int ask_flows(struct asker *asker, struct lookup *lookups, size_t n)
{
	const struct netlink_lookup lookup = { build_flow, on_flow, asker };

	asker->lookups = lookups;
	return collector_lookup_conntrack(asker->ctx, n, &lookup);
}

int lookup_flows(struct collector_context *ctx, struct lookup *lookups, size_t n)
{
	struct asker all = { ask_flows, ctx, NULL, { nfct_new(), nfct_new() } };
	int r = -ENOMEM;

	if (all.tuples[FLOW_IPV4] && all.tuples[FLOW_IPV6])
		r = ask_all(&all, lookups, n);
	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		if (all.tuples[family])
			nfct_destroy(all.tuples[family]);
	return r;
}

/*
 * An IPv4 connection is asked for by its IPv4 addresses whatever family its socket has: the kernel
 * keeps both in one hash (inet_diag_find_one_icsk() in net/ipv4/inet_diag.c).
 */
static size_t build_socket(void *ctx, size_t i, void *payload)
{
	const struct lookup *lookup = (const struct lookup *)ctx + i;
	const bool is_ipv4 = address_is_ipv4(&lookup->local);
	struct inet_diag_req_v2 request = {
		.sdiag_family = is_ipv4 ? AF_INET : AF_INET6,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = UINT32_MAX,
		.id = {
			.idiag_sport = htons(lookup->local_port),
			.idiag_dport = htons(lookup->remote_port),
			.idiag_if = lookup->interface,
			.idiag_cookie = { lookup->cookie[0], lookup->cookie[1] },
		},
	};

	memcpy(request.id.idiag_src, lookup->local.bytes + (is_ipv4 ? 12 : 0), is_ipv4 ? 4 : 16);
	memcpy(request.id.idiag_dst, lookup->remote.bytes + (is_ipv4 ? 12 : 0), is_ipv4 ? 4 : 16);
	memcpy(payload, &request, sizeof(request));
	return sizeof(request);
}

/* Without a connection the kernel finds its listener, and a cookie of another socket is -ESTALE. */
static void on_socket(void *ctx, size_t i, int error, const struct nlmsghdr *message)
{
	struct lookup *lookup = (struct lookup *)ctx + i;
	const struct inet_diag_msg *socket;

	lookup->result = error == -ENOENT || error == -ESTALE ? LOOKUP_NONE : LOOKUP_FAILED;
	if (!message || message->nlmsg_len < NLMSG_LENGTH(sizeof(*socket)))
		return;
	socket = NLMSG_DATA(message);
	if (socket->idiag_state == SOCKET_LISTEN || socket->idiag_state == SOCKET_CLOSE)
		lookup->result = LOOKUP_NONE;
	else
		lookup->result = socket->idiag_state == SOCKET_ESTABLISHED ? LOOKUP_ESTABLISHED
									   : LOOKUP_OTHER_STATE;
}

static int ask_sockets(struct asker *asker, struct lookup *lookups, size_t n)
{
	const struct netlink_lookup lookup = { build_socket, on_socket, lookups };

	return netlink_lookup(&asker->ctx->netlink, NETLINK_SOCKET_LOOKUP, n, &lookup,
			      asker->ctx->deadline_ns);
}

int lookup_sockets(struct collector_context *ctx, struct lookup *lookups, size_t n)
{
	struct asker all = { .ask = ask_sockets, .ctx = ctx };

	return ask_all(&all, lookups, n);
}
