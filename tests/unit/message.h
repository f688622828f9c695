/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Netlink messages made by hand, malformed ones too, which a library would refuse to make. */

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_SIZE_MAX 2048

struct message {
	union {
		struct nlmsghdr header;
		unsigned char bytes[MESSAGE_SIZE_MAX];
	};
};

static inline void message_start(struct message *m, uint16_t type, const void *family_header,
				 size_t len)
{
	memset(m, 0, sizeof(*m));
	m->header.nlmsg_type = type;
	m->header.nlmsg_len = NLMSG_LENGTH(NLMSG_ALIGN(len));
	memcpy(NLMSG_DATA(&m->header), family_header, len);
}

static inline void message_start_conntrack(struct message *m, uint16_t type, uint8_t family,
					   uint16_t res_id)
{
	const struct nfgenmsg header = { .nfgen_family = family, .res_id = htons(res_id) };

	message_start(m, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), &header, sizeof(header));
}

/* Appends an attribute and gives the offset of its header. */
static inline size_t message_put(struct message *m, uint16_t type, const void *payload, size_t len)
{
	const struct nlattr header = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };
	const size_t at = m->header.nlmsg_len;
	unsigned char *to = (unsigned char *)m + at;

	assert(at + NLA_HDRLEN + NLA_ALIGN(len) <= sizeof(*m));
	memcpy(to, &header, sizeof(header));
	if (len)
		memcpy(to + NLA_HDRLEN, payload, len);
	m->header.nlmsg_len = (uint32_t)(at + NLA_HDRLEN + NLA_ALIGN(len));
	return at;
}

static inline size_t message_put_be32(struct message *m, uint16_t type, uint32_t value)
{
	const uint32_t wire = htonl(value);

	return message_put(m, type, &wire, sizeof(wire));
}

static inline size_t message_put_u8(struct message *m, uint16_t type, uint8_t value)
{
	return message_put(m, type, &value, sizeof(value));
}

/* Overwrites the length in the attribute header at this offset. */
static inline void message_set_length(struct message *m, size_t at, uint16_t nla_len)
{
	memcpy(m->bytes + at + offsetof(struct nlattr, nla_len), &nla_len, sizeof(nla_len));
}

static inline size_t message_nest(struct message *m, uint16_t type)
{
	return message_put(m, type, NULL, 0);
}

static inline void message_nest_end(struct message *m, size_t at)
{
	message_set_length(m, at, (uint16_t)(m->header.nlmsg_len - at));
}
