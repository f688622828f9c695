/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Logins: names and passwords against bcrypt hashes. A hash takes a tenth of a second and more, so
 * one thread does one at a time, whoever asks, while the request that waits for it stands still;
 * verdicts are remembered. Of a password nothing is kept but a keyed digest. A name that is unknown
 * costs what a wrong password does.
 *
 * Once auth_start() returned, all of it makes the system calls that are named in auth_hasher.h, and
 * read from the descriptor of auth_fd().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "web_config.h"

struct auth;

enum auth_verdict {
	AUTH_GRANTED,
	AUTH_DENIED,  /* 401 */
	AUTH_BUSY,    /* 429: too many wait, or another one of this client does already */
	AUTH_PENDING, /* the callback of auth_create() will tell */
};

/* Who waits for a verdict; embedded in the caller's request. */
struct auth_waiter {
	struct auth_waiter *next;
};

/*
 * Called by auth_run() and auth_destroy() with any verdict but AUTH_PENDING. The waiter is the
 * caller's again. auth_check() may be called in it while auth_run() calls it.
 */
typedef void (*auth_fn)(void *ctx, struct auth_waiter *waiter, enum auth_verdict verdict);

/* Returns 0 or a negative errno. No user yet: every request is granted. */
int auth_create(auth_fn fn, void *ctx, struct auth **ret);

/*
 * Starts the thread. To be called when the rights have been dropped, which the thread is to
 * inherit, and before the system call filter, which does not allow it. Returns 0 or a negative
 * errno.
 */
int auth_start(struct auth *auth);

/*
 * Everyone who waits gets AUTH_BUSY. A hash that is being made is not waited for. Call it before
 * what the waiters and ctx are part of is gone. Accepts NULL.
 */
void auth_destroy(struct auth *auth);

/*
 * Copies. What is known about a user whose name and hash are still there is kept, and nothing else
 * grants any more: whoever waits gets a verdict about the new users. Returns 0, or -EINVAL for what
 * web_config_parse() never makes, and then nothing changed.
 */
int auth_set_users(struct auth *auth, const struct web_config_user *users, size_t n);

/*
 * authorization is the header, NULL when there is none. client says who asks, as
 * client_key() gives it: equal for connections that share a limit. AUTH_PENDING takes
 * waiter, which must live until its verdict, also when its client is gone; the header need not.
 * Without the thread what is not remembered is AUTH_BUSY.
 */
enum auth_verdict auth_check(struct auth *auth, const char *authorization, uint64_t client,
			     struct auth_waiter *waiter);

/* Readable when auth_run() has something to do. */
int auth_fd(const struct auth *auth);
void auth_run(struct auth *auth);
