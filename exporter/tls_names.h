/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The names that a web configuration has for what TLS can be made of: those of Go's crypto/tls, as
 * in every exporter, and what they are for GnuTLS. Tables, no code of GnuTLS.
 *
 * The cipher suites are those that Go 1.23 calls secure (tls.CipherSuites()). Older ones had a few
 * more, with RSA key exchange or 3DES; these are refused here: who records such traffic can read it
 * once he has the key, or breaks it.
 */

#include <stdbool.h>
#include <stddef.h>

enum tls_version {
	TLS_VERSION_1_0,
	TLS_VERSION_1_1,
	TLS_VERSION_1_2,
	TLS_VERSION_1_3,
	N_TLS_VERSIONS,
};

enum tls_curve {
	TLS_CURVE_P256,
	TLS_CURVE_P384,
	TLS_CURVE_P521,
	TLS_CURVE_X25519,
	N_TLS_CURVES,
};

#define TLS_CIPHER_SUITES_MAX 32

/* Which key a suite of TLS 1.2 and before goes with. */
enum tls_suite_kind {
	TLS_SUITE_RSA,
	TLS_SUITE_EC,  /* Ed25519 and Ed448 too */
	TLS_SUITE_1_3, /* of TLS 1.3, where the suite does not name a key */
};

/* The preferred one first. */
enum tls_cipher {
	TLS_CIPHER_AES_128_GCM,
	TLS_CIPHER_AES_256_GCM,
	TLS_CIPHER_CHACHA20,
	TLS_CIPHER_AES_128_CBC, /* from here on with HMAC-SHA1, and in TLS 1.0 and 1.1 too */
	TLS_CIPHER_AES_256_CBC,
	N_TLS_CIPHERS,
};

struct tls_cipher_suite {
	const char *name;
	unsigned char id[2]; /* IANA's */
	enum tls_suite_kind kind;
	enum tls_cipher cipher;
};

/* In a priority string of GnuTLS. */
extern const char *const tls_version_priorities[N_TLS_VERSIONS];
extern const char *const tls_curve_priorities[N_TLS_CURVES];
extern const char *const tls_cipher_priorities[N_TLS_CIPHERS];

/* Each finds a name exactly as written and gives its number in *ret; false: there is none. */
bool tls_version_find(const char *name, enum tls_version *ret);
bool tls_curve_find(const char *name, enum tls_curve *ret);
/* Less than TLS_CIPHER_SUITES_MAX. */
bool tls_cipher_suite_find(const char *name, unsigned int *ret);
/* Whether it is the name of one that Go has and calls insecure. */
bool tls_cipher_suite_is_insecure(const char *name);

/* NULL: there is no such number. */
const struct tls_cipher_suite *tls_cipher_suite(unsigned int number);
