/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Messages that were cut or changed: nothing is read beyond them or made up. */

#include "unit.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "flow_message.h"

/* The bits each attribute of a message brings, as far as it ends at or before len. */
static uint32_t bits_before(const struct message *m, size_t len, bool *ret_protoinfo)
{
	uint32_t bits = len >= NLMSG_LENGTH(sizeof(struct nfgenmsg)) ? FLOW_HAS_FAMILY : 0;
	size_t at = NLMSG_LENGTH(sizeof(struct nfgenmsg));

	*ret_protoinfo = false;
	while (at < m->header.nlmsg_len) {
		struct nlattr header;

		memcpy(&header, m->bytes + at, sizeof(header));
		if (at + header.nla_len > len)
			break;
		bits |= header.nla_type == CTA_TUPLE_ORIG ? FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR
			: header.nla_type == CTA_TUPLE_REPLY ? FLOW_HAS_RESPONDER
			: header.nla_type == CTA_STATUS	     ? FLOW_HAS_STATUS
			: header.nla_type == CTA_TIMEOUT     ? FLOW_HAS_TIMEOUT
							     : 0;
		*ret_protoinfo |= header.nla_type == CTA_PROTOINFO;
		at += NLA_ALIGN(header.nla_len);
	}
	return bits;
}

static void check_prefixes(const struct recipe *recipe)
{
	struct message m;
	uint32_t whole;

	flow_message_make(&m, recipe);
	whole = m.header.nlmsg_len;
	for (uint32_t len = NLMSG_HDRLEN; len <= whole; len++) {
		struct flow flow;
		bool protoinfo;
		uint32_t bits;

		m.header.nlmsg_len = whole;
		bits = bits_before(&m, len, &protoinfo);
		m.header.nlmsg_len = len;
		flow_parse_exact(&m, &flow);
		assert_int_equal(flow.has & ~FLOW_HAS_TCP_STATE, bits);
		if (protoinfo)
			assert_int_equal(flow.has, bits | FLOW_HAS_TCP_STATE);
		else if (flow.has & FLOW_HAS_TCP_STATE)
			assert_int_equal(flow.tcp_state, FLOW_TCP_OFFLOADED);
		flow_check_addresses(&flow, recipe);
	}
}

static void a_prefix_of_a_message_shows_nothing_that_was_cut(_unused_ void **state)
{
	struct recipe recipe = tcp_ipv4;

	check_prefixes(&recipe);
	recipe.oddities = REVERSED;
	check_prefixes(&recipe);
	recipe.family = AF_INET6;
	check_prefixes(&recipe);
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

static void random_recipe(struct dice *dice, struct recipe *recipe)
{
	*recipe = tcp_ipv4;
	recipe->family = dice_one_in(dice, 2) ? AF_INET6 : AF_INET;
	recipe->protocol = dice_one_in(dice, 2) ? IPPROTO_TCP : IPPROTO_UDP;
	recipe->oddities = (uint32_t)dice_below(dice, 256);
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
		cmocka_unit_test(mutated_messages_stay_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
