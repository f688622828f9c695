/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How long connections may last, and which of them make room for new ones. Knows neither HTTP nor
 * the clock: it is told what a connection does, and when.
 *
 * Time is counted from what a client finished, not from its last byte: one that sends or takes a
 * byte now and then gains nothing by it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "ring.h"

enum connection_phase {
	CONNECTION_READING, /* new, or its request line is there and the rest is due */
	CONNECTION_ANSWERING,
	CONNECTION_IDLE,
	CONNECTION_WAITING, /* for us: as long as it takes, and it is not closed meanwhile */
	N_CONNECTION_PHASES,
};

struct connection {
	struct ring in_phase, in_age, in_client;
	struct client *client; /* NULL: was closed; its end is on the way */
	uint64_t key;	       /* client_key() */
	uint64_t since_ns;     /* of its phase */
	enum connection_phase phase;
	bool trusted;	   /* brought a request that was served */
	bool aged_trusted; /* when it got its age */
	int fd;
};

struct connections {
	struct ring phases[N_CONNECTION_PHASES]; /* in the order of since_ns */
	struct ages ages;
	struct clients clients;
	uint64_t *hits; /* by enum http_limit */
	size_t n;	/* all that live and were not closed, waiting ones too */
};

/* Counts in hits what it closes and refuses. Returns 0 or a negative errno. */
int connections_init(struct connections *all, uint64_t hits[N_HTTP_LIMITS]);

/*
 * Adds a new connection, which connections_admit() made room for. It lives in the caller's memory
 * until connection_remove(). Without a place for its client it is closed at once.
 */
void connection_add(struct connections *all, struct connection *c, int fd, uint64_t key,
		    uint64_t now_ns);
/* It is no longer counted, and nothing here leads to it. */
void connection_remove(struct connections *all, struct connection *c);

/* What it does from now on; who reads already has no more time than before. */
void connection_enter(struct connections *all, struct connection *c, enum connection_phase phase,
		      uint64_t now_ns);

/* The request it brings is one that is served. Counts from its answer on. */
void connection_trust(struct connection *c);

/*
 * Shuts down the socket of one that does not wait and counts why: one that never brought a request
 * that was served, unless these are less than HTTP_NEWCOMERS(); then one that did.
 * Of these the one that was not answered for longest. False when there is none.
 */
bool connections_evict(struct connections *all);

/*
 * Makes room for one more: in the client's own share, if it has an address, by its own connections,
 * and in the whole by anybody's. False when those that are left wait, which is counted like a
 * connection closed.
 */
bool connections_admit(struct connections *all, uint64_t key);

/* Shuts down and counts those whose time is over. */
void connections_expire(struct connections *all, uint64_t now_ns);

/* When connections_expire() has something to do; UINT64_MAX: never as things are. */
uint64_t connections_next_expiry(const struct connections *all);
