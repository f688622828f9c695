/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tls.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls_client.h"
#include "tls_priority.h"
#include "util.h"

/*
 * What a stranger may have us keep of one message. GnuTLS allows four times as much. The longest
 * that is needed is a client's chain of certificates: ten of RSA with 4096 bits are half of it.
 */
#define HANDSHAKE_MESSAGE_MAX 32768

struct tls {
	size_t references;
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t first;
	gnutls_priority_t old; /* NULL: first says all */
	enum tls_suite_kind key;
	struct tls_client client;
};

/* What GnuTLS makes of the certificate and the key. */
struct pair {
	gnutls_x509_crt_t *chain;
	unsigned int n;
	gnutls_x509_privkey_t key;
};

static int refuse(char error[TLS_ERROR_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(char error[TLS_ERROR_MAX], const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(error, TLS_ERROR_MAX, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* r is what a function of GnuTLS failed with. Its texts end with a full stop. */
static int fail(char error[TLS_ERROR_MAX], const char *what, int r)
{
	const char *text = gnutls_strerror(r);

	if (r == GNUTLS_E_MEMORY_ERROR)
		return -ENOMEM;
	return refuse(error, "%s: %.*s", what, (int)strcspn(text, "."), text);
}

static gnutls_datum_t datum(const char *bytes, size_t length)
{
	return (gnutls_datum_t){ (unsigned char *)bytes, (unsigned int)length };
}

/* Both forms, PKCS #8 and the older one of OpenSSL, say so in their first lines. */
static bool is_encrypted(const struct tls_material *material)
{
	static const char mark[] = "ENCRYPTED";

	return memmem(material->key, material->key_length, mark, sizeof(mark) - 1);
}

static int pair_import(struct pair *pair, const struct tls_material *material,
		       char error[TLS_ERROR_MAX])
{
	const gnutls_datum_t cert = datum(material->cert, material->cert_length);
	const gnutls_datum_t key = datum(material->key, material->key_length);
	int r = gnutls_x509_crt_list_import2(&pair->chain, &pair->n, &cert, GNUTLS_X509_FMT_PEM, 0);

	if (r < 0)
		return fail(error, "the certificate cannot be used", r);
	if (is_encrypted(material))
		return refuse(error, "the key is encrypted, and nobody asks for its password");
	r = gnutls_x509_privkey_init(&pair->key);
	if (r == 0)
		r = gnutls_x509_privkey_import2(pair->key, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		return refuse(error, "the key cannot be used: there is none");
	return r < 0 ? fail(error, "the key cannot be used", r) : 0;
}

static void pair_finish(struct pair *pair)
{
	for (unsigned int i = 0; i < pair->n; i++)
		gnutls_x509_crt_deinit(pair->chain[i]);
	free(pair->chain); /* gnutls_free() is a pointer to it, which clang's CFI does not know */
	if (pair->key)
		gnutls_x509_privkey_deinit(pair->key); /* wipes it */
}

static int find_kind(gnutls_x509_privkey_t key, enum tls_suite_kind *ret)
{
	switch (gnutls_x509_privkey_get_pk_algorithm(key)) {
	case GNUTLS_PK_RSA:
	case GNUTLS_PK_RSA_PSS:
		*ret = TLS_SUITE_RSA;
		return 0;
	case GNUTLS_PK_ECDSA:
	case GNUTLS_PK_EDDSA_ED25519:
	case GNUTLS_PK_EDDSA_ED448:
		*ret = TLS_SUITE_EC;
		return 0;
	default:
		return -EINVAL;
	}
}

static int set_pair(struct tls *tls, struct pair *pair, char error[TLS_ERROR_MAX])
{
	int r;

	if (find_kind(pair->key, &tls->key) < 0)
		return refuse(error, "the key is neither RSA nor of an elliptic curve");
	r = gnutls_certificate_set_x509_key(tls->credentials, pair->chain, (int)pair->n, pair->key);
	if (r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return refuse(error, "the key is not the one of the certificate");
	return r < 0 ? fail(error, "the certificate and its key cannot be used", r) : 0;
}

static int load_pair(struct tls *tls, const struct tls_material *material,
		     char error[TLS_ERROR_MAX])
{
	struct pair pair = { 0 };
	int r;

	if (!material->cert || !material->key)
		return refuse(error, "TLS needs a certificate and its key");
	r = pair_import(&pair, material, error);
	if (r == 0)
		r = set_pair(tls, &pair, error);
	pair_finish(&pair);
	return r;
}

static int load_client_ca(struct tls *tls, const struct tls_material *material,
			  char error[TLS_ERROR_MAX])
{
	const gnutls_datum_t ca = datum(material->client_ca, material->client_ca_length);
	int r;

	if (!material->client_ca)
		return tls_client_verifies(&tls->client)
			       ? refuse(error,
					"client certificates cannot be verified "
					"without a client CA")
			       : 0;
	r = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca, GNUTLS_X509_FMT_PEM);
	if (r == 0)
		r = GNUTLS_E_NO_CERTIFICATE_FOUND;
	return r < 0 ? fail(error, "the client CA cannot be used", r) : 0;
}

static bool knows_suite(gnutls_priority_t priority, const unsigned char id[2])
{
	unsigned char found[2];
	unsigned int index;
	int r = 0;

	for (unsigned int i = 0; r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE; i++) {
		r = gnutls_priority_get_cipher_suite_index(priority, i, &index);
		if (r == 0 && gnutls_cipher_suite_info(index, found, NULL, NULL, NULL, NULL) &&
		    memcmp(found, id, sizeof(found)) == 0)
			return true;
	}
	return false;
}

/* One that was asked for by its name; of the rest there is what there is. */
static int check_suites(const struct tls *tls, const struct web_config_tls *config,
			char error[TLS_ERROR_MAX])
{
	for (unsigned int i = 0; tls_cipher_suite(i); i++)
		if (config->cipher_suites & 1U << i &&
		    tls_priority_has_suite(config, tls->key, i) &&
		    !knows_suite(tls->first, tls_cipher_suite(i)->id))
			return refuse(error, "GnuTLS does not allow the cipher suite %s here",
				      tls_cipher_suite(i)->name);
	return 0;
}

static int set_priorities(struct tls *tls, const struct web_config_tls *config,
			  char error[TLS_ERROR_MAX])
{
	struct tls_priority texts;
	int r;

	if (!tls_priority_create(config, tls->key, &texts))
		return refuse(
			error, "%s",
			"no cipher suite goes with the key and the versions that are allowed");
	r = gnutls_priority_init(&tls->first, texts.first, NULL);
	if (r == 0 && texts.old[0])
		r = gnutls_priority_init(&tls->old, texts.old, NULL);
	if (r < 0)
		return fail(error, "GnuTLS does not allow these versions, suites and curves", r);
	return check_suites(tls, config, error);
}

static int set_up(struct tls *tls, const struct web_config_tls *config,
		  const struct tls_material *material, char error[TLS_ERROR_MAX])
{
	int r = tls_client_init(&tls->client, config);

	if (r == 0 && gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = load_pair(tls, material, error);
	if (r == 0)
		r = load_client_ca(tls, material, error);
	if (r == 0)
		r = set_priorities(tls, config, error);
	return r;
}

int tls_create(const struct web_config_tls *config, const struct tls_material *material,
	       struct tls **ret, char error[TLS_ERROR_MAX])
{
	struct tls *tls = calloc(1, sizeof(*tls));
	int r;

	if (!tls)
		return -ENOMEM;
	tls->references = 1;
	r = set_up(tls, config, material, error);
	if (r < 0) {
		tls_unref(tls);
		return r;
	}
	*ret = tls;
	return 0;
}

struct tls *tls_ref(struct tls *tls)
{
	tls->references++;
	return tls;
}

void tls_unref(struct tls *tls)
{
	if (!tls || --tls->references > 0)
		return;
	if (tls->credentials)
		gnutls_certificate_free_credentials(tls->credentials);
	if (tls->first)
		gnutls_priority_deinit(tls->first);
	if (tls->old)
		gnutls_priority_deinit(tls->old);
	tls_client_finish(&tls->client);
	free(tls);
}

/* The version is settled, the suite is not. */
static int on_client_hello(gnutls_session_t session)
{
	const struct tls *tls = gnutls_session_get_ptr(session);

	if (!tls->old || gnutls_protocol_get_version(session) == GNUTLS_TLS1_3)
		return 0;
	return gnutls_priority_set(session, tls->old);
}

/* Called with or without a certificate of the client. */
static int on_certificate(gnutls_session_t session)
{
	const struct tls *tls = gnutls_session_get_ptr(session);

	if (tls_client_admit(&tls->client, session))
		return 0;
	(void)gnutls_alert_send(session, GNUTLS_AL_FATAL, GNUTLS_A_BAD_CERTIFICATE);
	return GNUTLS_E_CERTIFICATE_ERROR;
}

/*
 * libmicrohttpd keeps a pointer in the session, but for pre-shared keys alone. A client that offers
 * protocols, and http/1.1 not among them, is refused, as Go does; one that offers none is not.
 */
int tls_set_up_session(struct tls *tls, void *session)
{
	static const char protocol[] = "http/1.1";
	const gnutls_datum_t protocols = datum(protocol, sizeof(protocol) - 1);

	if (gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0 ||
	    gnutls_priority_set(session, tls->first) < 0 ||
	    gnutls_alpn_set_protocols(session, &protocols, 1, GNUTLS_ALPN_MANDATORY) < 0)
		return -ENOMEM;
	gnutls_session_set_ptr(session, tls);
	gnutls_handshake_set_max_packet_length(session, HANDSHAKE_MESSAGE_MAX);
	gnutls_handshake_set_post_client_hello_function(session, on_client_hello);
	gnutls_session_set_verify_function(session, on_certificate);
	tls_client_ask(&tls->client, session);
	return 0;
}
