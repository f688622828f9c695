/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Netlink requests and their answers. The only file that sends to the kernel.
 *
 * What can be sent is a table with one row per enum netlink_query, and every row is a GET: a
 * message that changes anything cannot be expressed here.
 *
 * Policy, for all callers:
 * - sequence numbers are checked; an answer to something else is skipped;
 * - recv() interrupted by a signal goes on; NLM_F_DUMP_INTR ends the dump with -EINTR, lost
 *   messages with -ENOBUFS, the deadline with -ETIME, an answer that stays away for two seconds
 * with -ETIMEDOUT, nl->cancelled with -ECANCELED, and the caller decides whether to ask again (a
 *   bounded number of times);
 * - NLMSG_DONE may carry an error (sock_diag reports a protocol that the kernel does not have that
 *   way);
 * - a socket that did not see the end of its answer is thrown away: closing it is what stops the
 *   kernel's dump.
 */

#include <linux/netlink.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum netlink_query {
	NETLINK_CONNTRACK_STATS,
	NETLINK_CONNTRACK_STATS_CPU,
	NETLINK_CONNTRACK_FLOWS,
	NETLINK_ADDRESSES,
	NETLINK_SOCKETS,       /* of one family and protocol */
	NETLINK_TCP_SOCKETS,   /* of both families */
	NETLINK_FLOW_LOOKUP,   /* one flow by a tuple of either direction */
	NETLINK_SOCKET_LOOKUP, /* one socket by its addresses, ports and cookie */
	NETLINK_NFT_TABLES,
	N_NETLINK_QUERIES,
};

struct netlink_query_desc {
	int bus;
	uint16_t type;
	uint16_t flags;
	bool small_reads; /* its dump is read a page at a time */
};

/* What is sent for each query; const, so that a test can check every row. */
extern const struct netlink_query_desc netlink_queries[N_NETLINK_QUERIES];

/*
 * The kernel writes as much of a dump in each recv() as the largest one yet had room for
 * (netlink_dump() in net/netlink/af_netlink.c), 32 KiB at most. That of conntrack it writes with
 * softirqs off, so that packets on that CPU wait: 0.46 ms for 32 KiB, 0.06 ms for 4. So that one
 * gets the least that it needs (NLMSG_GOODSIZE), for a twentieth more of the CPU time.
 */
#define NETLINK_BUFFER_SIZE 32768
#define NETLINK_PAGE_MAX 8192

/*
 * Lookups that travel in one message. The kernel puts each answer into the socket's receive buffer
 * before it reads the next question, and charges some 1 to 4 KiB for it: as many fit into the
 * default of 208 KiB (net.core.rmem_default).
 */
#define NETLINK_BATCH_MAX 32
/* Room for the largest family header and the attributes of a tuple. */
#define NETLINK_PAYLOAD_MAX 256
#define NETLINK_BATCH_SIZE (NETLINK_BATCH_MAX * (16 + NETLINK_PAYLOAD_MAX))

struct mnl_socket;

struct netlink {
	struct mnl_socket *sockets[N_NETLINK_QUERIES]; /* opened on first use */
	uint32_t sequence;
	size_t page_size;			/* NETLINK_PAGE_MAX at most */
	const volatile sig_atomic_t *cancelled; /* NULL, or what ends a query when it is not 0 */
	char buffer[NETLINK_BUFFER_SIZE] __attribute__((aligned(8)));
	char batch[NETLINK_BATCH_SIZE] __attribute__((aligned(8)));
};

/* Called for each data message of an answer; 0 goes on, anything else ends the query with that. */
typedef int (*netlink_message_fn)(void *ctx, const struct nlmsghdr *message);

void netlink_init(struct netlink *nl);
void netlink_finish(struct netlink *nl);

/*
 * Sends the query with payload (the family header after struct nlmsghdr) and hands every answer to
 * fn. deadline_ns is on CLOCK_MONOTONIC. Returns 0 when the answer was complete, what fn returned
 * when it stopped, or a negative errno; -EPERM means CAP_NET_ADMIN is missing in the user namespace
 * that owns the network namespace.
 */
int netlink_query(struct netlink *nl, enum netlink_query query, const void *payload,
		  size_t payload_len, uint64_t deadline_ns, netlink_message_fn fn, void *ctx);

/* The same for conntrack and nftables, whose payload is a struct nfgenmsg of all families. */
int netlink_query_conntrack(struct netlink *nl, enum netlink_query query, uint64_t deadline_ns,
			    netlink_message_fn fn, void *ctx);
