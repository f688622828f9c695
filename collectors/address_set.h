/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A set of IP addresses: this host's own ones. */

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

#define ADDRESS_SET_MAX 65536
/* Of 2000 addresses a stranger's shares a bit once in 30 times. */
#define ADDRESS_FILTER_BITS 65536

/* Open addressing; zeroed memory is an empty set. Holds at most ADDRESS_SET_MAX addresses. */
struct address_set {
	struct address *slots;
	uint8_t *used;
	size_t n_slots; /* a power of two, or 0 */
	size_t n;
	/* 1 at address_filter_bit() of each; others may share it, so 1 is no proof. */
	uint32_t filter[ADDRESS_FILTER_BITS / 32];
};

void address_set_finish(struct address_set *set);

/* 0 (also when it is there already), -ENOMEM, or -E2BIG at the bound. */
int address_set_add(struct address_set *set, const struct address *a);

/* True for what was added. As address_set_has() without loopback, and not as cheap. */
bool address_set_holds(const struct address_set *set, const struct address *a);

/* Addresses in a row have bits of their own. */
static inline uint32_t address_filter_bit(const struct address *a)
{
	uint32_t last;

	__builtin_memcpy(&last, a->bytes + 12, sizeof(last));
	return last * 0x9e3779b1U >> 16;
}

/* False for what was not added; true for some of that, too. */
static inline bool address_filter_has(const struct address_set *set, const struct address *a)
{
	const uint32_t bit = address_filter_bit(a);

	return set->filter[bit / 32] >> bit % 32 & 1;
}

/* True for what was added and for loopback. Cheap for what is neither, as most are. */
static inline bool address_set_has(const struct address_set *set, const struct address *a)
{
	return address_is_loopback(a) || (address_filter_has(set, a) && address_set_holds(set, a));
}

/*
 * Adds the address of one RTM_NEWADDR message: IFA_LOCAL where there is one (a point-to-point
 * link's IFA_ADDRESS is the peer), else IFA_ADDRESS. Other messages, families and malformed
 * attributes are skipped. Returns as address_set_add().
 */
int address_set_add_message(struct address_set *set, const struct nlmsghdr *message);

struct netlink;

/*
 * Fills an empty set from the kernel by RTM_GETADDR, both families. Returns 0 or a negative errno:
 * -EINTR when addresses changed in each of a few attempts.
 */
int address_set_fetch(struct address_set *set, struct netlink *nl, uint64_t deadline_ns);
