/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One flow of a dump: read, counted and watched. Whether its layout is known or not, it is the same
 * flow. Where libnetfilter_conntrack accepts the message and both have a value, it is the same
 * value.
 */

#include "messages.h"

#include <arpa/inet.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <setjmp.h>
#include <sys/socket.h>

#include "../../collectors/attribute.h"
#include "../../collectors/flow_counts.h"
#include "../../collectors/tracking.h"
#include "../unit/flow_same.h"

/*
 * Of an attribute that is there twice, the two take different ones: the library the last, the
 * parser what it needs first.
 */
static bool has_twice(struct attribute_cursor cursor, unsigned int depth)
{
	uint64_t seen = 0;
	struct attribute a;

	while (attribute_next(&cursor, &a)) {
		const uint64_t bit = UINT64_C(1) << a.type % 64;

		if (seen & bit || (depth > 0 && has_twice(attribute_nested(&a), depth - 1)))
			return true;
		seen |= bit;
	}
	return false;
}

static bool both_have(const struct flow *flow, uint32_t has, const struct nf_conntrack *ct,
		      enum nf_conntrack_attr attribute)
{
	return flow->has & has && nfct_attr_is_set(ct, attribute) > 0;
}

static void compare_address(const struct address *address, const struct nf_conntrack *ct,
			    enum nf_conntrack_attr ipv4, enum nf_conntrack_attr ipv6)
{
	if (nfct_attr_is_set(ct, ipv4) > 0 && nfct_attr_is_set(ct, ipv6) == 0)
		HOLDS(memcmp(address->bytes + 12, nfct_get_attr(ct, ipv4), 4) == 0);
	if (nfct_attr_is_set(ct, ipv6) > 0 && nfct_attr_is_set(ct, ipv4) == 0)
		HOLDS(memcmp(address->bytes, nfct_get_attr(ct, ipv6), 16) == 0);
}

static void compare_tuples(const struct flow *flow, const struct nf_conntrack *ct)
{
	if (flow->has & FLOW_HAS_INITIATOR)
		compare_address(&flow->original.source, ct, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC);
	if (flow->has & FLOW_HAS_RESPONDER)
		compare_address(&flow->reply.source, ct, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC);
	if (flow->has & FLOW_HAS_ADDRESSES) {
		compare_address(&flow->original.destination, ct, ATTR_ORIG_IPV4_DST,
				ATTR_ORIG_IPV6_DST);
		compare_address(&flow->reply.destination, ct, ATTR_REPL_IPV4_DST,
				ATTR_REPL_IPV6_DST);
	}
	/* The library keeps what ICMP has instead in the same place. */
	if (nfct_attr_is_set(ct, ATTR_ICMP_TYPE) > 0 || nfct_attr_is_set(ct, ATTR_ICMP_CODE) > 0 ||
	    nfct_attr_is_set(ct, ATTR_ICMP_ID) > 0)
		return;
	if (both_have(flow, FLOW_HAS_PORTS, ct, ATTR_ORIG_PORT_SRC))
		HOLDS(flow->original.source_port ==
		      ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_SRC)));
	if (both_have(flow, FLOW_HAS_PORTS, ct, ATTR_REPL_PORT_DST))
		HOLDS(flow->reply.destination_port ==
		      ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_DST)));
}

/* Whether a security context lacks the NUL up to which the library reads it. */
static bool has_endless_context(struct attribute_cursor cursor)
{
	struct attribute a;

	while (attribute_next(&cursor, &a)) {
		struct attribute_cursor nested = attribute_nested(&a);
		struct attribute name;

		while (a.type == CTA_SECCTX && attribute_next(&nested, &name))
			if (name.type == CTA_SECCTX_NAME && !memchr(name.payload, 0, name.len))
				return true;
	}
	return false;
}

static jmp_buf before_parse;

/*
 * The library's own, called for an attribute of a wrong length, ends the process. It is not to
 * return.
 */
void __abi_breakage(const char *file, int line, const char *reason);

void __abi_breakage(_unused_ const char *file, _unused_ int line, _unused_ const char *reason)
{
	longjmp(before_parse, 1);
}

static bool library_accepts(const struct nlmsghdr *message, struct nf_conntrack *ct)
{
	return setjmp(before_parse) == 0 && nfct_nlmsg_parse(message, ct) == 0;
}

static void compare(const struct nlmsghdr *message, const struct flow *flow)
{
	struct nf_conntrack *ct = nfct_new();

	HOLDS(ct);
	if (library_accepts(message, ct)) {
		compare_tuples(flow, ct);
		if (both_have(flow, FLOW_HAS_STATUS, ct, ATTR_STATUS))
			HOLDS(flow->status == nfct_get_attr_u32(ct, ATTR_STATUS));
		if (both_have(flow, FLOW_HAS_TIMEOUT, ct, ATTR_TIMEOUT))
			HOLDS(flow->timeout_s == nfct_get_attr_u32(ct, ATTR_TIMEOUT));
		/* The library keeps the states of the others in the same place. */
		if (both_have(flow, FLOW_HAS_TCP_STATE, ct, ATTR_TCP_STATE) &&
		    nfct_attr_is_set(ct, ATTR_SCTP_STATE) <= 0 &&
		    nfct_attr_is_set(ct, ATTR_DCCP_STATE) <= 0)
			HOLDS(flow->tcp_state == nfct_get_attr_u8(ct, ATTR_TCP_STATE));
		if (both_have(flow, FLOW_HAS_PROTOCOL, ct, ATTR_ORIG_L4PROTO))
			HOLDS((flow->protocol == FLOW_TCP) ==
			      (nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO) == IPPROTO_TCP));
	}
	nfct_destroy(ct);
}

/* What the flow has is what its users index with. */
static void check_bounds(const struct flow *flow)
{
	HOLDS(!(flow->has & FLOW_HAS_FAMILY) || flow->family < N_FLOW_FAMILIES);
	HOLDS(!(flow->has & FLOW_HAS_PROTOCOL) || flow->protocol < N_FLOW_PROTOCOLS);
	HOLDS(!(flow->has & FLOW_HAS_TCP_STATE) || flow->tcp_state < N_FLOW_TCP_STATES);
}

/* Counts the flow; what it does not have was rubbish before, and must not count. */
static void count(const struct nlmsghdr *message, int rubbish, struct flow *flow,
		  struct flow_counts *counts)
{
	const struct address_set own = { 0 };
	struct flow walked;

	memset(flow, rubbish, sizeof(*flow));
	memset(counts, 0, sizeof(*counts));
	flow_parse(message, flow);
	flow_parse_any(message, &walked);
	HOLDS(flow_same(flow, &walked));
	check_bounds(flow);
	flow_counts_add(counts, flow, &own);
}

static void watch(const struct nlmsghdr *message, const struct flow *flow)
{
	struct tracking_watch watch = { .settings.timeout_s = {
						[TIMEOUT_TCP_ESTABLISHED] = { true, 432000 },
						[TIMEOUT_TCP_UNACKNOWLEDGED] = { true, 300 },
						[TIMEOUT_UDP_UNREPLIED] = { true, 30 },
						[TIMEOUT_ICMP] = { true, 30 },
					} };
	const struct walk_consumer consumer = tracking_consumer(&watch);
	const struct walk_view view = { .message = message };

	consumer.reset(consumer.state);
	consumer.add(consumer.state, flow, &view);
	HOLDS(!(watch.fresh[FLOW_IPV4] && watch.fresh[FLOW_IPV6]));
}

static bool is_for_library(const struct nlmsghdr *message)
{
	const struct attribute_cursor all = attribute_of_message(message, sizeof(struct nfgenmsg));

	/* The library reads up to the next multiple of four. */
	return message->nlmsg_len % NLMSG_ALIGNTO == 0 &&
	       message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nfgenmsg)) && !has_twice(all, 3) &&
	       !has_endless_context(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct nlmsghdr *message;
	static struct flow_counts counts, again;
	struct flow flow;

	for (unsigned int n = 0; n < 8 && (message = input_message(&input)); n++) {
		count(message, 0x5a, &flow, &again);
		count(message, 0xa5, &flow, &counts);
		HOLDS(memcmp(&counts, &again, sizeof(counts)) == 0);
		watch(message, &flow);
		if (is_for_library(message))
			compare(message, &flow);
		free(message);
	}
	return 0;
}
