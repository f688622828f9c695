/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/secret.h"

static struct secret_digest digest_of(uint8_t first, const char *const *strings, size_t n)
{
	struct secret_digest digest;
	struct secret_key key;

	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)(first + i);
	secret_digest(&key, strings, n, &digest);
	return digest;
}

/* What Python's hmac makes of the lengths, as 8 bytes each, and the strings. */
static void a_digest_is_the_one_of_another_library(_unused_ void **state)
{
	static const uint8_t three[SECRET_SIZE] = {
		0x01, 0x08, 0xc7, 0xfe, 0x65, 0x11, 0x79, 0xce, 0x5c, 0x45, 0x51,
		0xa7, 0x65, 0x1c, 0x69, 0x9a, 0x15, 0x94, 0x44, 0x66, 0x7e, 0x67,
		0x6a, 0x0e, 0x73, 0xef, 0xfd, 0x0f, 0xfe, 0xdc, 0xa2, 0x13,
	};
	static const uint8_t none[SECRET_SIZE] = {
		0xd3, 0x8b, 0x42, 0x09, 0x6d, 0x80, 0xf4, 0x5f, 0x82, 0x6b, 0x44,
		0xa9, 0xd5, 0x60, 0x7d, 0xe7, 0x24, 0x96, 0xa4, 0x15, 0xd3, 0xf4,
		0xa1, 0xa8, 0xc8, 0x8e, 0x3b, 0xb9, 0xda, 0x8d, 0xc1, 0xcb,
	};
	static const char *const strings[] = { "name", "", "hash" };
	struct secret_digest digest;
	const uint64_t one = 1;

	if (*(const uint8_t *)&one != 1)
		skip(); /* big-endian lengths */
	digest = digest_of(0, strings, 3);
	assert_memory_equal(digest.bytes, three, sizeof(three));
	digest = digest_of(0, NULL, 0);
	assert_memory_equal(digest.bytes, none, sizeof(none));
}

static void other_strings_and_keys_have_other_digests(_unused_ void **state)
{
	static const char *const strings[][3] = {
		{ "a", "bc", "" }, { "ab", "c", "" }, { "abc", "", "" },     { "", "abc", "" },
		{ "", "", "abc" }, { "a", "b", "c" }, { "a", "bc", "\x01" },
	};
	struct secret_digest digests[ARRAY_SIZE(strings) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		digests[i] = digest_of(0, strings[i], 3);
	digests[ARRAY_SIZE(strings)] = digest_of(1, strings[0], 3);
	for (size_t i = 0; i < ARRAY_SIZE(digests); i++)
		for (size_t j = 0; j < ARRAY_SIZE(digests); j++)
			assert_int_equal(
				secret_is_equal(&digests[i], &digests[j], sizeof(digests[i])),
				i == j);
}

static void keys_are_random(_unused_ void **state)
{
	struct secret_key a = { { 0 } }, b = { { 0 } };
	static const struct secret_key zero;

	assert_int_equal(secret_key_create(&a), 0);
	assert_int_equal(secret_key_create(&b), 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_memory_not_equal(&a, &zero, sizeof(a));
	/* Each part of it is: none is left as it was. */
	for (size_t i = 0; i < SECRET_SIZE; i += 8)
		assert_memory_not_equal(&a.bytes[i], &zero.bytes[i], 8);
}

static void every_bit_is_compared(_unused_ void **state)
{
	uint8_t a[SECRET_SIZE] = { 0 }, b[SECRET_SIZE] = { 0 };

	assert_true(secret_is_equal(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a) * 8; i++) {
		b[i / 8] ^= (uint8_t)(1U << i % 8);
		assert_false(secret_is_equal(a, b, sizeof(a)));
		b[i / 8] = 0;
	}
}

/* RFC 4648 section 10, into room that is just enough, and too little. */
static void base64_is_that_of_its_standard(_unused_ void **state)
{
	static const struct {
		const char *text, *bytes;
	} rows[] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ "Zm9vYmFy", "foobar" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const size_t n = strlen(rows[i].bytes);
		char *bytes = malloc(n ? n : 1);

		assert_int_equal(secret_base64_decode(rows[i].text, strlen(rows[i].text), bytes, n),
				 n);
		assert_memory_equal(bytes, rows[i].bytes, n);
		if (n > 0)
			assert_int_equal(secret_base64_decode(rows[i].text, strlen(rows[i].text),
							      bytes, n - 1),
					 -EINVAL);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digest_is_the_one_of_another_library),
		cmocka_unit_test(other_strings_and_keys_have_other_digests),
		cmocka_unit_test(keys_are_random),
		cmocka_unit_test(every_bit_is_compared),
		cmocka_unit_test(base64_is_that_of_its_standard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
