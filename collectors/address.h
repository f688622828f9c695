/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One IP address of either family and the set of this host's own ones. */

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
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

#define ADDRESS_SET_MAX 65536

/* Open addressing; zeroed memory is an empty set. Holds at most ADDRESS_SET_MAX addresses. */
struct address_set {
	struct address *slots;
	uint8_t *used;
	size_t n_slots; /* a power of two, or 0 */
	size_t n;
	uint8_t filter[256]; /* 1 at address_filter_slot() of each */
};

void address_set_finish(struct address_set *set);

/* 0 (also when it is there already), -ENOMEM, or -E2BIG at the bound. */
int address_set_add(struct address_set *set, const struct address *a);

/* True for what was added. */
bool address_set_holds(const struct address_set *set, const struct address *a);

/* True for 127.0.0.0/8 and ::1, which are local wherever the loopback device is. */
static inline bool address_is_loopback(const struct address *a)
{
	static const struct address ipv6 = { .bytes = { [15] = 1 } };

	return address_is_ipv4(a) ? a->bytes[12] == 127 : __builtin_memcmp(a, &ipv6, 16) == 0;
}

static inline uint8_t address_filter_slot(const struct address *a)
{
	uint32_t last;

	__builtin_memcpy(&last, a->bytes + 12, sizeof(last));
	return last * 0x9e3779b1U >> 24;
}

/* True for what was added and for loopback. Cheap for what is neither, as most are. */
static inline bool address_set_has(const struct address_set *set, const struct address *a)
{
	return address_is_loopback(a) ||
	       (set->filter[address_filter_slot(a)] && address_set_holds(set, a));
}

/*
 * Adds the address of one RTM_NEWADDR message: IFA_LOCAL where there is one (a point-to-point
 * link's IFA_ADDRESS is the peer), else IFA_ADDRESS. Other messages, families and malformed
 * attributes are skipped. Returns as address_set_add().
 */
int address_set_add_message(struct address_set *set, const struct nlmsghdr *message);

struct netlink;

/*
 * Fills an empty set from the kernel by RTM_GETADDR, both families. Returns 0 or a negative errno.
 */
int address_set_fetch(struct address_set *set, struct netlink *nl, uint64_t deadline_ns);
