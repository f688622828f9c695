/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The file of --web.config.file, in the form that every exporter has: bytes to a struct. Pure. What
 * the exporter toolkit of Prometheus refuses is refused, and beyond that what would mean nothing or
 * something else than it says: the least version above the greatest, an empty list of allowed
 * clients, a rate limit that no request passes, users who can never log in, headers that are too
 * long for any answer, anchors, tags, more than one document.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls_names.h"

#define WEB_CONFIG_SIZE_MAX (1U << 20)
#define WEB_CONFIG_USERS_MAX 256
#define WEB_CONFIG_SANS_MAX 64
#define WEB_CONFIG_ERROR_MAX 256
/* Of all headers together, in bytes: they are part of every answer, whose head has little room. */
#define WEB_HEADER_VALUES_MAX 4096

enum web_client_auth {
	WEB_CLIENT_NO_CERT,
	WEB_CLIENT_REQUEST,
	WEB_CLIENT_REQUIRE_ANY,
	WEB_CLIENT_VERIFY_IF_GIVEN,
	WEB_CLIENT_REQUIRE_AND_VERIFY,
	N_WEB_CLIENT_AUTHS,
};

enum web_header {
	WEB_HEADER_CONTENT_SECURITY_POLICY,
	WEB_HEADER_X_FRAME_OPTIONS,
	WEB_HEADER_X_CONTENT_TYPE_OPTIONS,
	WEB_HEADER_X_XSS_PROTECTION,
	WEB_HEADER_STRICT_TRANSPORT_SECURITY,
	N_WEB_HEADERS,
};

extern const char *const web_header_names[N_WEB_HEADERS];

/* Either the PEM text itself or the path of a file; both NULL: not given. */
struct web_config_source {
	char *text; /* NULL when a file is named too: as in every exporter, the file counts */
	char *file; /* absolute, or relative to the working directory */
};

struct web_config_tls {
	bool enabled;
	struct web_config_source cert, key, client_ca;
	/* One that verifies may come without a client CA. */
	enum web_client_auth client_auth;
	bool trusts_system; /* client_ca was not given, and is what web_load_config() found */
	char *sans[WEB_CONFIG_SANS_MAX]; /* client_allowed_sans */
	size_t n_sans;
	enum tls_version min_version, max_version;
	uint32_t cipher_suites; /* a bit each, by tls_cipher_suite_find(); 0: all good ones */
	enum tls_curve curves[N_TLS_CURVES]; /* the preferred one first */
	size_t n_curves;		     /* 0: all */
	bool prefer_server_cipher_suites;
};

struct web_config_user {
	char *name;
	char *hash; /* bcrypt */
};

struct web_config {
	struct web_config_tls tls;
	char *headers[N_WEB_HEADERS]; /* NULL: not to be sent */
	struct web_config_user users[WEB_CONFIG_USERS_MAX];
	size_t n_users;		   /* 0: no login */
	uint64_t rate_interval_ns; /* one more request each; 0: no limit */
	uint64_t rate_burst;
};

/*
 * Parses text. Paths in it are relative to directory. Returns 0 with a struct for
 * web_config_free(), -ENOMEM, or -EINVAL with one sentence in error, which names the line.
 */
int web_config_parse(const char *text, size_t length, const char *directory,
		     struct web_config **ret, char error[WEB_CONFIG_ERROR_MAX]);

/* Overwrites what is secret. Accepts NULL. */
void web_config_free(struct web_config *config);
