/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a TLS connection is made of: certificate, key, who the client must be. GnuTLS is used in
 * this module and nowhere else, but for what libmicrohttpd does with it. Reads no file.
 */

#include "web_config.h"

#define TLS_ERROR_MAX 256

struct tls;

/* The PEM bytes of a configuration's sources; NULL: not given. */
struct tls_material {
	const char *cert, *key, *client_ca;
	size_t cert_length, key_length, client_ca_length;
};

/*
 * Builds a context with one reference. It keeps copies of what it needs. Returns 0, -ENOMEM, or
 * -EINVAL with one sentence in error: bytes that are no certificate, a key that is encrypted or
 * does not go with it, client certificates to be verified without a CA, suites that no allowed
 * version has, or that this GnuTLS or the policy of the system does not allow.
 */
int tls_create(const struct web_config_tls *config, const struct tls_material *material,
	       struct tls **ret, char error[TLS_ERROR_MAX]);
struct tls *tls_ref(struct tls *tls);
/* Accepts NULL. */
void tls_unref(struct tls *tls);

/*
 * Makes a connection's session, a gnutls_session_t before its handshake, use the context, which
 * must live as long. What libmicrohttpd set up in it before is replaced, and the session's pointer
 * taken. Returns 0 or a negative errno; the connection must be closed then.
 */
int tls_set_up_session(struct tls *tls, void *session);
