/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Netlink attributes read in place and inline: libmnl's accessors are several calls for each of
 * some twenty attributes a flow. Bounds are checked before every read: a header that is short or
 * reaches past its container ends the iteration.
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

/* The attributes nested in one. */
static inline struct attribute_cursor attribute_nested(const struct attribute *a)
{
	return (struct attribute_cursor){ .at = a->payload, .left = a->len };
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

/* As attribute_be32() for two bytes. */
static inline bool attribute_be16(const struct attribute *a, uint16_t *ret)
{
	uint16_t value;

	if (a->len != sizeof(value))
		return false;
	memcpy(&value, a->payload, sizeof(value));
	*ret = ntohs(value);
	return true;
}

static inline bool attribute_u8(const struct attribute *a, uint8_t *ret)
{
	if (a->len != 1)
		return false;
	*ret = a->payload[0];
	return true;
}

/* The attributes behind a family header of header_len bytes; none in a shorter message. */
static inline struct attribute_cursor attribute_of_message(const struct nlmsghdr *message,
							   size_t header_len)
{
	const size_t offset = NLMSG_LENGTH(NLMSG_ALIGN(header_len));
	struct attribute_cursor c = { .at = NULL, .left = 0 };

	if (message->nlmsg_len >= offset)
		c = (struct attribute_cursor){ (const unsigned char *)message + offset,
					       message->nlmsg_len - offset };
	return c;
}
