/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* sock_diag answers -> counts of sockets. Pure; nothing is kept per socket. */

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "flow.h"

/* The order of the kernel's socket states (net/tcp_states.h), from 1 on. */
enum tcp_socket_state {
	TCP_SOCKET_ESTABLISHED,
	TCP_SOCKET_SYN_SENT,
	TCP_SOCKET_SYN_RECV,
	TCP_SOCKET_FIN_WAIT1,
	TCP_SOCKET_FIN_WAIT2,
	TCP_SOCKET_TIME_WAIT,
	TCP_SOCKET_CLOSE,
	TCP_SOCKET_CLOSE_WAIT,
	TCP_SOCKET_LAST_ACK,
	TCP_SOCKET_LISTEN,
	TCP_SOCKET_CLOSING,
	N_TCP_SOCKET_STATES,
};

enum udp_socket_state {
	UDP_SOCKET_CONNECTED,
	UDP_SOCKET_UNCONNECTED,
	N_UDP_SOCKET_STATES,
};

struct socket_counts {
	uint64_t tcp[N_FLOW_FAMILIES][N_TCP_SOCKET_STATES];
	uint64_t udp[N_FLOW_FAMILIES][N_UDP_SOCKET_STATES];
	uint64_t listeners;
	uint64_t listeners_full;       /* the next connection would be refused a place */
	double accept_queue_max_ratio; /* of the fullest listener; its length over its limit */
};

/* False, and nothing set, for a socket that is neither IPv4 nor IPv6: it is nobody's here. */
static inline bool socket_family(const struct inet_diag_msg *socket, enum flow_family *ret)
{
	if (socket->idiag_family != AF_INET && socket->idiag_family != AF_INET6)
		return false;
	*ret = socket->idiag_family == AF_INET ? FLOW_IPV4 : FLOW_IPV6;
	return true;
}

/*
 * Adds one inet_diag_msg of a dump for protocol (IPPROTO_TCP or IPPROTO_UDP). For a listener
 * idiag_rqueue is the length of its accept queue and idiag_wqueue the limit, for no other socket.
 * One of a family or in a state that a newer kernel may have is not counted, nor is a short
 * message; false says that it was short.
 */
bool socket_counts_add(struct socket_counts *counts, int protocol, const struct nlmsghdr *message);
