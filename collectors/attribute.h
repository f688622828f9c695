/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Netlink attributes read in place. libmnl's accessors are calls into a shared library, several per
 * attribute; the walk visits some twenty attributes a flow, so their headers are read inline here.
 * Bounds are checked before every read: a header that is short or reaches past its container ends
 * the iteration.
 */

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct attribute {
	uint16_t type; /* without the NLA_F_NESTED and NLA_F_NET_BYTEORDER bits */
	uint16_t len;  /* of the payload */
	const unsigned char *payload;
};

struct attribute_cursor {
	const unsigned char *at;
	size_t left;
};

static inline struct attribute_cursor attribute_cursor(const void *bytes, size_t len)
{
	return (struct attribute_cursor){ .at = bytes, .left = len };
}

/* The attributes nested in one. */
static inline struct attribute_cursor attribute_nested(const struct attribute *a)
{
	return attribute_cursor(a->payload, a->len);
}

/* False at the end, and at the first attribute that does not fit. */
static inline bool attribute_next(struct attribute_cursor *c, struct attribute *ret)
{
	struct nlattr header;
	size_t step;

	if (c->left < sizeof(header))
		return false;
	memcpy(&header, c->at, sizeof(header));
	if (header.nla_len < sizeof(header) || header.nla_len > c->left)
		return false;
	ret->type = header.nla_type & NLA_TYPE_MASK;
	ret->len = (uint16_t)(header.nla_len - sizeof(header));
	ret->payload = c->at + sizeof(header);
	step = NLA_ALIGN((size_t)header.nla_len);
	if (step > c->left)
		step = c->left;
	c->at += step;
	c->left -= step;
	return true;
}

/* Big-endian u32 payload; false, and *ret untouched, unless it is exactly four bytes. */
static inline bool attribute_be32(const struct attribute *a, uint32_t *ret)
{
	uint32_t value;

	if (a->len != sizeof(value))
		return false;
	memcpy(&value, a->payload, sizeof(value));
	*ret = ntohl(value);
	return true;
}

static inline bool attribute_u8(const struct attribute *a, uint8_t *ret)
{
	if (a->len != 1)
		return false;
	*ret = a->payload[0];
	return true;
}

/*
 * The attributes behind a message's family header of header_len bytes; none when the message is
 * shorter than that.
 */
static inline struct attribute_cursor attribute_of_message(const struct nlmsghdr *message,
							   size_t header_len)
{
	size_t offset = NLMSG_LENGTH(NLMSG_ALIGN(header_len));

	if (message->nlmsg_len < offset)
		return attribute_cursor(NULL, 0);
	return attribute_cursor((const unsigned char *)message + offset,
				message->nlmsg_len - offset);
}
