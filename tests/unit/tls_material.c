/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tls_peer.h"

struct world {
	struct identity ec, rsa, other, ca, intermediate, leaf;
};

static int setup(void **state)
{
	static struct world w;

	w.ec = identity_make(&(struct wish){ "server" });
	w.rsa = identity_make(&(struct wish){ "server", .rsa_bits = 2048 });
	w.other = identity_make(&(struct wish){ "other" });
	w.ca = identity_make(&(struct wish){ "CA", .ca = true });
	w.intermediate = identity_make(&(struct wish){ "intermediate", &w.ca, .ca = true });
	w.leaf = identity_make(&(struct wish){ "leaf", &w.intermediate });
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
	identity_finish(&w->intermediate);
	identity_finish(&w->leaf);
	return 0;
}

static const struct web_config_tls defaults = { CONFIG_DEFAULTS };

/* Takes over cert, key and ca; an empty one is not given. */
static void expect(const struct web_config_tls *config, gnutls_datum_t cert, gnutls_datum_t key,
		   gnutls_datum_t ca, const char *sentence)
{
	const struct tls_material material = {
		.cert = (char *)cert.data,
		.cert_length = cert.size,
		.key = (char *)key.data,
		.key_length = key.size,
		.client_ca = (char *)ca.data,
		.client_ca_length = ca.size,
	};
	char error[TLS_ERROR_MAX] = "";
	struct tls *tls = NULL;
	int r = tls_create(config, &material, &tls, error);

	assert_string_equal(error, sentence);
	assert_int_equal(r, sentence[0] ? -EINVAL : 0);
	assert_true((r == 0) == (tls != NULL));
	tls_unref(tls);
	free(cert.data);
	free(key.data);
	free(ca.data);
}

static const gnutls_datum_t nothing;

static gnutls_datum_t text(const char *bytes)
{
	const size_t size = strlen(bytes);
	gnutls_datum_t ret = { malloc(size + 1), (unsigned int)size };

	assert_non_null(ret.data);
	memcpy(ret.data, bytes, size + 1);
	return ret;
}

static gnutls_datum_t join(gnutls_datum_t a, gnutls_datum_t b)
{
	gnutls_datum_t ret = { malloc(a.size + b.size), a.size + b.size };

	assert_non_null(ret.data);
	memcpy(ret.data, a.data, a.size);
	memcpy(ret.data + a.size, b.data, b.size);
	free(a.data);
	free(b.data);
	return ret;
}

static void test_what_is_right(void **state)
{
	const struct world *w = *state;
	gnutls_datum_t traditional, both;

	expect(&defaults, identity_pem(&w->ec), identity_key_pem(&w->ec), nothing, "");
	expect(&defaults, identity_pem(&w->rsa), identity_key_pem(&w->rsa), nothing, "");
	/* The older form of keys, "BEGIN RSA PRIVATE KEY" and "BEGIN EC PRIVATE KEY". */
	assert_int_equal(gnutls_x509_privkey_export2(w->rsa.key, GNUTLS_X509_FMT_PEM, &traditional),
			 0);
	expect(&defaults, identity_pem(&w->rsa), traditional, nothing, "");
	assert_int_equal(gnutls_x509_privkey_export2(w->ec.key, GNUTLS_X509_FMT_PEM, &traditional),
			 0);
	expect(&defaults, identity_pem(&w->ec), traditional, nothing, "");
	/* A chain; text before it; certificate and key in one file. */
	both = join(text("subject=leaf\n"),
		    join(identity_pem(&w->leaf), identity_pem(&w->intermediate)));
	expect(&defaults, both, identity_key_pem(&w->leaf), nothing, "");
	expect(&defaults, join(identity_key_pem(&w->ec), identity_pem(&w->ec)),
	       join(identity_pem(&w->ec), identity_key_pem(&w->ec)), nothing, "");
}

static void test_certificates(void **state)
{
	const struct world *w = *state;
	gnutls_datum_t cut = identity_pem(&w->ec);

	cut.size /= 2;
	expect(&defaults, nothing, nothing, nothing, "TLS needs a certificate and its key");
	expect(&defaults, identity_pem(&w->ec), nothing, nothing,
	       "TLS needs a certificate and its key");
	expect(&defaults, text(""), identity_key_pem(&w->ec), nothing,
	       "the certificate cannot be used: No certificate was found");
	expect(&defaults, text("hello"), identity_key_pem(&w->ec), nothing,
	       "the certificate cannot be used: No certificate was found");
	expect(&defaults, cut, identity_key_pem(&w->ec), nothing,
	       "the certificate cannot be used: Base64 unexpected header error");
	expect(&defaults,
	       text("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"),
	       identity_key_pem(&w->ec), nothing,
	       "the certificate cannot be used: ASN1 parser: Error in TAG");
	/* The issuer before the one whose key it is. */
	expect(&defaults, join(identity_pem(&w->intermediate), identity_pem(&w->leaf)),
	       identity_key_pem(&w->leaf), nothing, "the key is not the one of the certificate");
}

static gnutls_datum_t encrypted(const struct identity *identity)
{
	gnutls_datum_t pem;

	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(identity->key, GNUTLS_X509_FMT_PEM,
							   "secret", GNUTLS_PKCS_PBES2_AES_128,
							   &pem),
			 0);
	return pem;
}

static void test_keys(void **state)
{
	const struct world *w = *state;
	static const char is_encrypted[] = "the key is encrypted, and nobody asks for its password";
	gnutls_datum_t cut = identity_key_pem(&w->ec);

	cut.size /= 2;
	expect(&defaults, identity_pem(&w->ec), identity_key_pem(&w->other), nothing,
	       "the key is not the one of the certificate");
	expect(&defaults, identity_pem(&w->ec), identity_key_pem(&w->rsa), nothing,
	       "the key is not the one of the certificate");
	expect(&defaults, identity_pem(&w->ec), text("hello"), nothing,
	       "the key cannot be used: there is none");
	expect(&defaults, identity_pem(&w->ec), identity_pem(&w->ec), nothing,
	       "the key cannot be used: there is none");
	expect(&defaults, identity_pem(&w->ec), cut, nothing,
	       "the key cannot be used: Base64 decoding error");
	expect(&defaults, identity_pem(&w->ec), encrypted(&w->ec), nothing, is_encrypted);
	expect(&defaults, identity_pem(&w->ec),
	       text("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
		    "DEK-Info: AES-128-CBC,0123456789ABCDEF0123456789ABCDEF\n\naGVsbG8=\n"
		    "-----END RSA PRIVATE KEY-----\n"),
	       nothing, is_encrypted);
}

static void test_client_ca(void **state)
{
	const struct world *w = *state;
	struct web_config_tls config = { CONFIG_DEFAULTS };

	for (int auth = 0; auth < N_WEB_CLIENT_AUTHS; auth++) {
		config.client_auth = (enum web_client_auth)auth;
		expect(&config, identity_pem(&w->ec), identity_key_pem(&w->ec), text("hello"),
		       "the client CA cannot be used: No certificate was found");
		expect(&config, identity_pem(&w->ec), identity_key_pem(&w->ec), nothing,
		       auth == WEB_CLIENT_VERIFY_IF_GIVEN || auth == WEB_CLIENT_REQUIRE_AND_VERIFY
			       ? "client certificates cannot be verified without a client CA"
			       : "");
	}
}

static void test_suites(void **state)
{
	const struct world *w = *state;
	unsigned int suite;
	struct web_config_tls config = { .min_version = TLS_VERSION_1_2,
					 .max_version = TLS_VERSION_1_2 };

	assert_true(tls_cipher_suite_find("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", &suite));
	config.cipher_suites = 1U << suite;
	expect(&config, identity_pem(&w->rsa), identity_key_pem(&w->rsa), nothing, "");
	expect(&config, identity_pem(&w->ec), identity_key_pem(&w->ec), nothing,
	       "no cipher suite goes with the key and the versions that are allowed");
	assert_true(tls_cipher_suite_find("TLS_AES_128_GCM_SHA256", &suite));
	config.cipher_suites = 1U << suite;
	expect(&config, identity_pem(&w->ec), identity_key_pem(&w->ec), nothing,
	       "no cipher suite goes with the key and the versions that are allowed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_right), cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_keys),	      cmocka_unit_test(test_client_ca),
		cmocka_unit_test(test_suites),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
