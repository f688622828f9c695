/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <gnutls/gnutls.h>

#include "unit.h"

#include "../../exporter/tls_names.h"

static void test_versions(void **state)
{
	static const char *const names[] = { "TLS10", "TLS11", "TLS12", "TLS13" };
	enum tls_version version;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(tls_version_find(names[i], &version));
		assert_int_equal(version, i);
	}
}

static void test_curves(void **state)
{
	static const char *const names[] = { "CurveP256", "CurveP384", "CurveP521", "X25519" };
	enum tls_curve curve;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(tls_curve_find(names[i], &curve));
		assert_int_equal(curve, i);
	}
}

static void test_what_is_no_name(void **state)
{
	static const char *const names[] = {
		"",
		"tls12",
		"TLS1.2",
		"TLS12 ",
		" TLS12",
		"SSL30",
		"CurveP224",
		"curvep256",
		"P256",
		"X25519MLKEM768",
		"X448",
		"TLS_AES_128_GCM_SHA25",
		"TLS_AES_128_GCM_SHA256 ",
		"tls_aes_128_gcm_sha256",
		"TLS_AES_128_CCM_SHA256",
		/* Go has them, and calls them insecure. */
		"TLS_RSA_WITH_AES_128_GCM_SHA256",
		"TLS_RSA_WITH_AES_256_CBC_SHA",
		"TLS_RSA_WITH_3DES_EDE_CBC_SHA",
		"TLS_RSA_WITH_RC4_128_SHA",
		"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
		"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
		"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
		/* Names that Go had before RFC 7905. */
		"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
		"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
	};
	enum tls_version version = TLS_VERSION_1_3;
	enum tls_curve curve = TLS_CURVE_X25519;
	unsigned int suite = 99;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(tls_version_find(names[i], &version), false);
		assert_int_equal(tls_curve_find(names[i], &curve), false);
		assert_int_equal(tls_cipher_suite_find(names[i], &suite), false);
		assert_int_equal(tls_cipher_suite_is_insecure(names[i]),
				 strstr(names[i], "TLS_RSA_WITH_") || strstr(names[i], "_3DES_") ||
					 strstr(names[i], "_RC4_") ||
					 strstr(names[i], "_128_CBC_SHA256"));
	}
	assert_int_equal(version, TLS_VERSION_1_3);
	assert_int_equal(curve, TLS_CURVE_X25519);
	assert_int_equal(suite, 99);
}

/* What GnuTLS calls the suite with this number of IANA's; NULL: it has none. */
static const char *find_in_gnutls(const unsigned char id[2], gnutls_kx_algorithm_t *ret_exchange,
				  gnutls_cipher_algorithm_t *ret_cipher)
{
	unsigned char found[2];
	const char *name;

	for (size_t i = 0;
	     (name = gnutls_cipher_suite_info(i, found, ret_exchange, ret_cipher, NULL, NULL)); i++)
		if (memcmp(found, id, sizeof(found)) == 0)
			return name;
	return NULL;
}

/* Go 1.23's list, with what GnuTLS has under the same number. */
static void test_cipher_suites(void **state)
{
	static const struct {
		const char *name, *gnutls;
	} expected[] = {
		{ "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256" },
		{ "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384" },
		{ "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256" },
		{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_ECDSA_AES_128_CBC_SHA1" },
		{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_ECDSA_AES_256_CBC_SHA1" },
		{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_ECDHE_RSA_AES_128_CBC_SHA1" },
		{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "TLS_ECDHE_RSA_AES_256_CBC_SHA1" },
		{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_AES_128_GCM_SHA256" },
		{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_AES_256_GCM_SHA384" },
		{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_AES_128_GCM_SHA256" },
		{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_AES_256_GCM_SHA384" },
		{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
		  "TLS_ECDHE_RSA_CHACHA20_POLY1305" },
		{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
		  "TLS_ECDHE_ECDSA_CHACHA20_POLY1305" },
	};
	gnutls_kx_algorithm_t exchange;
	gnutls_cipher_algorithm_t cipher;
	unsigned int number;
	uint32_t seen = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		const struct tls_cipher_suite *suite;
		const char *name;

		assert_true(tls_cipher_suite_find(expected[i].name, &number));
		assert_false(tls_cipher_suite_is_insecure(expected[i].name));
		assert_true(number < TLS_CIPHER_SUITES_MAX);
		seen |= 1U << number;
		suite = tls_cipher_suite(number);
		name = find_in_gnutls(suite->id, &exchange, &cipher);
		assert_non_null(name);
		assert_string_equal(name, expected[i].gnutls);
		assert_string_equal(tls_cipher_priorities[suite->cipher],
				    gnutls_cipher_get_name(cipher));
		if (suite->kind != TLS_SUITE_1_3)
			assert_int_equal(suite->kind, exchange == GNUTLS_KX_ECDHE_RSA
							      ? TLS_SUITE_RSA
							      : TLS_SUITE_EC);
	}
	assert_int_equal(seen, (1U << ARRAY_SIZE(expected)) - 1);
	assert_null(tls_cipher_suite(ARRAY_SIZE(expected)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_curves),
		cmocka_unit_test(test_what_is_no_name),
		cmocka_unit_test(test_cipher_suites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
