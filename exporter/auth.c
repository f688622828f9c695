/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth_cache.h"
#include "auth_credentials.h"
#include "auth_hasher.h"
#include "auth_queue.h"
#include "auth_users.h"
#include "util.h"

struct auth {
	auth_fn fn;
	void *ctx;
	struct secret_key key;
	struct auth_users users;
	struct auth_cache cache;
	struct auth_queue queue;
	struct auth_hasher *hasher;
	bool started;
	bool hashing;
	struct secret_digest hashed; /* of the job that the hasher has */
};

int auth_create(auth_fn fn, void *ctx, struct auth **ret)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int r;

	if (!auth)
		return -ENOMEM;
	auth->fn = fn;
	auth->ctx = ctx;
	r = secret_key_create(&auth->key);
	if (r == 0)
		r = auth_hasher_create(&auth->hasher);
	if (r < 0) {
		free(auth);
		return r;
	}
	*ret = auth;
	return 0;
}

int auth_start(struct auth *auth)
{
	int r = auth_hasher_start(auth->hasher);

	auth->started = r == 0;
	return r;
}

static void give_verdict(struct auth *auth, struct auth_waiter *waiters, enum auth_verdict verdict)
{
	while (waiters) {
		struct auth_waiter *waiter = waiters;

		waiters = waiter->next;
		auth->fn(auth->ctx, waiter, verdict);
	}
}

void auth_destroy(struct auth *auth)
{
	if (!auth)
		return;
	auth_hasher_destroy(auth->hasher);
	while (auth->queue.n > 0)
		give_verdict(auth, auth_queue_pop(&auth->queue), AUTH_BUSY);
	explicit_bzero(auth, sizeof(*auth));
	free(auth);
}

/* Whose login it is, and the digest that goes with that. */
static void identify(const struct auth *auth, struct auth_login *login)
{
	const char *strings[] = { login->name, login->password, NULL };

	login->user = auth_users_find(&auth->users, &auth->key, login->name);
	strings[2] = auth->users.all[login->user].hash.text;
	secret_digest(&auth->key, strings, ARRAY_SIZE(strings), &login->digest);
}

int auth_set_users(struct auth *auth, const struct web_config_user *users, size_t n)
{
	size_t old[AUTH_USERS_MAX];
	struct auth_users changed;
	int r = auth_users_set(&changed, &auth->key, users, n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		old[i] = auth_users_find_same(&auth->users, &changed.all[i]);
	auth_cache_move(&auth->cache, old, n);
	auth->users = changed;
	explicit_bzero(&changed, sizeof(changed));
	for (size_t i = 0; i < auth->queue.n; i++)
		identify(auth, auth_queue_at(&auth->queue, i));
	return 0;
}

static void start_next(struct auth *auth)
{
	struct auth_hash_job job;
	struct auth_login *login;

	if (auth->hashing || auth->queue.n == 0)
		return;
	login = auth_queue_at(&auth->queue, 0);
	memcpy(job.password, login->password, sizeof(job.password));
	job.hash = auth->users.all[login->user].hash;
	job.costs = auth->users.costs;
	auth->hashed = login->digest;
	auth->hashing = auth_hasher_submit(auth->hasher, &job);
	explicit_bzero(&job, sizeof(job));
}

/* The password is cut to what counts, so that one user's verdict is one, whatever follows it. */
static void make_login(const struct auth *auth, const struct auth_credentials *credentials,
		       struct auth_login *ret)
{
	memcpy(ret->name, credentials->name, sizeof(ret->name));
	memcpy(ret->password, credentials->password,
	       strnlen(credentials->password, BCRYPT_PASSWORD_MAX));
	identify(auth, ret);
}

static enum auth_verdict wait_for_hash(struct auth *auth, const struct auth_login *login,
				       struct auth_waiter *waiter)
{
	struct auth_login *waiting;

	if (!auth->started)
		return AUTH_BUSY;
	waiting = auth_queue_find(&auth->queue, &login->digest);
	if (!waiting)
		waiting = auth_queue_add(&auth->queue, login);
	if (!waiting || !auth_login_join(waiting, waiter))
		return AUTH_BUSY;
	start_next(auth);
	return AUTH_PENDING;
}

enum auth_verdict auth_check(struct auth *auth, const char *authorization, uint64_t client,
			     struct auth_waiter *waiter)
{
	enum auth_verdict verdict = AUTH_DENIED;
	struct auth_login login = { .client = client };
	struct auth_credentials credentials;
	bool good;

	if (auth->users.n == 0)
		return AUTH_GRANTED;
	if (auth_credentials_parse(authorization, &credentials) == 0) {
		make_login(auth, &credentials, &login);
		if (!auth_cache_find(&auth->cache, login.user, &login.digest, &good))
			verdict = wait_for_hash(auth, &login, waiter);
		else if (good)
			verdict = AUTH_GRANTED;
	}
	explicit_bzero(&credentials, sizeof(credentials));
	explicit_bzero(&login, sizeof(login));
	return verdict;
}

int auth_fd(const struct auth *auth)
{
	return auth_hasher_fd(auth->hasher);
}

void auth_run(struct auth *auth)
{
	struct auth_login *login;
	struct auth_waiter *waiters = NULL;
	bool good;

	if (!auth_hasher_take(auth->hasher, &good))
		return;
	auth->hashing = false;
	login = auth_queue_at(&auth->queue, 0);
	/* If the users changed meanwhile, it is made again, with the new hash. */
	if (secret_is_equal(&login->digest, &auth->hashed, sizeof(auth->hashed))) {
		good = good && login->user < auth->users.n;
		auth_cache_store(&auth->cache, login->user, &login->digest, good);
		waiters = auth_queue_pop(&auth->queue);
	}
	start_next(auth);
	give_verdict(auth, waiters, good ? AUTH_GRANTED : AUTH_DENIED);
}
