/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Space-Saving over arrays. order[] is sorted by count, and counters of equal count form a block
 * there: to count a key swaps its counter to the front of its block and moves that one place over
 * to the block in front, so nothing is ever sorted or searched. A least counter stands at the end.
 */

#include "top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../exporter/util.h"

#define NONE UINT16_MAX

static_assert(TOP_CAPACITY < NONE, "an index has 16 bits");

/* Twice as many slots as counters, at least, and a power of two. */
static size_t slot_count(size_t capacity)
{
	size_t n = 2;

	while (n < 2 * capacity)
		n *= 2;
	return n;
}

int top_init(struct top *top, size_t key_size, size_t capacity, const struct hash_key *hash_key)
{
	const size_t n_slots = slot_count(capacity);
	const size_t fixed = sizeof(*top->counters) + sizeof(*top->blocks) + sizeof(*top->order) +
			     key_size;
	struct top_counter *counters;

	assert(key_size % 4 == 0 && key_size > 0 && key_size <= TOP_KEY_SIZE_MAX);
	assert(capacity > 0 && capacity <= TOP_CAPACITY);
	counters = malloc(capacity * fixed + n_slots * sizeof(*top->slots));
	if (!counters)
		return -ENOMEM;
	*top = (struct top){
		.hash_key = *hash_key,
		.key_words = (uint32_t)(key_size / 4),
		.capacity = (uint32_t)capacity,
		.slot_mask = (uint32_t)n_slots - 1,
		.counters = counters,
	};
	/* What needs the most alignment comes first. */
	top->blocks = (struct top_block *)(void *)(top->counters + capacity);
	top->keys = (uint32_t *)(void *)(top->blocks + capacity);
	top->order = (uint16_t *)(void *)(top->keys + capacity * top->key_words);
	top->slots = top->order + capacity;
	top_reset(top);
	return 0;
}

void top_finish(struct top *top)
{
	free(top->counters);
	*top = (struct top){ 0 };
}

void top_reset(struct top *top)
{
	top->total = 0;
	top->n = 0;
	top->n_blocks = 0;
	top->free_block = NONE;
	top->took_over = false;
	/* Every byte of NONE is the same. */
	memset(top->slots, 0xff, (top->slot_mask + 1) * sizeof(*top->slots));
}

static uint32_t *counter_key(const struct top *top, uint32_t counter)
{
	return top->keys + (size_t)counter * top->key_words;
}

/*
 * words is top->key_words, a constant where top_add() passes one: the loops over a key are then
 * unrolled.
 */
static _always_inline_ bool has_key(const struct top *top, uint32_t counter, const uint32_t *key,
				    uint32_t words)
{
	const uint32_t *own = counter_key(top, counter);
	uint32_t differs = 0;

	for (uint32_t i = 0; i < words; i++)
		differs |= own[i] ^ key[i];
	return differs == 0;
}

static _always_inline_ uint32_t find_key(const struct top *top, const uint32_t *key, uint32_t words,
					 uint32_t hash)
{
	uint32_t i = top->slots[hash & top->slot_mask];

	while (i != NONE && !(top->counters[i].hash == hash && has_key(top, i, key, words)))
		i = top->counters[i].next;
	return i;
}

/* Gives the counter its key and puts it into the chain of the key's slot. */
static void counter_link(struct top *top, uint32_t counter, const uint32_t *key, uint32_t hash)
{
	uint16_t *slot = &top->slots[hash & top->slot_mask];
	uint32_t *own = counter_key(top, counter);

	for (uint32_t i = 0; i < top->key_words; i++)
		own[i] = key[i];
	top->counters[counter].hash = hash;
	top->counters[counter].next = *slot;
	*slot = (uint16_t)counter;
}

static void counter_unlink(struct top *top, uint32_t counter)
{
	uint16_t *link = &top->slots[top->counters[counter].hash & top->slot_mask];

	while (*link != counter)
		link = &top->counters[*link].next;
	*link = top->counters[counter].next;
}

/* There is one: blocks are never empty, so there are no more of them than counters. */
static uint32_t block_take(struct top *top)
{
	const uint32_t block = top->free_block;

	if (block == NONE)
		return top->n_blocks++;
	top->free_block = top->blocks[block].first;
	return block;
}

static void block_give(struct top *top, uint32_t block)
{
	top->blocks[block].first = (uint16_t)top->free_block;
	top->free_block = block;
}

/* Puts a counter at a position at the end of the block before it, or into a block of its own. */
static void counter_join(struct top *top, uint32_t counter, uint32_t position, uint32_t count)
{
	uint32_t block = position ? top->counters[top->order[position - 1]].block : NONE;

	if (block == NONE || top->blocks[block].count != count) {
		block = block_take(top);
		top->blocks[block] = (struct top_block){ .count = count,
							 .first = (uint16_t)position };
	}
	top->blocks[block].last = (uint16_t)position;
	top->order[position] = (uint16_t)counter;
	top->counters[counter].position = (uint16_t)position;
	top->counters[counter].block = (uint16_t)block;
}

static void counter_raise(struct top *top, uint32_t counter)
{
	const uint32_t block = top->counters[counter].block;
	const uint32_t position = top->counters[counter].position;
	struct top_block *from = &top->blocks[block];
	const uint32_t front = from->first, other = top->order[front];
	const uint32_t count = from->count + 1;

	top->order[position] = (uint16_t)other;
	top->counters[other].position = (uint16_t)position;
	if (from->first++ == from->last)
		block_give(top, block);
	counter_join(top, counter, front, count);
}

/* A least counter, with its count as the error of who gets it. */
static uint32_t counter_take_over(struct top *top)
{
	const uint32_t block = top->counters[top->order[top->n - 1]].block;
	const uint32_t counter = top->order[top->blocks[block].first];

	top->took_over = true;
	top->counters[counter].error = top->blocks[block].count;
	counter_unlink(top, counter);
	return counter;
}

static _always_inline_ void add(struct top *top, const uint32_t *key, uint32_t words)
{
	const uint32_t hash = (uint32_t)hash_bytes(&top->hash_key, key, words * sizeof(*key));
	uint32_t counter = find_key(top, key, words, hash);

	top->total++;
	if (counter == NONE && top->n < top->capacity) {
		counter = top->n++;
		top->counters[counter].error = 0;
		counter_link(top, counter, key, hash);
		counter_join(top, counter, counter, 1);
		return;
	}
	if (counter == NONE) {
		counter = counter_take_over(top);
		counter_link(top, counter, key, hash);
	}
	counter_raise(top, counter);
}

void top_add(struct top *top, const void *key)
{
	switch (top->key_words) {
	case 1: /* a port with its protocol */
		add(top, key, 1);
		break;
	case 4: /* an address */
		add(top, key, 4);
		break;
	case 8: /* two of them */
		add(top, key, 8);
		break;
	default:
		add(top, key, top->key_words);
	}
}

uint64_t top_error_max(const struct top *top)
{
	if (!top->took_over)
		return 0;
	return top->blocks[top->counters[top->order[top->n - 1]].block].count;
}

static int compare_entries(const void *left, const void *right)
{
	const struct top_entry *a = left, *b = right;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return memcmp(a->key, b->key, a->key_size);
}

size_t top_list(const struct top *top, struct top_entry *ret)
{
	for (uint32_t i = 0; i < top->n; i++) {
		const uint32_t counter = top->order[i];

		ret[i] = (struct top_entry){
			.key = counter_key(top, counter),
			.key_size = top->key_words * 4U,
			.count = top->blocks[top->counters[counter].block].count,
			.error = top->counters[counter].error,
		};
	}
	qsort(ret, top->n, sizeof(*ret), compare_entries);
	return top->n;
}
