/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Pieces of web configurations, and what the parser says of a whole one; needs unit.h before it. */

#include <stdio.h>

#include "../../exporter/web_config.h"
#include "fake_tls_names.h"

#define SALT_AND_HASH "abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
#define HASH "$2y$10$" SALT_AND_HASH
#define USER(hash) "basic_auth_users:\n  prometheus: " hash "\n"
#define TLS "tls_server_config:\n  cert_file: web.crt\n  key_file: /etc/web.key\n"
#define HTTP "http_server_config:\n  headers:\n    "

static inline struct web_config *parse(const char *text)
{
	char error[WEB_CONFIG_ERROR_MAX] = "";
	struct web_config *config = NULL;

	if (web_config_parse(text, strlen(text), "/etc/web", &config, error) != 0)
		fail_msg("%s\n%s", text, error);
	return config;
}

static inline void check_refused_bytes(const char *text, size_t length, const char *wanted)
{
	char error[WEB_CONFIG_ERROR_MAX] = "";
	struct web_config *config = NULL;

	if (web_config_parse(text, length, "/etc/web", &config, error) != -EINVAL)
		fail_msg("accepted: %s", text);
	assert_string_equal(error, wanted);
	assert_null(config);
}

static inline void check_refused(const char *text, const char *wanted)
{
	check_refused_bytes(text, strlen(text), wanted);
}
