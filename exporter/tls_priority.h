/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The versions, suites and curves of a web configuration as priority strings of GnuTLS. Pure.
 *
 * There are two: cipher_suites is for TLS 1.2 and before (TLS 1.3 has its three, as Go has it), and
 * GnuTLS has one list of ciphers for all versions. A session begins with the first string, and gets
 * the second when its client turns out to speak TLS 1.2 or less.
 */

#include "web_config.h"

#define TLS_PRIORITY_MAX 768

struct tls_priority {
	char first[TLS_PRIORITY_MAX];
	char old[TLS_PRIORITY_MAX]; /* empty: the first one says all */
};

/*
 * Whether a server with a key for suites of this kind, TLS_SUITE_RSA or TLS_SUITE_EC, has the one
 * with the number.
 */
bool tls_priority_has_suite(const struct web_config_tls *config, enum tls_suite_kind key,
			    unsigned int number);

/* False when no allowed version has a suite. */
bool tls_priority_create(const struct web_config_tls *config, enum tls_suite_kind key,
			 struct tls_priority *ret);
