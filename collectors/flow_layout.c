/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The hot path of the walk. ctnetlink_fill_info() in net/netfilter/nf_conntrack_netlink.c writes
 * CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_ZONE where it is not 0, and what ctnetlink_dump_info() has:
 * CTA_STATUS, CTA_MARK where the kernel has marks (some releases: where it is not 0), CTA_SECCTX
 * where SELinux or another such module names a context for the entry (SELinux does for each),
 * CTA_ID, CTA_USE, CTA_TIMEOUT and CTA_PROTOINFO, since Linux 5.4 in this order when nothing rare
 * stands between them: a master, and before ctnetlink_dump_extinfo() (5.5) counters, timestamps,
 * a helper and labels. ctnetlink_dump_tuples() writes CTA_TUPLE_IP and CTA_TUPLE_PROTO,
 * nf_ct_port_tuple_to_nlattr() and icmp_tuple_to_nlattr() what is in the latter, tcp_to_nlattr()
 * the state first.
 *
 * So an attribute's header is looked for where it would stand, as one word; where another word
 * stands nothing is concluded, and flow_parse_attributes() goes on from there.
 */

#include "flow_layout.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include "../exporter/util.h"

/* What attributes take with their headers and padding. */
enum {
	SIZE_BEFORE = NLMSG_LENGTH(sizeof(struct nfgenmsg)), /* of the message's own headers */
	SIZE_HEADER = NLA_HDRLEN,
	SIZE_SHORT = NLA_HDRLEN + 4, /* payloads of one to four bytes */
	SIZE_IPV6 = NLA_HDRLEN + 16,
	SIZE_IP_V4 = SIZE_HEADER + 2 * SIZE_SHORT,
	SIZE_IP_V6 = SIZE_HEADER + 2 * SIZE_IPV6,
	SIZE_PROTO_BARE = SIZE_HEADER + SIZE_SHORT, /* the number only */
	SIZE_PROTO_PORTS = SIZE_HEADER + 3 * SIZE_SHORT,
	SIZE_PROTO_ICMP = SIZE_HEADER + 4 * SIZE_SHORT,
	SIZE_INFO = 4 * SIZE_SHORT, /* without CTA_MARK */
	/* The state, two window scales, two pairs of flags. */
	SIZE_TCP = SIZE_HEADER + 5 * SIZE_SHORT,
	SIZE_PROTOINFO = SIZE_HEADER + SIZE_TCP,
};

/*
 * What is _always_inline_ from here on: ip and proto are sizes from above and say all about a
 * tuple's layout. They are constants wherever they are passed, so that each layout is compiled to
 * code of its own: offsets and words to compare with are in its instructions.
 */

static inline bool is_header(const unsigned char *at, uint16_t len, uint16_t type)
{
	const struct nlattr header = { .nla_len = len, .nla_type = type };

	return memcmp(at, &header, sizeof(header)) == 0;
}

static inline bool is_nest(const unsigned char *at, uint16_t len, uint16_t type)
{
	return is_header(at, len, type | NLA_F_NESTED);
}

static inline const unsigned char *attributes_of(const struct nlmsghdr *message)
{
	return (const unsigned char *)message + SIZE_BEFORE;
}

static inline const unsigned char *payload_of(const unsigned char *at)
{
	return at + NLA_HDRLEN;
}

static inline uint32_t be32_at(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, payload_of(at), sizeof(value));
	return ntohl(value);
}

static inline uint16_t be16_at(const unsigned char *at)
{
	uint16_t value;

	memcpy(&value, payload_of(at), sizeof(value));
	return ntohs(value);
}

static _always_inline_ size_t tuple_size(size_t ip, size_t proto)
{
	return SIZE_HEADER + ip + proto;
}

static _always_inline_ bool is_ip(const unsigned char *at, size_t ip)
{
	const unsigned char *source = payload_of(at);

	if (!is_nest(at, (uint16_t)ip, CTA_TUPLE_IP))
		return false;
	if (ip == SIZE_IP_V4)
		return is_header(source, SIZE_SHORT, CTA_IP_V4_SRC) &&
		       is_header(source + SIZE_SHORT, SIZE_SHORT, CTA_IP_V4_DST);
	return is_header(source, SIZE_IPV6, CTA_IP_V6_SRC) &&
	       is_header(source + SIZE_IPV6, SIZE_IPV6, CTA_IP_V6_DST);
}

/* What ICMP has is not read; it only must be no ports. */
static inline bool is_icmp(const unsigned char *at, uint16_t id, uint16_t type, uint16_t code)
{
	return is_header(at, 6, id) && is_header(at + SIZE_SHORT, 5, type) &&
	       is_header(at + 2 * SIZE_SHORT, 5, code);
}

static _always_inline_ bool is_proto(const unsigned char *at, size_t ip, size_t proto)
{
	const unsigned char *number = payload_of(at), *rest = number + SIZE_SHORT;

	if (!is_nest(at, (uint16_t)proto, CTA_TUPLE_PROTO) || !is_header(number, 5, CTA_PROTO_NUM))
		return false;
	if (proto == SIZE_PROTO_PORTS)
		return is_header(rest, 6, CTA_PROTO_SRC_PORT) &&
		       is_header(rest + SIZE_SHORT, 6, CTA_PROTO_DST_PORT);
	if (proto == SIZE_PROTO_ICMP && ip == SIZE_IP_V4)
		return is_icmp(rest, CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE);
	if (proto == SIZE_PROTO_ICMP)
		return is_icmp(rest, CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMPV6_TYPE,
			       CTA_PROTO_ICMPV6_CODE);
	return true;
}

static _always_inline_ bool is_tuple(const unsigned char *at, uint16_t type, size_t ip,
				     size_t proto)
{
	return is_nest(at, (uint16_t)tuple_size(ip, proto), type) && is_ip(payload_of(at), ip) &&
	       is_proto(payload_of(at) + ip, ip, proto);
}

static _always_inline_ void read_tuple(const unsigned char *at, size_t ip, size_t proto,
				       struct tuple *tuple)
{
	const unsigned char *source = payload_of(payload_of(at)),
			    *ports = payload_of(payload_of(at) + ip) + SIZE_SHORT;

	if (ip == SIZE_IP_V4) {
		tuple->source = address_from_ipv4(payload_of(source));
		tuple->destination = address_from_ipv4(payload_of(source + SIZE_SHORT));
	} else {
		tuple->source = address_from_ipv6(payload_of(source));
		tuple->destination = address_from_ipv6(payload_of(source + SIZE_IPV6));
	}
	if (proto == SIZE_PROTO_PORTS) {
		tuple->source_port = be16_at(ports);
		tuple->destination_port = be16_at(ports + SIZE_SHORT);
	}
}

/*
 * CTA_STATUS to CTA_TIMEOUT. mark is the size of CTA_MARK, or 0 without it; secctx is how much of
 * CTA_SECCTX stands behind it, or 0.
 */
static _always_inline_ bool is_info(const unsigned char *at, size_t mark, size_t secctx)
{
	const unsigned char *id = at + SIZE_SHORT + mark + secctx;

	return is_header(at, 8, CTA_STATUS) &&
	       (mark == 0 || is_header(at + SIZE_SHORT, 8, CTA_MARK)) && is_header(id, 8, CTA_ID) &&
	       is_header(id + SIZE_SHORT, 8, CTA_USE) &&
	       is_header(id + 2 * SIZE_SHORT, 8, CTA_TIMEOUT);
}

static inline const unsigned char *tcp_state_of(const unsigned char *protoinfo)
{
	return payload_of(payload_of(protoinfo));
}

static inline bool is_tcp_state(const unsigned char *at, size_t left)
{
	return left >= SIZE_PROTOINFO && is_nest(at, SIZE_PROTOINFO, CTA_PROTOINFO) &&
	       is_nest(payload_of(at), SIZE_TCP, CTA_PROTOINFO_TCP) &&
	       is_header(tcp_state_of(at), 5, CTA_PROTOINFO_TCP_STATE) &&
	       *payload_of(tcp_state_of(at)) < FLOW_TCP_OFFLOADED;
}

/* From CTA_STATUS on. mark and secctx as above. Returns what was read, or 0. */
static _always_inline_ uint32_t read_info(const unsigned char *at, size_t left, size_t mark,
					  size_t secctx, struct flow *flow)
{
	const size_t size = SIZE_INFO + mark + secctx;
	uint32_t has = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT;

	if (left < size || !is_info(at, mark, secctx))
		return 0;
	if (flow->protocol == FLOW_TCP) {
		if (!is_tcp_state(at + size, left - size))
			return 0;
		flow->tcp_state = *payload_of(tcp_state_of(at + size));
		has |= FLOW_HAS_TCP_STATE;
	}
	flow->status = be32_at(at);
	flow->timeout_s = be32_at(at + size - SIZE_SHORT);
	return has;
}

/* What CTA_SECCTX says that it takes, whose text may have any length; 0 where it does not stand. */
static inline size_t secctx_size(const unsigned char *at)
{
	struct nlattr header;

	memcpy(&header, at, sizeof(header));
	if (header.nla_type != (CTA_SECCTX | NLA_F_NESTED) || header.nla_len < sizeof(header))
		return 0;
	return NLA_ALIGN(header.nla_len);
}

/* As read_info(), with a security context. Kept apart, so that nobody else pays for it. */
static __attribute__((noinline)) uint32_t read_labelled(const unsigned char *at, size_t left,
							struct flow *flow)
{
	size_t mark, secctx;

	if (left < SIZE_INFO + SIZE_SHORT)
		return 0;
	mark = is_header(at + SIZE_SHORT, 8, CTA_MARK) ? SIZE_SHORT : 0;
	secctx = secctx_size(at + SIZE_SHORT + mark);
	return secctx ? read_info(at, left, mark, secctx, flow) : 0;
}

/* All that is counted behind the tuples, or nothing. Returns what was read, or 0. */
static _always_inline_ uint32_t read_rest(const unsigned char *at, size_t left, struct flow *flow)
{
	uint32_t has;

	flow->zone = 0;
	if (left >= SIZE_SHORT && is_header(at, 6, CTA_ZONE)) {
		flow->zone = be16_at(at);
		at += SIZE_SHORT;
		left -= SIZE_SHORT;
	}
	has = read_info(at, left, SIZE_SHORT, 0, flow);
	if (has == 0)
		has = read_info(at, left, 0, 0, flow);
	return has ? has : read_labelled(at, left, flow);
}

/* Everything that is there, or as much of it as has this layout, or nothing. */
static _always_inline_ void parse(const struct nlmsghdr *message, size_t ip, size_t proto,
				  struct flow *flow)
{
	const size_t size = tuple_size(ip, proto);
	const unsigned char *original = attributes_of(message), *reply = original + size,
			    *number = payload_of(payload_of(payload_of(reply) + ip)),
			    *rest = reply + size;
	const struct nfgenmsg *header = NLMSG_DATA(message);
	const uint32_t has = FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR |
			     FLOW_HAS_RESPONDER | FLOW_HAS_ADDRESSES |
			     (proto == SIZE_PROTO_PORTS ? FLOW_HAS_PORTS : 0);
	uint32_t more;
	size_t left;

	if (header->nfgen_family != (ip == SIZE_IP_V4 ? AF_INET : AF_INET6) ||
	    message->nlmsg_len < SIZE_BEFORE + 2 * size ||
	    !is_tuple(original, CTA_TUPLE_ORIG, ip, proto) ||
	    !is_tuple(reply, CTA_TUPLE_REPLY, ip, proto) || *number != *(number - size)) {
		flow_parse_any(message, flow);
		return;
	}
	read_tuple(original, ip, proto, &flow->original);
	read_tuple(reply, ip, proto, &flow->reply);
	flow->family = ip == SIZE_IP_V4 ? FLOW_IPV4 : FLOW_IPV6;
	flow->protocol = (uint8_t)flow_protocol(*number);
	left = message->nlmsg_len - SIZE_BEFORE - 2 * size;
	more = read_rest(rest, left, flow);
	flow->has = has | more;
	if (more)
		return;
	flow->zone = 0;
	flow_parse_attributes((struct attribute_cursor){ rest, left }, *number, flow);
}

static inline bool begins(const struct nlmsghdr *message, size_t ip, size_t proto)
{
	const unsigned char *at = attributes_of(message);

	return is_nest(at, (uint16_t)tuple_size(ip, proto), CTA_TUPLE_ORIG) &&
	       is_nest(payload_of(at), (uint16_t)ip, CTA_TUPLE_IP);
}

void flow_parse(const struct nlmsghdr *message, struct flow *ret)
{
	if (message->nlmsg_len < SIZE_BEFORE + 2 * SIZE_HEADER)
		flow_parse_any(message, ret);
	else if (begins(message, SIZE_IP_V4, SIZE_PROTO_PORTS))
		parse(message, SIZE_IP_V4, SIZE_PROTO_PORTS, ret);
	else if (begins(message, SIZE_IP_V6, SIZE_PROTO_PORTS))
		parse(message, SIZE_IP_V6, SIZE_PROTO_PORTS, ret);
	else if (begins(message, SIZE_IP_V4, SIZE_PROTO_ICMP))
		parse(message, SIZE_IP_V4, SIZE_PROTO_ICMP, ret);
	else if (begins(message, SIZE_IP_V6, SIZE_PROTO_ICMP))
		parse(message, SIZE_IP_V6, SIZE_PROTO_ICMP, ret);
	else if (begins(message, SIZE_IP_V4, SIZE_PROTO_BARE))
		parse(message, SIZE_IP_V4, SIZE_PROTO_BARE, ret);
	else
		parse(message, SIZE_IP_V6, SIZE_PROTO_BARE, ret);
}
