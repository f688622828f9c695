/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "web_load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bcrypt_hash.h"
#include "log.h"
#include "util.h"

static_assert(TLS_ERROR_MAX <= WEB_CONFIG_ERROR_MAX, "one buffer for the errors of all");

__attribute__((format(printf, 3, 4))) static int fail(char *error, int r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, WEB_CONFIG_ERROR_MAX, format, args);
	va_end(args);
	return r;
}

static const struct web_config_source *source_of(const struct web_config *config, size_t i)
{
	const struct web_config_source *const all[WEB_SOURCES] = {
		&config->tls.cert,
		&config->tls.key,
		&config->tls.client_ca,
	};

	return all[i];
}

const char *web_load_file(const struct web_config *config, size_t i)
{
	return config ? source_of(config, i)->file : NULL;
}

static int read_file(const char *path, struct web_bytes *ret, struct web_stamp *ret_stamp,
		     char *error)
{
	const char *why;
	const int r = web_file_read(path, ret, ret_stamp, &why);

	return r < 0 ? fail(error, r, "cannot read '%.128s': %s", path, why) : 0;
}

/* Whoever found something wrong said so in error; that memory is short is said here. */
static int explain(int r, char *error)
{
	return r == -ENOMEM ? fail(error, r, "%s", errno_text(r)) : r;
}

static const char *find_system_ca(void)
{
	/* Go's list and order. */
	static const char *const usual[] = {
		"/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch, Gentoo */
		"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora and its kin */
		"/etc/ssl/ca-bundle.pem",	      /* SUSE */
		"/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/cert.pem", /* Alpine */
	};
	const char *named = secure_getenv("SSL_CERT_FILE");
	struct web_stamp stamp;

	if (named && *named)
		return named;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
		web_stamp_take(usual[i], &stamp);
		if (stamp.error == 0)
			return usual[i];
	}
	return NULL;
}

/* Who has certificates verified and names no authority means those that the system trusts. */
static int name_system_ca(struct web_config_tls *tls, char *error)
{
	const char *file;

	if ((tls->client_auth != WEB_CLIENT_VERIFY_IF_GIVEN &&
	     tls->client_auth != WEB_CLIENT_REQUIRE_AND_VERIFY) ||
	    tls->client_ca.file || tls->client_ca.text)
		return 0;
	file = find_system_ca();
	if (!file)
		return fail(error, -EINVAL, "%s",
			    "client certificates cannot be verified: no client CA is given, and "
			    "those that the system trusts were not found");
	tls->client_ca.file = strdup(file);
	tls->trusts_system = true;
	return tls->client_ca.file ? 0 : -ENOMEM;
}

int web_load_config(const char *path, const char *directory, struct web_loaded *ret,
		    char error[WEB_CONFIG_ERROR_MAX])
{
	struct web_bytes bytes;
	int r = read_file(path, &bytes, &ret->look.stamps[0], error);

	if (r < 0)
		return r;
	r = web_config_parse(bytes.data, bytes.length, directory, &ret->config, error);
	web_bytes_free(&bytes);
	if (r == 0)
		r = name_system_ca(&ret->config->tls, error);
	return explain(r, error);
}

/* ret_read has what of it must be freed. */
static int load_source(struct web_loaded *loaded, size_t i, struct web_bytes *ret_read,
		       struct web_bytes *ret, char *error)
{
	const struct web_config_source *source = source_of(loaded->config, i);
	int r = 0;

	if (source->file) {
		r = read_file(source->file, ret_read, &loaded->look.stamps[1 + i], error);
		*ret = *ret_read;
	} else if (source->text) {
		*ret = (struct web_bytes){ source->text, strlen(source->text) };
	}
	return r;
}

static int create(struct web_loaded *loaded, const struct web_bytes *bytes, char *error)
{
	const struct tls_material material = {
		.cert = bytes[0].data,
		.cert_length = bytes[0].length,
		.key = bytes[1].data,
		.key_length = bytes[1].length,
		.client_ca = bytes[2].data,
		.client_ca_length = bytes[2].length,
	};

	return explain(tls_create(&loaded->config->tls, &material, &loaded->tls, error), error);
}

int web_load_tls(struct web_loaded *loaded, char error[WEB_CONFIG_ERROR_MAX])
{
	struct web_bytes read[WEB_SOURCES] = { 0 }, bytes[WEB_SOURCES] = { 0 };
	int r = 0;

	if (!loaded->config->tls.enabled)
		return 0;
	for (size_t i = 0; i < WEB_SOURCES && r == 0; i++)
		r = load_source(loaded, i, &read[i], &bytes[i], error);
	if (r == 0)
		r = create(loaded, bytes, error);
	for (size_t i = 0; i < WEB_SOURCES; i++)
		web_bytes_free(&read[i]);
	return r;
}

struct web_costly web_load_costly(const struct web_config *config)
{
	struct web_costly costly = { 0 };

	for (size_t i = 0; config && i < config->n_users; i++) {
		const unsigned int cost = bcrypt_cost(config->users[i].hash);

		if (cost <= WEB_COST_USUAL_MAX)
			continue;
		costly.users++;
		costly.cost = cost > costly.cost ? cost : costly.cost;
	}
	return costly;
}

/* One hash is made at a time, and an unknown name costs what the dearest user does. */
static void warn_of_costs(const struct web_config *config, const struct web_config *before)
{
	const struct web_costly now = web_load_costly(config), then = web_load_costly(before);
	char cost[16], users[16];

	if (now.cost <= then.cost && now.users <= then.users)
		return;
	(void)snprintf(cost, sizeof(cost), "%u", now.cost);
	(void)snprintf(users, sizeof(users), "%zu", now.users);
	log_warn(
		"Passwords are hashed at a cost above 14: to check one takes longer than a scrape, all "
		"others wait meanwhile, and at a cost of 31 only a restart ends it",
		"cost", cost, "users", users);
}

void web_load_warn(const struct web_config *config, const struct web_config *before)
{
	warn_of_costs(config, before);
	if (config->tls.trusts_system && !(before && before->tls.trusts_system))
		log_warn(
			"No client CA is given: client certificates are verified by the authorities that "
			"the system trusts",
			"file", config->tls.client_ca.file);
}

void web_loaded_free(struct web_loaded *loaded)
{
	web_config_free(loaded->config);
	tls_unref(loaded->tls);
}
