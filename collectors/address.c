/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "address_set.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../exporter/util.h"
#include "attribute.h"
#include "hash.h"
#include "netlink.h"

#define ADDRESS_SET_FIRST_SLOTS 64
/* An address that comes or goes interrupts the dump: often where containers do. */
#define FETCH_ATTEMPTS 3

bool address_is_group(const struct address *a)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	if (address_is_ipv4(a))
		return (a->bytes[12] & 0xf0) == 0xe0 ||
		       memcmp(a->bytes + 12, broadcast, sizeof(broadcast)) == 0;
	return a->bytes[0] == 0xff;
}

void address_set_finish(struct address_set *set)
{
	free(set->slots);
	free(set->used);
	*set = (struct address_set){ 0 };
}

/*
 * The host's own addresses come from its administrator, not from strangers: no secret words are
 * needed. But they are often numbered in a row, and on a little-endian machine what differs is in
 * the highest bits of a half: a product moves it up and out, so its upper half is what counts.
 */
static size_t address_hash(const struct address *a)
{
	uint64_t half[2];

	memcpy(half, a->bytes, sizeof(half));
	half[0] = hash_fold(half[0] ^ 0x9e3779b97f4a7c15ULL, half[1] ^ 0xbf58476d1ce4e5b9ULL);
	return (size_t)hash_fold(half[0], 0x94d049bb133111ebULL);
}

/* The slot that holds a, or the free one where it would go. */
static size_t address_slot(const struct address_set *set, const struct address *a)
{
	size_t i = address_hash(a) & (set->n_slots - 1);

	while (set->used[i] && memcmp(&set->slots[i], a, sizeof(*a)) != 0)
		i = (i + 1) & (set->n_slots - 1);
	return i;
}

static int address_set_grow(struct address_set *set)
{
	struct address_set bigger = { .n_slots = set->n_slots ? set->n_slots * 2
							      : ADDRESS_SET_FIRST_SLOTS,
				      .n = set->n };

	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	bigger.used = calloc(bigger.n_slots, sizeof(*bigger.used));
	if (!bigger.slots || !bigger.used) {
		address_set_finish(&bigger);
		return -ENOMEM;
	}
	for (size_t i = 0; i < set->n_slots; i++) {
		if (set->used[i]) {
			size_t slot = address_slot(&bigger, &set->slots[i]);

			bigger.slots[slot] = set->slots[i];
			bigger.used[slot] = 1;
		}
	}
	memcpy(bigger.filter, set->filter, sizeof(bigger.filter));
	address_set_finish(set);
	*set = bigger;
	return 0;
}

int address_set_add(struct address_set *set, const struct address *a)
{
	const uint32_t bit = address_filter_bit(a);
	size_t slot;

	if (set->n_slots == 0 || set->n * 2 >= set->n_slots) {
		int r = address_set_grow(set);

		if (r < 0)
			return r;
	}
	slot = address_slot(set, a);
	if (set->used[slot])
		return 0;
	if (set->n == ADDRESS_SET_MAX)
		return -E2BIG;
	set->slots[slot] = *a;
	set->used[slot] = 1;
	set->filter[bit / 32] |= 1U << bit % 32;
	set->n++;
	return 0;
}

bool address_set_holds(const struct address_set *set, const struct address *a)
{
	return set->n_slots && set->used[address_slot(set, a)];
}

/* The address in an attribute; false when its length is not the family's. */
static bool address_from_attribute(const struct attribute *attribute, uint8_t family,
				   struct address *ret)
{
	if (family == AF_INET && attribute->len == 4)
		*ret = address_from_ipv4(attribute->payload);
	else if (family == AF_INET6 && attribute->len == 16)
		*ret = address_from_ipv6(attribute->payload);
	else
		return false;
	return true;
}

int address_set_add_message(struct address_set *set, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *header = NLMSG_DATA(message);
	struct attribute_cursor cursor = attribute_of_message(message, sizeof(*header));
	struct attribute attribute;
	struct address address = { 0 };
	bool found = false;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return 0;
	while (attribute_next(&cursor, &attribute)) {
		if (attribute.type == IFA_LOCAL &&
		    address_from_attribute(&attribute, header->ifa_family, &address))
			return address_set_add(set, &address);
		if (attribute.type == IFA_ADDRESS &&
		    address_from_attribute(&attribute, header->ifa_family, &address))
			found = true;
	}
	return found ? address_set_add(set, &address) : 0;
}

static int add_message(void *ctx, const struct nlmsghdr *message)
{
	return address_set_add_message(ctx, message);
}

int address_set_fetch(struct address_set *set, struct netlink *nl, uint64_t deadline_ns)
{
	const struct ifaddrmsg all = { .ifa_family = AF_UNSPEC };
	int r = -EINTR;

	for (int i = 0; i < FETCH_ATTEMPTS && r == -EINTR; i++) {
		address_set_finish(set);
		r = netlink_query(nl, NETLINK_ADDRESSES, &all, sizeof(all), deadline_ns,
				  add_message, set);
	}
	return r;
}
