/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Under a policy of the system that forbids what a configuration asks for. GnuTLS reads the policy
 * when it is loaded, so that the program starts itself once more.
 */

#include "tls_peer.h"

#include <stdio.h>

static const char policy[] =
	"[overrides]\n"
	"tls-disabled-cipher = CHACHA20-POLY1305\n"
	"disabled-version = tls1.1\n";

static int setup(void **state)
{
	static struct identity server;

	server = identity_make(&(struct wish){ "server" });
	*state = &server;
	return 0;
}

static int teardown(void **state)
{
	identity_finish(*state);
	return 0;
}

static void expect(const struct identity *server, const struct web_config_tls *config,
		   const char *sentence)
{
	char error[TLS_ERROR_MAX];
	struct tls *tls = context_make(config, server, NULL, error);

	assert_string_equal(error, sentence);
	tls_unref(tls);
}

static void test_what_was_asked_for_by_name(void **state)
{
	struct web_config_tls config = { CONFIG_DEFAULTS };
	unsigned int old, new, other;

	expect(*state, &config, "");
	assert_true(tls_cipher_suite_find("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", &old));
	assert_true(tls_cipher_suite_find("TLS_CHACHA20_POLY1305_SHA256", &new));
	config.cipher_suites = 1U << old;
	expect(*state, &config,
	       "GnuTLS does not allow these versions, suites and curves: "
	       "No or insufficient priorities were set");
	assert_true(tls_cipher_suite_find("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", &other));
	config.cipher_suites = 1U << old | 1U << other;
	expect(*state, &config,
	       "GnuTLS does not allow the cipher suite "
	       "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 here");
	config.cipher_suites = 1U << new;
	expect(*state, &config,
	       "GnuTLS does not allow the cipher suite TLS_CHACHA20_POLY1305_SHA256 here");
}

static void test_versions(void **state)
{
	const struct web_config_tls config = { .min_version = TLS_VERSION_1_1,
					       .max_version = TLS_VERSION_1_1 };

	expect(*state, &config,
	       "GnuTLS does not allow these versions, suites and curves: "
	       "No or insufficient priorities were set");
}

static int start_again(char *program)
{
	char path[] = "/tmp/unit-tls-policy-XXXXXX";
	const int fd = mkstemp(path);

	if (fd < 0 || write(fd, policy, sizeof(policy) - 1) != sizeof(policy) - 1 ||
	    setenv("GNUTLS_SYSTEM_PRIORITY_FILE", path, 1) < 0)
		return 1;
	(void)close(fd);
	(void)execv("/proc/self/exe", (char *[]){ program, path, NULL });
	(void)unlink(path);
	return 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_asked_for_by_name),
		cmocka_unit_test(test_versions),
	};
	int r;

	if (argc < 2)
		return start_again(argv[0]);
	r = cmocka_run_group_tests(tests, setup, teardown);
	(void)unlink(argv[1]);
	return r;
}
