/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <gnutls/gnutls.h>

#include "unit.h"

#include "../../exporter/tls_priority.h"

#define REST                                                                                      \
	":+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512"                               \
	":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SECP521R1-SHA512" \
	":+SIGN-EDDSA-ED25519:+SIGN-EDDSA-ED448"                                                  \
	":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512"          \
	":+SIGN-RSA-PSS-SHA256:+SIGN-RSA-PSS-SHA384:+SIGN-RSA-PSS-SHA512"                         \
	":+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512:%NO_TICKETS:%PROFILE_MEDIUM"
#define GROUPS ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1"
#define GOOD ":+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305"
#define V10 TLS_VERSION_1_0
#define V11 TLS_VERSION_1_1
#define V12 TLS_VERSION_1_2
#define V13 TLS_VERSION_1_3
#define EC TLS_SUITE_EC
#define RSA TLS_SUITE_RSA

static uint32_t mask(const char *name)
{
	unsigned int number;

	assert_true(tls_cipher_suite_find(name, &number));
	return 1U << number;
}

static void expect(const struct web_config_tls *config, enum tls_suite_kind key, const char *first,
		   const char *old)
{
	struct tls_priority priority;
	gnutls_priority_t cache;

	assert_true(tls_priority_create(config, key, &priority));
	assert_string_equal(priority.first, first);
	assert_string_equal(priority.old, old);
	assert_int_equal(gnutls_priority_init(&cache, priority.first, NULL), 0);
	gnutls_priority_deinit(cache);
	if (!priority.old[0])
		return;
	assert_int_equal(gnutls_priority_init(&cache, priority.old, NULL), 0);
	gnutls_priority_deinit(cache);
}

static void test_defaults(void **state)
{
	const struct web_config_tls config = { .min_version = V12,
					       .max_version = V13,
					       .prefer_server_cipher_suites = true };

	(void)state;
	expect(&config, EC,
	       "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA" GOOD ":+AEAD" GROUPS REST
	       ":%SERVER_PRECEDENCE",
	       "NONE:+VERS-TLS1.2:+ECDHE-ECDSA" GOOD ":+AEAD" GROUPS REST ":%SERVER_PRECEDENCE");
	expect(&config, RSA,
	       "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-RSA" GOOD ":+AEAD" GROUPS REST
	       ":%SERVER_PRECEDENCE",
	       "NONE:+VERS-TLS1.2:+ECDHE-RSA" GOOD ":+AEAD" GROUPS REST ":%SERVER_PRECEDENCE");
}

static void test_versions(void **state)
{
	(void)state;
	expect(&(struct web_config_tls){ .min_version = V13, .max_version = V13 }, EC,
	       "NONE:+VERS-TLS1.3:+ECDHE-ECDSA" GOOD ":+AEAD" GROUPS REST, "");
	expect(&(struct web_config_tls){ .min_version = V12, .max_version = V12 }, EC,
	       "NONE:+VERS-TLS1.2:+ECDHE-ECDSA" GOOD ":+AEAD" GROUPS REST, "");
	/* What has no authenticated encryption is there only for versions without any. */
	expect(&(struct web_config_tls){ .min_version = V11, .max_version = V12 }, RSA,
	       "NONE:+VERS-TLS1.2:+VERS-TLS1.1:+ECDHE-RSA" GOOD
	       ":+AES-128-CBC:+AES-256-CBC:+AEAD:+SHA1" GROUPS REST,
	       "");
	expect(&(struct web_config_tls){ .min_version = V10, .max_version = V11 }, RSA,
	       "NONE:+VERS-TLS1.1:+VERS-TLS1.0:+ECDHE-RSA:+AES-128-CBC:+AES-256-CBC:+AEAD:+SHA1" GROUPS
		       REST,
	       "");
}

static void test_suites(void **state)
{
	struct web_config_tls config = { .min_version = V12, .max_version = V13 };
	struct tls_priority priority;

	(void)state;
	config.cipher_suites = mask("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA") |
			       mask("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");
	expect(&config, EC,
	       "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA" GOOD
	       ":+AES-256-CBC:+AEAD:+SHA1" GROUPS REST,
	       "NONE:+VERS-TLS1.2:+ECDHE-ECDSA:+AES-256-CBC:+AEAD:+SHA1" GROUPS REST);
	expect(&config, RSA, "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-RSA" GOOD ":+AEAD" GROUPS REST,
	       "NONE:+VERS-TLS1.2:+ECDHE-RSA:+CHACHA20-POLY1305:+AEAD" GROUPS REST);
	/* TLS 1.3 has its three, and TLS 1.2 nothing. */
	config.cipher_suites = mask("TLS_AES_128_GCM_SHA256");
	expect(&config, EC, "NONE:+VERS-TLS1.3:+ECDHE-ECDSA" GOOD ":+AEAD" GROUPS REST, "");
	config.max_version = V12;
	assert_false(tls_priority_create(&config, EC, &priority));
	config.min_version = V10;
	config.max_version = V11;
	config.cipher_suites = mask("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
	assert_false(tls_priority_create(&config, EC, &priority));
}

static void test_curves(void **state)
{
	const struct web_config_tls config = { .min_version = V13,
					       .max_version = V13,
					       .n_curves = 2,
					       .curves = { TLS_CURVE_P521, TLS_CURVE_P256 } };

	(void)state;
	expect(&config, EC,
	       "NONE:+VERS-TLS1.3:+ECDHE-ECDSA" GOOD
	       ":+AEAD:+GROUP-SECP521R1:+GROUP-SECP256R1" REST,
	       "");
}

/* The longest there can be is whole, and GnuTLS knows every token in it. */
static void test_everything(void **state)
{
	const struct web_config_tls config = { .min_version = V10,
					       .max_version = V13,
					       .cipher_suites = ~0U,
					       .prefer_server_cipher_suites = true };

	(void)state;
	expect(&config, EC,
	       "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0:+ECDHE-ECDSA" GOOD
	       ":+AES-128-CBC:+AES-256-CBC:+AEAD:+SHA1" GROUPS REST ":%SERVER_PRECEDENCE",
	       "NONE:+VERS-TLS1.2:+VERS-TLS1.1:+VERS-TLS1.0:+ECDHE-ECDSA" GOOD
	       ":+AES-128-CBC:+AES-256-CBC:+AEAD:+SHA1" GROUPS REST ":%SERVER_PRECEDENCE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),   cmocka_unit_test(test_versions),
		cmocka_unit_test(test_suites),	   cmocka_unit_test(test_curves),
		cmocka_unit_test(test_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
