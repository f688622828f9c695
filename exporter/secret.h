/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The little that logins need of cryptography but for bcrypt. Pure but for secret_key_create().
 * Nettle, which GnuTLS is made of, is used here and nowhere else.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_SIZE 32

struct secret_key {
	uint8_t bytes[SECRET_SIZE];
};

struct secret_digest {
	uint8_t bytes[SECRET_SIZE];
};

/* A random key. Returns 0 or a negative errno. */
int secret_key_create(struct secret_key *ret);

/*
 * HMAC-SHA256 of the strings, each with its length, so that other strings never make the same
 * bytes. Without the key nobody can try passwords against what is left of them in memory.
 */
void secret_digest(const struct secret_key *key, const char *const *strings, size_t n,
		   struct secret_digest *ret);

/* Takes the same time whether and wherever they differ. */
bool secret_is_equal(const void *a, const void *b, size_t size);

/*
 * Decodes base64 as RFC 4648 has it: padded, no other character anywhere, no bit left over. Returns
 * how many bytes it became, or -EINVAL, also when they are more than size. ret may have been
 * written to then.
 */
int secret_base64_decode(const char *text, size_t length, void *ret, size_t size);
