/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a request must pass before anybody looks at what it asks for, as the web configuration says:
 * the rate limit, then the login. Owns the configuration and has it read again when it changed.
 *
 * A NULL gate, which all functions but gate_open() accept, is that of an exporter without
 * --web.config.file: it stands open, without TLS, and does nothing.
 */

#include <stdbool.h>
#include <stdint.h>

#include "auth.h"
#include "tls.h"
#include "web_config.h"
#include "web_state.h"

struct gate;

enum gate_verdict {
	GATE_PENDING, /* the callback of gate_open() will tell */
	GATE_PASSED,
	GATE_UNAUTHORIZED, /* 401 */
	GATE_TOO_MANY,	   /* 429 */
	N_GATE_VERDICTS,
};

/* Called by gate_run() and gate_stop(), not with GATE_PENDING. The waiter is the caller's again. */
typedef void (*gate_fn)(struct auth_waiter *waiter, enum gate_verdict verdict);

/*
 * Reads path and all it names, with the rights of the one who started the program. state, where it
 * counts what it refuses and says how the last change went, must outlive it. Returns 0, or a
 * negative errno with one sentence in error.
 */
int gate_open(const char *path, gate_fn fn, struct web_state *state, struct gate **ret,
	      char error[WEB_CONFIG_ERROR_MAX]);
void gate_close(struct gate *gate);

/* As web_settings_paths(). */
void gate_paths(const struct gate *gate, void (*fn)(void *ctx, const char *path), void *ctx);

/*
 * To be called when the rights have been dropped and before the system call filter: says which
 * files cannot be read any more, and starts the thread for logins. Returns 0 or a negative errno.
 */
int gate_start(struct gate *gate);

/* Who waits is refused, and so is who comes from now on. */
void gate_stop(struct gate *gate);

/* As web_settings_refresh(), and what follows from it. To be called at each new connection. */
void gate_refresh(struct gate *gate, uint64_t now_ns, bool now);

/*
 * authorization and client as for auth_check(). Without the header a request passes only where
 * there are no logins, and never waits. GATE_PENDING takes waiter, until its verdict.
 */
enum gate_verdict gate_check(struct gate *gate, const char *authorization, uint64_t client,
			     struct auth_waiter *waiter, uint64_t now_ns);

/* Readable when gate_run() has something to do; -1: there is none. */
int gate_fd(const struct gate *gate);
void gate_run(struct gate *gate);

/* Both are borrowed, until the next refresh. NULL: none. */
struct tls *gate_tls(const struct gate *gate);
/* What answers are to have, by enum web_header. */
char *const *gate_headers(const struct gate *gate);
