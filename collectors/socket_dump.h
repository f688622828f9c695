/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One dump of the host's TCP sockets (sock_diag) that feeds everyone who wants sockets within one
 * request: counts by state, the crowds that share ephemeral ports, and the join with the flows.
 */

#include <stdbool.h>
#include <stdint.h>

#include "lookup.h"
#include "ports.h"
#include "socket_counts.h"
#include "socket_set.h"

/* 56 MiB. Of more ESTABLISHED sockets than that a sample is kept. */
#define SOCKET_SAMPLE_MAX (1U << 20)

/* The connections of the sockets, for the join. */
struct socket_connections {
	struct socket_set set;	/* of all that are connected */
	struct lookup *sampled; /* ESTABLISHED ones: all, or a uniform sample of n */
	size_t n, capacity, max;
	uint64_t n_established; /* that the dump listed */
	uint64_t random;	/* state of the generator behind the sample */
	bool has_bound;		/* some socket, a listener maybe, is bound to a device */
};

struct socket_dump {
	uint64_t request; /* number of the request it was made for; 0: none yet */
	int error;
	struct socket_counts counts; /* TCP only */
	bool has_ports;		     /* the two below */
	struct ports ports;	     /* in_use_max is unknown unless the dump is whole */
	int ports_error;	     /* of the range */
};

struct collector_context;

/*
 * Gives the dump of this request, with ports when they are wanted, making it when nobody in this
 * request did before. ctx->wants_ports makes one dump do for everybody: to find crowds costs more
 * than to count. One that failed has the negative errno in error: -EOPNOTSUPP: the kernel has no
 * inet_diag; -ENOENT: no tcp_diag. *ret points into ctx; valid until the next call of this or of
 * socket_dump_connections().
 */
void socket_dump_get(struct collector_context *ctx, bool ports, const struct socket_dump **ret);

/*
 * Makes the dump anew and fills connections, which the caller has initialised, with it. Returns 0
 * or a negative errno; after -ETIME socket_dump_get() tries again, with the time that is left.
 */
int socket_dump_connections(struct collector_context *ctx, struct socket_connections *connections);

/* As socket_dump_connections(), but what socket_dump_get() gives stays as it was. */
int socket_dump_again(struct collector_context *ctx, struct socket_connections *connections);

/*
 * max: how many ESTABLISHED ones are kept; 0, or more than SOCKET_SAMPLE_MAX: as many as that.
 * Returns 0 or a negative errno.
 */
int socket_connections_init(struct socket_connections *connections, size_t max);
void socket_connections_finish(struct socket_connections *connections);

/*
 * Adds a socket that is connected. Returns 0 or -ENOMEM. A set that is full is no error: whom it
 * lacks is looked up.
 */
int socket_connections_add(struct socket_connections *connections, const struct lookup *connection,
			   bool established);
