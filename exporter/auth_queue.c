/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "auth_queue.h"

#include <assert.h>
#include <string.h>

struct auth_login *auth_queue_at(struct auth_queue *queue, size_t i)
{
	assert(i < queue->n);
	return &queue->logins[(queue->first + i) % AUTH_QUEUE_MAX];
}

struct auth_login *auth_queue_find(struct auth_queue *queue, const struct secret_digest *digest)
{
	for (size_t i = 0; i < queue->n; i++) {
		struct auth_login *login = auth_queue_at(queue, i);

		if (secret_is_equal(&login->digest, digest, sizeof(*digest)))
			return login;
	}
	return NULL;
}

struct auth_login *auth_queue_add(struct auth_queue *queue, const struct auth_login *login)
{
	struct auth_login *added;

	if (queue->n == AUTH_QUEUE_MAX)
		return NULL;
	for (size_t i = 0; i < queue->n; i++)
		if (auth_queue_at(queue, i)->client == login->client)
			return NULL;
	queue->n++;
	added = auth_queue_at(queue, queue->n - 1);
	*added = *login;
	return added;
}

bool auth_login_join(struct auth_login *login, struct auth_waiter *waiter)
{
	if (login->n_waiters == AUTH_WAITERS_MAX)
		return false;
	login->n_waiters++;
	waiter->next = login->waiters;
	login->waiters = waiter;
	return true;
}

struct auth_waiter *auth_queue_pop(struct auth_queue *queue)
{
	struct auth_login *login = auth_queue_at(queue, 0);
	struct auth_waiter *waiters = login->waiters;

	explicit_bzero(login, sizeof(*login));
	queue->first = (queue->first + 1) % AUTH_QUEUE_MAX;
	queue->n--;
	return waiters;
}
