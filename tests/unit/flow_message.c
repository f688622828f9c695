/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "flow_message.h"

const struct recipe tcp_ipv4 = { AF_INET, IPPROTO_TCP, FLOW_TCP_ESTABLISHED, 0, { WELL } };

static const unsigned char ipv4_initiator[] = { 192, 0, 2, 1 };
static const unsigned char ipv4_responder[] = { 198, 51, 100, 2 };
static const unsigned char ipv6_initiator[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
static const unsigned char ipv6_responder[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 };

static void put_unknown(struct message *m, const struct recipe *recipe)
{
	if (recipe->oddities & UNKNOWN_BETWEEN) {
		message_put_be32(m, 0x3ffe, 0xdeadbeef);
		message_put(m, 0x2abc, NULL, 0);
		message_put(m, 0, "odd", 3);
	}
}

/* Puts the value as the field's trouble wants it. */
static void put_field(struct message *m, const struct recipe *recipe, enum field field,
		      uint16_t type, const void *value, size_t len)
{
	unsigned char longer[32] = { 0 };

	if (recipe->oddities & FLAG_BITS)
		type |= NLA_F_NET_BYTEORDER;
	memcpy(longer, value, len);
	put_unknown(m, recipe);
	if (recipe->fields[field] == SHORT)
		message_put(m, type, value, len - 1);
	else if (recipe->fields[field] == LONG)
		message_put(m, type, longer, len + 4);
	else if (recipe->fields[field] == WELL)
		message_put(m, type, value, len);
	put_unknown(m, recipe);
}

static void put_be32_field(struct message *m, const struct recipe *recipe, enum field field,
			   uint16_t type, uint32_t value)
{
	const uint32_t wire = htonl(value);

	put_field(m, recipe, field, type, &wire, sizeof(wire));
}

static size_t nest(struct message *m, const struct recipe *recipe, uint16_t type)
{
	return message_nest(m, recipe->oddities & FLAG_BITS ? type | NLA_F_NESTED : type);
}

static void put_ip(struct message *m, const struct recipe *recipe, enum field field,
		   const unsigned char *ipv4, const unsigned char *ipv6)
{
	const bool is_ipv6 = recipe->family == AF_INET6;
	size_t at = nest(m, recipe, CTA_TUPLE_IP);

	put_field(m, recipe, field, is_ipv6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, is_ipv6 ? ipv6 : ipv4,
		  is_ipv6 ? 16 : 4);
	/* Not what is wanted, and of the same length. */
	message_put(m, is_ipv6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, "destination 1234",
		    is_ipv6 ? 16 : 4);
	message_nest_end(m, at);
}

static void put_proto(struct message *m, const struct recipe *recipe)
{
	size_t at = nest(m, recipe, CTA_TUPLE_PROTO);

	put_field(m, recipe, ORIGINAL_PROTOCOL, CTA_PROTO_NUM, &recipe->protocol, 1);
	message_put(m, CTA_PROTO_SRC_PORT, "\x12\x34", 2);
	message_put(m, CTA_PROTO_DST_PORT, "\x00\x50", 2);
	message_nest_end(m, at);
}

static void put_tuple(struct message *m, const struct recipe *recipe, uint16_t type,
		      enum field source, const unsigned char *ipv4, const unsigned char *ipv6)
{
	unsigned char garbage[40];
	size_t at;

	if (recipe->oddities & GARBAGE_TUPLES) {
		memset(garbage, 0xff, sizeof(garbage));
		message_put(m, type, garbage, sizeof(garbage));
		return;
	}
	at = nest(m, recipe, type);
	if (recipe->oddities & REVERSED)
		put_proto(m, recipe);
	put_ip(m, recipe, source, ipv4, ipv6);
	if (!(recipe->oddities & REVERSED))
		put_proto(m, recipe);
	message_nest_end(m, at);
}

static void put_protoinfo(struct message *m, const struct recipe *recipe)
{
	const bool other = recipe->oddities & OTHER_PROTOINFO;
	size_t at = nest(m, recipe, CTA_PROTOINFO), tcp;

	put_unknown(m, recipe);
	tcp = nest(m, recipe, other ? CTA_PROTOINFO_SCTP : CTA_PROTOINFO_TCP);
	put_field(m, recipe, TCP_STATE, CTA_PROTOINFO_TCP_STATE, &recipe->tcp_state, 1);
	message_put_u8(m, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, 7);
	message_nest_end(m, tcp);
	message_nest_end(m, at);
}

void flow_message_put_part(struct message *m, const struct recipe *recipe, enum part part)
{
	switch (part) {
	case PART_ORIGINAL:
		if (!(recipe->oddities & WITHOUT_ORIGINAL))
			put_tuple(m, recipe, CTA_TUPLE_ORIG, ORIGINAL_SOURCE, ipv4_initiator,
				  ipv6_initiator);
		break;
	case PART_REPLY:
		if (!(recipe->oddities & WITHOUT_REPLY))
			put_tuple(m, recipe, CTA_TUPLE_REPLY, REPLY_SOURCE, ipv4_responder,
				  ipv6_responder);
		break;
	case PART_STATUS:
		put_be32_field(m, recipe, STATUS_VALUE, CTA_STATUS, STATUS);
		break;
	case PART_TIMEOUT:
		put_be32_field(m, recipe, TIMEOUT_VALUE, CTA_TIMEOUT, TIMEOUT);
		break;
	default:
		if (recipe->protocol == IPPROTO_TCP && !(recipe->oddities & WITHOUT_PROTOINFO))
			put_protoinfo(m, recipe);
	}
}

void flow_message_make(struct message *m, const struct recipe *recipe)
{
	message_start_conntrack(m, IPCTNL_MSG_CT_NEW, recipe->family, 0);
	for (int i = 0; i < N_PARTS; i++) {
		put_unknown(m, recipe);
		flow_message_put_part(m, recipe, recipe->oddities & REVERSED ? N_PARTS - 1 - i : i);
	}
	/* What the kernel writes behind them. */
	message_put_be32(m, CTA_MARK, 0x12345678);
	message_put_be32(m, CTA_ID, 0x9abcdef0);
	message_put_be32(m, CTA_USE, 1);
}

void flow_parse_exact(const struct message *m, struct flow *flow)
{
	struct nlmsghdr *exact = malloc(m->header.nlmsg_len);

	assert_non_null(exact);
	memcpy(exact, m, m->header.nlmsg_len);
	memset(flow, 0x5a, sizeof(*flow));
	flow_parse(exact, flow);
	free(exact);
}

void flow_check_addresses(const struct flow *flow, const struct recipe *recipe)
{
	const bool is_ipv6 = recipe->family == AF_INET6;
	const struct address initiator = is_ipv6 ? address_from_ipv6(ipv6_initiator)
						 : address_from_ipv4(ipv4_initiator);
	const struct address responder = is_ipv6 ? address_from_ipv6(ipv6_responder)
						 : address_from_ipv4(ipv4_responder);

	if (flow->has & FLOW_HAS_INITIATOR)
		assert_memory_equal(&flow->initiator, &initiator, sizeof(initiator));
	if (flow->has & FLOW_HAS_RESPONDER)
		assert_memory_equal(&flow->responder, &responder, sizeof(responder));
}
