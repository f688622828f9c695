/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The connections that may be closed to make room for new ones: all but those that wait for a
 * scrape. Ordered by how long ago their last request was, not by when a byte came: a client that
 * sends one byte now and then grows old like any other.
 */

#include <stdbool.h>
#include <stddef.h>

struct connection {
	struct connection *prev, *next; /* NULL: not in the list */
	int fd;
	bool evicted; /* was shut down; its end is on the way */
};

struct connections {
	struct connection idle; /* head of a ring; the oldest comes first */
	size_t n;		/* all that live and were not evicted, waiting ones too */
};

void connections_init(struct connections *all);

/* Adds a new connection, idle; it lives in the caller's memory until connection_remove(). */
void connection_add(struct connections *all, struct connection *c, int fd);
void connection_remove(struct connections *all, struct connection *c);

/* It waits for a scrape and may not be evicted. */
void connection_busy(struct connection *c);

/* It has been answered and is the youngest of the idle ones. */
void connection_idle(struct connections *all, struct connection *c);

/* Shuts down the socket of the oldest idle one. False when there is none. */
bool connections_evict(struct connections *all);

/* Shuts down idle ones until fewer than max live. False when there are not enough. */
bool connections_make_room(struct connections *all, size_t max);
