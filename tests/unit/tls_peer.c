/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tls_peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

/* More than any handshake needs turns. */
enum { TURNS_MAX = 50 };

#define check(call) assert_int_equal(call, GNUTLS_E_SUCCESS)

/* GnuTLS would not write every name that can come. All lengths are below 128, one byte each. */
static void set_sans(gnutls_x509_crt_t certificate, const struct san sans[SANS_MAX])
{
	unsigned char der[128] = { 0x30, 0 };
	unsigned int size = 2;

	for (size_t i = 0; i < SANS_MAX && sans[i].type; i++) {
		assert_true(size + 2 + sans[i].size < sizeof(der));
		der[size++] = (unsigned char)sans[i].type;
		der[size++] = sans[i].size;
		memcpy(&der[size], sans[i].bytes, sans[i].size);
		size += sans[i].size;
	}
	der[1] = (unsigned char)(size - 2);
	if (size > 2)
		check(gnutls_x509_crt_set_extension_by_oid(certificate, GNUTLS_X509EXT_OID_SAN, der,
							   size, 0));
}

static void set_names(gnutls_x509_crt_t certificate, const struct wish *wish)
{
	check(gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, wish->name,
					    (unsigned int)strlen(wish->name)));
	set_sans(certificate, wish->sans);
	if (wish->purpose)
		check(gnutls_x509_crt_set_key_purpose_oid(certificate, wish->purpose, 0));
}

/* In an extension that nobody knows. */
static void set_padding(gnutls_x509_crt_t certificate, unsigned int size)
{
	unsigned char *bytes = calloc(1, size);

	assert_non_null(bytes);
	check(gnutls_x509_crt_set_extension_by_oid(certificate, "2.999.1", bytes, size, 0));
	free(bytes);
}

static void set_rest(gnutls_x509_crt_t certificate, const struct wish *wish)
{
	const bool usual = wish->from == 0 && wish->until == 0;
	const time_t now = time(NULL);

	check(gnutls_x509_crt_set_version(certificate, 3));
	check(gnutls_x509_crt_set_serial(certificate, &now, sizeof(now)));
	check(gnutls_x509_crt_set_activation_time(certificate,
						  now + DAY * (usual ? -1 : wish->from)));
	check(gnutls_x509_crt_set_expiration_time(certificate,
						  now + DAY * (usual ? 1 : wish->until)));
	check(gnutls_x509_crt_set_basic_constraints(certificate, wish->ca, -1));
	check(gnutls_x509_crt_set_key_usage(certificate, wish->ca ? GNUTLS_KEY_KEY_CERT_SIGN
								  : GNUTLS_KEY_DIGITAL_SIGNATURE));
}

struct identity identity_make(const struct wish *wish)
{
	struct identity identity;
	const struct identity *issuer = wish->issuer ? wish->issuer : &identity;

	check(gnutls_x509_privkey_init(&identity.key));
	check(gnutls_x509_privkey_generate(
		identity.key, wish->rsa_bits ? GNUTLS_PK_RSA : GNUTLS_PK_ECDSA,
		wish->rsa_bits ? wish->rsa_bits : GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1),
		0));
	check(gnutls_x509_crt_init(&identity.certificate));
	set_rest(identity.certificate, wish);
	set_names(identity.certificate, wish);
	if (wish->padding)
		set_padding(identity.certificate, wish->padding);
	check(gnutls_x509_crt_set_key(identity.certificate, identity.key));
	check(gnutls_x509_crt_sign2(identity.certificate, issuer->certificate, issuer->key,
				    GNUTLS_DIG_SHA256, 0));
	return identity;
}

void identity_finish(struct identity *identity)
{
	gnutls_x509_crt_deinit(identity->certificate);
	gnutls_x509_privkey_deinit(identity->key);
}

gnutls_datum_t identity_pem(const struct identity *identity)
{
	gnutls_datum_t pem;

	check(gnutls_x509_crt_export2(identity->certificate, GNUTLS_X509_FMT_PEM, &pem));
	return pem;
}

gnutls_datum_t identity_key_pem(const struct identity *identity)
{
	gnutls_datum_t pem;

	check(gnutls_x509_privkey_export2_pkcs8(identity->key, GNUTLS_X509_FMT_PEM, NULL, 0, &pem));
	return pem;
}

struct tls *context_make(const struct web_config_tls *config, const struct identity *server,
			 const struct identity *client_ca, char error[TLS_ERROR_MAX])
{
	gnutls_datum_t cert = identity_pem(server), key = identity_key_pem(server), ca = { 0 };
	struct tls_material material = { .cert = (char *)cert.data,
					 .cert_length = cert.size,
					 .key = (char *)key.data,
					 .key_length = key.size };
	struct tls *tls = NULL;
	int r;

	if (client_ca) {
		ca = identity_pem(client_ca);
		material.client_ca = (char *)ca.data;
		material.client_ca_length = ca.size;
	}
	error[0] = '\0';
	r = tls_create(config, &material, &tls, error);
	assert_true((r == 0) == (tls != NULL));
	assert_true((r == -EINVAL) == (error[0] != '\0'));
	free(cert.data);
	free(key.data);
	free(ca.data);
	return tls;
}

static gnutls_session_t client_start(const struct peer *peer,
				     gnutls_certificate_credentials_t credentials)
{
	gnutls_session_t client;
	gnutls_datum_t protocols[2];
	unsigned int n = 0;

	check(gnutls_init(&client, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
					   (peer->only_if_wanted ? 0 : GNUTLS_FORCE_CLIENT_CERT)));
	check(gnutls_priority_set_direct(client, peer->priority ? peer->priority : "NORMAL", NULL));
	if (peer->shows) {
		gnutls_x509_crt_t certificate = peer->shows->certificate;

		gnutls_certificate_set_flags(credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
		check(gnutls_certificate_set_x509_key(credentials, &certificate, 1,
						      peer->signs ? peer->signs->key
								  : peer->shows->key));
	}
	check(gnutls_credentials_set(client, GNUTLS_CRD_CERTIFICATE, credentials));
	for (; n < 2 && peer->protocols[n]; n++) {
		protocols[n].data = (unsigned char *)peer->protocols[n];
		protocols[n].size = (unsigned int)strlen(peer->protocols[n]);
	}
	if (n > 0)
		check(gnutls_alpn_set_protocols(client, protocols, n, 0));
	if (peer->server_name)
		check(gnutls_server_name_set(client, GNUTLS_NAME_DNS, peer->server_name,
					     strlen(peer->server_name)));
	return client;
}

/* As libmicrohttpd begins one. */
static gnutls_session_t server_start(struct tls *tls)
{
	gnutls_session_t server;

	check(gnutls_init(&server, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL));
	check(gnutls_set_default_priority(server));
	gnutls_session_set_ptr(server, &server);
	assert_int_equal(tls_set_up_session(tls, server), 0);
	return server;
}

static bool is_over(int r)
{
	return r == 0 || gnutls_error_is_fatal(r);
}

static void take_turns(gnutls_session_t server, gnutls_session_t client, int server_fd,
		       struct outcome *ret)
{
	ret->server = ret->client = GNUTLS_E_AGAIN;
	for (int i = 0; i < TURNS_MAX && !(is_over(ret->server) && is_over(ret->client)); i++) {
		if (!is_over(ret->client))
			ret->client = gnutls_handshake(client);
		if (!is_over(ret->server))
			ret->server = gnutls_handshake(server);
		if (gnutls_error_is_fatal(ret->server))
			(void)shutdown(server_fd, SHUT_RDWR);
	}
}

/* In TLS 1.3 the client may learn only now that it was refused. */
static void exchange(gnutls_session_t server, gnutls_session_t client, struct outcome *ret)
{
	char byte = 0;
	ssize_t r;

	(void)gnutls_record_send(client, "x", 1);
	if (ret->server == 0)
		ret->carries = gnutls_record_recv(server, &byte, 1) == 1 && byte == 'x';
	r = ret->client == 0 ? gnutls_record_recv(client, &byte, 1) : ret->client;
	ret->alert = r == GNUTLS_E_FATAL_ALERT_RECEIVED ? (int)gnutls_alert_get(client) : -1;
}

static void look(gnutls_session_t server, struct outcome *ret)
{
	gnutls_datum_t protocol;

	ret->version = gnutls_protocol_get_version(server);
	ret->cipher = gnutls_cipher_get(server);
	ret->exchange = gnutls_kx_get(server);
	ret->group = gnutls_group_get(server);
	ret->resumed = gnutls_session_is_resumed(server);
	if (gnutls_alpn_get_selected_protocol(server, &protocol) == 0)
		(void)snprintf(ret->protocol, sizeof(ret->protocol), "%.*s", (int)protocol.size,
			       protocol.data);
}

/* Returns what the client may come back with, if it got anything, and begins with old. */
static gnutls_datum_t shake_once(struct tls *tls, const struct peer *peer,
				 const gnutls_datum_t *old, struct outcome *ret)
{
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t server = server_start(tls), client;
	gnutls_datum_t session = { 0 };
	int fds[2];

	*ret = (struct outcome){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	check(gnutls_certificate_allocate_credentials(&credentials));
	client = client_start(peer, credentials);
	if (old->size > 0)
		check(gnutls_session_set_data(client, old->data, old->size));
	gnutls_transport_set_int(server, fds[0]);
	gnutls_transport_set_int(client, fds[1]);
	take_turns(server, client, fds[0], ret);
	exchange(server, client, ret);
	look(server, ret);
	if (ret->client == 0)
		(void)gnutls_session_get_data2(client, &session);
	gnutls_deinit(client);
	gnutls_deinit(server);
	gnutls_certificate_free_credentials(credentials);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return session;
}

struct outcome shake_hands(struct tls *tls, const struct peer *peer)
{
	struct outcome outcome;
	gnutls_datum_t session = shake_once(tls, peer, &(gnutls_datum_t){ 0 }, &outcome);

	if (peer->resumes) {
		gnutls_datum_t again = shake_once(tls, peer, &session, &outcome);

		free(again.data);
	}
	free(session.data);
	return outcome;
}
