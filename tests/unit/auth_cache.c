/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/auth_cache.h"

static struct secret_digest number(uint32_t n)
{
	struct secret_digest digest = { { 1 } };

	memcpy(&digest.bytes[SECRET_SIZE - sizeof(n)], &n, sizeof(n));
	return digest;
}

/* 1: good, 0: bad, -1: not known. */
static int find(const struct auth_cache *cache, size_t user, uint32_t n)
{
	const struct secret_digest digest = number(n);
	bool good;

	return auth_cache_find(cache, user, &digest, &good) ? good : -1;
}

static void store(struct auth_cache *cache, size_t user, uint32_t n, bool good)
{
	const struct secret_digest digest = number(n);

	auth_cache_store(cache, user, &digest, good);
}

static void nothing_is_known_at_first(_unused_ void **state)
{
	static const struct secret_digest zero;
	struct auth_cache cache = { 0 };
	bool good;

	assert_int_equal(find(&cache, 0, 1), -1);
	assert_int_equal(find(&cache, AUTH_USERS_MAX, 1), -1);
	/* What an empty place holds is no verdict. */
	assert_false(auth_cache_find(&cache, 0, &zero, &good));
}

static void verdicts_are_remembered(_unused_ void **state)
{
	struct auth_cache cache = { 0 };

	store(&cache, 0, 1, true);
	store(&cache, 1, 2, false);
	assert_int_equal(find(&cache, 0, 1), 1);
	assert_int_equal(find(&cache, 1, 2), 0);
	/* A good one is one user's. */
	assert_int_equal(find(&cache, 1, 1), -1);
}

static void a_user_has_one_good_password(_unused_ void **state)
{
	struct auth_cache cache = { 0 };

	store(&cache, 3, 1, true);
	store(&cache, 3, 2, true);
	assert_int_equal(find(&cache, 3, 1), -1);
	assert_int_equal(find(&cache, 3, 2), 1);
}

static void bad_ones_push_out_the_oldest_bad_one_and_no_good_one(_unused_ void **state)
{
	struct auth_cache cache = { 0 };

	for (uint32_t user = 0; user < AUTH_USERS_MAX; user++)
		store(&cache, user, user, true);
	for (uint32_t n = 0; n < 10 * AUTH_CACHE_BAD_MAX; n++) {
		store(&cache, n % (AUTH_USERS_MAX + 1), 1000 + n, false);
		assert_int_equal(find(&cache, 0, 1000 + n), 0);
		if (n >= AUTH_CACHE_BAD_MAX - 1)
			assert_int_equal(find(&cache, 0, 1000 + n - AUTH_CACHE_BAD_MAX + 1), 0);
		if (n >= AUTH_CACHE_BAD_MAX)
			assert_int_equal(find(&cache, 0, 1000 + n - AUTH_CACHE_BAD_MAX), -1);
	}
	for (uint32_t user = 0; user < AUTH_USERS_MAX; user++)
		assert_int_equal(find(&cache, user, user), 1);
}

static void good_ones_go_with_their_users(_unused_ void **state)
{
	static const size_t old[] = { 2, SIZE_MAX, 0 };
	struct auth_cache cache = { 0 };

	for (uint32_t user = 0; user < 4; user++)
		store(&cache, user, user, true);
	store(&cache, 0, 77, false);
	auth_cache_move(&cache, old, ARRAY_SIZE(old));
	assert_int_equal(find(&cache, 0, 2), 1);
	assert_int_equal(find(&cache, 1, 1), -1);
	assert_int_equal(find(&cache, 2, 0), 1);
	/* In the place of nobody, and behind it, there is nothing. */
	assert_int_equal(find(&cache, 3, 3), -1);
	assert_int_equal(find(&cache, 0, 0), -1);
	assert_int_equal(find(&cache, 3, 77), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_known_at_first),
		cmocka_unit_test(verdicts_are_remembered),
		cmocka_unit_test(a_user_has_one_good_password),
		cmocka_unit_test(bad_ones_push_out_the_oldest_bad_one_and_no_good_one),
		cmocka_unit_test(good_ones_go_with_their_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
