/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * ctnetlink message -> struct flow. Only the attributes that are counted are read, and none behind
 * the last one wanted. What stands where the kernel usually writes it flow_layout.c reads at once;
 * what does not, a walk over the attributes does. Nothing depends on their order but the zone,
 * which most flows lack: it is not looked for behind the last one wanted.
 */

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "flow_layout.h"

/* What of a tuple could be read. */
enum {
	TUPLE_SOURCE = 1U << 0,
	TUPLE_DESTINATION = 1U << 1,
	TUPLE_PORTS_SOURCE = 1U << 2,
	TUPLE_PORTS_DESTINATION = 1U << 3,
	TUPLE_NUMBER = 1U << 4,
	TUPLE_ADDRESSES = TUPLE_SOURCE | TUPLE_DESTINATION,
	TUPLE_PORTS = TUPLE_PORTS_SOURCE | TUPLE_PORTS_DESTINATION,
};

static uint32_t parse_ip(const struct attribute *ip, struct tuple *tuple)
{
	struct attribute_cursor cursor = attribute_nested(ip);
	struct attribute a;
	uint32_t has = 0;

	while (has != TUPLE_ADDRESSES && attribute_next(&cursor, &a)) {
		if (a.type == CTA_IP_V4_SRC && a.len == 4) {
			tuple->source = address_from_ipv4(a.payload);
			has |= TUPLE_SOURCE;
		} else if (a.type == CTA_IP_V4_DST && a.len == 4) {
			tuple->destination = address_from_ipv4(a.payload);
			has |= TUPLE_DESTINATION;
		} else if (a.type == CTA_IP_V6_SRC && a.len == 16) {
			tuple->source = address_from_ipv6(a.payload);
			has |= TUPLE_SOURCE;
		} else if (a.type == CTA_IP_V6_DST && a.len == 16) {
			tuple->destination = address_from_ipv6(a.payload);
			has |= TUPLE_DESTINATION;
		}
	}
	return has;
}

static uint32_t parse_proto(const struct attribute *proto, struct tuple *tuple, uint8_t *number)
{
	struct attribute_cursor cursor = attribute_nested(proto);
	struct attribute a;
	uint32_t has = 0;

	while (attribute_next(&cursor, &a)) {
		if (a.type == CTA_PROTO_NUM && attribute_u8(&a, number))
			has |= TUPLE_NUMBER;
		else if (a.type == CTA_PROTO_SRC_PORT && attribute_be16(&a, &tuple->source_port))
			has |= TUPLE_PORTS_SOURCE;
		else if (a.type == CTA_PROTO_DST_PORT &&
			 attribute_be16(&a, &tuple->destination_port))
			has |= TUPLE_PORTS_DESTINATION;
	}
	return has;
}

static uint32_t parse_tuple(const struct attribute *attribute, struct tuple *tuple, uint8_t *number,
			    uint16_t *zone)
{
	struct attribute_cursor cursor = attribute_nested(attribute);
	struct attribute a;
	uint32_t has = 0;

	while (attribute_next(&cursor, &a)) {
		if (a.type == CTA_TUPLE_IP)
			has |= parse_ip(&a, tuple);
		else if (a.type == CTA_TUPLE_PROTO)
			has |= parse_proto(&a, tuple, number);
		else if (a.type == CTA_TUPLE_ZONE)
			(void)attribute_be16(&a, zone);
	}
	return has;
}

/* What both tuples have, the flow has. */
static void set_tuples(struct flow *flow, uint32_t original, uint32_t reply)
{
	const uint32_t both = original & reply;

	flow->has |= original & TUPLE_SOURCE ? FLOW_HAS_INITIATOR : 0;
	flow->has |= reply & TUPLE_SOURCE ? FLOW_HAS_RESPONDER : 0;
	flow->has |= (both & TUPLE_ADDRESSES) == TUPLE_ADDRESSES ? FLOW_HAS_ADDRESSES : 0;
	flow->has |= (both & TUPLE_PORTS) == TUPLE_PORTS ? FLOW_HAS_PORTS : 0;
}

static void parse_tcp_state(const struct attribute *protoinfo, struct flow *flow)
{
	struct attribute_cursor cursor = attribute_nested(protoinfo), tcp;
	struct attribute a;
	uint8_t state;

	while (attribute_next(&cursor, &a)) {
		if (a.type != CTA_PROTOINFO_TCP)
			continue;
		for (tcp = attribute_nested(&a); attribute_next(&tcp, &a);) {
			if (a.type == CTA_PROTOINFO_TCP_STATE && attribute_u8(&a, &state) &&
			    state < FLOW_TCP_OFFLOADED) {
				flow->tcp_state = state;
				flow->has |= FLOW_HAS_TCP_STATE;
				return;
			}
		}
		return;
	}
}

/* True once everything that is counted for this flow's protocol was read. */
static bool is_whole(const struct flow *flow)
{
	const uint32_t all = FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR |
			     FLOW_HAS_RESPONDER | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT;

	return (flow->has & all) == all &&
	       (flow->protocol != FLOW_TCP || flow->has & FLOW_HAS_TCP_STATE);
}

/* What tuples had of which a flow has all this; nothing where it has no protocol. */
static uint32_t tuples_of(uint32_t has)
{
	if (!(has & FLOW_HAS_PROTOCOL))
		return 0;
	return TUPLE_NUMBER | TUPLE_ADDRESSES | (has & FLOW_HAS_PORTS ? TUPLE_PORTS : 0);
}

void flow_parse_attributes(struct attribute_cursor cursor, uint8_t number, struct flow *ret)
{
	uint32_t original = tuples_of(ret->has), reply = original;
	bool has_protoinfo = false;
	struct attribute a;

	while (!is_whole(ret) && attribute_next(&cursor, &a)) {
		switch (a.type) {
		case CTA_TUPLE_ORIG:
			original |= parse_tuple(&a, &ret->original, &number, &ret->zone);
			if (original & TUPLE_NUMBER) {
				ret->protocol = (uint8_t)flow_protocol(number);
				ret->has |= FLOW_HAS_PROTOCOL;
			}
			set_tuples(ret, original, reply);
			break;
		case CTA_TUPLE_REPLY:
			reply |= parse_tuple(&a, &ret->reply, &number, &ret->zone);
			set_tuples(ret, original, reply);
			break;
		case CTA_ZONE:
			(void)attribute_be16(&a, &ret->zone);
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

void flow_parse_any(const struct nlmsghdr *message, struct flow *ret)
{
	ret->has = 0;
	ret->zone = 0;
	parse_family(message, ret);
	flow_parse_attributes(attribute_of_message(message, sizeof(struct nfgenmsg)), 0, ret);
}
