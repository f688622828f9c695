/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tls_peer.h"

enum shown { NONE, GOOD, WRONG_CA, SELF_SIGNED, EXPIRED, NOT_YET, WRONG_PURPOSE, N_SHOWN };

static const char *const versions[] = { "NORMAL:-VERS-ALL:+VERS-TLS1.2",
					"NORMAL:-VERS-ALL:+VERS-TLS1.3" };
enum { V12, V13 };

struct world {
	struct identity server, ca, other_ca;
	struct identity shown[N_SHOWN];
};

static int setup(void **state)
{
	static struct world w;
	const char *client = GNUTLS_KP_TLS_WWW_CLIENT;

	w.server = identity_make(&(struct wish){ "server", .purpose = GNUTLS_KP_TLS_WWW_SERVER });
	w.ca = identity_make(&(struct wish){ "CA", .ca = true });
	/* The same name, so that only the signature tells. */
	w.other_ca = identity_make(&(struct wish){ "CA", .ca = true });
	const struct wish wishes[N_SHOWN] = {
		[GOOD] = { "client", &w.ca, .purpose = client, .sans = { SAN(DNS, "scraper") } },
		[WRONG_CA] = { "client", &w.other_ca, .purpose = client,
			       .sans = { SAN(DNS, "scraper") } },
		[SELF_SIGNED] = { "client", .purpose = client, .sans = { SAN(DNS, "scraper") } },
		[EXPIRED] = { "client", &w.ca, .from = -3, .until = -1, .purpose = client },
		[NOT_YET] = { "client", &w.ca, .from = 1, .until = 3, .purpose = client },
		[WRONG_PURPOSE] = { "client", &w.ca, .purpose = GNUTLS_KP_TLS_WWW_SERVER },
	};

	for (size_t i = GOOD; i < N_SHOWN; i++)
		w.shown[i] = identity_make(&wishes[i]);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	for (size_t i = GOOD; i < N_SHOWN; i++)
		identity_finish(&w->shown[i]);
	identity_finish(&w->server);
	identity_finish(&w->ca);
	identity_finish(&w->other_ca);
	return 0;
}

static struct tls *make(const struct world *w, enum web_client_auth auth, const char *const *sans,
			size_t n_sans)
{
	struct web_config_tls config = { CONFIG_DEFAULTS, .client_auth = auth };
	char error[TLS_ERROR_MAX];
	struct tls *tls;

	for (; config.n_sans < n_sans; config.n_sans++)
		config.sans[config.n_sans] = (char *)sans[config.n_sans];
	tls = context_make(&config, &w->server, &w->ca, error);
	assert_string_equal(error, "");
	return tls;
}

/* A client that is refused never gets a byte to the server, and is told why if it showed one. */
static void expect(const struct outcome *outcome, int version, int server)
{
	const bool told = server == GNUTLS_E_CERTIFICATE_ERROR;

	assert_int_equal(outcome->server, server);
	assert_true(outcome->carries == (server == 0));
	if (server == 0 || version == V13)
		assert_int_equal(outcome->client, 0);
	else
		assert_int_not_equal(outcome->client, 0);
	if (told)
		assert_int_equal(outcome->alert, GNUTLS_A_BAD_CERTIFICATE);
	if (server == 0)
		assert_int_equal(outcome->alert, -1);
}

#define OK 0
#define BAD GNUTLS_E_CERTIFICATE_ERROR
#define LACKS 1 /* GnuTLS has a word for it in each version */

static int code(int expected, int version)
{
	if (expected != LACKS)
		return expected;
	return version == V13 ? GNUTLS_E_CERTIFICATE_REQUIRED : GNUTLS_E_NO_CERTIFICATE_FOUND;
}

/* Every kind of client authentication, every certificate, both versions. */
static void test_matrix(void **state)
{
	static const int expected[N_WEB_CLIENT_AUTHS][N_SHOWN] = {
		/* NONE, GOOD, WRONG_CA, SELF_SIGNED, EXPIRED, NOT_YET, WRONG_PURPOSE */
		[WEB_CLIENT_NO_CERT] = { OK, OK, OK, OK, OK, OK, OK },
		[WEB_CLIENT_REQUEST] = { OK, OK, OK, OK, OK, OK, OK },
		[WEB_CLIENT_REQUIRE_ANY] = { LACKS, OK, OK, OK, OK, OK, OK },
		[WEB_CLIENT_VERIFY_IF_GIVEN] = { OK, OK, BAD, BAD, BAD, BAD, BAD },
		[WEB_CLIENT_REQUIRE_AND_VERIFY] = { LACKS, OK, BAD, BAD, BAD, BAD, BAD },
	};
	const struct world *w = *state;

	for (int auth = 0; auth < N_WEB_CLIENT_AUTHS; auth++) {
		struct tls *tls = make(w, (enum web_client_auth)auth, NULL, 0);

		for (int shown = 0; shown < N_SHOWN; shown++)
			for (int v = V12; v <= V13; v++) {
				const struct peer peer = {
					.priority = versions[v],
					.shows = shown == NONE ? NULL : &w->shown[shown],
				};
				struct outcome outcome = shake_hands(tls, &peer);

				print_message("auth %d, shown %d, version %d\n", auth, shown, v);
				expect(&outcome, v, code(expected[auth][shown], v));
			}
		tls_unref(tls);
	}
}

/* A name is wanted of whoever shows a certificate; without one there is no name. */
static void test_sans_with_every_kind(void **state)
{
	static const char *const listed[] = { "other", "scraper" };
	static const struct {
		int none, good, wrong_ca, nameless;
	} expected[N_WEB_CLIENT_AUTHS] = {
		[WEB_CLIENT_NO_CERT] = { BAD, BAD, BAD, BAD }, /* never asked for; fails closed */
		[WEB_CLIENT_REQUEST] = { BAD, OK, OK, BAD },
		[WEB_CLIENT_REQUIRE_ANY] = { LACKS, OK, OK, BAD },
		[WEB_CLIENT_VERIFY_IF_GIVEN] = { BAD, OK, BAD, BAD },
		[WEB_CLIENT_REQUIRE_AND_VERIFY] = { LACKS, OK, BAD, BAD },
	};
	const struct world *w = *state;
	struct identity nameless = identity_make(&(struct wish){ "scraper", &w->ca });

	for (int auth = WEB_CLIENT_REQUEST; auth < N_WEB_CLIENT_AUTHS; auth++) {
		struct tls *tls = make(w, (enum web_client_auth)auth, listed, 2);

		for (int v = V12; v <= V13; v++) {
			const struct {
				const struct identity *shows;
				int expected;
			} cases[] = {
				{ NULL, expected[auth].none },
				{ &w->shown[GOOD], expected[auth].good },
				{ &w->shown[WRONG_CA], expected[auth].wrong_ca },
				{ &nameless, expected[auth].nameless },
			};

			for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
				struct outcome outcome = shake_hands(
					tls, &(struct peer){ versions[v], cases[i].shows });

				expect(&outcome, v, code(cases[i].expected, v));
			}
		}
		tls_unref(tls);
	}
	identity_finish(&nameless);
}

static void test_sans_are_exact(void **state)
{
	static const struct {
		const char *listed;
		struct san sans[SANS_MAX];
		int expected;
	} cases[] = {
		{ "scraper.example", { SAN(DNS, "scraper.example") }, OK },
		{ "scraper.example", { SAN(DNS, "a"), SAN(DNS, "scraper.example") }, OK },
		{ "scraper.example", { SAN(DNS, "Scraper.example") }, BAD },
		{ "scraper.example", { SAN(DNS, "scraper.example.") }, BAD },
		{ "scraper.example", { SAN(DNS, "scraper.exampl") }, BAD },
		{ "scraper.example", { SAN(DNS, "*.example") }, BAD },
		{ "scraper.example", { SAN(DNS, "scraper.example\0.evil") }, BAD },
		{ "scraper.example", { SAN(DNS, "scraper.example\0") }, BAD },
		{ "ann@example", { SAN(EMAIL, "ann@example") }, OK },
		{ "ann@example", { SAN(EMAIL, "ann@example\0") }, BAD },
		{ "spiffe://example/a", { SAN(URI, "spiffe://example/a") }, OK },
		{ "spiffe://example/a", { SAN(URI, "spiffe://example/ab") }, BAD },
		{ "192.0.2.1", { SAN(ADDRESS, "\xc0\x00\x02\x01") }, OK },
		{ "192.0.2.1", { SAN(ADDRESS, "\xc0\x00\x02\x02") }, BAD },
		{ "192.0.2.1", { SAN(DNS, "192.0.2.1") }, OK }, /* as the toolkit */
		{ "2001:db8::1",
		  { SAN(ADDRESS, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01") },
		  OK },
		{ "192.0.2.1",
		  { SAN(ADDRESS, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01") },
		  OK },
		{ "192.0.2.1", { SAN(ADDRESS, "\xc0\x00\x02\x01\x00") }, BAD },
		{ "scraper", { SAN(EMAIL, "a"), SAN(URI, "b"), SAN(ADDRESS, "abcd") }, BAD },
		{ "1.2.3.4", { SAN(ID, "\x2a\x03\x04") }, BAD },
		{ "", { SAN(DNS, "scraper.example") }, BAD },
	};
	const struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tls *tls = make(w, WEB_CLIENT_REQUIRE_AND_VERIFY, &cases[i].listed, 1);
		struct wish wish = { "scraper.example", &w->ca };
		struct identity client;
		struct outcome outcome;

		memcpy(wish.sans, cases[i].sans, sizeof(wish.sans));
		client = identity_make(&wish);
		outcome = shake_hands(tls, &(struct peer){ versions[V13], &client });
		print_message("case %zu\n", i);
		expect(&outcome, V13, cases[i].expected);
		identity_finish(&client);
		tls_unref(tls);
	}
}

/* Certificates are public: who has one and not its key does not come in, verified or not. */
static void test_a_certificate_without_its_key(void **state)
{
	const struct world *w = *state;

	for (int auth = WEB_CLIENT_REQUEST; auth < N_WEB_CLIENT_AUTHS; auth++) {
		struct tls *tls = make(w, (enum web_client_auth)auth, NULL, 0);

		for (int v = V12; v <= V13; v++) {
			struct outcome outcome = shake_hands(
				tls, &(struct peer){ versions[v], &w->shown[GOOD],
						     .signs = &w->shown[WRONG_CA] });

			assert_int_equal(outcome.server, GNUTLS_E_PK_SIG_VERIFY_FAILED);
			assert_false(outcome.carries);
		}
		tls_unref(tls);
	}
}

static void test_a_short_key(void **state)
{
	const struct world *w = *state;
	struct identity client = identity_make(
		&(struct wish){ "client", &w->ca, .rsa_bits = 1024 });
	struct tls *tls = make(w, WEB_CLIENT_REQUIRE_AND_VERIFY, NULL, 0);

	for (int v = V12; v <= V13; v++) {
		struct outcome outcome = shake_hands(tls, &(struct peer){ versions[v], &client });

		expect(&outcome, v, BAD);
	}
	tls_unref(tls);
	identity_finish(&client);
}

/* A client with a certificate of another CA would not show it to a server that names its own. */
static void test_any_certificate_means_any(void **state)
{
	const struct world *w = *state;
	struct identity stranger_ca = identity_make(&(struct wish){ "other CA", .ca = true });
	struct identity stranger = identity_make(&(struct wish){ "stranger", &stranger_ca });
	struct tls *tls = make(w, WEB_CLIENT_REQUIRE_ANY, NULL, 0);

	for (int v = V12; v <= V13; v++) {
		struct outcome outcome = shake_hands(
			tls, &(struct peer){ versions[v], &stranger, .only_if_wanted = true });

		expect(&outcome, v, OK);
	}
	tls_unref(tls);
	identity_finish(&stranger);
	identity_finish(&stranger_ca);
}

/* Whoever has one shows it where nobody is named, and where others are named does not. */
static void test_authorities_of_the_system_are_not_named(void **state)
{
	struct web_config_tls config = { CONFIG_DEFAULTS,
					 .client_auth = WEB_CLIENT_REQUIRE_AND_VERIFY };
	const struct world *w = *state;
	struct identity stranger_ca = identity_make(&(struct wish){ "other CA", .ca = true });
	struct identity stranger = identity_make(&(struct wish){ "stranger", &stranger_ca });
	const struct {
		const struct identity *shows;
		bool trusts_system;
		int expected;
	} cases[] = {
		{ &w->shown[GOOD], false, OK },
		{ &w->shown[GOOD], true, OK },
		{ &stranger, false, LACKS },
		{ &stranger, true, BAD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char error[TLS_ERROR_MAX];
		struct tls *tls;

		config.trusts_system = cases[i].trusts_system;
		tls = context_make(&config, &w->server, &w->ca, error);
		for (int v = V12; v <= V13; v++) {
			struct outcome outcome = shake_hands(
				tls, &(struct peer){ versions[v], cases[i].shows,
						     .only_if_wanted = true });

			expect(&outcome, v, code(cases[i].expected, v));
		}
		tls_unref(tls);
	}
	identity_finish(&stranger);
	identity_finish(&stranger_ca);
}

/* It would come back without its certificate, whatever became of that meanwhile. */
static void test_no_session_is_resumed(void **state)
{
	const struct world *w = *state;
	struct tls *tls = make(w, WEB_CLIENT_REQUIRE_AND_VERIFY, NULL, 0);

	for (int v = V12; v <= V13; v++) {
		struct outcome outcome = shake_hands(
			tls, &(struct peer){ versions[v], &w->shown[GOOD], .resumes = true });

		expect(&outcome, v, OK);
		assert_false(outcome.resumed);
	}
	tls_unref(tls);
}

/* Nobody has it kept without end before it is known who he is. */
static void test_a_certificate_has_a_size(void **state)
{
	static const struct {
		unsigned int padding;
		int expected;
	} cases[] = { { 31000, OK }, { 33000, GNUTLS_E_HANDSHAKE_TOO_LARGE } };
	const struct world *w = *state;
	struct tls *tls = make(w, WEB_CLIENT_REQUIRE_AND_VERIFY, NULL, 0);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct identity client = identity_make(
			&(struct wish){ "client", &w->ca, .padding = cases[i].padding });

		for (int v = V12; v <= V13; v++) {
			struct outcome outcome = shake_hands(
				tls, &(struct peer){ versions[v], &client });

			expect(&outcome, v, cases[i].expected);
		}
		identity_finish(&client);
	}
	tls_unref(tls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_sans_with_every_kind),
		cmocka_unit_test(test_sans_are_exact),
		cmocka_unit_test(test_a_certificate_without_its_key),
		cmocka_unit_test(test_a_short_key),
		cmocka_unit_test(test_any_certificate_means_any),
		cmocka_unit_test(test_authorities_of_the_system_are_not_named),
		cmocka_unit_test(test_no_session_is_resumed),
		cmocka_unit_test(test_a_certificate_has_a_size),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
