/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "flow_message.h"

const struct recipe tcp_ipv4 = { AF_INET, IPPROTO_TCP, FLOW_TCP_ESTABLISHED, 0, { WELL }, NO_ZONE };

/* Both tuples, of a flow with NAT at both ends: no value stands twice. */
struct tuple_recipe {
	uint16_t type;
	enum zone_place zone;
	struct end {
		enum field address, port;
		unsigned char ipv4[4], ipv6[16];
		uint16_t number;
	} source, destination;
};

#define IPV6(last)                                                 \
	{                                                          \
		0x20, 0x01, 0x0d, 0xb8, [14] = 0x80, [15] = (last) \
	}

static const struct tuple_recipe original = {
	CTA_TUPLE_ORIG,
	ZONE_OF_ORIGINAL,
	{ ORIGINAL_SOURCE, ORIGINAL_SOURCE_PORT, { 192, 0, 2, 1 }, IPV6(1), 0x1234 },
	{ ORIGINAL_DESTINATION, ORIGINAL_DESTINATION_PORT, { 203, 0, 113, 3 }, IPV6(3), 80 },
};
static const struct tuple_recipe reply = {
	CTA_TUPLE_REPLY,
	ZONE_OF_REPLY,
	{ REPLY_SOURCE, REPLY_SOURCE_PORT, { 198, 51, 100, 2 }, IPV6(2), 8080 },
	{ REPLY_DESTINATION, REPLY_DESTINATION_PORT, { 203, 0, 113, 4 }, IPV6(4), 0xfedc },
};

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

static void put_be16_field(struct message *m, const struct recipe *recipe, enum field field,
			   uint16_t type, uint16_t value)
{
	const uint16_t wire = htons(value);

	put_field(m, recipe, field, type, &wire, sizeof(wire));
}

static size_t nest(struct message *m, const struct recipe *recipe, uint16_t type)
{
	return message_nest(m, recipe->oddities & FLAG_BITS ? type | NLA_F_NESTED : type);
}

static void put_ip(struct message *m, const struct recipe *recipe, const struct tuple_recipe *tuple)
{
	const struct end *source = &tuple->source, *destination = &tuple->destination;
	size_t at = nest(m, recipe, CTA_TUPLE_IP);

	if (recipe->family == AF_INET6) {
		put_field(m, recipe, source->address, CTA_IP_V6_SRC, source->ipv6, 16);
		put_field(m, recipe, destination->address, CTA_IP_V6_DST, destination->ipv6, 16);
	} else {
		put_field(m, recipe, source->address, CTA_IP_V4_SRC, source->ipv4, 4);
		put_field(m, recipe, destination->address, CTA_IP_V4_DST, destination->ipv4, 4);
	}
	message_nest_end(m, at);
}

static void put_proto(struct message *m, const struct recipe *recipe,
		      const struct tuple_recipe *tuple)
{
	const struct end *source = &tuple->source, *destination = &tuple->destination;
	size_t at = nest(m, recipe, CTA_TUPLE_PROTO);

	put_field(m, recipe, PROTOCOL_NUMBER, CTA_PROTO_NUM, &recipe->protocol, 1);
	put_be16_field(m, recipe, source->port, CTA_PROTO_SRC_PORT, source->number);
	put_be16_field(m, recipe, destination->port, CTA_PROTO_DST_PORT, destination->number);
	message_nest_end(m, at);
}

static void put_tuple(struct message *m, const struct recipe *recipe,
		      const struct tuple_recipe *tuple)
{
	unsigned char garbage[40];
	size_t at;

	if (recipe->oddities & GARBAGE_TUPLES) {
		memset(garbage, 0xff, sizeof(garbage));
		message_put(m, tuple->type, garbage, sizeof(garbage));
		return;
	}
	at = nest(m, recipe, tuple->type);
	if (recipe->oddities & REVERSED)
		put_proto(m, recipe, tuple);
	put_ip(m, recipe, tuple);
	if (!(recipe->oddities & REVERSED))
		put_proto(m, recipe, tuple);
	if (recipe->zone == tuple->zone)
		put_be16_field(m, recipe, ZONE_VALUE, CTA_TUPLE_ZONE, ZONE);
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
			put_tuple(m, recipe, &original);
		break;
	case PART_REPLY:
		if (!(recipe->oddities & WITHOUT_REPLY))
			put_tuple(m, recipe, &reply);
		break;
	case PART_ZONE:
		if (recipe->zone == ZONE_OF_BOTH)
			put_be16_field(m, recipe, ZONE_VALUE, CTA_ZONE, ZONE);
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

static struct address end_address(const struct recipe *recipe, const struct end *end)
{
	return recipe->family == AF_INET6 ? address_from_ipv6(end->ipv6)
					  : address_from_ipv4(end->ipv4);
}

static void check_address(const struct address *address, const struct recipe *recipe,
			  const struct end *end)
{
	const struct address expected = end_address(recipe, end);

	assert_memory_equal(address, &expected, sizeof(expected));
}

void flow_check_tuples(const struct flow *flow, const struct recipe *recipe)
{
	if (flow->has & (FLOW_HAS_INITIATOR | FLOW_HAS_ADDRESSES))
		check_address(&flow->original.source, recipe, &original.source);
	if (flow->has & (FLOW_HAS_RESPONDER | FLOW_HAS_ADDRESSES))
		check_address(&flow->reply.source, recipe, &reply.source);
	if (flow->has & FLOW_HAS_ADDRESSES) {
		check_address(&flow->original.destination, recipe, &original.destination);
		check_address(&flow->reply.destination, recipe, &reply.destination);
	}
	if (flow->has & FLOW_HAS_PORTS) {
		assert_int_equal(flow->original.source_port, original.source.number);
		assert_int_equal(flow->original.destination_port, original.destination.number);
		assert_int_equal(flow->reply.source_port, reply.source.number);
		assert_int_equal(flow->reply.destination_port, reply.destination.number);
	}
}
