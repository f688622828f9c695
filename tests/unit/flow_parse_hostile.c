/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Messages that were cut or changed: nothing is read beyond them or made up. */

#include "unit.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "flow_message.h"

/* The types of the attributes of a message that end at or before len, as bits. */
static uint32_t types_before(const struct message *m, size_t len)
{
	size_t at = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	uint32_t types = 0;

	while (at < m->header.nlmsg_len) {
		struct nlattr header;

		memcpy(&header, m->bytes + at, sizeof(header));
		if (at + header.nla_len > len)
			break;
		types |= 1U << header.nla_type;
		at += NLA_ALIGN(header.nla_len);
	}
	return types;
}

#define TYPE(type) (1U << (type))
#define BOTH_TUPLES (TYPE(CTA_TUPLE_ORIG) | TYPE(CTA_TUPLE_REPLY))

/* The bits these attributes bring, but for the TCP state. */
static uint32_t bits_of(uint32_t types)
{
	uint32_t bits = 0;

	bits |= types & TYPE(CTA_TUPLE_ORIG) ? FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR : 0;
	bits |= types & TYPE(CTA_TUPLE_REPLY) ? FLOW_HAS_RESPONDER : 0;
	bits |= (types & BOTH_TUPLES) == BOTH_TUPLES ? HAS_BOTH_TUPLES : 0;
	bits |= types & TYPE(CTA_STATUS) ? FLOW_HAS_STATUS : 0;
	bits |= types & TYPE(CTA_TIMEOUT) ? FLOW_HAS_TIMEOUT : 0;
	return bits;
}

static uint16_t zone_of(const struct recipe *recipe, uint32_t types)
{
	static const uint32_t carriers[N_ZONE_PLACES] = {
		[ZONE_OF_BOTH] = TYPE(CTA_ZONE),
		[ZONE_OF_ORIGINAL] = TYPE(CTA_TUPLE_ORIG),
		[ZONE_OF_REPLY] = TYPE(CTA_TUPLE_REPLY),
	};

	return types & carriers[recipe->zone] ? ZONE : 0;
}

static void check_prefixes(const struct recipe *recipe)
{
	struct message m;
	uint32_t whole;

	flow_message_make(&m, recipe);
	whole = m.header.nlmsg_len;
	for (uint32_t len = NLMSG_HDRLEN; len <= whole; len++) {
		struct flow flow;
		uint32_t types, bits;

		m.header.nlmsg_len = whole;
		types = types_before(&m, len);
		bits = bits_of(types);
		bits |= len >= NLMSG_LENGTH(sizeof(struct nfgenmsg)) ? FLOW_HAS_FAMILY : 0;
		m.header.nlmsg_len = len;
		flow_parse_exact(&m, &flow);
		assert_int_equal(flow.has & ~FLOW_HAS_TCP_STATE, bits);
		assert_int_equal(flow.zone, zone_of(recipe, types));
		if (types & TYPE(CTA_PROTOINFO))
			assert_int_equal(flow.has, bits | FLOW_HAS_TCP_STATE);
		else if (flow.has & FLOW_HAS_TCP_STATE)
			assert_int_equal(flow.tcp_state, FLOW_TCP_OFFLOADED);
		flow_check_tuples(&flow, recipe);
	}
}

static void a_prefix_of_a_message_shows_nothing_that_was_cut(_unused_ void **state)
{
	for (enum zone_place zone = NO_ZONE; zone < N_ZONE_PLACES; zone++) {
		struct recipe recipe = tcp_ipv4;

		recipe.zone = zone;
		check_prefixes(&recipe);
		recipe.oddities = REVERSED;
		check_prefixes(&recipe);
		recipe.family = AF_INET6;
		check_prefixes(&recipe);
	}
}

/* Only an attribute that was left out says that the flow is offloaded, not one that was cut. */
static void a_message_cut_in_the_state_is_not_offloaded(_unused_ void **state)
{
	struct message m;
	uint32_t start, whole;

	message_start_conntrack(&m, IPCTNL_MSG_CT_NEW, AF_INET, 0);
	for (int part = 0; part < PART_PROTOINFO; part++)
		flow_message_put_part(&m, &tcp_ipv4, part);
	start = m.header.nlmsg_len;
	flow_message_put_part(&m, &tcp_ipv4, PART_PROTOINFO);
	whole = m.header.nlmsg_len;
	for (uint32_t len = start + 1; len < whole; len++) {
		struct flow flow;

		m.header.nlmsg_len = len;
		flow_parse_exact(&m, &flow);
		assert_int_equal(flow.has, HAS_UDP);
	}
}

/* A state that the kernel does not have is none, whatever was there before it. */
static void a_second_state_that_is_none_leaves_the_first(_unused_ void **state)
{
	struct recipe none = tcp_ipv4;
	struct message m;
	struct flow flow;

	none.tcp_state = 200;
	message_start_conntrack(&m, IPCTNL_MSG_CT_NEW, AF_INET, 0);
	flow_message_put_part(&m, &tcp_ipv4, PART_PROTOINFO);
	flow_message_put_part(&m, &none, PART_PROTOINFO);
	for (int part = 0; part < PART_PROTOINFO; part++)
		flow_message_put_part(&m, &tcp_ipv4, part);
	flow_parse_exact(&m, &flow);
	assert_int_equal(flow.has, HAS_TCP);
	assert_int_equal(flow.tcp_state, tcp_ipv4.tcp_state);
}

static void random_recipe(struct dice *dice, struct recipe *recipe)
{
	*recipe = tcp_ipv4;
	recipe->family = dice_one_in(dice, 2) ? AF_INET6 : AF_INET;
	recipe->protocol = dice_one_in(dice, 2) ? IPPROTO_TCP : IPPROTO_UDP;
	recipe->oddities = (uint32_t)dice_below(dice, 256);
	recipe->zone = (enum zone_place)dice_below(dice, N_ZONE_PLACES);
}

/* Changed bytes may change what is read, but not lead out of the message or of the vocabulary. */
static void mutated_messages_stay_within_bounds(_unused_ void **state)
{
	struct dice dice = dice_start();

	for (int i = 0; i < 100000; i++) {
		struct recipe recipe;
		struct message m;
		struct flow flow;
		uint32_t len;

		random_recipe(&dice, &recipe);
		flow_message_make(&m, &recipe);
		len = m.header.nlmsg_len;
		for (uint64_t n = 1 + dice_below(&dice, 8); n > 0; n--)
			m.bytes[dice_below(&dice, len)] = (unsigned char)dice_next(&dice);
		m.header.nlmsg_len = len - (uint32_t)dice_below(&dice, 8);
		flow_parse_exact(&m, &flow);
		assert_int_equal(flow.has & ~HAS_TCP, 0);
		assert_true(!(flow.has & FLOW_HAS_FAMILY) || flow.family < N_FLOW_FAMILIES);
		assert_true(!(flow.has & FLOW_HAS_PROTOCOL) || flow.protocol < N_FLOW_PROTOCOLS);
		assert_true(!(flow.has & FLOW_HAS_TCP_STATE) || flow.tcp_state < N_FLOW_TCP_STATES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_prefix_of_a_message_shows_nothing_that_was_cut),
		cmocka_unit_test(a_message_cut_in_the_state_is_not_offloaded),
		cmocka_unit_test(a_second_state_that_is_none_leaves_the_first),
		cmocka_unit_test(mutated_messages_stay_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
