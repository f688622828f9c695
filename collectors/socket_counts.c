/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "socket_counts.h"

#include <netinet/in.h>

/*
 * The kernel admits one connection more than the limit: full means longer than it
 * (sk_acceptq_is_full()).
 */
static void add_listener(struct socket_counts *counts, uint32_t length, uint32_t limit)
{
	double ratio = (double)length / (limit ? limit : 1);

	counts->listeners++;
	counts->listeners_full += length > limit;
	if (ratio > counts->accept_queue_max_ratio)
		counts->accept_queue_max_ratio = ratio;
}

bool socket_counts_add(struct socket_counts *counts, int protocol, const struct nlmsghdr *message)
{
	const struct inet_diag_msg *socket = NLMSG_DATA(message);
	enum flow_family family;
	unsigned int state;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*socket)))
		return false;
	if (!socket_family(socket, &family))
		return true;
	state = socket->idiag_state - 1U;
	if (state >= N_TCP_SOCKET_STATES)
		return true;
	if (protocol == IPPROTO_UDP) {
		counts->udp[family][state == TCP_SOCKET_ESTABLISHED ? UDP_SOCKET_CONNECTED
								    : UDP_SOCKET_UNCONNECTED]++;
		return true;
	}
	counts->tcp[family][state]++;
	if (state == TCP_SOCKET_LISTEN)
		add_listener(counts, socket->idiag_rqueue, socket->idiag_wqueue);
	return true;
}
