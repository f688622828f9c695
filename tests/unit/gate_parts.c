/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "gate_parts.h"

#include <stdio.h>

#include "../../exporter/log.h"
#include "../../exporter/web_settings.h"
#include "unit.h"

struct gate_parts fake;

static void note(const char *what)
{
	const size_t length = strlen(fake.done);

	(void)snprintf(fake.done + length, sizeof(fake.done) - length, "%s%s", length ? " " : "",
		       what);
}

void check_done(const char *expected)
{
	assert_string_equal(fake.done, expected);
	fake.done[0] = '\0';
}

int web_settings_open(const char *path, struct web_settings **ret, char error[WEB_CONFIG_ERROR_MAX])
{
	note(path);
	if (fake.open_error < 0)
		(void)snprintf(error, WEB_CONFIG_ERROR_MAX, "line 1: nonsense");
	else
		*ret = (struct web_settings *)(void *)&fake;
	return fake.open_error;
}

void web_settings_close(struct web_settings *settings)
{
	if (settings)
		note("close");
}

void web_settings_probe(_unused_ struct web_settings *settings)
{
	note("probe");
}

bool web_settings_refresh(_unused_ struct web_settings *settings, uint64_t now_ns, bool now)
{
	const bool changed = fake.changes;

	assert_true(now_ns >= NOW);
	note(now ? "refresh-now" : "refresh");
	fake.changes = false;
	return changed;
}

const struct web_config *web_settings_config(_unused_ const struct web_settings *settings)
{
	return &fake.config;
}

struct tls *web_settings_tls(_unused_ const struct web_settings *settings)
{
	return fake.config.tls.enabled ? (struct tls *)(void *)&fake : NULL;
}

bool web_settings_is_current(_unused_ const struct web_settings *settings)
{
	return fake.is_current;
}

void web_settings_paths(_unused_ const struct web_settings *settings,
			void (*fn)(void *ctx, const char *path), void *ctx)
{
	fn(ctx, "/etc/somewhere");
}

int auth_create(auth_fn fn, void *ctx, struct auth **ret)
{
	fake.tell = fn;
	fake.ctx = ctx;
	if (fake.create_error == 0)
		*ret = (struct auth *)(void *)&fake;
	return fake.create_error;
}

int auth_start(_unused_ struct auth *auth)
{
	note("start");
	return fake.start_error;
}

void auth_destroy(_unused_ struct auth *auth)
{
	note("destroy");
	if (fake.waiter)
		fake.tell(fake.ctx, fake.waiter, AUTH_BUSY);
}

int auth_set_users(_unused_ struct auth *auth, const struct web_config_user *users, size_t n)
{
	assert_ptr_equal(users, fake.config.users);
	assert_int_equal(n, fake.config.n_users);
	note("users");
	return fake.users_error;
}

enum auth_verdict auth_check(_unused_ struct auth *auth, const char *authorization, uint64_t client,
			     struct auth_waiter *waiter)
{
	assert_int_equal(client, CLIENT);
	note(authorization ? authorization : "nobody");
	if (fake.verdict == AUTH_PENDING)
		fake.waiter = waiter;
	return fake.verdict;
}

int auth_fd(_unused_ const struct auth *auth)
{
	return 42;
}

void auth_run(_unused_ struct auth *auth)
{
	fake.tell(fake.ctx, fake.waiter, fake.verdict);
	fake.waiter = NULL;
}

void log_write(enum log_level level, _unused_ const char *msg, ...)
{
	assert_int_equal(level, LOG_LEVEL_ERROR);
	note("error");
}

const char *errno_text(int error)
{
	return strerror(error < 0 ? -error : error);
}
