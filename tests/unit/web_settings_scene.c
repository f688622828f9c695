/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>
#include <time.h>

#include "../../exporter/web_files.h"
#include "fake_tls_names.h"
#include "web_settings_scene.h"

int n_tls;
struct logged logged;
void (*before_read)(void);
int64_t ahead_s = -3600;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __real_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	const int r = __real_clock_gettime(clock, ret);

	if (clock == CLOCK_REALTIME)
		ret->tv_sec += ahead_s;
	return r;
}

int __wrap_web_file_read(const char *path, struct web_bytes *ret, struct web_stamp *ret_stamp,
			 const char **ret_why);
int __real_web_file_read(const char *path, struct web_bytes *ret, struct web_stamp *ret_stamp,
			 const char **ret_why);

int __wrap_web_file_read(const char *path, struct web_bytes *ret, struct web_stamp *ret_stamp,
			 const char **ret_why)
{
	void (*const hook)(void) = before_read;

	before_read = NULL;
	if (hook)
		hook();
	return __real_web_file_read(path, ret, ret_stamp, ret_why);
}

int tls_create(_unused_ const struct web_config_tls *config, const struct tls_material *material,
	       struct tls **ret, char error[TLS_ERROR_MAX])
{
	struct tls *tls;

	if (material->cert_length != material->key_length ||
	    memcmp(material->cert, material->key, material->cert_length) != 0) {
		(void)snprintf(error, TLS_ERROR_MAX, "the key does not go with the certificate");
		return -EINVAL;
	}
	tls = calloc(1, sizeof(*tls));
	assert_non_null(tls);
	memcpy(tls->cert, material->cert, material->cert_length);
	if (material->client_ca)
		memcpy(tls->ca, material->client_ca, material->client_ca_length);
	n_tls++;
	*ret = tls;
	return 0;
}

void tls_unref(struct tls *tls)
{
	n_tls -= tls != NULL;
	free(tls);
}

void log_write(enum log_level level, const char *msg, ...)
{
	const char *key, *value;
	va_list args;

	logged.n++;
	logged.level = level;
	logged.err[0] = '\0';
	(void)snprintf(logged.msg, sizeof(logged.msg), "%s", msg);
	va_start(args, msg);
	while ((key = va_arg(args, const char *)) && (value = va_arg(args, const char *)))
		if (strcmp(key, "err") == 0)
			(void)snprintf(logged.err, sizeof(logged.err), "%s", value);
	va_end(args);
}

void shorten(const char *text, const char *directory, char *ret, size_t size)
{
	const char *at = strstr(text, directory), *end = at ? strchr(at, '\'') : NULL;
	const char *name = at ? at + strlen(directory) + 1 : NULL;

	if (end)
		(void)snprintf(ret, size, "%.*s<%.*s>%s", (int)(at - text), text, (int)(end - name),
			       name, end);
	else
		(void)snprintf(ret, size, "%s", text);
}

const char *errno_text(int error)
{
	return strerror(error < 0 ? -error : error);
}

void put(const struct scene *scene, const char *name, const char *text)
{
	directory_write(scene->directory, name, text, strlen(text));
}

void replace(const struct scene *scene, const char *name, const char *text)
{
	char from[512];

	put(scene, "new", text);
	(void)snprintf(from, sizeof(from), "%s", directory_file(scene->directory, "new"));
	assert_int_equal(rename(from, directory_file(scene->directory, name)), 0);
}

struct scene scene_open(void **state, const char *config)
{
	struct scene scene = { .directory = *state, .now_ns = 100 * NSEC_PER_SEC };
	char error[WEB_CONFIG_ERROR_MAX] = "";

	put(&scene, "crt", "one");
	put(&scene, "key", "one");
	put(&scene, "ca", "ca");
	put(&scene, "system", "those that the system trusts");
	assert_int_equal(setenv("SSL_CERT_FILE", directory_file(scene.directory, "system"), 1), 0);
	put(&scene, "web.yml", config);
	if (web_settings_open(directory_file(scene.directory, "web.yml"), &scene.settings, error) <
	    0)
		fail_msg("%s", error);
	memset(&logged, 0, sizeof(logged));
	assert_false(web_settings_refresh(scene.settings, scene.now_ns, false));
	return scene;
}

void scene_close(struct scene *scene)
{
	web_settings_close(scene->settings);
	assert_int_equal(n_tls, 0);
}

bool later(struct scene *scene, uint64_t ms)
{
	scene->now_ns += ms * NSEC_PER_MSEC;
	return web_settings_refresh(scene->settings, scene->now_ns, false);
}

const char *hash(const struct scene *scene)
{
	const struct web_config *config = web_settings_config(scene->settings);

	return config->n_users ? config->users[0].hash : "";
}

const char *cert(const struct scene *scene)
{
	const struct tls *tls = web_settings_tls(scene->settings);

	return tls ? tls->cert : "";
}

void check_log(const struct scene *scene, int n, const char *msg, const char *err)
{
	char text[512];

	shorten(logged.err, scene->directory->path, text, sizeof(text));
	assert_int_equal(logged.n, n);
	assert_string_equal(logged.msg, msg);
	assert_string_equal(text, err);
}

void check_stays(struct scene *scene, const char *err)
{
	memset(&logged, 0, sizeof(logged));
	for (int i = 0; i < 10; i++)
		assert_false(later(scene, 1000));
	check_log(scene, 1, STAYS, err);
	assert_int_equal(logged.level, LOG_LEVEL_ERROR);
	assert_false(web_settings_is_current(scene->settings));
}
