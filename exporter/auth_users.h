/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who may log in. Behind the last user stands nobody, in whose place a name that is unknown is
 * treated like any other. Pure.
 */

#include "bcrypt_hash.h"
#include "secret.h"
#include "web_config.h"

#define AUTH_USERS_MAX WEB_CONFIG_USERS_MAX

struct auth_user {
	struct secret_digest name;
	struct bcrypt_hash hash;
};

struct auth_users {
	size_t n;
	uint32_t costs;				  /* a bit for each cost that a hash has */
	struct auth_user all[AUTH_USERS_MAX + 1]; /* all[n] is nobody, of the highest cost */
};

/*
 * Returns 0, or -EINVAL for too many users or a hash that is none, which web_config_parse() lets
 * through neither.
 */
int auth_users_set(struct auth_users *users, const struct secret_key *key,
		   const struct web_config_user *all, size_t n);

/* The user's index, n for an unknown name. Takes the same time for each name of a length. */
size_t auth_users_find(const struct auth_users *users, const struct secret_key *key,
		       const char *name);

/* The index of the same name with the same hash, SIZE_MAX when there is none. */
size_t auth_users_find_same(const struct auth_users *users, const struct auth_user *user);
