/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Logins of alice and bob with their thread, and requests that wait for them. */

#include "../../exporter/auth.h"
#include "../../exporter/bcrypt.h"

#define WAIT_MS 15000
#define REQUESTS_MAX 64
#define ALICE "correct horse"
#define BOB "battery staple"

struct login_request {
	struct auth_waiter waiter;
	enum auth_verdict verdict;
	unsigned int n_told;
};

struct login_server {
	struct auth *auth;
	struct login_request requests[REQUESTS_MAX];
	char alice[BCRYPT_HASH_LENGTH + 1], bob[BCRYPT_HASH_LENGTH + 1];
	char other[BCRYPT_HASH_LENGTH + 1]; /* of "changed" */
};

/* *state becomes a struct login_server. */
int login_server_setup(void **state);
int login_server_teardown(void **state);

/* What auth_create() is given. */
void login_tell(void *ctx, struct auth_waiter *waiter, enum auth_verdict verdict);

/* The hashes of the two, NULL: no such user. */
void set_users(struct login_server *s, const char *alice, const char *bob);

/* Asks as the i-th request, from a client of its own number unless said otherwise. */
enum auth_verdict ask_from(struct login_server *s, size_t i, uint64_t client, const char *name,
			   const char *password);
enum auth_verdict ask(struct login_server *s, size_t i, const char *name, const char *password);

/* The verdict about a request that was pending. */
enum auth_verdict wait_for(struct login_server *s, size_t i);

/* Asks and waits. */
enum auth_verdict log_in(struct login_server *s, const char *name, const char *password);
