/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Logins whose hash is being made or waits for its turn: first come, first served, one of a client
 * at most, so that a client who tries passwords keeps no other one out. Pure.
 */

#include "auth.h"
#include "auth_credentials.h"
#include "bcrypt.h"
#include "secret.h"

#define AUTH_QUEUE_MAX 32
/*
 * Requests of one login. With what there can be of these, half of all connections wait at most, and
 * none for longer than the hashes before it take. No one fills up a login whose password he does
 * not know.
 */
#define AUTH_WAITERS_MAX 8

struct auth_login {
	uint64_t client;
	char name[AUTH_NAME_MAX + 1];
	char password[BCRYPT_PASSWORD_MAX + 1]; /* what counts of it */
	size_t user;				/* index among auth_users */
	struct secret_digest digest;		/* of name, password and that user's hash */
	struct auth_waiter *waiters;
	size_t n_waiters;
};

struct auth_queue {
	struct auth_login logins[AUTH_QUEUE_MAX];
	size_t first, n;
};

/* The i-th of n, whose first is the one whose hash is being made. */
struct auth_login *auth_queue_at(struct auth_queue *queue, size_t i);

/* The one with that digest, which others may share: it costs no hash more. NULL: none. */
struct auth_login *auth_queue_find(struct auth_queue *queue, const struct secret_digest *digest);

/* A copy at the end, for its waiters to be set. NULL: the queue is full, or the client is in it. */
struct auth_login *auth_queue_add(struct auth_queue *queue, const struct auth_login *login);

/* False when AUTH_WAITERS_MAX wait for it already. */
bool auth_login_join(struct auth_login *login, struct auth_waiter *waiter);

/* Wipes the first and returns its waiters. */
struct auth_waiter *auth_queue_pop(struct auth_queue *queue);
