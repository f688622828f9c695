/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A client's certificate in DER, whose chain counts as good: it comes in with one of the two names
 * that are allowed, and then it has that name in it.
 */

#include "fuzz.h"

#include <gnutls/gnutls.h>

#include "../../exporter/tls_client.h"

static const char name[] = "prometheus";
static const unsigned char address[] = { 192, 0, 2, 1 };

static gnutls_datum_t peer;

const gnutls_datum_t *__wrap_gnutls_certificate_get_peers(gnutls_session_t session,
							  unsigned int *ret_n);
int __wrap_gnutls_certificate_type_get2(gnutls_session_t session, gnutls_ctype_target_t target);
int __wrap_gnutls_certificate_verify_peers(gnutls_session_t session, gnutls_typed_vdata_st *data,
					   unsigned int n, unsigned int *ret_status);

const gnutls_datum_t *__wrap_gnutls_certificate_get_peers(_unused_ gnutls_session_t session,
							  unsigned int *ret_n)
{
	*ret_n = 1;
	return &peer;
}

int __wrap_gnutls_certificate_type_get2(_unused_ gnutls_session_t session,
					_unused_ gnutls_ctype_target_t target)
{
	return GNUTLS_CRT_X509;
}

int __wrap_gnutls_certificate_verify_peers(_unused_ gnutls_session_t session,
					   _unused_ gnutls_typed_vdata_st *data,
					   _unused_ unsigned int n, unsigned int *ret_status)
{
	*ret_status = 0;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct web_config_tls config = { .client_auth = WEB_CLIENT_REQUIRE_AND_VERIFY };
	struct tls_client client;
	bool admitted;

	config.sans[0] = (char *)name;
	config.sans[1] = (char *)"192.0.2.1";
	config.n_sans = 2;
	peer.data = input_block(data, size);
	peer.size = (unsigned int)size;
	HOLDS(tls_client_init(&client, &config) == 0);
	admitted = tls_client_admit(&client, NULL);
	HOLDS(!admitted || memmem(data, size, name, strlen(name)) ||
	      memmem(data, size, address, sizeof(address)));
	tls_client_finish(&client);
	free(peer.data);
	return 0;
}
