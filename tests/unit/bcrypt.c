/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>

#include "../../exporter/bcrypt.h"

#define LONG "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

/* The vectors that every bcrypt is tested with. */
static const struct {
	const char *hash, *password;
} vectors[] = {
	{ "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U" },
	{ "$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*" },
	{ "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U" },
	{ "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", "" },
	{ "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
	  LONG "chars after 72 are ignored" },
	{ "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", LONG },
	{ "$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3" },
	/* A careful 2a would make another hash of it; that of the other exporters does not. */
	{ "$2a$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3" },
};

static bool matches(const char *text, const char *password)
{
	struct bcrypt *bcrypt = bcrypt_create();
	struct bcrypt_hash hash;
	bool r;

	assert_non_null(bcrypt);
	assert_int_equal(bcrypt_parse(text, &hash), 0);
	r = bcrypt_matches(bcrypt, password, &hash);
	bcrypt_destroy(bcrypt);
	return r;
}

static void known_passwords_match(_unused_ void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++)
		assert_true(matches(vectors[i].hash, vectors[i].password));
}

static void others_do_not(_unused_ void **state)
{
	char password[128];

	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		(void)snprintf(password, sizeof(password), "x%s", vectors[i].password);
		assert_false(matches(vectors[i].hash, password));
	}
	/* One bit of the last of the 72 bytes. */
	memcpy(password, LONG, sizeof(LONG));
	password[71] ^= 1;
	assert_false(matches(vectors[4].hash, password));
	/* One character of the hash, at either end of what depends on the password. */
	assert_false(
		matches("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeX", "U*U"));
	assert_false(
		matches("$2a$05$CCCCCCCCCCCCCCCCCCCCC.F5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"));
}

/* The four bits of a salt's last character that do not count may be anything. */
static void a_salt_with_bits_too_many_is_the_same(_unused_ void **state)
{
	assert_true(matches("$2a$05$CCCCCCCCCCCCCCCCCCCCCAE5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"));
}

static void long_passwords_are_hashed(_unused_ void **state)
{
	char password[2048];

	memset(password, 'x', sizeof(password));
	memcpy(password, LONG, strlen(LONG));
	password[sizeof(password) - 1] = '\0';
	assert_true(matches(vectors[4].hash, password));
}

static void a_hash_is_exactly_a_hash(_unused_ void **state)
{
	static const char *const wrong[] = {
		"",
		"$",
		"$2a$05$",
		"password",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeWW",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe\n",
		"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe=",
		"$2a$05$CCCCC:CCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$1a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$00$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$32$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$ 5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$5$CCCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a$05CCCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2a-05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"*2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$6$rounds=5000$CCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
	};
	struct bcrypt_hash hash = { .text = "as before", .cost = 77 };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(bcrypt_parse(wrong[i], &hash), -EINVAL);
	assert_string_equal(hash.text, "as before");
	assert_int_equal(hash.cost, 77);
	assert_int_equal(
		bcrypt_parse("$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", &hash),
		0);
	assert_string_equal(hash.text,
			    "$2y$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
	assert_int_equal(hash.cost, 31);
	assert_int_equal(
		bcrypt_parse("$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", &hash),
		0);
	assert_int_equal(hash.cost, 4);
}

static void a_fake_is_a_hash_like_any_other(_unused_ void **state)
{
	struct bcrypt_hash fake, parsed;

	for (unsigned int cost = BCRYPT_COST_MIN; cost <= BCRYPT_COST_MAX; cost++) {
		bcrypt_fake(cost, &fake);
		assert_int_equal(fake.cost, cost);
		assert_int_equal(bcrypt_parse(fake.text, &parsed), 0);
		assert_string_equal(parsed.text, fake.text);
		assert_int_equal(parsed.cost, cost);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_passwords_match),
		cmocka_unit_test(others_do_not),
		cmocka_unit_test(a_salt_with_bits_too_many_is_the_same),
		cmocka_unit_test(long_passwords_are_hashed),
		cmocka_unit_test(a_hash_is_exactly_a_hash),
		cmocka_unit_test(a_fake_is_a_hash_like_any_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
