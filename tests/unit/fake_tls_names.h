/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Some of the names that TLS has, so that a configuration can be read without it. */

#include <stdbool.h>
#include <string.h>

#include "../../exporter/tls_names.h"

static bool fake_find(const char *const *names, size_t n, const char *name, unsigned int *ret)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0) {
			*ret = (unsigned int)i;
			return true;
		}
	return false;
}

bool tls_version_find(const char *name, enum tls_version *ret)
{
	static const char *const names[N_TLS_VERSIONS] = { "TLS10", "TLS11", "TLS12", "TLS13" };
	unsigned int i;

	if (!fake_find(names, N_TLS_VERSIONS, name, &i))
		return false;
	*ret = (enum tls_version)i;
	return true;
}

bool tls_curve_find(const char *name, enum tls_curve *ret)
{
	static const char *const names[N_TLS_CURVES] = { "CurveP256", "CurveP384", "CurveP521",
							 "X25519" };
	unsigned int i;

	if (!fake_find(names, N_TLS_CURVES, name, &i))
		return false;
	*ret = (enum tls_curve)i;
	return true;
}

bool tls_cipher_suite_is_insecure(const char *name)
{
	return strcmp(name, "TLS_RSA_WITH_RC4_128_SHA") == 0;
}

bool tls_cipher_suite_find(const char *name, unsigned int *ret)
{
	static const char *const names[] = {
		"TLS_AES_128_GCM_SHA256",
		"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
		"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	};

	return fake_find(names, sizeof(names) / sizeof(names[0]), name, ret);
}
