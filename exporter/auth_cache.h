/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Verdicts about name, password and hash, of which only a digest is kept. They are true for ever; a
 * new hash makes other digests. A user has room for the one password that is right, and those that
 * are wrong share a ring of their own, so that no number of these makes a right one forgotten.
 * Pure.
 */

#include "auth_users.h"

#define AUTH_CACHE_BAD_MAX 64

struct auth_cache {
	struct {
		bool known;
		struct secret_digest digest;
	} good[AUTH_USERS_MAX + 1]; /* by the user's index; that of nobody is never known */
	struct secret_digest bad[AUTH_CACHE_BAD_MAX];
	size_t n_bad, next_bad;
};

/* True when the verdict is known. Takes the same time whatever is found, and whose it is. */
bool auth_cache_find(const struct auth_cache *cache, size_t user,
		     const struct secret_digest *digest, bool *ret_good);

void auth_cache_store(struct auth_cache *cache, size_t user, const struct secret_digest *digest,
		      bool good);

/* The users changed: i of the n was old[i], or SIZE_MAX: nothing is known about this one. */
void auth_cache_move(struct auth_cache *cache, const size_t *old, size_t n);
