/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * flow_parse() against libnetfilter_conntrack, which knows nothing of it: both read the same random
 * messages, made with libmnl, and must see the same flow.
 */

#include "unit.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "../../collectors/flow.h"

#define N_MESSAGES 30000
#define N_TCP_STATES 10 /* the kernel's */

struct source {
	struct dice dice;
	uint8_t family;
	uint8_t protocol;
	uint16_t zone_in; /* the attribute that holds it, as the kernel writes one at most */
};

static void put_random_address(struct nlmsghdr *m, struct source *source, bool is_source)
{
	const uint64_t bytes[2] = { dice_next(&source->dice), dice_next(&source->dice) };

	if (source->family == AF_INET)
		mnl_attr_put(m, is_source ? CTA_IP_V4_SRC : CTA_IP_V4_DST, 4, bytes);
	else
		mnl_attr_put(m, is_source ? CTA_IP_V6_SRC : CTA_IP_V6_DST, 16, bytes);
}

static void put_addresses(struct nlmsghdr *m, struct source *source)
{
	struct nlattr *ip = mnl_attr_nest_start(m, CTA_TUPLE_IP);
	const bool destination_first = dice_one_in(&source->dice, 4);

	if (destination_first)
		put_random_address(m, source, false);
	if (!dice_one_in(&source->dice, 50))
		put_random_address(m, source, true);
	if (!destination_first && !dice_one_in(&source->dice, 50))
		put_random_address(m, source, false);
	mnl_attr_nest_end(m, ip);
}

static void put_ports(struct nlmsghdr *m, struct source *source)
{
	if (source->protocol == IPPROTO_ICMP || source->protocol == IPPROTO_ICMPV6) {
		const bool v6 = source->protocol == IPPROTO_ICMPV6;

		mnl_attr_put_u16(m, v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID,
				 (uint16_t)dice_next(&source->dice));
		mnl_attr_put_u8(m, v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE, v6 ? 128 : 8);
		mnl_attr_put_u8(m, v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE, 0);
		return;
	}
	if (!dice_one_in(&source->dice, 50))
		mnl_attr_put_u16(m, CTA_PROTO_SRC_PORT, (uint16_t)dice_next(&source->dice));
	if (!dice_one_in(&source->dice, 50))
		mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, (uint16_t)dice_next(&source->dice));
}

static void put_proto(struct nlmsghdr *m, struct source *source)
{
	struct nlattr *proto = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);

	if (!dice_one_in(&source->dice, 50))
		mnl_attr_put_u8(m, CTA_PROTO_NUM, source->protocol);
	put_ports(m, source);
	mnl_attr_nest_end(m, proto);
}

static void put_tuple(struct nlmsghdr *m, struct source *source, uint16_t type)
{
	struct nlattr *tuple = mnl_attr_nest_start(m, type);
	const bool proto_first = dice_one_in(&source->dice, 4);

	if (proto_first)
		put_proto(m, source);
	put_addresses(m, source);
	if (!proto_first)
		put_proto(m, source);
	if (source->zone_in == type)
		mnl_attr_put_u16(m, CTA_TUPLE_ZONE, htons((uint16_t)dice_next(&source->dice)));
	mnl_attr_nest_end(m, tuple);
}

static void put_protoinfo_tcp(struct nlmsghdr *m, struct source *source)
{
	const struct nf_ct_tcp_flags flags = { 0x0a, 0x0a };
	struct nlattr *tcp = mnl_attr_nest_start(m, CTA_PROTOINFO_TCP);

	if (dice_one_in(&source->dice, 2))
		mnl_attr_put_u8(m, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, 7);
	if (!dice_one_in(&source->dice, 20))
		mnl_attr_put_u8(m, CTA_PROTOINFO_TCP_STATE,
				(uint8_t)dice_below(&source->dice, N_TCP_STATES));
	mnl_attr_put(m, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, sizeof(flags), &flags);
	mnl_attr_put(m, CTA_PROTOINFO_TCP_FLAGS_REPLY, sizeof(flags), &flags);
	mnl_attr_nest_end(m, tcp);
}

static void put_protoinfo(struct nlmsghdr *m, struct source *source)
{
	struct nlattr *protoinfo = mnl_attr_nest_start(m, CTA_PROTOINFO), *nest;

	if (source->protocol == IPPROTO_TCP) {
		put_protoinfo_tcp(m, source);
	} else if (source->protocol == IPPROTO_SCTP) {
		nest = mnl_attr_nest_start(m, CTA_PROTOINFO_SCTP);
		mnl_attr_put_u8(m, CTA_PROTOINFO_SCTP_STATE, 3);
		mnl_attr_nest_end(m, nest);
	} else if (source->protocol == IPPROTO_DCCP) {
		nest = mnl_attr_nest_start(m, CTA_PROTOINFO_DCCP);
		mnl_attr_put_u8(m, CTA_PROTOINFO_DCCP_STATE, 3);
		mnl_attr_put_u8(m, CTA_PROTOINFO_DCCP_ROLE, 1);
		mnl_attr_nest_end(m, nest);
	}
	mnl_attr_nest_end(m, protoinfo);
}

/* Counters or time stamps: both nest numbers of 64 bits, of types 1 and 2. */
static void put_numbers(struct nlmsghdr *m, struct source *source, uint16_t type)
{
	struct nlattr *numbers = mnl_attr_nest_start(m, type);

	mnl_attr_put_u64(m, CTA_COUNTERS_PACKETS, dice_next(&source->dice));
	mnl_attr_put_u64(m, CTA_COUNTERS_BYTES, dice_next(&source->dice));
	mnl_attr_nest_end(m, numbers);
}

static void put_attribute(struct nlmsghdr *m, struct source *source, uint16_t type)
{
	const uint32_t value = (uint32_t)(dice_next(&source->dice) >>
					  dice_below(&source->dice, 64));

	switch (type) {
	case CTA_TUPLE_ORIG:
	case CTA_TUPLE_REPLY:
		put_tuple(m, source, type);
		break;
	case CTA_PROTOINFO:
		put_protoinfo(m, source);
		break;
	case CTA_COUNTERS_ORIG:
	case CTA_COUNTERS_REPLY:
	case CTA_TIMESTAMP:
		put_numbers(m, source, type);
		break;
	case CTA_ZONE:
		if (source->zone_in == type)
			mnl_attr_put_u16(m, type, htons((uint16_t)value));
		break;
	default:
		mnl_attr_put_u32(m, type, htonl(value));
		break;
	}
}

static const uint16_t attributes[] = {
	CTA_TUPLE_ORIG,	    CTA_TUPLE_REPLY, CTA_ZONE, CTA_STATUS,
	CTA_TIMEOUT,	    CTA_PROTOINFO,   CTA_MARK, CTA_COUNTERS_ORIG,
	CTA_COUNTERS_REPLY, CTA_USE,	     CTA_ID,   CTA_TIMESTAMP,
};

static void shuffle(uint16_t *order, size_t n, struct dice *dice)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = dice_below(dice, i + 1);
		uint16_t other = order[i];

		order[i] = order[j];
		order[j] = other;
	}
}

/* The zone stands somewhere before the status: behind that nobody looks for it. */
static void zone_before_status(uint16_t *order, size_t n)
{
	size_t zone = 0, status = 0;

	for (size_t i = 0; i < n; i++) {
		zone = order[i] == CTA_ZONE ? i : zone;
		status = order[i] == CTA_STATUS ? i : status;
	}
	if (zone > status) {
		order[zone] = CTA_STATUS;
		order[status] = CTA_ZONE;
	}
}

static struct nlmsghdr *random_message(char *buffer, struct source *source)
{
	static const uint8_t protocols[] = {
		IPPROTO_TCP,  IPPROTO_TCP,    IPPROTO_TCP, IPPROTO_UDP,	 IPPROTO_UDP, IPPROTO_ICMP,
		IPPROTO_SCTP, IPPROTO_ICMPV6, IPPROTO_GRE, IPPROTO_DCCP, 136,	      50
	};
	static const uint16_t zones[] = { 0, CTA_ZONE, CTA_TUPLE_ORIG, CTA_TUPLE_REPLY };
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
	uint16_t order[ARRAY_SIZE(attributes)];
	struct nfgenmsg *header;

	source->family = dice_one_in(&source->dice, 2) ? AF_INET : AF_INET6;
	source->protocol = protocols[dice_below(&source->dice, sizeof(protocols))];
	source->zone_in = zones[dice_below(&source->dice, ARRAY_SIZE(zones))];
	m->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	header = mnl_nlmsg_put_extra_header(m, sizeof(*header));
	header->nfgen_family = source->family;
	memcpy(order, attributes, sizeof(order));
	if (dice_one_in(&source->dice, 2))
		shuffle(order, ARRAY_SIZE(order), &source->dice);
	zone_before_status(order, ARRAY_SIZE(order));
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		if (!dice_one_in(&source->dice, 10))
			put_attribute(m, source, order[i]);
	return m;
}

/* The bit is set exactly when the library has the attribute. */
static bool both_have(const struct flow *flow, enum flow_has bit, const struct nf_conntrack *ct,
		      enum nf_conntrack_attr attr)
{
	assert_int_equal((flow->has & bit) != 0, nfct_attr_is_set(ct, attr) > 0);
	return flow->has & bit;
}

static void check_address(const struct address *address, const struct nf_conntrack *ct,
			  const struct source *source, enum nf_conntrack_attr ipv4,
			  enum nf_conntrack_attr ipv6)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (source->family == AF_INET6) {
		assert_memory_equal(address->bytes, nfct_get_attr(ct, ipv6), 16);
		return;
	}
	assert_memory_equal(address->bytes, mapped, sizeof(mapped));
	assert_memory_equal(address->bytes + 12, nfct_get_attr(ct, ipv4), 4);
}

/* The bit is set exactly when the library has all four. */
static bool both_have_all(const struct flow *flow, enum flow_has bit, const struct nf_conntrack *ct,
			  const enum nf_conntrack_attr *attrs)
{
	bool all = true;

	for (int i = 0; i < 4; i++)
		all &= nfct_attr_is_set(ct, attrs[i]) > 0;
	assert_int_equal((flow->has & bit) != 0, all);
	return all;
}

/* Each: source and destination of the original tuple, then of the reply. */
static const enum nf_conntrack_attr ipv4_attrs[] = { ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST,
						     ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST };
static const enum nf_conntrack_attr ipv6_attrs[] = { ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST,
						     ATTR_REPL_IPV6_SRC, ATTR_REPL_IPV6_DST };
static const enum nf_conntrack_attr port_attrs[] = { ATTR_ORIG_PORT_SRC, ATTR_ORIG_PORT_DST,
						     ATTR_REPL_PORT_SRC, ATTR_REPL_PORT_DST };

static void check_addresses(const struct flow *flow, const struct nf_conntrack *ct,
			    const struct source *source)
{
	const struct address *const addresses[] = { &flow->original.source,
						    &flow->original.destination,
						    &flow->reply.source, &flow->reply.destination };
	const enum nf_conntrack_attr *attrs = source->family == AF_INET6 ? ipv6_attrs : ipv4_attrs;
	const bool all = both_have_all(flow, FLOW_HAS_ADDRESSES, ct, attrs);
	const bool known[] = { both_have(flow, FLOW_HAS_INITIATOR, ct, attrs[0]), all,
			       both_have(flow, FLOW_HAS_RESPONDER, ct, attrs[2]), all };

	for (int i = 0; i < 4; i++)
		if (known[i])
			check_address(addresses[i], ct, source, ipv4_attrs[i], ipv6_attrs[i]);
}

static void check_ports(const struct flow *flow, const struct nf_conntrack *ct)
{
	const uint16_t ports[] = { flow->original.source_port, flow->original.destination_port,
				   flow->reply.source_port, flow->reply.destination_port };

	for (int i = 0; i < 4 && both_have_all(flow, FLOW_HAS_PORTS, ct, port_attrs); i++)
		assert_int_equal(ports[i], ntohs(nfct_get_attr_u16(ct, port_attrs[i])));
}

static void check_zone(const struct flow *flow, const struct nf_conntrack *ct)
{
	static const enum nf_conntrack_attr attrs[] = { ATTR_ZONE, ATTR_ORIG_ZONE, ATTR_REPL_ZONE };
	uint16_t zone = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attrs); i++)
		if (nfct_attr_is_set(ct, attrs[i]) > 0)
			zone = nfct_get_attr_u16(ct, attrs[i]);
	assert_int_equal(flow->zone, zone);
}

static enum flow_protocol protocol_of(uint8_t number)
{
	static const enum flow_protocol protocols[256] = {
		[6] = FLOW_TCP + 1,	[17] = FLOW_UDP + 1,	  [1] = FLOW_ICMP + 1,
		[58] = FLOW_ICMPV6 + 1, [132] = FLOW_SCTP + 1,	  [47] = FLOW_GRE + 1,
		[33] = FLOW_DCCP + 1,	[136] = FLOW_UDPLITE + 1,
	};

	return protocols[number] ? protocols[number] - 1 : FLOW_OTHER;
}

static void check_protocol(const struct flow *flow, const struct nf_conntrack *ct)
{
	if (both_have(flow, FLOW_HAS_PROTOCOL, ct, ATTR_ORIG_L4PROTO))
		assert_int_equal(flow->protocol,
				 protocol_of(nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO)));
}

/* Where the kernel sends no state the library has none, and we say why. */
static void check_tcp_state(const struct flow *flow, const struct nf_conntrack *ct,
			    const struct nlmsghdr *m)
{
	const struct nlattr *attr;
	bool protoinfo = false;

	mnl_attr_for_each(attr, m, sizeof(struct nfgenmsg))
		protoinfo |= mnl_attr_get_type(attr) == CTA_PROTOINFO;
	if (!protoinfo && flow->has & FLOW_HAS_PROTOCOL && flow->protocol == FLOW_TCP) {
		assert_int_equal(nfct_attr_is_set(ct, ATTR_TCP_STATE), 0);
		assert_true(flow->has & FLOW_HAS_TCP_STATE);
		assert_int_equal(flow->tcp_state, FLOW_TCP_OFFLOADED);
	} else if (both_have(flow, FLOW_HAS_TCP_STATE, ct, ATTR_TCP_STATE)) {
		assert_int_equal(flow->tcp_state, nfct_get_attr_u8(ct, ATTR_TCP_STATE));
	}
}

static void check_agreement(const struct nlmsghdr *m, const struct source *source)
{
	struct nf_conntrack *ct = nfct_new();
	struct flow flow;

	assert_non_null(ct);
	assert_int_equal(nfct_nlmsg_parse(m, ct), 0);
	flow_parse(m, &flow);
	assert_true(flow.has & FLOW_HAS_FAMILY);
	assert_int_equal(flow.family, source->family == AF_INET6 ? FLOW_IPV6 : FLOW_IPV4);
	if (nfct_attr_is_set(ct, ATTR_ORIG_L3PROTO))
		assert_int_equal(nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO), source->family);
	check_protocol(&flow, ct);
	check_addresses(&flow, ct, source);
	check_ports(&flow, ct);
	check_zone(&flow, ct);
	if (both_have(&flow, FLOW_HAS_STATUS, ct, ATTR_STATUS))
		assert_int_equal(flow.status, nfct_get_attr_u32(ct, ATTR_STATUS));
	if (both_have(&flow, FLOW_HAS_TIMEOUT, ct, ATTR_TIMEOUT))
		assert_int_equal(flow.timeout_s, nfct_get_attr_u32(ct, ATTR_TIMEOUT));
	check_tcp_state(&flow, ct, m);
	nfct_destroy(ct);
}

static void random_messages_mean_the_same_to_both(_unused_ void **state)
{
	struct source source = { .dice = dice_start() };
	char *buffer = malloc(MNL_SOCKET_BUFFER_SIZE);

	assert_non_null(buffer);
	for (int i = 0; i < N_MESSAGES; i++)
		check_agreement(random_message(buffer, &source), &source);
	free(buffer);
}

/* The order of the states is one both take from the kernel. */
static void tcp_states_have_the_same_numbers(_unused_ void **state)
{
	assert_int_equal(FLOW_TCP_NONE, TCP_CONNTRACK_NONE);
	assert_int_equal(FLOW_TCP_SYN_SENT, TCP_CONNTRACK_SYN_SENT);
	assert_int_equal(FLOW_TCP_SYN_RECV, TCP_CONNTRACK_SYN_RECV);
	assert_int_equal(FLOW_TCP_ESTABLISHED, TCP_CONNTRACK_ESTABLISHED);
	assert_int_equal(FLOW_TCP_FIN_WAIT, TCP_CONNTRACK_FIN_WAIT);
	assert_int_equal(FLOW_TCP_CLOSE_WAIT, TCP_CONNTRACK_CLOSE_WAIT);
	assert_int_equal(FLOW_TCP_LAST_ACK, TCP_CONNTRACK_LAST_ACK);
	assert_int_equal(FLOW_TCP_TIME_WAIT, TCP_CONNTRACK_TIME_WAIT);
	assert_int_equal(FLOW_TCP_CLOSE, TCP_CONNTRACK_CLOSE);
	assert_int_equal(FLOW_TCP_SYN_SENT2, TCP_CONNTRACK_SYN_SENT2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_messages_mean_the_same_to_both),
		cmocka_unit_test(tcp_states_have_the_same_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
