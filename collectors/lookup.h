/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One connection at a time: is there a flow for it in the table, is there a socket for it on this
 * host? Both by exact lookups of the kernel, which cost microseconds and see the present moment,
 * where a dump sees a past one.
 */

#include <stddef.h>
#include <stdint.h>

#include "flow.h"

enum lookup_result {
	LOOKUP_NONE,	    /* there is none */
	LOOKUP_ESTABLISHED, /* the flow, or the socket, is in this state */
	LOOKUP_OTHER_STATE,
	LOOKUP_FAILED, /* the kernel refused the question */
};

/*
 * A connection as its socket here sees it: what this host sends, before any NAT of its own. That is
 * the original tuple of a flow that was opened from here and the reply tuple of one that was opened
 * from elsewhere; the kernel finds a flow by either.
 */
struct lookup {
	struct address local, remote;
	uint16_t local_port, remote_port; /* host byte order */
	uint16_t zone;			  /* for flows */
	uint32_t interface;		  /* for sockets: the device it is bound to, or 0 */
	uint32_t cookie[2];		  /* for sockets: of the very one, or LOOKUP_ANY_COOKIE */
	enum lookup_result result;
};

#define LOOKUP_ANY_COOKIE UINT32_MAX /* INET_DIAG_NOCOOKIE */

struct collector_context;

/*
 * Sets result of each lookup by IPCTNL_MSG_CT_GET; TCP flows only. Returns 0 or a negative errno:
 * -EPERM without CAP_NET_ADMIN, -ENODATA without conntrack, -ETIME at the deadline, -ENOMEM, or
 * another of netlink_query().
 */
int lookup_flows(struct collector_context *ctx, struct lookup *lookups, size_t n);

/*
 * Sets result of each lookup by SOCK_DIAG_BY_FAMILY: sockets of every state but listeners, those in
 * TIME_WAIT and half-open ones included. Returns as lookup_flows().
 */
int lookup_sockets(struct collector_context *ctx, struct lookup *lookups, size_t n);
