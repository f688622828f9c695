/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The connections of this host's sockets as a set of 64-bit fingerprints: to ask of a million flows
 * whether one of them is ours. Two connections share a fingerprint once in 2^64 / n questions.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "hash.h"

/* 16 MiB at most. What does not fit is not in the set. */
#define SOCKET_SET_MAX (1U << 20)

struct socket_set {
	struct hash_key key;
	uint64_t *slots; /* open addressing; 0: free */
	size_t n_slots;	 /* a power of two, or 0 */
	size_t n;
};

/* An empty set with a key of its own. Returns 0 or a negative errno. */
int socket_set_init(struct socket_set *set);

/* Frees it; accepts zeroed memory. */
void socket_set_finish(struct socket_set *set);

/* Ports in host byte order. Returns 0 (also when it was there), -ENOMEM, or -E2BIG at the bound. */
int socket_set_add(struct socket_set *set, const struct address *local, uint16_t local_port,
		   const struct address *remote, uint16_t remote_port);

bool socket_set_has(const struct socket_set *set, const struct address *local, uint16_t local_port,
		    const struct address *remote, uint16_t remote_port);
