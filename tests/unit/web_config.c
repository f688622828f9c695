/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/auth_credentials.h"
#include "web_config_text.h"

static void what_says_nothing_is_plain_http(_unused_ void **state)
{
	static const char *const texts[] = {
		"",
		"\n# nothing\n",
		"---\n",
		"--- {}\n...\n",
		"~",
		"null",
		"{}",
		"\xef\xbb\xbf{}",
		"tls_server_config:\n",
		"tls_server_config: {}\n",
		"tls_server_config: {cert_file: , key_file: ~, client_ca: '', client_auth_type: null}",
		"tls_server_config: {min_version: TLS13, cipher_suites: []}",
		"http_server_config: ~\n",
		"http_server_config:\n  http2:\n  headers:\n",
		"basic_auth_users: {}\nrate_limit: {}\n",
		"basic_auth_users:\nrate_limit:\n",
		"rate_limit: {interval: 0, burst: 0}",
		"rate_limit: {burst: 5}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct web_config *config = parse(texts[i]);

		assert_false(config->tls.enabled);
		assert_int_equal(config->n_users, 0);
		assert_int_equal(config->rate_interval_ns, 0);
		assert_int_equal(config->tls.max_version, TLS_VERSION_1_3);
		assert_true(config->tls.prefer_server_cipher_suites);
		for (size_t h = 0; h < N_WEB_HEADERS; h++)
			assert_null(config->headers[h]);
		web_config_free(config);
	}
	web_config_free(NULL);
}

static void everything_at_once(_unused_ void **state)
{
	struct web_config *config = parse(
		"# all there is\n"
		"tls_server_config:\n"
		"  cert_file: web.crt\n"
		"  key_file: /etc/web.key\n"
		"  client_ca_file: ../ca.crt\n"
		"  client_auth_type: RequireAndVerifyClientCert\n"
		"  client_allowed_sans:\n"
		"    - prometheus.example.org\n"
		"    - \"spiffe://example.org/prometheus\"\n"
		"  min_version: TLS11\n"
		"  max_version: TLS12\n"
		"  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "
		"TLS_AES_128_GCM_SHA256]\n"
		"  prefer_server_cipher_suites: off\n"
		"  curve_preferences: [X25519, CurveP256, X25519]\n"
		"http_server_config:\n"
		"  http2: no\n"
		"  headers:\n"
		"    Content-Security-Policy: \"default-src 'self'\"\n"
		"    X-Frame-Options: deny\n"
		"    X-Content-Type-Options: nosniff\n"
		"    X-XSS-Protection: 1\n"
		"    Strict-Transport-Security: max-age=31536000\n"
		"basic_auth_users:\n"
		"  prometheus: " HASH
		"\n"
		"  'other one': '$2b$04$" SALT_AND_HASH
		"'\n"
		"rate_limit:\n"
		"  interval: 1.5s\n"
		"  burst: 20\n");
	const struct web_config_tls *tls = &config->tls;

	assert_true(tls->enabled);
	assert_string_equal(tls->cert.file, "/etc/web/web.crt");
	assert_string_equal(tls->key.file, "/etc/web.key");
	assert_string_equal(tls->client_ca.file, "/etc/web/../ca.crt");
	assert_null(tls->cert.text);
	assert_int_equal(tls->client_auth, WEB_CLIENT_REQUIRE_AND_VERIFY);
	assert_int_equal(tls->n_sans, 2);
	assert_string_equal(tls->sans[0], "prometheus.example.org");
	assert_string_equal(tls->sans[1], "spiffe://example.org/prometheus");
	assert_int_equal(tls->min_version, TLS_VERSION_1_1);
	assert_int_equal(tls->max_version, TLS_VERSION_1_2);
	assert_int_equal(tls->cipher_suites, 1U << 2 | 1U << 0);
	assert_false(tls->prefer_server_cipher_suites);
	assert_int_equal(tls->n_curves, 2);
	assert_int_equal(tls->curves[0], TLS_CURVE_X25519);
	assert_int_equal(tls->curves[1], TLS_CURVE_P256);
	assert_string_equal(config->headers[WEB_HEADER_CONTENT_SECURITY_POLICY],
			    "default-src 'self'");
	assert_string_equal(config->headers[WEB_HEADER_X_FRAME_OPTIONS], "deny");
	assert_string_equal(config->headers[WEB_HEADER_X_CONTENT_TYPE_OPTIONS], "nosniff");
	assert_string_equal(config->headers[WEB_HEADER_X_XSS_PROTECTION], "1");
	assert_string_equal(config->headers[WEB_HEADER_STRICT_TRANSPORT_SECURITY],
			    "max-age=31536000");
	assert_int_equal(config->n_users, 2);
	assert_string_equal(config->users[0].name, "prometheus");
	assert_string_equal(config->users[0].hash, HASH);
	assert_string_equal(config->users[1].name, "other one");
	assert_int_equal(config->rate_interval_ns, 1500 * NSEC_PER_MSEC);
	assert_int_equal(config->rate_burst, 20);
	web_config_free(config);
}

static void pem_within_the_file(_unused_ void **state)
{
	struct web_config *config = parse(
		"tls_server_config:\n"
		"  cert: |\n    BEGIN\n    END\n"
		"  key: secret\n"
		"  client_ca: ca\n"
		"  client_auth_type: RequireClientCert\n");

	assert_true(config->tls.enabled);
	assert_string_equal(config->tls.cert.text, "BEGIN\nEND\n");
	assert_string_equal(config->tls.key.text, "secret");
	assert_string_equal(config->tls.client_ca.text, "ca");
	assert_null(config->tls.cert.file);
	assert_int_equal(config->tls.client_auth, WEB_CLIENT_REQUIRE_ANY);
	assert_int_equal(config->tls.min_version, TLS_VERSION_1_2);
	web_config_free(config);
	/* Where a file is named too, it counts. */
	config = parse(TLS "  cert: text\n  key: text\n");
	assert_null(config->tls.cert.text);
	assert_null(config->tls.key.text);
	assert_string_equal(config->tls.key.file, "/etc/web.key");
	web_config_free(config);
}

static void accepted_forms(_unused_ void **state)
{
	static const char *const texts[] = {
		TLS "  client_auth_type: NoClientCert\n",
		TLS "  client_auth_type: RequestClientCert\n",
		TLS "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca\n",
		TLS "  client_auth_type: RequireAndVerifyClientCert\n",
		TLS "  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a]\n",
		TLS "  client_allowed_sans: ~\n",
		TLS "  min_version: TLS13\n  max_version: TLS13\n",
		TLS "  cipher_suites: ~\n  curve_preferences: []\n",
		"? http_server_config\n: {http2: true}\n",
		"http_server_config: {http2: True}",
		"http_server_config: {http2: y}",
		"http_server_config: {http2: ON}",
		HTTP "X-Frame-Options: sameorigin\n",
		HTTP "Content-Security-Policy: ''\n",
		HTTP "Content-Security-Policy: ~\n",
		USER("$2a$31$" SALT_AND_HASH),
		USER("$2y$04$./ABYZabyz0189./ABYZabyz0189./ABYZabyz0189./ABYZabyz0"),
		"rate_limit: {interval: 1m30s, burst: 1}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		web_config_free(parse(texts[i]));
}

static void keys_and_types(_unused_ void **state)
{
	check_refused("hello", "line 1: the file must be a map");
	check_refused("\n- a\n", "line 2: the file must be a map");
	check_refused("''", "line 1: the file must be a map");
	check_refused("\n\ntls_config: {}\n", "line 3: unknown key 'tls_config'");
	check_refused(TLS "  certfile: a\n", "line 4: unknown key 'certfile' in tls_server_config");
	check_refused("http_server_config: {http3: on}",
		      "line 1: unknown key 'http3' in http_server_config");
	check_refused("rate_limit:\n  bursts: 1\n", "line 2: unknown key 'bursts' in rate_limit");
	check_refused(HTTP "X-Powered-By: x\n", "line 3: unknown key 'X-Powered-By' in headers");
	check_refused(HTTP "x-frame-options: deny\n",
		      "line 3: unknown key 'x-frame-options' in headers");
	check_refused("<<: {}", "line 1: unknown key '<<'");
	check_refused("a234567890b234567890c234567890d234567890e: 1",
		      "line 1: unknown key 'a234567890b234567890c234567890d234567890'");
	check_refused(TLS "  key_file: b\n", "line 4: key_file is there twice, first in line 3");
	check_refused("rate_limit:\nrate_limit:\n",
		      "line 2: rate_limit is there twice, first in line 1");
	check_refused(USER(HASH) "  prometheus: " HASH "\n",
		      "line 3: the user 'prometheus' is there twice");
	check_refused("[a]: b", "line 1: a key must be a text");
	check_refused("{[a]: b}", "line 1: a key must be a text");
	check_refused("{~: b}", "line 1: a key must be a text");
	check_refused("basic_auth_users:\n  {}: x\n", "line 2: a key must be a text");
	check_refused("tls_server_config: x", "line 1: tls_server_config must be a map");
	check_refused("tls_server_config: ''", "line 1: tls_server_config must be a map");
	check_refused("rate_limit: []", "line 1: rate_limit must be a map");
	check_refused("basic_auth_users: []", "line 1: basic_auth_users must be a map");
	check_refused("basic_auth_users: {a: {}}",
		      "line 1: a value in basic_auth_users must be a text");
	check_refused(TLS "  cert: [a]\n", "line 4: cert must be a text");
	check_refused(TLS "  cert: {a: b}\n", "line 4: cert must be a text");
	check_refused(TLS "  cipher_suites: a\n", "line 4: cipher_suites must be a list");
	check_refused(TLS "  cipher_suites: {a: b}\n", "line 4: cipher_suites must be a list");
	check_refused(TLS "  cipher_suites:\n    - [a]\n",
		      "line 5: an entry of cipher_suites must be a text");
}

static void values(_unused_ void **state)
{
	check_refused("http_server_config: {http2: 'true'}", "line 1: http2 must be true or false");
	check_refused("http_server_config: {http2: 1}", "line 1: http2 must be true or false");
	check_refused("http_server_config: {http2: tRUE}", "line 1: http2 must be true or false");
	check_refused(TLS "  prefer_server_cipher_suites: maybe\n",
		      "line 4: prefer_server_cipher_suites must be true or false");
	check_refused(TLS "  min_version: TLS14\n",
		      "line 4: unknown min_version 'TLS14', it must be TLS10, TLS11, TLS12 or "
		      "TLS13");
	check_refused(TLS "  max_version: 1.2\n",
		      "line 4: unknown max_version '1.2', it must be TLS10, TLS11, TLS12 or TLS13");
	check_refused(TLS "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
		      "line 4: insecure cipher suite 'TLS_RSA_WITH_RC4_128_SHA'");
	check_refused(TLS "  cipher_suites: [TLS_RSA_WITH_RC4_128]\n",
		      "line 4: unknown cipher suite 'TLS_RSA_WITH_RC4_128'");
	check_refused(TLS "  curve_preferences:\n  - CurveP256\n  - P-384\n",
		      "line 6: unknown curve 'P-384'");
	check_refused(TLS "  client_auth_type: Require\n",
		      "line 4: unknown client_auth_type 'Require'");
	check_refused(HTTP "X-Frame-Options: allow\n",
		      "line 3: the value of X-Frame-Options must be deny or sameorigin");
	check_refused(HTTP "X-Frame-Options:\n",
		      "line 3: the value of X-Frame-Options must be deny or sameorigin");
	check_refused(HTTP "X-Content-Type-Options: ''\n",
		      "line 3: the value of X-Content-Type-Options must be nosniff");
	check_refused(HTTP "X-XSS-Protection: \"1\\r\\nSet-Cookie: a\"\n",
		      "line 3: the value of X-XSS-Protection has a control character");
	check_refused(HTTP "X-XSS-Protection: \"\\x7f\"\n",
		      "line 3: the value of X-XSS-Protection has a control character");
	check_refused("rate_limit: {interval: 10}",
		      "line 1: interval must be a duration like 1s or 500ms");
	check_refused("rate_limit: {interval: -1s}",
		      "line 1: interval must be a duration like 1s or 500ms");
	check_refused("rate_limit: {interval: 1s, burst: -1}",
		      "line 1: burst must be a number up to 1000000000");
	check_refused("rate_limit: {interval: 1s, burst: 1000000001}",
		      "line 1: burst must be a number up to 1000000000");
	check_refused("rate_limit: {interval: 1s, burst: 1.5}",
		      "line 1: burst must be a number up to 1000000000");
	check_refused("rate_limit: {interval: 1s, burst: '1'}",
		      "line 1: burst must be a number up to 1000000000");
	check_refused("\nrate_limit:\n  interval: 1s\n",
		      "line 3: rate_limit without a burst lets no request through");
}

static void headers_fit_in_every_answer(_unused_ void **state)
{
	char text[2 * WEB_HEADER_VALUES_MAX], value[WEB_HEADER_VALUES_MAX + 2];
	struct web_config *config;

	memset(value, 'a', sizeof(value));
	value[WEB_HEADER_VALUES_MAX] = '\0';
	(void)snprintf(text, sizeof(text), HTTP "Content-Security-Policy: %s\n", value);
	config = parse(text);
	assert_int_equal(strlen(config->headers[WEB_HEADER_CONTENT_SECURITY_POLICY]),
			 WEB_HEADER_VALUES_MAX);
	web_config_free(config);
	/* All together. */
	strncat(text, "    X-XSS-Protection: 1\n", sizeof(text) - strlen(text) - 1);
	check_refused(text, "line 4: the values of the headers have more than 4096 bytes");
	value[WEB_HEADER_VALUES_MAX] = 'a';
	value[WEB_HEADER_VALUES_MAX + 1] = '\0';
	(void)snprintf(text, sizeof(text), HTTP "Content-Security-Policy: %s\n", value);
	check_refused(text, "line 3: the values of the headers have more than 4096 bytes");
}

#define NO_HASH "line 2: the password of the user 'prometheus' is not hashed with bcrypt"

static void passwords(_unused_ void **state)
{
	check_refused(USER("secret"), NO_HASH);
	check_refused(USER("~"), NO_HASH);
	check_refused(USER("''"), NO_HASH);
	check_refused(USER("$2y$10$" SALT_AND_HASH "a"), NO_HASH);
	check_refused(USER("$2y$10$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ0123"), NO_HASH);
	check_refused(USER("$2y$10$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ0123="),
		      NO_HASH);
	check_refused(USER("$2x$10$" SALT_AND_HASH), NO_HASH);
	check_refused(USER("$2$10$a" SALT_AND_HASH), NO_HASH);
	check_refused(USER("$3y$10$" SALT_AND_HASH), NO_HASH);
	check_refused(USER("$2y$03$" SALT_AND_HASH), NO_HASH);
	check_refused(USER("$2y$32$" SALT_AND_HASH), NO_HASH);
	check_refused(USER("$2y$1a$" SALT_AND_HASH), NO_HASH);
	check_refused(USER("$2y$10." SALT_AND_HASH), NO_HASH);
	check_refused(USER("$1$abcdefgh$0123456789012345678901"), NO_HASH);
	check_refused("basic_auth_users:\n  prometheus: |\n    " HASH "\n", NO_HASH);
}

static void names_that_no_client_can_send(_unused_ void **state)
{
	char text[1024], name[AUTH_NAME_MAX + 2];
	struct web_config *config;

	check_refused("basic_auth_users:\n  'a:b': " HASH "\n",
		      "line 2: the user 'a:b' cannot log in: the name has a colon");
	memset(name, 'n', sizeof(name));
	name[AUTH_NAME_MAX + 1] = '\0';
	(void)snprintf(text, sizeof(text), "\nbasic_auth_users:\n  %s: " HASH "\n", name);
	check_refused(text,
		      "line 3: the user 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' cannot log "
		      "in: the name has more than 255 bytes");
	name[AUTH_NAME_MAX] = '\0';
	(void)snprintf(text, sizeof(text), "basic_auth_users:\n  %s: " HASH "\n", name);
	config = parse(text);
	assert_string_equal(config->users[0].name, name);
	web_config_free(config);
}

static void what_does_not_go_together(_unused_ void **state)
{
	check_refused("\ntls_server_config:\n  key_file: a\n",
		      "line 3: tls_server_config has neither cert nor cert_file");
	check_refused("tls_server_config: {cert_file: a}",
		      "line 1: tls_server_config has neither key nor key_file");
	check_refused("tls_server_config: {client_ca_file: a}",
		      "line 1: tls_server_config has neither cert nor cert_file");
	check_refused("tls_server_config: {client_auth_type: NoClientCert}",
		      "line 1: tls_server_config has neither cert nor cert_file");
	check_refused("tls_server_config: {cert_file: '', key: a}",
		      "line 1: tls_server_config has neither cert nor cert_file");
	check_refused(TLS "  client_ca_file: a\n",
		      "line 4: a client CA needs a client_auth_type that asks for a certificate");
	check_refused(TLS "  client_auth_type: NoClientCert\n  client_ca: a\n",
		      "line 5: a client CA needs a client_auth_type that asks for a certificate");
	check_refused(TLS "  min_version: TLS13\n  max_version: TLS12\n",
		      "line 5: min_version (if not given, TLS12) is above max_version");
	check_refused(TLS "  max_version: TLS11\n",
		      "line 4: min_version (if not given, TLS12) is above max_version");
	check_refused(TLS "  client_allowed_sans: []\n", "line 4: client_allowed_sans is empty");
	check_refused(TLS "  client_allowed_sans: [a, '']\n",
		      "line 4: an entry of client_allowed_sans is empty");
	check_refused(TLS "  client_allowed_sans: [~]\n",
		      "line 4: an entry of client_allowed_sans is empty");
}

#define SANS_NEED                                                                               \
	"line 4: client_allowed_sans needs the client_auth_type RequireAndVerifyClientCert or " \
	"RequireAnyClientCert"

static void names_of_clients_need_a_certificate(_unused_ void **state)
{
	check_refused(TLS "  client_allowed_sans: [a]\n", SANS_NEED);
	check_refused(TLS "  client_allowed_sans: [a]\n  client_auth_type: RequestClientCert\n",
		      SANS_NEED);
	check_refused(TLS
		      "  client_allowed_sans: [a]\n  client_auth_type: VerifyClientCertIfGiven\n"
		      "  client_ca: a\n",
		      SANS_NEED);
	check_refused("\n\n\ntls_server_config: {client_allowed_sans: [a]}", SANS_NEED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_says_nothing_is_plain_http),
		cmocka_unit_test(everything_at_once),
		cmocka_unit_test(pem_within_the_file),
		cmocka_unit_test(accepted_forms),
		cmocka_unit_test(keys_and_types),
		cmocka_unit_test(values),
		cmocka_unit_test(headers_fit_in_every_answer),
		cmocka_unit_test(passwords),
		cmocka_unit_test(names_that_no_client_can_send),
		cmocka_unit_test(what_does_not_go_together),
		cmocka_unit_test(names_of_clients_need_a_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
