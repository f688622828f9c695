/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "web_settings.h"

#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "log.h"
#include "util.h"
#include "web_change.h"
#include "web_load.h"

struct web_settings {
	char *path;
	char *directory;
	struct web_config *config;
	struct tls *tls;
	struct web_change change;
	/* Named by a change that is not in force, and not by what is. */
	char *others[WEB_SOURCES];
	uint64_t looked_ns;
	bool is_current;
	char failure[WEB_CONFIG_ERROR_MAX]; /* that was logged; "": none */
};

static struct web_look look(const struct web_settings *s)
{
	struct web_look now;

	web_stamp_take(s->path, &now.stamps[0]);
	for (size_t i = 0; i < WEB_SOURCES; i++) {
		web_stamp_take(web_load_file(s->config, i), &now.stamps[1 + i]);
		web_stamp_take(s->others[i], &now.stamps[WEB_FILES + i]);
	}
	return now;
}

static bool is_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/*
 * Has the files watched that a change names (NULL: it could not be read). True when these are not
 * those that were watched before. One that cannot be remembered is not watched, which costs a wait.
 */
static bool watch(struct web_settings *s, const struct web_config *config)
{
	bool changed = false;

	for (size_t i = 0; i < WEB_SOURCES; i++) {
		const char *file = web_load_file(config, i);

		if (is_equal(file, web_load_file(s->config, i)))
			file = NULL;
		if (is_equal(file, s->others[i]))
			continue;
		changed = true;
		free(s->others[i]);
		s->others[i] = file ? strdup(file) : NULL;
	}
	return changed;
}

static void take_over(struct web_settings *s, const struct web_loaded *loaded)
{
	log_info("The web configuration was read again", "file", s->path);
	web_load_warn(loaded->config, s->config);
	web_config_free(s->config);
	tls_unref(s->tls);
	s->config = loaded->config;
	s->tls = loaded->tls;
	(void)watch(s, NULL);
	web_change_accept(&s->change, &loaded->look);
	s->failure[0] = '\0';
	s->is_current = true;
}

/* Who asked for it is told again. */
static void keep(struct web_settings *s, const char *why, bool asked)
{
	s->is_current = false;
	if (!asked && strcmp(s->failure, why) == 0)
		return;
	(void)snprintf(s->failure, sizeof(s->failure), "%s", why);
	log_error("The web configuration in force stays, its change is not taken over", "file",
		  s->path, "err", why);
}

static int load(const struct web_settings *s, struct web_loaded *loaded, char *error)
{
	const char *refusal = web_change_refusal(s->config, loaded->config);

	if (!refusal)
		return web_load_tls(loaded, error);
	(void)snprintf(error, WEB_CONFIG_ERROR_MAX, "%s", refusal);
	return -EINVAL;
}

/*
 * Files that a change names for the first time rest as those that changed do, and what changed
 * while it was read rests again. What could be read and is wrong is not read again before it
 * changes; what could not be read is.
 */
static bool read_again(struct web_settings *s, const struct web_look *seen, uint64_t now_ns,
		       bool now)
{
	struct web_loaded loaded = { 0 };
	char error[WEB_CONFIG_ERROR_MAX];
	int r = web_load_config(s->path, s->directory, &loaded, error);
	const bool must_rest = watch(s, loaded.config) && !now;
	struct web_look later;

	if (r == 0 && !must_rest)
		r = load(s, &loaded, error);
	later = look(s);
	if (must_rest || r == -EAGAIN || (!now && !web_look_equal(&later, seen))) {
		web_change_restart(&s->change, &later, now_ns);
		web_loaded_free(&loaded);
		return false;
	}
	if (r == 0) {
		take_over(s, &loaded);
		return true;
	}
	if (r == -EINVAL && !now)
		web_change_refuse(&s->change, seen);
	keep(s, error, now);
	web_loaded_free(&loaded);
	return false;
}

static void settle(struct web_settings *s)
{
	if (s->is_current)
		return;
	s->is_current = true;
	s->failure[0] = '\0';
	s->change.has_refused = false;
	(void)watch(s, NULL);
	log_info("The web configuration's files are again those in force", "file", s->path);
}

static int64_t clock_real_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * (int64_t)NSEC_PER_SEC + now.tv_nsec;
}

bool web_settings_refresh(struct web_settings *s, uint64_t now_ns, bool now)
{
	enum web_change_step step;
	struct web_look seen;

	if (!now && s->looked_ns &&
	    now_ns - s->looked_ns < WEB_SETTINGS_INTERVAL_MS * NSEC_PER_MSEC)
		return false;
	s->looked_ns = now_ns;
	seen = look(s);
	step = now ? WEB_CHANGE_READ : web_change_judge(&s->change, &seen, now_ns, clock_real_ns());
	if (step == WEB_CHANGE_NONE)
		settle(s);
	return step == WEB_CHANGE_READ && read_again(s, &seen, now_ns, now);
}

/* Beside a file without a directory in its name is where the program was started. */
static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
}

int web_settings_open(const char *path, struct web_settings **ret, char error[WEB_CONFIG_ERROR_MAX])
{
	struct web_settings *s = calloc(1, sizeof(*s));
	struct web_loaded loaded = { 0 };
	int r = -ENOMEM;

	(void)snprintf(error, WEB_CONFIG_ERROR_MAX, "%s", errno_text(r));
	if (s) {
		s->path = strdup(path);
		s->directory = directory_of(path);
	}
	if (s && s->path && s->directory)
		r = web_load_config(s->path, s->directory, &loaded, error);
	if (r == 0)
		r = web_load_tls(&loaded, error);
	if (r < 0) {
		web_loaded_free(&loaded);
		web_settings_close(s);
		return r;
	}
	web_load_warn(loaded.config, NULL);
	s->config = loaded.config;
	s->tls = loaded.tls;
	web_change_accept(&s->change, &loaded.look);
	s->is_current = true;
	*ret = s;
	return 0;
}

void web_settings_close(struct web_settings *s)
{
	if (!s)
		return;
	(void)watch(s, NULL);
	web_config_free(s->config);
	tls_unref(s->tls);
	free(s->path);
	free(s->directory);
	free(s);
}

static void probe(const char *path)
{
	struct web_bytes bytes;
	struct web_stamp stamp;
	const char *why;

	if (web_file_read(path, &bytes, &stamp, &why) < 0)
		log_warn(
			"Changes of the web configuration cannot be taken over: this file cannot be read "
			"with the rights that are left",
			"file", path, "err", why);
	else
		web_bytes_free(&bytes);
}

void web_settings_probe(struct web_settings *s)
{
	const struct web_look now = look(s);

	web_change_accept_sight(&s->change, &now);
	probe(s->path);
	for (size_t i = 0; i < WEB_SOURCES; i++)
		if (web_load_file(s->config, i))
			probe(web_load_file(s->config, i));
}

static bool is_procfs(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

/* /, by whatever name, or where procfs is: who may read that sees other processes. */
static bool is_too_much(const char *directory)
{
	struct stat root, status;
	char proc[PATH_MAX];

	(void)snprintf(proc, sizeof(proc), "%s/proc", directory);
	if (is_procfs(directory) || is_procfs(proc))
		return true;
	return stat("/", &root) == 0 && stat(directory, &status) == 0 &&
	       status.st_dev == root.st_dev && status.st_ino == root.st_ino;
}

struct paths {
	void (*fn)(void *ctx, const char *path);
	void *ctx;
	bool warned;
};

static void name_directory(struct paths *paths, const char *file)
{
	char *directory = directory_of(file);

	if (directory && !is_too_much(directory)) {
		paths->fn(paths->ctx, directory);
	} else if (directory) {
		paths->fn(paths->ctx, file);
		if (!paths->warned)
			log_warn(
				"Files of the web configuration are where the whole file system or /proc "
				"is, so they alone may be read: one that is replaced, not written to, "
				"cannot be read again; give them a directory of their own",
				"file", file, "directory", directory);
		paths->warned = true;
	}
	free(directory);
}

/* Links are moved to other files beside the one they point to now, or are replaced by a file. */
static void name_directories(struct paths *paths, const char *file)
{
	char *real = realpath(file, NULL);

	name_directory(paths, file);
	if (real)
		name_directory(paths, real);
	free(real);
}

void web_settings_paths(const struct web_settings *s, void (*fn)(void *ctx, const char *path),
			void *ctx)
{
	struct paths paths = { fn, ctx, false };

	name_directories(&paths, s->path);
	for (size_t i = 0; i < WEB_SOURCES; i++)
		if (web_load_file(s->config, i))
			name_directories(&paths, web_load_file(s->config, i));
}

const struct web_config *web_settings_config(const struct web_settings *s)
{
	return s->config;
}

struct tls *web_settings_tls(const struct web_settings *s)
{
	return s->tls;
}

bool web_settings_is_current(const struct web_settings *s)
{
	return s->is_current;
}
