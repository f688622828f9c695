/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <stdlib.h>

#include "../exporter/util.h"
#include "sample.h"
#include "socket_dump.h"

#define FIRST_CAPACITY 256

int socket_connections_init(struct socket_connections *connections, size_t max)
{
	*connections = (struct socket_connections){
		.max = max && max < SOCKET_SAMPLE_MAX ? max : SOCKET_SAMPLE_MAX,
	};
	int r = socket_set_init(&connections->set);

	/* Whoever knew it could choose which sockets are looked at; the key is as good a seed. */
	connections->random = connections->set.key.word[0];
	return r;
}

void socket_connections_finish(struct socket_connections *connections)
{
	socket_set_finish(&connections->set);
	free(connections->sampled);
	*connections = (struct socket_connections){ 0 };
}

static int grow(struct socket_connections *connections)
{
	size_t capacity = connections->capacity ? connections->capacity * 2 : FIRST_CAPACITY;
	struct lookup *bigger;

	if (capacity > connections->max)
		capacity = connections->max;
	bigger = reallocarray(connections->sampled, capacity, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	connections->sampled = bigger;
	connections->capacity = capacity;
	return 0;
}

/* Reservoir sampling: each of the sockets seen so far is in the sample with the same probability.
 */
static int add_established(struct socket_connections *connections, const struct lookup *connection)
{
	uint64_t at = connections->n;

	if (connections->n < connections->max) {
		if (connections->n == connections->capacity && grow(connections) < 0)
			return -ENOMEM;
		connections->n++;
	} else {
		at = sample_below(&connections->random, connections->n_established + 1);
	}
	connections->n_established++;
	if (at < connections->n)
		connections->sampled[at] = *connection;
	return 0;
}

int socket_connections_add(struct socket_connections *connections, const struct lookup *connection,
			   bool established)
{
	int r = socket_set_add(&connections->set, &connection->local, connection->local_port,
			       &connection->remote, connection->remote_port);

	if (r < 0 && r != -E2BIG)
		return r;
	return established ? add_established(connections, connection) : 0;
}
