/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tls_client.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* GnuTLS itself ends a handshake without a certificate where it is required; so does admit(). */
static const struct {
	gnutls_certificate_request_t request;
	bool required;
	bool verified;
} client_auths[N_WEB_CLIENT_AUTHS] = {
	[WEB_CLIENT_NO_CERT] = { GNUTLS_CERT_IGNORE, false, false },
	[WEB_CLIENT_REQUEST] = { GNUTLS_CERT_REQUEST, false, false },
	[WEB_CLIENT_REQUIRE_ANY] = { GNUTLS_CERT_REQUIRE, true, false },
	[WEB_CLIENT_VERIFY_IF_GIVEN] = { GNUTLS_CERT_REQUEST, false, true },
	[WEB_CLIENT_REQUIRE_AND_VERIFY] = { GNUTLS_CERT_REQUIRE, true, true },
};

int tls_client_init(struct tls_client *client, const struct web_config_tls *config)
{
	*client = (struct tls_client){
		.auth = config->client_auth,
		.names_ca = client_auths[config->client_auth].verified && !config->trusts_system,
	};
	for (size_t i = 0; i < config->n_sans; i++) {
		client->sans[i] = strdup(config->sans[i]);
		if (!client->sans[i])
			return -ENOMEM;
		client->n_sans++;
	}
	return 0;
}

void tls_client_finish(struct tls_client *client)
{
	for (size_t i = 0; i < client->n_sans; i++)
		free(client->sans[i]);
	client->n_sans = 0;
}

bool tls_client_verifies(const struct tls_client *client)
{
	return client_auths[client->auth].verified;
}

/*
 * The names of the client CAs are sent only where they count: a client that has no certificate of
 * theirs would not show the one it has. Those that the system trusts are too many to be sent to
 * everybody; Go does not either.
 */
void tls_client_ask(const struct tls_client *client, void *session)
{
	gnutls_certificate_server_set_request(session, client_auths[client->auth].request);
	gnutls_certificate_send_x509_rdn_sequence(session, !client->names_ca);
}

/* A text with a zero in it is longer than any listed one that looks like it. */
static bool is_listed(const struct tls_client *client, const void *bytes, size_t length)
{
	for (size_t i = 0; i < client->n_sans; i++)
		if (strlen(client->sans[i]) == length &&
		    memcmp(client->sans[i], bytes, length) == 0)
			return true;
	return false;
}

/* As Go writes it: an IPv4 address in IPv6 is one. */
static bool is_address_listed(const struct tls_client *client, const gnutls_datum_t *address)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	const void *bytes = address->data;
	bool is_v4 = address->size == sizeof(struct in_addr);

	if (!is_v4) {
		if (address->size != sizeof(v6))
			return false;
		memcpy(&v6, address->data, sizeof(v6));
		is_v4 = IN6_IS_ADDR_V4MAPPED(&v6);
		bytes = is_v4 ? &v6.s6_addr[12] : v6.s6_addr;
	}
	return inet_ntop(is_v4 ? AF_INET : AF_INET6, bytes, text, sizeof(text)) &&
	       is_listed(client, text, strlen(text));
}

static bool is_name_listed(const struct tls_client *client, unsigned int type,
			   const gnutls_datum_t *name)
{
	switch (type) {
	case GNUTLS_SAN_DNSNAME:
	case GNUTLS_SAN_RFC822NAME:
	case GNUTLS_SAN_URI:
		return is_listed(client, name->data, name->size);
	case GNUTLS_SAN_IPADDRESS:
		return is_address_listed(client, name);
	default:
		return false;
	}
}

static bool has_listed(const struct tls_client *client, gnutls_subject_alt_names_t names)
{
	gnutls_datum_t name;
	unsigned int type;

	for (unsigned int i = 0; gnutls_subject_alt_names_get(names, i, &type, &name, NULL) == 0;
	     i++)
		if (is_name_listed(client, type, &name))
			return true;
	return false;
}

static bool certificate_has_listed(const struct tls_client *client, gnutls_x509_crt_t certificate)
{
	gnutls_datum_t extension = { 0 };
	gnutls_subject_alt_names_t names;
	bool ret;

	if (gnutls_x509_crt_get_extension_by_oid2(certificate, GNUTLS_X509EXT_OID_SAN, 0,
						  &extension, NULL) < 0)
		return false;
	if (gnutls_subject_alt_names_init(&names) < 0) {
		free(extension.data);
		return false;
	}
	ret = gnutls_x509_ext_import_subject_alt_names(&extension, names, 0) == 0 &&
	      has_listed(client, names);
	gnutls_subject_alt_names_deinit(names);
	free(extension.data); /* as in tls.c */
	return ret;
}

static bool has_listed_name(const struct tls_client *client, const gnutls_datum_t *der)
{
	gnutls_x509_crt_t certificate;
	bool ret;

	if (gnutls_x509_crt_init(&certificate) < 0)
		return false;
	ret = gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER) == 0 &&
	      certificate_has_listed(client, certificate);
	gnutls_x509_crt_deinit(certificate);
	return ret;
}

static bool is_verified(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned int status;

	return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0;
}

bool tls_client_admit(const struct tls_client *client, void *session)
{
	unsigned int n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);

	if (!chain || n == 0)
		return !client_auths[client->auth].required && client->n_sans == 0;
	if (gnutls_certificate_type_get2(session, GNUTLS_CTYPE_CLIENT) != GNUTLS_CRT_X509)
		return false;
	if (client_auths[client->auth].verified && !is_verified(session))
		return false;
	return client->n_sans == 0 || has_listed_name(client, &chain[0]);
}
