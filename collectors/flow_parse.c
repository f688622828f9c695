/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * ctnetlink message -> struct flow. This is the hot loop of the walk: it reads only the attributes
 * that are counted and stops behind the last one wanted. The kernel writes tuples, status, timeout
 * and protocol state first (ctnetlink_fill_info() in net/netfilter/nf_conntrack_netlink.c); nothing
 * here depends on that order.
 */

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "attribute.h"
#include "flow.h"

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

static enum flow_protocol flow_protocol(uint8_t number)
{
	switch (number) {
	case IPPROTO_TCP:
		return FLOW_TCP;
	case IPPROTO_UDP:
		return FLOW_UDP;
	case IPPROTO_ICMP:
		return FLOW_ICMP;
	case IPPROTO_ICMPV6:
		return FLOW_ICMPV6;
	case IPPROTO_SCTP:
		return FLOW_SCTP;
	case IPPROTO_GRE:
		return FLOW_GRE;
	case IPPROTO_DCCP:
		return FLOW_DCCP;
	case IPPROTO_UDPLITE:
		return FLOW_UDPLITE;
	default:
		return FLOW_OTHER;
	}
}

/* CTA_TUPLE_IP: the source address of the tuple. */
static bool parse_source(const struct attribute *ip, struct address *ret)
{
	struct attribute_cursor cursor = attribute_nested(ip);
	struct attribute a;

	while (attribute_next(&cursor, &a)) {
		if (a.type == CTA_IP_V4_SRC && a.len == 4) {
			*ret = address_from_ipv4(a.payload);
			return true;
		}
		if (a.type == CTA_IP_V6_SRC && a.len == 16) {
			*ret = address_from_ipv6(a.payload);
			return true;
		}
	}
	return false;
}

static void parse_protocol(const struct attribute *proto, struct flow *flow)
{
	struct attribute_cursor cursor = attribute_nested(proto);
	struct attribute a;
	uint8_t number;

	while (attribute_next(&cursor, &a)) {
		if (a.type == CTA_PROTO_NUM && attribute_u8(&a, &number)) {
			flow->protocol = (uint8_t)flow_protocol(number);
			flow->has |= FLOW_HAS_PROTOCOL;
			return;
		}
	}
}

static void parse_original(const struct attribute *tuple, struct flow *flow)
{
	struct attribute_cursor cursor = attribute_nested(tuple);
	struct attribute a;

	while (attribute_next(&cursor, &a)) {
		if (a.type == CTA_TUPLE_IP && parse_source(&a, &flow->initiator))
			flow->has |= FLOW_HAS_INITIATOR;
		else if (a.type == CTA_TUPLE_PROTO)
			parse_protocol(&a, flow);
	}
}

static void parse_reply(const struct attribute *tuple, struct flow *flow)
{
	struct attribute_cursor cursor = attribute_nested(tuple);
	struct attribute a;

	while (attribute_next(&cursor, &a)) {
		if (a.type == CTA_TUPLE_IP && parse_source(&a, &flow->responder)) {
			flow->has |= FLOW_HAS_RESPONDER;
			return;
		}
	}
}

static void parse_tcp_state(const struct attribute *protoinfo, struct flow *flow)
{
	struct attribute_cursor cursor = attribute_nested(protoinfo), tcp;
	struct attribute a;

	while (attribute_next(&cursor, &a)) {
		if (a.type != CTA_PROTOINFO_TCP)
			continue;
		for (tcp = attribute_nested(&a); attribute_next(&tcp, &a);) {
			if (a.type == CTA_PROTOINFO_TCP_STATE &&
			    attribute_u8(&a, &flow->tcp_state) &&
			    flow->tcp_state < FLOW_TCP_OFFLOADED) {
				flow->has |= FLOW_HAS_TCP_STATE;
				return;
			}
		}
		return;
	}
}

static void parse_family(const struct nlmsghdr *message, struct flow *flow)
{
	const struct nfgenmsg *header = NLMSG_DATA(message);

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return;
	if (header->nfgen_family == AF_INET)
		flow->family = FLOW_IPV4;
	else if (header->nfgen_family == AF_INET6)
		flow->family = FLOW_IPV6;
	else
		return;
	flow->has |= FLOW_HAS_FAMILY;
}

/* True once everything that is counted for this flow's protocol was read. */
static bool is_whole(const struct flow *flow)
{
	const uint32_t all = FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR |
			     FLOW_HAS_RESPONDER | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT;

	return (flow->has & all) == all &&
	       (flow->protocol != FLOW_TCP || flow->has & FLOW_HAS_TCP_STATE);
}

void flow_parse(const struct nlmsghdr *message, struct flow *ret)
{
	struct attribute_cursor cursor = attribute_of_message(message, sizeof(struct nfgenmsg));
	struct attribute a;
	bool has_protoinfo = false;

	ret->has = 0;
	parse_family(message, ret);
	while (!is_whole(ret) && attribute_next(&cursor, &a)) {
		switch (a.type) {
		case CTA_TUPLE_ORIG:
			parse_original(&a, ret);
			break;
		case CTA_TUPLE_REPLY:
			parse_reply(&a, ret);
			break;
		case CTA_STATUS:
			ret->has |= attribute_be32(&a, &ret->status) ? FLOW_HAS_STATUS : 0;
			break;
		case CTA_TIMEOUT:
			ret->has |= attribute_be32(&a, &ret->timeout_s) ? FLOW_HAS_TIMEOUT : 0;
			break;
		case CTA_PROTOINFO:
			has_protoinfo = true;
			parse_tcp_state(&a, ret);
			break;
		default:
			break;
		}
	}
	/*
	 * The kernel leaves CTA_PROTOINFO out of a TCP entry only while a flowtable carries the
	 * flow. A message that was cut leaves bytes behind the last attribute that could be read.
	 */
	if (!has_protoinfo && cursor.left == 0 && ret->has & FLOW_HAS_PROTOCOL &&
	    ret->protocol == FLOW_TCP) {
		ret->tcp_state = FLOW_TCP_OFFLOADED;
		ret->has |= FLOW_HAS_TCP_STATE;
	}
}
