/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The file of --web.config.file. What was accepted keeps within its bounds, and a comment before it
 * changes nothing.
 */

#include "fuzz.h"

#include "../../exporter/web_config.h"

#define DIRECTORY "/etc/exporter"

static void check_source(const struct web_config_source *source)
{
	HOLDS(!source->text || !source->file);
	HOLDS(!source->file || source->file[0] == '/');
}

static void check_tls(const struct web_config_tls *tls)
{
	check_source(&tls->cert);
	check_source(&tls->key);
	check_source(&tls->client_ca);
	HOLDS(tls->client_auth < N_WEB_CLIENT_AUTHS);
	HOLDS(tls->min_version <= tls->max_version && tls->max_version < N_TLS_VERSIONS);
	HOLDS(tls->n_sans <= WEB_CONFIG_SANS_MAX && tls->n_curves <= N_TLS_CURVES);
	for (size_t i = 0; i < tls->n_sans; i++)
		HOLDS(tls->sans[i]);
	for (size_t i = 0; i < tls->n_curves; i++)
		HOLDS(tls->curves[i] < N_TLS_CURVES);
	/* What is to be served has both. */
	HOLDS(!tls->enabled ||
	      ((tls->cert.text || tls->cert.file) && (tls->key.text || tls->key.file)));
}

static void check(const struct web_config *config)
{
	check_tls(&config->tls);
	HOLDS(config->n_users <= WEB_CONFIG_USERS_MAX);
	for (size_t i = 0; i < config->n_users; i++) {
		const struct web_config_user *user = &config->users[i];

		HOLDS(user->name && user->hash && strlen(user->hash) == 60 && user->hash[0] == '$');
		for (size_t other = 0; other < i; other++)
			HOLDS(strcmp(config->users[other].name, user->name) != 0);
	}
	for (int i = 0; i < N_WEB_HEADERS; i++)
		HOLDS(!config->headers[i] || !strpbrk(config->headers[i], "\r\n"));
	HOLDS(config->rate_interval_ns == 0 || config->rate_burst > 0);
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void compare(const struct web_config *a, const struct web_config *b)
{
	HOLDS(a->tls.enabled == b->tls.enabled && a->tls.client_auth == b->tls.client_auth);
	HOLDS(a->tls.cipher_suites == b->tls.cipher_suites && a->tls.n_sans == b->tls.n_sans);
	HOLDS(is_same_text(a->tls.cert.file, b->tls.cert.file));
	HOLDS(is_same_text(a->tls.key.text, b->tls.key.text));
	HOLDS(a->n_users == b->n_users && a->rate_interval_ns == b->rate_interval_ns);
	for (size_t i = 0; i < a->n_users; i++)
		HOLDS(is_same_text(a->users[i].name, b->users[i].name) &&
		      is_same_text(a->users[i].hash, b->users[i].hash));
	for (int i = 0; i < N_WEB_HEADERS; i++)
		HOLDS(is_same_text(a->headers[i], b->headers[i]));
}

static int parse(const char *text, size_t size, struct web_config **ret)
{
	char *error = malloc(WEB_CONFIG_ERROR_MAX);
	int r;

	HOLDS(error);
	*error = '\0';
	*ret = NULL;
	r = web_config_parse(text, size, DIRECTORY, ret, error);
	if (r == 0) {
		HOLDS(*ret);
		check(*ret);
	} else {
		HOLDS(!*ret && *error && memchr(error, '\0', WEB_CONFIG_ERROR_MAX));
	}
	free(error);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char comment[] = "# a comment\n";
	const size_t before = sizeof(comment) - 1;
	struct web_config *config, *again;
	char *text = input_block(data, size), *longer = malloc(before + size);
	int r;

	HOLDS(longer);
	r = parse(text, size, &config);
	/* Not before a mark of the bytes' order, or a directive. */
	if (r == 0 && size > 0 && *text >= 'a' && *text <= 'z') {
		memcpy(longer, comment, before);
		memcpy(longer + before, text, size);
		HOLDS(parse(longer, before + size, &again) == 0);
		compare(config, again);
		web_config_free(again);
	}
	web_config_free(config);
	free(text);
	free(longer);
	return 0;
}
