/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which clients a TLS server lets in, by the certificates they show. */

#include "web_config.h"

struct tls_client {
	enum web_client_auth auth;
	bool names_ca;
	char *sans[WEB_CONFIG_SANS_MAX];
	size_t n_sans;
};

/* Copies. Returns 0 or -ENOMEM; tls_client_finish() is needed in any case. */
int tls_client_init(struct tls_client *client, const struct web_config_tls *config);
void tls_client_finish(struct tls_client *client);

/* Whether certificates are compared with a client CA. */
bool tls_client_verifies(const struct tls_client *client);

/* session is a gnutls_session_t before its handshake. */
void tls_client_ask(const struct tls_client *client, void *session);

/* Whether the session's client may come in; in the middle of the handshake. */
bool tls_client_admit(const struct tls_client *client, void *session);
