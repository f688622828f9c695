/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One IP address of either family. */

#include <stdbool.h>
#include <stdint.h>

/*
 * An IPv4 address stands as ::ffff:a.b.c.d, so that both families compare and hash alike. Network
 * byte order.
 */
struct address {
	uint8_t bytes[16];
};

static inline struct address address_from_ipv4(const void *ipv4)
{
	struct address a = { .bytes = { [10] = 0xff, [11] = 0xff } };

	__builtin_memcpy(a.bytes + 12, ipv4, 4);
	return a;
}

static inline struct address address_from_ipv6(const void *ipv6)
{
	struct address a;

	__builtin_memcpy(a.bytes, ipv6, sizeof(a.bytes));
	return a;
}

static inline bool address_is_ipv4(const struct address *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return __builtin_memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

/* fe80::/10. The sockets between such addresses are bound to the device that they are of. */
static inline bool address_is_link_local(const struct address *a)
{
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/*
 * A multicast group or the limited broadcast address: delivered to a host without being an address
 * of it.
 */
bool address_is_group(const struct address *a);

/*
 * True for 127.0.0.0/8 and ::1, which are local wherever the loopback device is. Of most addresses
 * two bytes tell that they are not.
 */
static inline bool address_is_loopback(const struct address *a)
{
	static const struct address ipv6 = { .bytes = { [15] = 1 } };

	if (a->bytes[12] == 127)
		return address_is_ipv4(a);
	return a->bytes[15] == 1 && __builtin_memcmp(a, &ipv6, sizeof(ipv6)) == 0;
}
