/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One entry of the conntrack table as the walk sees it, and the vocabulary of its labels. */

#include <linux/netlink.h>
#include <stdint.h>

#include "address.h"

enum flow_family {
	FLOW_IPV4,
	FLOW_IPV6,
	N_FLOW_FAMILIES,
};

enum flow_protocol {
	FLOW_TCP,
	FLOW_UDP,
	FLOW_ICMP,
	FLOW_ICMPV6,
	FLOW_SCTP,
	FLOW_GRE,
	FLOW_DCCP,
	FLOW_UDPLITE,
	FLOW_OTHER,
	N_FLOW_PROTOCOLS,
};

/* The kernel's enum tcp_conntrack in its order, and one for flows whose state a flowtable keeps. */
enum flow_tcp_state {
	FLOW_TCP_NONE,
	FLOW_TCP_SYN_SENT,
	FLOW_TCP_SYN_RECV,
	FLOW_TCP_ESTABLISHED,
	FLOW_TCP_FIN_WAIT,
	FLOW_TCP_CLOSE_WAIT,
	FLOW_TCP_LAST_ACK,
	FLOW_TCP_TIME_WAIT,
	FLOW_TCP_CLOSE,
	FLOW_TCP_SYN_SENT2,
	FLOW_TCP_OFFLOADED,
	N_FLOW_TCP_STATES,
};

/* What of a flow the kernel's message held and we could read. */
enum flow_has {
	FLOW_HAS_FAMILY = 1U << 0,
	FLOW_HAS_PROTOCOL = 1U << 1,
	FLOW_HAS_INITIATOR = 1U << 2, /* original.source */
	FLOW_HAS_RESPONDER = 1U << 3, /* reply.source */
	FLOW_HAS_STATUS = 1U << 4,
	FLOW_HAS_TIMEOUT = 1U << 5,   /* left out by the kernel for offloaded flows */
	FLOW_HAS_TCP_STATE = 1U << 6, /* TCP only */
	FLOW_HAS_ADDRESSES = 1U << 7, /* all of both tuples */
	FLOW_HAS_PORTS = 1U << 8,     /* all of both tuples; protocols without ports have none */
};

/* One direction of a flow as its sender addresses it: CTA_TUPLE_ORIG or CTA_TUPLE_REPLY. */
struct tuple {
	struct address source, destination;
	uint16_t source_port, destination_port; /* host byte order */
};

struct flow {
	uint32_t has;	 /* enum flow_has; a field without its bit is undefined */
	uint32_t status; /* IPS_* of linux/netfilter/nf_conntrack_common.h */
	uint32_t timeout_s;
	uint16_t zone;	/* of both directions (CTA_ZONE) or one (CTA_TUPLE_ZONE); 0: the default */
	uint8_t family; /* enum flow_family */
	uint8_t protocol;  /* enum flow_protocol */
	uint8_t tcp_state; /* enum flow_tcp_state */
	struct tuple original;
	struct tuple reply; /* its source is who answers after any NAT */
};

/*
 * Parses one IPCTNL_MSG_CT_NEW message of a dump. Pure; never fails: what is missing, short or
 * unknown leaves its has bit unset, and attributes it does not know are skipped.
 */
void flow_parse(const struct nlmsghdr *message, struct flow *ret);

/*
 * The same, by a walk over the attributes. flow_parse() does it where the message is not laid out
 * as the kernel usually does; both read the same from any message.
 */
void flow_parse_any(const struct nlmsghdr *message, struct flow *ret);
