/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tls_peer.h"

#define ONLY(version) "NORMAL:-VERS-ALL:+VERS-TLS" version

struct world {
	struct identity ec, rsa, other, ca;
};

static int setup(void **state)
{
	static struct world w;

	w.ec = identity_make(&(struct wish){ "server" });
	w.rsa = identity_make(&(struct wish){ "server", .rsa_bits = 2048 });
	w.other = identity_make(&(struct wish){ "other" });
	w.ca = identity_make(&(struct wish){ "CA", .ca = true });
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	identity_finish(&w->ec);
	identity_finish(&w->rsa);
	identity_finish(&w->other);
	identity_finish(&w->ca);
	return 0;
}

static struct outcome try(const struct web_config_tls *config, const struct identity *server,
			  const struct peer *peer)
{
	char error[TLS_ERROR_MAX];
	struct tls *tls = context_make(config, server, NULL, error);
	struct outcome outcome;

	assert_string_equal(error, "");
	outcome = shake_hands(tls, peer);
	tls_unref(tls);
	assert_true(outcome.carries == (outcome.server == 0));
	return outcome;
}

static uint32_t mask(const char *name)
{
	unsigned int number;

	assert_true(tls_cipher_suite_find(name, &number));
	return 1U << number;
}

/* Every range of versions against a client of each; 0: refused. */
static void test_versions(void **state)
{
	static const char *const clients[] = { ONLY("1.0"), ONLY("1.1"), ONLY("1.2"), ONLY("1.3") };
	static const gnutls_protocol_t versions[] = { GNUTLS_TLS1_0, GNUTLS_TLS1_1, GNUTLS_TLS1_2,
						      GNUTLS_TLS1_3 };
	const struct world *w = *state;

	for (unsigned int min = 0; min < N_TLS_VERSIONS; min++)
		for (unsigned int max = min; max < N_TLS_VERSIONS; max++)
			for (unsigned int client = 0; client < N_TLS_VERSIONS; client++) {
				const struct web_config_tls config = { .min_version = min,
								       .max_version = max };
				struct outcome outcome = try(&config, &w->ec,
							     &(struct peer){ clients[client] });

				print_message("%u to %u, client %u\n", min, max, client);
				assert_true((outcome.server == 0) ==
					    (client >= min && client <= max));
				if (outcome.server == 0)
					assert_int_equal(outcome.version, versions[client]);
			}
}

/* By default there is no encryption that is not authenticated, and nothing without new keys. */
static void test_default_suites(void **state)
{
	const struct web_config_tls config = { CONFIG_DEFAULTS };
	const struct world *w = *state;
	static const char *const refused[] = {
		ONLY("1.2") ":-CIPHER-ALL:+AES-128-CBC:+AES-256-CBC:+3DES-CBC",
		ONLY("1.2") ":-KX-ALL:+RSA",
		ONLY("1.2") ":-KX-ALL:+DHE-RSA",
		ONLY("1.2") ":-CIPHER-ALL:+AES-128-CCM",
		ONLY("1.3") ":-CIPHER-ALL:+AES-128-CCM",
		ONLY("1.2") ":-KX-ALL:+ECDHE-ECDSA", /* of another key */
	};

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_int_equal(try(&config, &w->rsa, &(struct peer){ refused[i] }).server,
				 GNUTLS_E_NO_CIPHER_SUITES);
	assert_int_equal(try(&config, &w->rsa, &(struct peer){ ONLY("1.2") }).exchange,
			 GNUTLS_KX_ECDHE_RSA);
	assert_int_equal(try(&config, &w->ec, &(struct peer){ ONLY("1.2") }).exchange,
			 GNUTLS_KX_ECDHE_ECDSA);
}

/* Of TLS 1.2 what was asked for, of TLS 1.3 all. */
static void test_listed_suites(void **state)
{
	static const struct {
		const char *client;
		int server;
		gnutls_cipher_algorithm_t cipher;
	} cases[] = {
		{ ONLY("1.2"), 0, GNUTLS_CIPHER_AES_256_CBC },
		{ ONLY("1.2") ":-CIPHER-ALL:+AES-128-CBC", GNUTLS_E_NO_CIPHER_SUITES, 0 },
		{ ONLY("1.2") ":-CIPHER-ALL:+AES-128-GCM", GNUTLS_E_NO_CIPHER_SUITES, 0 },
		{ ONLY("1.2") ":-CIPHER-ALL:+CHACHA20-POLY1305", GNUTLS_E_NO_CIPHER_SUITES, 0 },
		{ ONLY("1.3"), 0, GNUTLS_CIPHER_AES_128_GCM },
		{ ONLY("1.3") ":-CIPHER-ALL:+CHACHA20-POLY1305", 0,
		  GNUTLS_CIPHER_CHACHA20_POLY1305 },
	};
	const struct web_config_tls config = {
		CONFIG_DEFAULTS,
		.cipher_suites = mask("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA") |
				 mask("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
	};
	const struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct outcome outcome = try(&config, &w->ec, &(struct peer){ cases[i].client });

		print_message("case %zu\n", i);
		assert_int_equal(outcome.server, cases[i].server);
		if (outcome.server == 0)
			assert_int_equal(outcome.cipher, cases[i].cipher);
	}
}

static void test_server_prefers(void **state)
{
	struct web_config_tls config = { CONFIG_DEFAULTS };
	const struct world *w = *state;
	const struct peer peer = {
		"NORMAL:-CIPHER-ALL:+CHACHA20-POLY1305:+AES-256-GCM:+AES-128-GCM"
	};

	assert_int_equal(try(&config, &w->ec, &peer).cipher, GNUTLS_CIPHER_AES_128_GCM);
	config.prefer_server_cipher_suites = false;
	assert_int_equal(try(&config, &w->ec, &peer).cipher, GNUTLS_CIPHER_CHACHA20_POLY1305);
}

/* Both versions: the curve of the certificate's own key does not matter. */
static void test_curves(void **state)
{
	static const gnutls_group_t groups[N_TLS_CURVES] = {
		[TLS_CURVE_P256] = GNUTLS_GROUP_SECP256R1,
		[TLS_CURVE_P384] = GNUTLS_GROUP_SECP384R1,
		[TLS_CURVE_P521] = GNUTLS_GROUP_SECP521R1,
		[TLS_CURVE_X25519] = GNUTLS_GROUP_X25519,
	};
	static const char *const clients[] = { ONLY("1.2"), ONLY("1.3") };
	const struct world *w = *state;

	for (unsigned int curve = 0; curve < N_TLS_CURVES; curve++)
		for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
			const struct web_config_tls config = { CONFIG_DEFAULTS, .n_curves = 1,
							       .curves = { curve } };
			struct outcome outcome = try(&config, &w->ec, &(struct peer){ clients[i] });

			print_message("curve %u, client %zu\n", curve, i);
			assert_int_equal(outcome.server, 0);
			assert_int_equal(outcome.group, groups[curve]);
		}
}

static void test_curve_that_was_not_asked_for(void **state)
{
	const struct web_config_tls config = { CONFIG_DEFAULTS, .n_curves = 1,
					       .curves = { TLS_CURVE_P384 } };
	const struct world *w = *state;

	assert_int_not_equal(
		try(&config, &w->rsa, &(struct peer){ ONLY("1.3") ":-GROUP-ALL:+GROUP-X25519" })
			.server,
		0);
	assert_int_not_equal(
		try(&config, &w->rsa, &(struct peer){ ONLY("1.2") ":-GROUP-ALL:+GROUP-X25519" })
			.server,
		0);
}

static void test_protocols(void **state)
{
	static const struct {
		const char *offers[2];
		int server;
		const char *protocol;
	} cases[] = {
		{ { NULL }, 0, "" },
		{ { "http/1.1" }, 0, "http/1.1" },
		{ { "h2", "http/1.1" }, 0, "http/1.1" },
		{ { "h2" }, GNUTLS_E_NO_APPLICATION_PROTOCOL, "" },
		{ { "http/1.0" }, GNUTLS_E_NO_APPLICATION_PROTOCOL, "" },
	};
	static const char *const clients[] = { ONLY("1.2"), ONLY("1.3") };
	const struct web_config_tls config = { CONFIG_DEFAULTS };
	const struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t j = 0; j < ARRAY_SIZE(clients); j++) {
			const struct peer peer = {
				clients[j], .protocols = { cases[i].offers[0], cases[i].offers[1] }
			};
			struct outcome outcome = try(&config, &w->ec, &peer);

			print_message("case %zu, client %zu\n", i, j);
			assert_int_equal(outcome.server, cases[i].server);
			assert_string_equal(outcome.protocol, cases[i].protocol);
		}
}

static void test_server_name_is_ignored(void **state)
{
	const struct web_config_tls config = { CONFIG_DEFAULTS };
	const struct world *w = *state;
	const struct peer peer = { .server_name = "not.the.server.example" };

	assert_int_equal(try(&config, &w->ec, &peer).server, 0);
}

/* A context lives as long as somebody has it. */
static void test_references(void **state)
{
	const struct web_config_tls config = { CONFIG_DEFAULTS };
	const struct world *w = *state;
	char error[TLS_ERROR_MAX];
	struct tls *tls = context_make(&config, &w->ec, NULL, error);

	assert_ptr_equal(tls_ref(tls), tls);
	tls_unref(tls);
	assert_int_equal(shake_hands(tls, &(struct peer){ 0 }).server, 0);
	tls_unref(tls);
	tls_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_default_suites),
		cmocka_unit_test(test_listed_suites),
		cmocka_unit_test(test_server_prefers),
		cmocka_unit_test(test_curves),
		cmocka_unit_test(test_curve_that_was_not_asked_for),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_server_name_is_ignored),
		cmocka_unit_test(test_references),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
