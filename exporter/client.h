/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who has connections, and how many: a table of as many clients as there can be connections.
 * Nothing is allocated, and finding one takes a step on average: strangers do not know the hash.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../collectors/hash.h"
#include "http_limits.h"
#include "ring.h"

#define CLIENT_BUCKETS (2 * HTTP_CONNECTIONS_MAX)

/* Connections that may be closed, untrusted and trusted, those not answered for longest first. */
struct ages {
	struct ring rings[2];
	size_t n_untrusted;
};

struct client {
	struct client *next;
	uint64_t key;
	size_t n; /* connections */
	struct ages ages;
};

struct clients {
	struct hash_key hash;
	struct client *buckets[CLIENT_BUCKETS];
	struct client *unused;
	struct client slots[HTTP_CONNECTIONS_MAX];
};

/*
 * What connections that share a limit have in common: the IPv4 address, also where it comes in an
 * IPv6 one, or the first 64 bits of the IPv6 address. 0 for sockets without either, which are
 * one client where turns and places are given out, and whose connections have no limit of their
 * own.
 */
uint64_t client_key(const struct sockaddr *address);

/* Returns 0 or the negative errno of getrandom(2). */
int clients_init(struct clients *all);

/* NULL: none with this key has a connection. */
struct client *clients_find(const struct clients *all, uint64_t key);

void ages_init(struct ages *ages);

/* Counts one connection more. NULL when HTTP_CONNECTIONS_MAX others have some. */
struct client *clients_join(struct clients *all, uint64_t key);

/* Counts one less; a client without connections is forgotten. */
void clients_leave(struct clients *all, struct client *client);
