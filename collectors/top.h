/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The most frequent keys of a stream in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi:
 * "Efficient computation of frequent and top-k elements in data streams", 2005). A key without a
 * counter takes over a least one and what that had counted; how much this was is the key's error.
 *
 * After N keys, with true the number of times a key came:
 * - count - error <= true <= count, for each key that has a counter;
 * - error <= N / capacity, and a key without a counter came at most that often: each key that came
 *   more often is there;
 * - the counts of all counters add up to N;
 * - as long as no more than capacity different keys came, all of this is exact and each error 0.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hash.h"

#define TOP_CAPACITY 2048
#define TOP_KEY_SIZE_MAX 36 /* bytes */

/* Small, so that several tables fit into a CPU's cache beside the walk. */
struct top_counter {
	uint32_t error;
	uint32_t hash;
	uint16_t next;	   /* in the chain of its slot */
	uint16_t block;	   /* of those with the same count */
	uint16_t position; /* in order[] */
};

/* A run of counters in order[] that have the same count; never empty. */
struct top_block {
	uint32_t count;
	uint16_t first, last;
};

/* Zeroed memory is good for top_finish(). */
struct top {
	struct hash_key hash_key;
	uint64_t total;	    /* keys that came */
	uint32_t key_words; /* of 32 bits */
	uint32_t capacity;
	uint32_t n;	     /* counters in use */
	uint32_t n_blocks;   /* that were ever in use since the reset */
	uint32_t free_block; /* first of the chain through first */
	uint32_t slot_mask;
	bool took_over; /* some key lost its counter */
	/* All in one allocation. */
	struct top_counter *counters;
	struct top_block *blocks;
	uint32_t *keys;	 /* of the counters, key_words each */
	uint16_t *order; /* counters, greatest count first */
	uint16_t *slots; /* first counter of each chain */
};

struct top_entry {
	const void *key; /* into the struct top, valid until it changes */
	size_t key_size;
	uint64_t count, error;
};

/*
 * key_size is a multiple of 4, at most TOP_KEY_SIZE_MAX; capacity from 1 to TOP_CAPACITY. hash_key
 * must be secret where strangers choose the keys. Returns 0 or -ENOMEM.
 */
int top_init(struct top *top, size_t key_size, size_t capacity, const struct hash_key *hash_key);
void top_finish(struct top *top);

/* Forgets all keys. */
void top_reset(struct top *top);

/*
 * Counts one key, aligned to 4 bytes. In constant time; allocates nothing. Good for 2^32 - 1 keys.
 */
void top_add(struct top *top, const void *key);

/* No count is too high by more than this, and no key without a counter came more often. */
uint64_t top_error_max(const struct top *top);

/*
 * All counters, greatest count first, equal ones in the order of their keys' bytes. ret has room
 * for the capacity. Returns how many.
 */
size_t top_list(const struct top *top, struct top_entry *ret);
