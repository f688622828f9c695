/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "web_config_keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "auth_credentials.h"
#include "bcrypt_hash.h"
#include "duration.h"
#include "util.h"
#include "web_values.h"

#define BURST_MAX 1000000000

enum tls_key {
	TLS_KEY_CERT,
	TLS_KEY_CERT_FILE,
	TLS_KEY_KEY,
	TLS_KEY_KEY_FILE,
	TLS_KEY_CLIENT_CA,
	TLS_KEY_CLIENT_CA_FILE,
	TLS_KEY_CLIENT_AUTH_TYPE,
	TLS_KEY_CLIENT_ALLOWED_SANS,
	TLS_KEY_MIN_VERSION,
	TLS_KEY_MAX_VERSION,
	TLS_KEY_CIPHER_SUITES,
	TLS_KEY_PREFER_SERVER_CIPHER_SUITES,
	TLS_KEY_CURVE_PREFERENCES,
	N_TLS_KEYS,
};

#define HEADER_CONTENT_SECURITY_POLICY "Content-Security-Policy"
#define HEADER_X_FRAME_OPTIONS "X-Frame-Options"
#define HEADER_X_CONTENT_TYPE_OPTIONS "X-Content-Type-Options"
#define HEADER_X_XSS_PROTECTION "X-XSS-Protection"
#define HEADER_STRICT_TRANSPORT_SECURITY "Strict-Transport-Security"

const char *const web_header_names[N_WEB_HEADERS] = {
	[WEB_HEADER_CONTENT_SECURITY_POLICY] = HEADER_CONTENT_SECURITY_POLICY,
	[WEB_HEADER_X_FRAME_OPTIONS] = HEADER_X_FRAME_OPTIONS,
	[WEB_HEADER_X_CONTENT_TYPE_OPTIONS] = HEADER_X_CONTENT_TYPE_OPTIONS,
	[WEB_HEADER_X_XSS_PROTECTION] = HEADER_X_XSS_PROTECTION,
	[WEB_HEADER_STRICT_TRANSPORT_SECURITY] = HEADER_STRICT_TRANSPORT_SECURITY,
};

int web_refuse(struct web_parse *p, size_t line, const char *format, ...)
{
	const int n = snprintf(p->error, WEB_CONFIG_ERROR_MAX, "line %zu: ", line);
	va_list args;

	va_start(args, format);
	(void)vsnprintf(p->error + n, WEB_CONFIG_ERROR_MAX - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

void web_secret_free(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

static void *field(struct web_parse *p, const struct web_key *key)
{
	return (char *)p->config + key->offset;
}

static int copy(const char *text, char **ret)
{
	char *copied = strdup(text);

	if (!copied)
		return -ENOMEM;
	*ret = copied;
	return 0;
}

/* Nothing is as good as not given. */
static int set_text(struct web_parse *p, const struct web_key *key)
{
	return p->event.text[0] ? copy(p->event.text, field(p, key)) : 0;
}

static int set_file(struct web_parse *p, const struct web_key *key)
{
	char **ret = field(p, key);

	if (p->event.text[0] == '\0' || p->event.text[0] == '/' || strcmp(p->directory, ".") == 0)
		return set_text(p, key);
	if (asprintf(ret, "%s/%s", p->directory, p->event.text) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int set_bool(struct web_parse *p, const struct web_key *key)
{
	if (!p->event.is_plain || !web_bool_parse(p->event.text, field(p, key)))
		return web_refuse(p, p->event.line, "%s must be true or false", key->name);
	return 0;
}

/* HTTP/1.1 is all that is spoken, whatever the value. */
static int set_http2(struct web_parse *p, const struct web_key *key)
{
	bool ignored;

	if (!p->event.is_plain || !web_bool_parse(p->event.text, &ignored))
		return web_refuse(p, p->event.line, "%s must be true or false", key->name);
	return 0;
}

static int set_client_auth(struct web_parse *p, const struct web_key *key)
{
	static const struct {
		const char *name;
		enum web_client_auth auth;
	} names[] = {
		{ "NoClientCert", WEB_CLIENT_NO_CERT },
		{ "RequestClientCert", WEB_CLIENT_REQUEST },
		{ "RequireAnyClientCert", WEB_CLIENT_REQUIRE_ANY },
		{ "RequireClientCert", WEB_CLIENT_REQUIRE_ANY }, /* its old name */
		{ "VerifyClientCertIfGiven", WEB_CLIENT_VERIFY_IF_GIVEN },
		{ "RequireAndVerifyClientCert", WEB_CLIENT_REQUIRE_AND_VERIFY },
	};

	if (p->event.text[0] == '\0')
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(p->event.text, names[i].name) == 0) {
			p->config->tls.enabled = true;
			p->config->tls.client_auth = names[i].auth;
			return 0;
		}
	return web_refuse(p, p->event.line, "unknown %s '%.40s'", key->name, p->event.text);
}

static int set_version(struct web_parse *p, const struct web_key *key)
{
	if (!tls_version_find(p->event.text, field(p, key)))
		return web_refuse(p, p->event.line,
				  "unknown %s '%.40s', it must be TLS10, TLS11, TLS12 or TLS13",
				  key->name, p->event.text);
	return 0;
}

static int add_cipher_suite(struct web_parse *p, _unused_ const struct web_key *key)
{
	unsigned int suite;

	if (!tls_cipher_suite_find(p->event.text, &suite))
		return web_refuse(p, p->event.line, "%s cipher suite '%.60s'",
				  tls_cipher_suite_is_insecure(p->event.text) ? "insecure"
									      : "unknown",
				  p->event.text);
	p->config->tls.cipher_suites |= UINT32_C(1) << suite;
	return 0;
}

static int add_curve(struct web_parse *p, _unused_ const struct web_key *key)
{
	struct web_config_tls *tls = &p->config->tls;
	enum tls_curve curve;

	if (!tls_curve_find(p->event.text, &curve))
		return web_refuse(p, p->event.line, "unknown curve '%.40s'", p->event.text);
	for (size_t i = 0; i < tls->n_curves; i++)
		if (tls->curves[i] == curve)
			return 0;
	tls->curves[tls->n_curves++] = curve;
	return 0;
}

static int add_san(struct web_parse *p, const struct web_key *key)
{
	struct web_config_tls *tls = &p->config->tls;

	if (p->event.is_null || p->event.text[0] == '\0')
		return web_refuse(p, p->event.line, "an entry of %s is empty", key->name);
	if (tls->n_sans == WEB_CONFIG_SANS_MAX)
		return web_refuse(p, p->event.line, "%s has more than %d entries", key->name,
				  WEB_CONFIG_SANS_MAX);
	if (copy(p->event.text, &tls->sans[tls->n_sans]) < 0)
		return -ENOMEM;
	tls->n_sans++;
	return 0;
}

static bool is_one_of(const char *text, const char *const *values)
{
	for (; *values; values++)
		if (strcmp(text, *values) == 0)
			return true;
	return false;
}

/* Without the one that is read: each is there once. */
static size_t headers_length(const struct web_config *config)
{
	size_t length = 0;

	for (size_t i = 0; i < N_WEB_HEADERS; i++)
		length += config->headers[i] ? strlen(config->headers[i]) : 0;
	return length;
}

static int set_header(struct web_parse *p, const struct web_key *key)
{
	if (!web_header_is_valid(p->event.text))
		return web_refuse(p, p->event.line, "the value of %s has a control character",
				  key->name);
	if (key->values && !is_one_of(p->event.text, key->values))
		return web_refuse(p, p->event.line, "the value of %s must be %s%s%s", key->name,
				  key->values[0], key->values[1] ? " or " : "",
				  key->values[1] ? key->values[1] : "");
	if (headers_length(p->config) + strlen(p->event.text) > WEB_HEADER_VALUES_MAX)
		return web_refuse(p, p->event.line,
				  "the values of the headers have more than %d bytes",
				  WEB_HEADER_VALUES_MAX);
	return set_text(p, key);
}

static int set_interval(struct web_parse *p, const struct web_key *key)
{
	if (!duration_parse(p->event.text, field(p, key)))
		return web_refuse(p, p->event.line, "%s must be a duration like 1s or 500ms",
				  key->name);
	return 0;
}

static int set_burst(struct web_parse *p, const struct web_key *key)
{
	if (!p->event.is_plain || !web_count_parse(p->event.text, BURST_MAX, field(p, key)))
		return web_refuse(p, p->event.line, "%s must be a number up to %d", key->name,
				  BURST_MAX);
	return 0;
}

/* Stricter than the toolkit, which takes users who can never log in. */
static int check_name(struct web_parse *p, const char *name)
{
	if (strchr(name, ':'))
		return web_refuse(p, p->event.line,
				  "the user '%.40s' cannot log in: the name has a colon", name);
	if (strlen(name) > AUTH_NAME_MAX)
		return web_refuse(p, p->event.line,
				  "the user '%.40s' cannot log in: the name has more than %d bytes",
				  name, AUTH_NAME_MAX);
	return 0;
}

static int add_user(struct web_parse *p, const char *name)
{
	struct web_config *config = p->config;
	struct web_config_user *user = &config->users[config->n_users];

	for (size_t i = 0; i < config->n_users; i++)
		if (strcmp(config->users[i].name, name) == 0)
			return web_refuse(p, p->event.line, "the user '%.40s' is there twice",
					  name);
	if (check_name(p, name) < 0)
		return -EINVAL;
	if (bcrypt_cost(p->event.text) == 0)
		return web_refuse(p, p->event.line,
				  "the password of the user '%.40s' is not hashed with bcrypt",
				  name);
	if (config->n_users == WEB_CONFIG_USERS_MAX)
		return web_refuse(p, p->event.line, "there are more than %d users",
				  WEB_CONFIG_USERS_MAX);
	config->n_users++;
	if (copy(name, &user->name) < 0 || copy(p->event.text, &user->hash) < 0)
		return -ENOMEM;
	return 0;
}

/* As in every exporter, the file counts where both are given. */
static bool is_given(struct web_config_source *source)
{
	if (source->file)
		web_secret_free(&source->text);
	return source->file || source->text;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static int check_clients(struct web_parse *p, bool has_ca, const size_t *lines)
{
	const struct web_config_tls *tls = &p->config->tls;

	if (has_ca && tls->client_auth == WEB_CLIENT_NO_CERT)
		return web_refuse(
			p, larger(lines[TLS_KEY_CLIENT_CA], lines[TLS_KEY_CLIENT_CA_FILE]),
			"a client CA needs a client_auth_type that asks for a certificate");
	if (tls->n_sans && tls->client_auth != WEB_CLIENT_REQUIRE_ANY &&
	    tls->client_auth != WEB_CLIENT_REQUIRE_AND_VERIFY)
		return web_refuse(p, lines[TLS_KEY_CLIENT_ALLOWED_SANS],
				  "client_allowed_sans needs the client_auth_type "
				  "RequireAndVerifyClientCert or RequireAnyClientCert");
	return 0;
}

static int check_tls(struct web_parse *p, size_t line, const size_t *lines)
{
	struct web_config_tls *tls = &p->config->tls;
	const bool has_cert = is_given(&tls->cert), has_key = is_given(&tls->key);
	const bool has_ca = is_given(&tls->client_ca);

	tls->enabled |= has_cert || has_key || has_ca;
	if (tls->enabled && !has_cert)
		return web_refuse(p, line, "tls_server_config has neither cert nor cert_file");
	if (tls->enabled && !has_key)
		return web_refuse(p, line, "tls_server_config has neither key nor key_file");
	if (tls->min_version > tls->max_version)
		return web_refuse(p, larger(lines[TLS_KEY_MIN_VERSION], lines[TLS_KEY_MAX_VERSION]),
				  "min_version (if not given, TLS12) is above max_version");
	return check_clients(p, has_ca, lines);
}

static int check_rate(struct web_parse *p, size_t line, _unused_ const size_t *lines)
{
	if (p->config->rate_interval_ns && p->config->rate_burst == 0)
		return web_refuse(p, line, "rate_limit without a burst lets no request through");
	return 0;
}

#define AT(member) offsetof(struct web_config, member)

static const struct web_key tls_keys[N_TLS_KEYS] = {
	[TLS_KEY_CERT] = { "cert", set_text, AT(tls.cert.text) },
	[TLS_KEY_CERT_FILE] = { "cert_file", set_file, AT(tls.cert.file) },
	[TLS_KEY_KEY] = { "key", set_text, AT(tls.key.text) },
	[TLS_KEY_KEY_FILE] = { "key_file", set_file, AT(tls.key.file) },
	[TLS_KEY_CLIENT_CA] = { "client_ca", set_text, AT(tls.client_ca.text) },
	[TLS_KEY_CLIENT_CA_FILE] = { "client_ca_file", set_file, AT(tls.client_ca.file) },
	[TLS_KEY_CLIENT_AUTH_TYPE] = { "client_auth_type", set_client_auth },
	[TLS_KEY_CLIENT_ALLOWED_SANS] = { "client_allowed_sans", add_san, .is_list = true,
					  .is_never_empty = true },
	[TLS_KEY_MIN_VERSION] = { "min_version", set_version, AT(tls.min_version) },
	[TLS_KEY_MAX_VERSION] = { "max_version", set_version, AT(tls.max_version) },
	[TLS_KEY_CIPHER_SUITES] = { "cipher_suites", add_cipher_suite, .is_list = true },
	[TLS_KEY_PREFER_SERVER_CIPHER_SUITES] = { "prefer_server_cipher_suites", set_bool,
						  AT(tls.prefer_server_cipher_suites) },
	[TLS_KEY_CURVE_PREFERENCES] = { "curve_preferences", add_curve, .is_list = true },
};

static const char *const frame_options[] = { "deny", "sameorigin", NULL };
static const char *const content_type_options[] = { "nosniff", NULL };

#define HEADER(name) HEADER_##name, set_header, AT(headers[WEB_HEADER_##name])

static const struct web_key header_keys[N_WEB_HEADERS] = {
	{ HEADER(CONTENT_SECURITY_POLICY) },
	{ HEADER(X_FRAME_OPTIONS), .values = frame_options },
	{ HEADER(X_CONTENT_TYPE_OPTIONS), .values = content_type_options },
	{ HEADER(X_XSS_PROTECTION) },
	{ HEADER(STRICT_TRANSPORT_SECURITY) },
};

static const struct web_map header_map = { header_keys, ARRAY_SIZE(header_keys) };

static const struct web_key http_keys[] = {
	{ "http2", set_http2 },
	{ "headers", .map = &header_map },
};

static const struct web_key rate_keys[] = {
	{ "interval", set_interval, AT(rate_interval_ns) },
	{ "burst", set_burst, AT(rate_burst) },
};

static const struct web_map tls_map = { tls_keys, ARRAY_SIZE(tls_keys), .check = check_tls };
static const struct web_map http_map = { http_keys, ARRAY_SIZE(http_keys) };
static const struct web_map rate_map = { rate_keys, ARRAY_SIZE(rate_keys), .check = check_rate };
static const struct web_map user_map = { .add = add_user };

static const struct web_key sections[] = {
	{ "tls_server_config", .map = &tls_map },
	{ "http_server_config", .map = &http_map },
	{ "basic_auth_users", .map = &user_map },
	{ "rate_limit", .map = &rate_map },
};

const struct web_map web_config_map = { sections, ARRAY_SIZE(sections) };

static_assert(ARRAY_SIZE(tls_keys) <= WEB_KEYS_MAX, "each key needs its line");
