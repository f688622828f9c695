/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tls_names.h"

#include <string.h>

#include "util.h"

static const char *const version_names[N_TLS_VERSIONS] = {
	[TLS_VERSION_1_0] = "TLS10",
	[TLS_VERSION_1_1] = "TLS11",
	[TLS_VERSION_1_2] = "TLS12",
	[TLS_VERSION_1_3] = "TLS13",
};

const char *const tls_version_priorities[N_TLS_VERSIONS] = {
	[TLS_VERSION_1_0] = "VERS-TLS1.0",
	[TLS_VERSION_1_1] = "VERS-TLS1.1",
	[TLS_VERSION_1_2] = "VERS-TLS1.2",
	[TLS_VERSION_1_3] = "VERS-TLS1.3",
};

static const char *const curve_names[N_TLS_CURVES] = {
	[TLS_CURVE_P256] = "CurveP256",
	[TLS_CURVE_P384] = "CurveP384",
	[TLS_CURVE_P521] = "CurveP521",
	[TLS_CURVE_X25519] = "X25519",
};

const char *const tls_curve_priorities[N_TLS_CURVES] = {
	[TLS_CURVE_P256] = "GROUP-SECP256R1",
	[TLS_CURVE_P384] = "GROUP-SECP384R1",
	[TLS_CURVE_P521] = "GROUP-SECP521R1",
	[TLS_CURVE_X25519] = "GROUP-X25519",
};

const char *const tls_cipher_priorities[N_TLS_CIPHERS] = {
	[TLS_CIPHER_AES_128_GCM] = "AES-128-GCM",    [TLS_CIPHER_AES_256_GCM] = "AES-256-GCM",
	[TLS_CIPHER_CHACHA20] = "CHACHA20-POLY1305", [TLS_CIPHER_AES_128_CBC] = "AES-128-CBC",
	[TLS_CIPHER_AES_256_CBC] = "AES-256-CBC",
};

#define RSA(cipher) TLS_SUITE_RSA, TLS_CIPHER_##cipher
#define EC(cipher) TLS_SUITE_EC, TLS_CIPHER_##cipher
#define ANY(cipher) TLS_SUITE_1_3, TLS_CIPHER_##cipher

static const struct tls_cipher_suite suites[] = {
	{ "TLS_AES_128_GCM_SHA256", { 0x13, 0x01 }, ANY(AES_128_GCM) },
	{ "TLS_AES_256_GCM_SHA384", { 0x13, 0x02 }, ANY(AES_256_GCM) },
	{ "TLS_CHACHA20_POLY1305_SHA256", { 0x13, 0x03 }, ANY(CHACHA20) },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", { 0xc0, 0x2b }, EC(AES_128_GCM) },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", { 0xc0, 0x2c }, EC(AES_256_GCM) },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", { 0xcc, 0xa9 }, EC(CHACHA20) },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", { 0xc0, 0x09 }, EC(AES_128_CBC) },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", { 0xc0, 0x0a }, EC(AES_256_CBC) },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", { 0xc0, 0x2f }, RSA(AES_128_GCM) },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", { 0xc0, 0x30 }, RSA(AES_256_GCM) },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", { 0xcc, 0xa8 }, RSA(CHACHA20) },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", { 0xc0, 0x13 }, RSA(AES_128_CBC) },
	{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", { 0xc0, 0x14 }, RSA(AES_256_CBC) },
};

/* tls.InsecureCipherSuites() */
static const char *const insecure_suites[] = {
	"TLS_RSA_WITH_RC4_128_SHA",
	"TLS_RSA_WITH_3DES_EDE_CBC_SHA",
	"TLS_RSA_WITH_AES_128_CBC_SHA",
	"TLS_RSA_WITH_AES_256_CBC_SHA",
	"TLS_RSA_WITH_AES_128_CBC_SHA256",
	"TLS_RSA_WITH_AES_128_GCM_SHA256",
	"TLS_RSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
	"TLS_ECDHE_RSA_WITH_RC4_128_SHA",
	"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
	"TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
	"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
};

static_assert(ARRAY_SIZE(suites) < TLS_CIPHER_SUITES_MAX, "a mask has no more bits");

static bool find(const char *const names[], unsigned int n, const char *name, unsigned int *ret)
{
	for (unsigned int i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

bool tls_version_find(const char *name, enum tls_version *ret)
{
	unsigned int number;

	if (!find(version_names, N_TLS_VERSIONS, name, &number))
		return false;
	*ret = (enum tls_version)number;
	return true;
}

bool tls_curve_find(const char *name, enum tls_curve *ret)
{
	unsigned int number;

	if (!find(curve_names, N_TLS_CURVES, name, &number))
		return false;
	*ret = (enum tls_curve)number;
	return true;
}

bool tls_cipher_suite_find(const char *name, unsigned int *ret)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(suites); i++)
		if (strcmp(suites[i].name, name) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

bool tls_cipher_suite_is_insecure(const char *name)
{
	unsigned int ignored;

	return find(insecure_suites, ARRAY_SIZE(insecure_suites), name, &ignored);
}

const struct tls_cipher_suite *tls_cipher_suite(unsigned int number)
{
	return number < ARRAY_SIZE(suites) ? &suites[number] : NULL;
}
