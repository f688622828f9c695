/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * flow_parse() against the walk over the attributes, which knows no layout: both read the same from
 * messages as the kernel writes them, and from those with anything about them changed. A usual
 * message must not come as far as the walk.
 */

#include "unit.h"

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "../../collectors/flow_layout.h"
#include "flow_same.h"
#include "message.h"

#define N_MESSAGES 300000

static unsigned int n_walks;

void __real_flow_parse_any(const struct nlmsghdr *message, struct flow *ret);
void __wrap_flow_parse_any(const struct nlmsghdr *message, struct flow *ret);
void __real_flow_parse_attributes(struct attribute_cursor cursor, uint8_t number, struct flow *ret);
void __wrap_flow_parse_attributes(struct attribute_cursor cursor, uint8_t number, struct flow *ret);

void __wrap_flow_parse_any(const struct nlmsghdr *message, struct flow *ret)
{
	n_walks++;
	__real_flow_parse_any(message, ret);
}

void __wrap_flow_parse_attributes(struct attribute_cursor cursor, uint8_t number, struct flow *ret)
{
	n_walks++;
	__real_flow_parse_attributes(cursor, number, ret);
}

/* What a message is made of; the rest is random. */
struct kind {
	uint8_t family, protocol;
	uint8_t tcp_state;
	bool offloaded;
	uint16_t zone_in; /* the attribute that holds it, or 0 */
	bool no_mark;
	bool secctx;	     /* as SELinux has one for each entry */
	bool master;	     /* in front of the timeout */
	bool acct, synproxy; /* behind all that is counted */
};

static size_t nest(struct message *m, uint16_t type)
{
	return message_nest(m, type | NLA_F_NESTED);
}

static void put_random(struct message *m, struct dice *dice, uint16_t type, size_t len)
{
	const uint64_t bytes[2] = { dice_next(dice), dice_next(dice) };

	message_put(m, type, bytes, len);
}

static void put_addresses(struct message *m, struct dice *dice, uint8_t family)
{
	const bool is_ipv4 = family == AF_INET;
	const size_t at = nest(m, CTA_TUPLE_IP);

	put_random(m, dice, is_ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, is_ipv4 ? 4 : 16);
	put_random(m, dice, is_ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, is_ipv4 ? 4 : 16);
	message_nest_end(m, at);
}

static void put_proto(struct message *m, struct dice *dice, uint8_t protocol)
{
	const size_t at = nest(m, CTA_TUPLE_PROTO);

	message_put_u8(m, CTA_PROTO_NUM, protocol);
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		const uint16_t first = protocol == IPPROTO_ICMP ? CTA_PROTO_ICMP_ID
								: CTA_PROTO_ICMPV6_ID;

		put_random(m, dice, first, 2);
		put_random(m, dice, first + 1, 1);
		put_random(m, dice, first + 2, 1);
	} else if (protocol != IPPROTO_ESP) {
		put_random(m, dice, CTA_PROTO_SRC_PORT, 2);
		put_random(m, dice, CTA_PROTO_DST_PORT, 2);
	}
	message_nest_end(m, at);
}

static void put_tuple(struct message *m, struct dice *dice, const struct kind *kind, uint16_t type)
{
	const size_t at = nest(m, type);

	put_addresses(m, dice, kind->family);
	put_proto(m, dice, kind->protocol);
	if (kind->zone_in == type)
		put_random(m, dice, CTA_TUPLE_ZONE, 2);
	message_nest_end(m, at);
}

static void put_tcp(struct message *m, const struct kind *kind)
{
	const struct nf_ct_tcp_flags flags = { 0 };
	const size_t info = nest(m, CTA_PROTOINFO), tcp = nest(m, CTA_PROTOINFO_TCP);

	message_put_u8(m, CTA_PROTOINFO_TCP_STATE, kind->tcp_state);
	message_put_u8(m, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, 7);
	message_put_u8(m, CTA_PROTOINFO_TCP_WSCALE_REPLY, 7);
	message_put(m, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &flags, sizeof(flags));
	message_put(m, CTA_PROTOINFO_TCP_FLAGS_REPLY, &flags, sizeof(flags));
	message_nest_end(m, tcp);
	message_nest_end(m, info);
}

/* As ctnetlink_dump_secctx() does. */
static void put_secctx(struct message *m, struct dice *dice)
{
	static const char *const contexts[] = {
		"system_u:object_r:unlabeled_t:s0", /* of secmark 0 */
		"system_u:object_r:ssh_client_packet_t:s0-s15:c0.c1023",
		"kernel",
		"_",
	};
	const char *context = contexts[dice_below(dice, ARRAY_SIZE(contexts))];
	const size_t at = nest(m, CTA_SECCTX);

	message_put(m, CTA_SECCTX_NAME, context, strlen(context) + 1);
	message_nest_end(m, at);
}

/* As ctnetlink_dump_info() and ctnetlink_dump_extinfo() do. */
static void put_rest(struct message *m, struct dice *dice, const struct kind *kind)
{
	if (kind->zone_in == CTA_ZONE)
		put_random(m, dice, CTA_ZONE, 2);
	put_random(m, dice, CTA_STATUS, 4);
	if (!kind->no_mark)
		put_random(m, dice, CTA_MARK, 4);
	if (kind->secctx)
		put_secctx(m, dice);
	put_random(m, dice, CTA_ID, 4);
	put_random(m, dice, CTA_USE, 4);
	if (kind->master)
		put_tuple(m, dice, kind, CTA_TUPLE_MASTER);
	if (!kind->offloaded) {
		put_random(m, dice, CTA_TIMEOUT, 4);
		if (kind->protocol == IPPROTO_TCP)
			put_tcp(m, kind);
	}
	if (kind->acct)
		message_put(m, CTA_COUNTERS_ORIG | NLA_F_NESTED, "\x0c\0\x01\0\0\0\0\0\0\0\0\x07",
			    12);
	if (kind->synproxy)
		message_put(m, CTA_SYNPROXY | NLA_F_NESTED, "\x08\0\x01\0\0\0\0\0", 8);
}

static void make(struct message *m, struct dice *dice, const struct kind *kind)
{
	message_start_conntrack(m, IPCTNL_MSG_CT_NEW, kind->family, 0);
	put_tuple(m, dice, kind, CTA_TUPLE_ORIG);
	put_tuple(m, dice, kind, CTA_TUPLE_REPLY);
	put_rest(m, dice, kind);
}

static struct kind random_kind(struct dice *dice)
{
	static const uint8_t protocols[] = { IPPROTO_TCP,  IPPROTO_TCP,	    IPPROTO_TCP,
					     IPPROTO_UDP,  IPPROTO_ICMP,    IPPROTO_ICMPV6,
					     IPPROTO_SCTP, IPPROTO_UDPLITE, IPPROTO_ESP };
	static const uint16_t zones[] = {
		0, 0, 0, CTA_ZONE, CTA_ZONE, CTA_TUPLE_ORIG, CTA_TUPLE_REPLY
	};

	return (struct kind){
		.family = dice_one_in(dice, 2) ? AF_INET : AF_INET6,
		.protocol = protocols[dice_below(dice, ARRAY_SIZE(protocols))],
		.tcp_state = (uint8_t)dice_below(dice, FLOW_TCP_OFFLOADED),
		.zone_in = zones[dice_below(dice, ARRAY_SIZE(zones))],
		.offloaded = dice_one_in(dice, 10),
		.no_mark = dice_one_in(dice, 3),
		.secctx = dice_one_in(dice, 3),
		.master = dice_one_in(dice, 10),
		.acct = dice_one_in(dice, 2),
		.synproxy = dice_one_in(dice, 2),
	};
}

/*
 * Both ways from a heap block of exactly the message's size, so that any read beyond it is seen.
 * Returns whether the layout sufficed.
 */
static bool check_same(const struct message *m)
{
	struct nlmsghdr *exact = malloc(m->header.nlmsg_len);
	struct flow flow, walked;
	bool sufficed;

	assert_non_null(exact);
	memcpy(exact, m, m->header.nlmsg_len);
	memset(&flow, 0x5a, sizeof(flow));
	memset(&walked, 0xa5, sizeof(walked));
	n_walks = 0;
	flow_parse(exact, &flow);
	sufficed = n_walks == 0;
	__real_flow_parse_any(exact, &walked);
	assert_true(flow_same(&flow, &walked));
	free(exact);
	return sufficed;
}

static bool is_usual(const struct kind *kind)
{
	const bool is_of_family = !(kind->family == AF_INET && kind->protocol == IPPROTO_ICMPV6) &&
				  !(kind->family == AF_INET6 && kind->protocol == IPPROTO_ICMP);

	return is_of_family && !kind->offloaded && !kind->master &&
	       (kind->zone_in == 0 || kind->zone_in == CTA_ZONE);
}

static void the_usual_is_read_without_a_walk(_unused_ void **state)
{
	struct dice dice = dice_start();
	unsigned int n_usual = 0;

	for (int i = 0; i < N_MESSAGES / 10; i++) {
		const struct kind kind = random_kind(&dice);
		struct message m;

		make(&m, &dice, &kind);
		assert_int_equal(check_same(&m), is_usual(&kind));
		n_usual += is_usual(&kind);
	}
	assert_true(n_usual > N_MESSAGES / 50);
}

static void every_prefix_is_read_alike(_unused_ void **state)
{
	struct dice dice = dice_start();

	for (int i = 0; i < 300; i++) {
		struct kind kind = random_kind(&dice);
		struct message m;
		uint32_t whole;

		make(&m, &dice, &kind);
		whole = m.header.nlmsg_len;
		for (uint32_t len = NLMSG_HDRLEN; len <= whole; len++) {
			m.header.nlmsg_len = len;
			(void)check_same(&m);
		}
	}
}

/* Offsets of the headers of the attributes at the top. Returns how many. */
static size_t list_attributes(const struct message *m, size_t *ret, size_t max)
{
	size_t at = NLMSG_LENGTH(sizeof(struct nfgenmsg)), n = 0;

	while (at < m->header.nlmsg_len && n < max) {
		struct nlattr header;

		memcpy(&header, m->bytes + at, sizeof(header));
		ret[n++] = at;
		at += NLA_ALIGN(header.nla_len);
	}
	return n;
}

/* A copy of m whose attributes come in another order, some twice, some not at all. */
static void rearrange(const struct message *m, struct dice *dice, struct message *ret)
{
	size_t at[32];
	const size_t n = list_attributes(m, at, ARRAY_SIZE(at));
	const size_t changed = dice_below(dice, n);

	memset(ret, 0, sizeof(*ret));
	memcpy(ret, m, NLMSG_LENGTH(sizeof(struct nfgenmsg)));
	ret->header.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	for (size_t i = 0; i < n; i++) {
		const size_t from = i == changed ? at[dice_below(dice, n)] : at[i];
		struct nlattr header;

		memcpy(&header, m->bytes + from, sizeof(header));
		for (uint64_t copies = i == changed ? dice_below(dice, 3) : 1; copies > 0; copies--)
			message_put(ret, header.nla_type, m->bytes + from + NLA_HDRLEN,
				    header.nla_len - (size_t)NLA_HDRLEN);
	}
}

/* Changes one byte, one header's length or type, or one header's flags. */
static void change(struct message *m, struct dice *dice)
{
	const size_t before = NLMSG_LENGTH(sizeof(struct nfgenmsg));
	const size_t at = before + dice_below(dice, (m->header.nlmsg_len - before) / 4) * 4;
	struct nlattr header;

	memcpy(&header, m->bytes + at, sizeof(header));
	switch (dice_below(dice, 5)) {
	case 0:
		m->bytes[NLMSG_HDRLEN + dice_below(dice, m->header.nlmsg_len - NLMSG_HDRLEN)] =
			(unsigned char)dice_next(dice);
		return;
	case 1:
		header.nla_len = (uint16_t)(header.nla_len + dice_below(dice, 9) - 4);
		break;
	case 2:
		header.nla_type = (uint16_t)dice_below(dice, 30);
		break;
	case 3:
		header.nla_type ^= NLA_F_NESTED;
		break;
	default:
		header.nla_type ^= NLA_F_NET_BYTEORDER;
		break;
	}
	memcpy(m->bytes + at, &header, sizeof(header));
}

static void what_was_changed_is_read_alike(_unused_ void **state)
{
	struct dice dice = dice_start();

	for (int i = 0; i < N_MESSAGES; i++) {
		struct kind kind = random_kind(&dice);
		struct message m, other;

		make(&m, &dice, &kind);
		if (dice_one_in(&dice, 2)) {
			rearrange(&m, &dice, &other);
			m = other;
		}
		for (uint64_t n = dice_below(&dice, 3);
		     n > 0 && m.header.nlmsg_len > NLMSG_LENGTH(sizeof(struct nfgenmsg)) + 4; n--)
			change(&m, &dice);
		if (dice_one_in(&dice, 4))
			m.header.nlmsg_len -= (uint32_t)dice_below(&dice, m.header.nlmsg_len -
										  NLMSG_HDRLEN + 1);
		(void)check_same(&m);
	}
}

/* In the other tuple's place, of the other family or of another protocol. */
static void tuples_that_do_not_belong_together(_unused_ void **state)
{
	struct dice dice = dice_start();

	for (int i = 0; i < N_MESSAGES / 3; i++) {
		struct kind original = random_kind(&dice), reply = random_kind(&dice);
		struct message m;

		if (dice_one_in(&dice, 2))
			reply.family = original.family;
		message_start_conntrack(&m, IPCTNL_MSG_CT_NEW,
					dice_one_in(&dice, 9) ? AF_BRIDGE : original.family, 0);
		put_tuple(&m, &dice, &original, CTA_TUPLE_ORIG);
		put_tuple(&m, &dice, &reply,
			  dice_one_in(&dice, 5) ? CTA_TUPLE_ORIG : CTA_TUPLE_REPLY);
		put_rest(&m, &dice, &original);
		(void)check_same(&m);
	}
}

static void every_state_and_protocol(_unused_ void **state)
{
	struct dice dice = dice_start();

	for (unsigned int number = 0; number <= UINT8_MAX; number++) {
		struct kind kind = { .family = AF_INET, .protocol = (uint8_t)number };
		struct message m;

		make(&m, &dice, &kind);
		(void)check_same(&m);
		kind = (struct kind){ .family = AF_INET,
				      .protocol = IPPROTO_TCP,
				      .tcp_state = (uint8_t)number };
		make(&m, &dice, &kind);
		assert_int_equal(check_same(&m), number < FLOW_TCP_OFFLOADED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_is_read_without_a_walk),
		cmocka_unit_test(every_prefix_is_read_alike),
		cmocka_unit_test(what_was_changed_is_read_alike),
		cmocka_unit_test(tuples_that_do_not_belong_together),
		cmocka_unit_test(every_state_and_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
