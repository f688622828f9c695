/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "flow_message.h"

/* The recipe puts a zone into the message that is one. */
static bool has_zone(const struct recipe *recipe)
{
	const uint32_t without = recipe->oddities & GARBAGE_TUPLES
					 ? WITHOUT_ORIGINAL | WITHOUT_REPLY
					 : recipe->oddities;

	return recipe->zone != NO_ZONE && recipe->fields[ZONE_VALUE] == WELL &&
	       !(recipe->zone == ZONE_OF_ORIGINAL && without & WITHOUT_ORIGINAL) &&
	       !(recipe->zone == ZONE_OF_REPLY && without & WITHOUT_REPLY);
}

/* The exact mask, the zone, and each value whose bit is in the mask. */
static void check_flow(const struct recipe *recipe, uint32_t has, enum flow_protocol protocol,
		       enum flow_tcp_state tcp_state)
{
	struct message m;
	struct flow flow;

	flow_message_make(&m, recipe);
	flow_parse_exact(&m, &flow);
	assert_int_equal(flow.has, has);
	flow_check_tuples(&flow, recipe);
	assert_int_equal(flow.zone, has_zone(recipe) ? ZONE : 0);
	if (has & FLOW_HAS_FAMILY)
		assert_int_equal(flow.family, recipe->family == AF_INET6 ? FLOW_IPV6 : FLOW_IPV4);
	if (has & FLOW_HAS_PROTOCOL)
		assert_int_equal(flow.protocol, protocol);
	if (has & FLOW_HAS_STATUS)
		assert_int_equal(flow.status, STATUS);
	if (has & FLOW_HAS_TIMEOUT)
		assert_int_equal(flow.timeout_s, TIMEOUT);
	if (has & FLOW_HAS_TCP_STATE)
		assert_int_equal(flow.tcp_state, tcp_state);
}

static void check_tcp(const struct recipe *recipe, uint32_t has)
{
	check_flow(recipe, has, FLOW_TCP, recipe->tcp_state);
}

static void full_messages_of_both_families(_unused_ void **state)
{
	struct recipe recipe = tcp_ipv4;

	check_tcp(&recipe, HAS_TCP);
	recipe.family = AF_INET6;
	check_tcp(&recipe, HAS_TCP);
}

static void every_protocol(_unused_ void **state)
{
	static const struct {
		uint8_t number;
		enum flow_protocol protocol;
	} cases[] = {
		{ 17, FLOW_UDP },  { 1, FLOW_ICMP },   { 58, FLOW_ICMPV6 },   { 132, FLOW_SCTP },
		{ 47, FLOW_GRE },  { 33, FLOW_DCCP },  { 136, FLOW_UDPLITE }, { 0, FLOW_OTHER },
		{ 2, FLOW_OTHER }, { 50, FLOW_OTHER }, { 255, FLOW_OTHER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct recipe recipe = tcp_ipv4;

		recipe.protocol = cases[i].number;
		check_flow(&recipe, HAS_UDP, cases[i].protocol, 0);
		recipe.family = AF_INET6;
		check_flow(&recipe, HAS_UDP, cases[i].protocol, 0);
	}
}

static void every_tcp_state(_unused_ void **state)
{
	struct recipe recipe = tcp_ipv4;

	for (unsigned int tcp_state = 0; tcp_state <= 255; tcp_state++) {
		recipe.tcp_state = (uint8_t)tcp_state;
		check_tcp(&recipe, tcp_state < FLOW_TCP_OFFLOADED ? HAS_TCP : HAS_UDP);
	}
}

static const struct {
	enum field field;
	uint32_t bits; /* that a flow without it lacks */
} fields[] = {
	{ ORIGINAL_SOURCE, FLOW_HAS_INITIATOR | FLOW_HAS_ADDRESSES },
	{ ORIGINAL_DESTINATION, FLOW_HAS_ADDRESSES },
	{ ORIGINAL_SOURCE_PORT, FLOW_HAS_PORTS },
	{ ORIGINAL_DESTINATION_PORT, FLOW_HAS_PORTS },
	{ REPLY_SOURCE, FLOW_HAS_RESPONDER | FLOW_HAS_ADDRESSES },
	{ REPLY_DESTINATION, FLOW_HAS_ADDRESSES },
	{ REPLY_SOURCE_PORT, FLOW_HAS_PORTS },
	{ REPLY_DESTINATION_PORT, FLOW_HAS_PORTS },
	{ ZONE_VALUE, 0 }, /* the default zone then */
	{ STATUS_VALUE, FLOW_HAS_STATUS },
	{ TIMEOUT_VALUE, FLOW_HAS_TIMEOUT },
	{ TCP_STATE, FLOW_HAS_TCP_STATE },
};

static void a_value_that_is_missing_short_or_long(_unused_ void **state)
{
	static const enum trouble troubles[] = { MISSING, SHORT, LONG };

	for (size_t f = 0; f < ARRAY_SIZE(fields); f++) {
		for (size_t t = 0; t < ARRAY_SIZE(troubles); t++) {
			struct recipe recipe = tcp_ipv4;

			recipe.zone = ZONE_OF_BOTH;
			recipe.fields[fields[f].field] = troubles[t];
			check_tcp(&recipe, HAS_TCP & ~fields[f].bits);
			recipe.family = AF_INET6;
			check_tcp(&recipe, HAS_TCP & ~fields[f].bits);
		}
	}
}

/* Without the protocol the state is still what the kernel sent. */
static void a_protocol_that_is_missing_short_or_long(_unused_ void **state)
{
	static const enum trouble troubles[] = { MISSING, SHORT, LONG };

	for (size_t t = 0; t < ARRAY_SIZE(troubles); t++) {
		struct recipe recipe = tcp_ipv4;

		recipe.fields[PROTOCOL_NUMBER] = troubles[t];
		check_tcp(&recipe, HAS_TCP & ~FLOW_HAS_PROTOCOL);
		/* Nor is a flow offloaded that nobody knows to be TCP. */
		recipe.oddities = WITHOUT_PROTOINFO;
		check_tcp(&recipe, HAS_UDP & ~FLOW_HAS_PROTOCOL);
	}
}

static void parts_that_are_missing(_unused_ void **state)
{
	struct recipe recipe = tcp_ipv4;

	recipe.oddities = WITHOUT_ORIGINAL;
	check_tcp(&recipe, HAS_TCP & ~(FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR | HAS_BOTH_TUPLES));
	recipe.oddities = WITHOUT_REPLY;
	check_tcp(&recipe, HAS_TCP & ~(FLOW_HAS_RESPONDER | HAS_BOTH_TUPLES));
	recipe.oddities = WITHOUT_ORIGINAL | WITHOUT_REPLY | WITHOUT_PROTOINFO;
	check_tcp(&recipe, HAS_REST);
}

static void zones_of_both_directions_and_of_one(_unused_ void **state)
{
	static const enum trouble troubles[] = { WELL, MISSING, SHORT, LONG };
	static const uint32_t oddities[] = { 0, REVERSED, FLAG_BITS | UNKNOWN_BETWEEN,
					     WITHOUT_PROTOINFO };

	for (enum zone_place zone = NO_ZONE; zone < N_ZONE_PLACES; zone++) {
		for (size_t i = 0; i < ARRAY_SIZE(troubles) * ARRAY_SIZE(oddities); i++) {
			struct recipe recipe = tcp_ipv4;

			recipe.zone = zone;
			recipe.fields[ZONE_VALUE] = troubles[i % ARRAY_SIZE(troubles)];
			recipe.oddities = oddities[i / ARRAY_SIZE(troubles)];
			recipe.protocol = recipe.oddities & WITHOUT_PROTOINFO ? IPPROTO_UDP
									      : IPPROTO_TCP;
			if (recipe.protocol == IPPROTO_UDP)
				check_flow(&recipe, HAS_UDP, FLOW_UDP, 0);
			else
				check_tcp(&recipe, HAS_TCP);
		}
	}
}

/* The zone of a tuple that is not there, or is garbage, is none. */
static void zones_of_tuples_that_are_missing(_unused_ void **state)
{
	struct recipe recipe = tcp_ipv4;

	recipe.zone = ZONE_OF_ORIGINAL;
	recipe.oddities = WITHOUT_ORIGINAL;
	check_tcp(&recipe, HAS_TCP & ~(FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR | HAS_BOTH_TUPLES));
	recipe.oddities = GARBAGE_TUPLES;
	check_tcp(&recipe, HAS_TCP & ~HAS_TUPLES);
	recipe.zone = ZONE_OF_REPLY;
	check_tcp(&recipe, HAS_TCP & ~HAS_TUPLES);
	recipe.oddities = WITHOUT_REPLY;
	check_tcp(&recipe, HAS_TCP & ~(FLOW_HAS_RESPONDER | HAS_BOTH_TUPLES));
}

/* ICMP has an identifier where others have ports. */
static void flows_without_ports(_unused_ void **state)
{
	struct recipe recipe = tcp_ipv4;

	recipe.protocol = IPPROTO_ICMP;
	recipe.fields[ORIGINAL_SOURCE_PORT] = recipe.fields[ORIGINAL_DESTINATION_PORT] = MISSING;
	recipe.fields[REPLY_SOURCE_PORT] = recipe.fields[REPLY_DESTINATION_PORT] = MISSING;
	check_flow(&recipe, HAS_UDP & ~FLOW_HAS_PORTS, FLOW_ICMP, 0);
}

static void tcp_without_protoinfo_is_offloaded(_unused_ void **state)
{
	struct recipe recipe = tcp_ipv4;

	recipe.oddities = WITHOUT_PROTOINFO;
	check_flow(&recipe, HAS_TCP, FLOW_TCP, FLOW_TCP_OFFLOADED);
	recipe.fields[TIMEOUT_VALUE] = MISSING;
	check_flow(&recipe, HAS_TCP & ~FLOW_HAS_TIMEOUT, FLOW_TCP, FLOW_TCP_OFFLOADED);
	recipe.oddities |= REVERSED;
	check_flow(&recipe, HAS_TCP & ~FLOW_HAS_TIMEOUT, FLOW_TCP, FLOW_TCP_OFFLOADED);
	/* A protoinfo that tells no state is something else. */
	recipe.oddities = OTHER_PROTOINFO;
	check_tcp(&recipe, HAS_UDP & ~FLOW_HAS_TIMEOUT);
}

static void messages_in_other_shapes(_unused_ void **state)
{
	static const uint32_t shapes[] = { REVERSED, FLAG_BITS, UNKNOWN_BETWEEN,
					   REVERSED | FLAG_BITS | UNKNOWN_BETWEEN };

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		struct recipe recipe = tcp_ipv4;

		recipe.oddities = shapes[i];
		check_tcp(&recipe, HAS_TCP);
		recipe.family = AF_INET6;
		check_tcp(&recipe, HAS_TCP);
		recipe.protocol = IPPROTO_UDP;
		check_flow(&recipe, HAS_UDP, FLOW_UDP, 0);
	}
}

static void tuples_with_garbage_in_them(_unused_ void **state)
{
	struct recipe recipe = tcp_ipv4;

	recipe.oddities = GARBAGE_TUPLES;
	check_tcp(&recipe, HAS_TCP & ~HAS_TUPLES);
}

static void families_that_are_neither(_unused_ void **state)
{
	static const uint8_t families[] = { AF_UNSPEC, AF_UNIX, AF_BRIDGE, 255 };

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct recipe recipe = tcp_ipv4;

		recipe.family = families[i];
		check_tcp(&recipe, HAS_TCP & ~FLOW_HAS_FAMILY);
	}
}

static void messages_with_nothing_in_them(_unused_ void **state)
{
	struct message m;
	struct flow flow;

	message_start_conntrack(&m, IPCTNL_MSG_CT_NEW, AF_INET6, 0);
	flow_parse_exact(&m, &flow);
	assert_int_equal(flow.has, FLOW_HAS_FAMILY);
	assert_int_equal(flow.family, FLOW_IPV6);
	for (uint32_t len = NLMSG_HDRLEN; len < NLMSG_LENGTH(sizeof(struct nfgenmsg)); len++) {
		m.header.nlmsg_len = len;
		flow_parse_exact(&m, &flow);
		assert_int_equal(flow.has, 0);
	}
}

static void one_hundred_thousand_flows(_unused_ void **state)
{
	uint64_t sum = 0;
	struct message m;

	for (uint32_t i = 0; i < 100000; i++) {
		struct flow flow;
		uint32_t wire = htonl(i);
		size_t tuple, ip;

		message_start_conntrack(&m, IPCTNL_MSG_CT_NEW, AF_INET, 0);
		tuple = message_nest(&m, CTA_TUPLE_ORIG);
		ip = message_nest(&m, CTA_TUPLE_IP);
		message_put(&m, CTA_IP_V4_SRC, &wire, sizeof(wire));
		message_nest_end(&m, ip);
		message_nest_end(&m, tuple);
		message_put_be32(&m, CTA_TIMEOUT, i);
		flow_parse(&m.header, &flow);
		assert_int_equal(flow.has, FLOW_HAS_FAMILY | FLOW_HAS_INITIATOR | FLOW_HAS_TIMEOUT);
		assert_memory_equal(flow.original.source.bytes + 12, &wire, sizeof(wire));
		sum += flow.timeout_s;
	}
	assert_int_equal(sum, 4999950000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_messages_of_both_families),
		cmocka_unit_test(every_protocol),
		cmocka_unit_test(every_tcp_state),
		cmocka_unit_test(a_value_that_is_missing_short_or_long),
		cmocka_unit_test(a_protocol_that_is_missing_short_or_long),
		cmocka_unit_test(parts_that_are_missing),
		cmocka_unit_test(zones_of_both_directions_and_of_one),
		cmocka_unit_test(zones_of_tuples_that_are_missing),
		cmocka_unit_test(flows_without_ports),
		cmocka_unit_test(tcp_without_protoinfo_is_offloaded),
		cmocka_unit_test(messages_in_other_shapes),
		cmocka_unit_test(tuples_with_garbage_in_them),
		cmocka_unit_test(families_that_are_neither),
		cmocka_unit_test(messages_with_nothing_in_them),
		cmocka_unit_test(one_hundred_thousand_flows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
