/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "auth_cache.h"

#include <string.h>

bool auth_cache_find(const struct auth_cache *cache, size_t user,
		     const struct secret_digest *digest, bool *ret_good)
{
	const bool equal = secret_is_equal(&cache->good[user].digest, digest, sizeof(*digest));
	const bool good = equal && cache->good[user].known;
	bool bad = false;

	for (size_t i = 0; i < cache->n_bad; i++)
		bad |= secret_is_equal(&cache->bad[i], digest, sizeof(*digest));
	if (good || bad)
		*ret_good = good;
	return good || bad;
}

void auth_cache_store(struct auth_cache *cache, size_t user, const struct secret_digest *digest,
		      bool good)
{
	if (good) {
		cache->good[user].known = true;
		cache->good[user].digest = *digest;
		return;
	}
	cache->bad[cache->next_bad] = *digest;
	cache->next_bad = (cache->next_bad + 1) % AUTH_CACHE_BAD_MAX;
	if (cache->n_bad < AUTH_CACHE_BAD_MAX)
		cache->n_bad++;
}

void auth_cache_move(struct auth_cache *cache, const size_t *old, size_t n)
{
	struct auth_cache before = *cache;

	explicit_bzero(cache->good, sizeof(cache->good));
	for (size_t i = 0; i < n; i++)
		if (old[i] != SIZE_MAX)
			cache->good[i] = before.good[old[i]];
	explicit_bzero(&before, sizeof(before));
}
