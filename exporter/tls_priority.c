/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tls_priority.h"

#include <stdio.h>
#include <string.h>

#include "util.h"

static const char *const key_exchanges[] = {
	[TLS_SUITE_RSA] = "ECDHE-RSA",
	[TLS_SUITE_EC] = "ECDHE-ECDSA",
};

/* Go's order, so that most clients' first guess is right and costs no second round. */
static const enum tls_curve default_curves[] = {
	TLS_CURVE_X25519,
	TLS_CURVE_P256,
	TLS_CURVE_P384,
	TLS_CURVE_P521,
};

/* What a server signs with, and what a client may: no SHA-1. */
static const char signatures[] =
	":+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA512"
	":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-ECDSA-SECP521R1-SHA512"
	":+SIGN-EDDSA-ED25519:+SIGN-EDDSA-ED448"
	":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512"
	":+SIGN-RSA-PSS-SHA256:+SIGN-RSA-PSS-SHA384:+SIGN-RSA-PSS-SHA512"
	":+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512";

/*
 * No tickets: a session that is resumed does not show its client's certificate again, and the key
 * of the tickets would open all of them. The profile refuses client certificates with keys that are
 * too short: RSA under 2048 bits.
 */
static const char options[] = ":%NO_TICKETS:%PROFILE_MEDIUM";

static bool is_aead(enum tls_cipher cipher)
{
	return cipher < TLS_CIPHER_AES_128_CBC;
}

bool tls_priority_has_suite(const struct web_config_tls *config, enum tls_suite_kind key,
			    unsigned int number)
{
	const struct tls_cipher_suite *suite = tls_cipher_suite(number);

	if (suite->kind == TLS_SUITE_1_3)
		return config->max_version >= TLS_VERSION_1_3;
	if (suite->kind != key || config->min_version > TLS_VERSION_1_2)
		return false;
	if (is_aead(suite->cipher) && config->max_version < TLS_VERSION_1_2)
		return false;
	if (config->cipher_suites != 0)
		return config->cipher_suites & 1U << number;
	return is_aead(suite->cipher) || config->min_version < TLS_VERSION_1_2;
}

/* A mask of the ciphers in suites of one kind. */
static unsigned int find_ciphers(const struct web_config_tls *config, enum tls_suite_kind kind)
{
	unsigned int ret = 0;

	for (unsigned int i = 0; tls_cipher_suite(i); i++)
		if (tls_cipher_suite(i)->kind == kind && tls_priority_has_suite(config, kind, i))
			ret |= 1U << tls_cipher_suite(i)->cipher;
	return ret;
}

/* TLS_PRIORITY_MAX is enough for all that there is at once. */
static void add(char ret[TLS_PRIORITY_MAX], const char *token)
{
	const size_t length = strlen(ret);

	(void)snprintf(ret + length, TLS_PRIORITY_MAX - length, ":+%s", token);
}

static void add_versions(char ret[TLS_PRIORITY_MAX], int min, int max)
{
	for (int i = max; i >= min; i--)
		add(ret, tls_version_priorities[i]);
}

static void add_ciphers(char ret[TLS_PRIORITY_MAX], unsigned int ciphers)
{
	for (unsigned int i = 0; i < N_TLS_CIPHERS; i++)
		if (ciphers & 1U << i)
			add(ret, tls_cipher_priorities[i]);
	add(ret, "AEAD");
	if (ciphers >> TLS_CIPHER_AES_128_CBC)
		add(ret, "SHA1");
}

static void add_curves(char ret[TLS_PRIORITY_MAX], const struct web_config_tls *config)
{
	const enum tls_curve *curves = config->n_curves ? config->curves : default_curves;
	const size_t n = config->n_curves ? config->n_curves : ARRAY_SIZE(default_curves);

	for (size_t i = 0; i < n; i++)
		add(ret, tls_curve_priorities[curves[i]]);
}

static void add_rest(char ret[TLS_PRIORITY_MAX], const struct web_config_tls *config,
		     enum tls_suite_kind key, unsigned int ciphers)
{
	size_t length;

	add(ret, key_exchanges[key]);
	add_ciphers(ret, ciphers);
	add_curves(ret, config);
	length = strlen(ret);
	(void)snprintf(ret + length, TLS_PRIORITY_MAX - length, "%s%s%s", signatures, options,
		       config->prefer_server_cipher_suites ? ":%SERVER_PRECEDENCE" : "");
}

bool tls_priority_create(const struct web_config_tls *config, enum tls_suite_kind key,
			 struct tls_priority *ret)
{
	const unsigned int old = find_ciphers(config, key);
	const unsigned int new = find_ciphers(config, TLS_SUITE_1_3);
	const enum tls_version max = config->max_version < TLS_VERSION_1_2 ? config->max_version
									   : TLS_VERSION_1_2;
	struct tls_priority both = { "NONE", "NONE" };

	if (!old && !new)
		return false;
	add_versions(both.first, old ? (int)config->min_version : TLS_VERSION_1_3,
		     new ? TLS_VERSION_1_3 : (int)max);
	add_rest(both.first, config, key, old | new);
	add_versions(both.old, (int)config->min_version, (int)max);
	add_rest(both.old, config, key, old);
	*ret = both;
	if (!old || !new)
		ret->old[0] = '\0';
	return true;
}
