/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "socket_set.h"

#include <errno.h>
#include <stdlib.h>

#include "../exporter/util.h"

#define FIRST_SLOTS 256

static uint64_t fingerprint(const struct socket_set *set, const struct address *local,
			    uint16_t local_port, const struct address *remote, uint16_t remote_port)
{
	const struct {
		struct address local, remote;
		uint32_t ports;
	} connection = { *local, *remote, (uint32_t)local_port << 16 | remote_port };
	const uint64_t hash = hash_bytes(&set->key, &connection, sizeof(connection));

	return hash ? hash : 1;
}

/* The slot that holds the fingerprint, or the free one where it would go. */
static size_t find_slot(const struct socket_set *set, uint64_t value)
{
	size_t i = value & (set->n_slots - 1);

	while (set->slots[i] && set->slots[i] != value)
		i = (i + 1) & (set->n_slots - 1);
	return i;
}

static int grow(struct socket_set *set)
{
	struct socket_set bigger = *set;

	bigger.n_slots = set->n_slots ? set->n_slots * 2 : FIRST_SLOTS;
	bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < set->n_slots; i++)
		if (set->slots[i])
			bigger.slots[find_slot(&bigger, set->slots[i])] = set->slots[i];
	free(set->slots);
	*set = bigger;
	return 0;
}

int socket_set_init(struct socket_set *set)
{
	*set = (struct socket_set){ 0 };
	return hash_key_random(&set->key);
}

void socket_set_finish(struct socket_set *set)
{
	free(set->slots);
	*set = (struct socket_set){ 0 };
}

int socket_set_add(struct socket_set *set, const struct address *local, uint16_t local_port,
		   const struct address *remote, uint16_t remote_port)
{
	const uint64_t value = fingerprint(set, local, local_port, remote, remote_port);

	if (set->n_slots && set->slots[find_slot(set, value)])
		return 0;
	if (set->n * 2 >= set->n_slots) {
		int r = set->n == SOCKET_SET_MAX ? -E2BIG : grow(set);

		if (r < 0)
			return r;
	}
	set->slots[find_slot(set, value)] = value;
	set->n++;
	return 0;
}

bool socket_set_has(const struct socket_set *set, const struct address *local, uint16_t local_port,
		    const struct address *remote, uint16_t remote_port)
{
	if (set->n_slots == 0)
		return false;
	return set->slots[find_slot(set,
				    fingerprint(set, local, local_port, remote, remote_port))] != 0;
}
