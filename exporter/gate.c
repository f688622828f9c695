/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "rate.h"
#include "util.h"
#include "web_settings.h"

struct gate {
	struct web_settings *settings;
	struct auth *auth; /* NULL: was stopped */
	struct rate rate;
	struct web_state *state;
	gate_fn fn;
	bool adopted; /* what the settings are now */
};

/* What auth cannot say with certainty is no. */
static enum gate_verdict judge(struct gate *gate, enum auth_verdict verdict)
{
	switch (verdict) {
	case AUTH_GRANTED:
		return GATE_PASSED;
	case AUTH_PENDING:
		return GATE_PENDING;
	case AUTH_BUSY:
		gate->state->limit_hits[HTTP_LIMIT_LOGIN]++;
		return GATE_TOO_MANY;
	default:
		gate->state->unauthorized++;
		return GATE_UNAUTHORIZED;
	}
}

static void on_verdict(void *ctx, struct auth_waiter *waiter, enum auth_verdict verdict)
{
	struct gate *gate = ctx;

	gate->fn(waiter, judge(gate, verdict));
}

static void report(struct gate *gate)
{
	const bool good = gate->adopted && web_settings_is_current(gate->settings);

	gate->state->last_reload = good ? WEB_RELOAD_SUCCESSFUL : WEB_RELOAD_FAILED;
}

/* Tokens that were taken stay so where the rate limit is the same. */
static int adopt(struct gate *gate, uint64_t now_ns)
{
	const struct web_config *config = web_settings_config(gate->settings);
	int r;

	if (config->rate_interval_ns != gate->rate.interval_ns ||
	    config->rate_burst != gate->rate.burst)
		rate_init(&gate->rate, config->rate_interval_ns, config->rate_burst, now_ns);
	r = auth_set_users(gate->auth, config->users, config->n_users);
	gate->adopted = r == 0;
	return r;
}

int gate_open(const char *path, gate_fn fn, struct web_state *state, struct gate **ret,
	      char error[WEB_CONFIG_ERROR_MAX])
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int r = gate ? 0 : -ENOMEM;

	error[0] = '\0';
	if (r == 0) {
		gate->fn = fn;
		gate->state = state;
		r = web_settings_open(path, &gate->settings, error);
	}
	if (r == 0)
		r = auth_create(on_verdict, gate, &gate->auth);
	if (r == 0)
		r = adopt(gate, clock_monotonic_ns());
	if (r < 0) {
		if (!error[0])
			(void)snprintf(error, WEB_CONFIG_ERROR_MAX, "%s", errno_text(r));
		gate_close(gate);
		return r;
	}
	report(gate);
	*ret = gate;
	return 0;
}

void gate_close(struct gate *gate)
{
	if (!gate)
		return;
	gate_stop(gate);
	web_settings_close(gate->settings);
	free(gate);
}

void gate_paths(const struct gate *gate, void (*fn)(void *ctx, const char *path), void *ctx)
{
	if (gate)
		web_settings_paths(gate->settings, fn, ctx);
}

int gate_start(struct gate *gate)
{
	if (!gate)
		return 0;
	web_settings_probe(gate->settings);
	return auth_start(gate->auth);
}

void gate_stop(struct gate *gate)
{
	struct auth *auth = gate ? gate->auth : NULL;

	if (!auth)
		return;
	gate->auth = NULL;
	auth_destroy(auth);
}

void gate_refresh(struct gate *gate, uint64_t now_ns, bool now)
{
	int r = 0;

	if (!gate || !gate->auth)
		return;
	if (web_settings_refresh(gate->settings, now_ns, now))
		r = adopt(gate, now_ns);
	if (r < 0)
		log_error("Cannot take over the logins of the web configuration", "err",
			  errno_text(r));
	report(gate);
}

enum gate_verdict gate_check(struct gate *gate, const char *authorization, uint64_t client,
			     struct auth_waiter *waiter, uint64_t now_ns)
{
	if (!gate)
		return GATE_PASSED;
	if (!gate->auth)
		return GATE_TOO_MANY;
	gate_refresh(gate, now_ns, false);
	if (!rate_take(&gate->rate, now_ns)) {
		gate->state->limit_hits[HTTP_LIMIT_RATE]++;
		return GATE_TOO_MANY;
	}
	return judge(gate, auth_check(gate->auth, authorization, client, waiter));
}

int gate_fd(const struct gate *gate)
{
	return gate && gate->auth ? auth_fd(gate->auth) : -1;
}

void gate_run(struct gate *gate)
{
	if (gate && gate->auth)
		auth_run(gate->auth);
}

struct tls *gate_tls(const struct gate *gate)
{
	return gate ? web_settings_tls(gate->settings) : NULL;
}

char *const *gate_headers(const struct gate *gate)
{
	return gate ? web_settings_config(gate->settings)->headers : NULL;
}
