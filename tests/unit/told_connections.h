/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Connections that are told twice what they do: the real ones, and plain numbers to compare. */

#include "unit.h"

#include "../../exporter/connection.h"

#define SECOND NSEC_PER_SEC
#define N_PLACES (HTTP_CONNECTIONS_MAX + 40)

/* What a descriptor's connection is, told a second time by plain numbers. */
struct told {
	bool open;		   /* lives and was not shut down */
	bool trusted, old_trusted; /* now, and when it got its age */
	uint64_t key, age, since;
	enum connection_phase phase;
};

struct server {
	struct connections all;
	struct connection connections[N_PLACES];
	bool used[N_PLACES]; /* between connection_add() and connection_remove() */
	struct told told[N_PLACES];
	uint64_t hits[N_HTTP_LIMITS], expected[N_HTTP_LIMITS];
	uint64_t now, ages;
};

int setup(void **state);
int teardown(void **state);
void add(struct server *s, int i, uint64_t key);
void leave(struct server *s, int i);
void enter(struct server *s, int i, enum connection_phase phase);
void trust(struct server *s, int i);
/* A request that is served at once. */
void be_served(struct server *s, int i);
/* Exactly what was told to be open is, and all is counted. */
void check(const struct server *s);
void expect_shut(struct server *s, int i, enum http_limit hit);

#define server_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
