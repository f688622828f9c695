/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "auth_users.h"

#include <errno.h>
#include <string.h>

int auth_users_set(struct auth_users *users, const struct secret_key *key,
		   const struct web_config_user *all, size_t n)
{
	unsigned int cost = BCRYPT_COST_MIN;
	struct bcrypt_hash hash;

	if (n > AUTH_USERS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (bcrypt_parse(all[i].hash, &hash) < 0)
			return -EINVAL;
	memset(users, 0, sizeof(*users));
	users->n = n;
	for (size_t i = 0; i < n; i++) {
		const char *name = all[i].name;

		secret_digest(key, &name, 1, &users->all[i].name);
		(void)bcrypt_parse(all[i].hash, &users->all[i].hash);
		cost = users->all[i].hash.cost > cost ? users->all[i].hash.cost : cost;
		users->costs |= 1U << users->all[i].hash.cost;
	}
	bcrypt_fake(cost, &users->all[n].hash);
	return 0;
}

size_t auth_users_find(const struct auth_users *users, const struct secret_key *key,
		       const char *name)
{
	struct secret_digest digest;
	size_t found = users->n;

	secret_digest(key, &name, 1, &digest);
	for (size_t i = 0; i < users->n; i++)
		if (secret_is_equal(&users->all[i].name, &digest, sizeof(digest)))
			found = i;
	return found;
}

size_t auth_users_find_same(const struct auth_users *users, const struct auth_user *user)
{
	for (size_t i = 0; i < users->n; i++)
		if (secret_is_equal(&users->all[i].name, &user->name, sizeof(user->name)) &&
		    secret_is_equal(users->all[i].hash.text, user->hash.text,
				    sizeof(user->hash.text)))
			return i;
	return SIZE_MAX;
}
