/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A hash for tables whose keys come from strangers: who does not know its secret words cannot
 * choose keys that meet in one slot. Products folded to 64 bits, as in wyhash; not for
 * cryptography.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>

#define HASH_BYTES_MAX 48

struct hash_key {
	uint64_t word[8];
};

/* Draws the secret words. Returns 0 or the negative errno of getrandom(2). */
static inline int hash_key_random(struct hash_key *ret)
{
	struct hash_key key;
	ssize_t n;

	/* Up to 256 bytes come whole once the kernel's generator is ready (getrandom(2)). */
	do
		n = getrandom(&key, sizeof(key), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(key))
		return n < 0 ? -errno : -EIO;
	*ret = key;
	return 0;
}

/* Both halves of the product of 128 bits, one upon the other. */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	__extension__ const unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	const uint64_t low = (uint32_t)a * (uint64_t)(uint32_t)b, high = (a >> 32) * (b >> 32);
	const uint64_t left = (a >> 32) * (uint32_t)b, right = (uint32_t)a * (b >> 32);
	const uint64_t middle = (low >> 32) + (uint32_t)left + (uint32_t)right;

	return (a * b) ^ (high + (left >> 32) + (right >> 32) + (middle >> 32));
#endif
}

static inline uint64_t hash_load(const unsigned char *at, size_t left)
{
	uint64_t value = 0;

	if (left >= sizeof(value))
		__builtin_memcpy(&value, at, sizeof(value));
	else if (left)
		__builtin_memcpy(&value, at, sizeof(uint32_t));
	return value;
}

/*
 * All 64 bits are good. len is a multiple of 4, at most HASH_BYTES_MAX, and the same for all keys
 * of a table: it is not hashed itself.
 */
static inline uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t hash = key->word[6];

	for (size_t i = 0; i < len; i += 16) {
		const uint64_t a = hash_load(at + i, len - i);
		const uint64_t b = len - i > 8 ? hash_load(at + i + 8, len - i - 8) : 0;

		hash = hash_fold(hash ^ a ^ key->word[i / 8], b ^ key->word[i / 8 + 1]);
	}
	return hash_fold(hash, key->word[7] | 1);
}
