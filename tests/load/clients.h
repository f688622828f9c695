/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Groups of clients that behave alike, and what became of them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "wire.h"

#define NSEC_PER_MSEC 1000000ULL
#define NEVER UINT64_MAX
/* A scrape, or an attempt to connect, that takes longer has failed. */
#define PATIENCE_MS 10000
/* How long a client that lost its connection stays away. */
#define AWAY_MS 500

enum failure {
	FAILURE_CONNECT,   /* no connection */
	FAILURE_CLOSED,	   /* a new connection ended before the answer began */
	FAILURE_CUT,	   /* the answer ended too early */
	FAILURE_SLOW,	   /* no whole answer in PATIENCE_MS */
	FAILURE_STATUS,	   /* not 200 */
	FAILURE_COLLECTOR, /* a collector says that it failed */
	N_FAILURES,
};

struct client;
struct group;

/* What clients of one kind do. Each may be NULL. */
struct kind {
	const char *name;
	void (*begin)(struct client *client);	 /* the connection is there */
	void (*step)(struct client *client);	 /* each group->every_ms */
	void (*readable)(struct client *client); /* instead of throwing away what comes */
	bool blind;				 /* does not read what comes */
	bool leaves;				 /* closes in its step, and comes again at once */
	bool scrapes;
};

struct group {
	const struct kind *kind;
	uint64_t count, every_ms, each, limit; /* limit 0: none */
	bool keep, bye;
	const char *path;
	union wire_address from;
	uint64_t n_from;
	char request[4096];
	size_t request_size;

	uint64_t begun; /* connections or scrapes, against the limit */
	uint64_t opened, refused, ended, held, held_max;
	uint64_t again, failures[N_FAILURES], last_status;
	uint64_t *latencies_ns;
	size_t n_latencies, latencies_size;
};

struct client {
	struct group *group;
	struct load *load;
	union wire_address from;
	struct wire wire;
	bool established;
	uint64_t due_ns;
	uint64_t began_ns; /* 0: no scrape is under way */
	bool reused;	   /* the connection had an answer before this scrape */
	char *reply;
	size_t reply_size, reply_capacity;
};

struct load {
	int epoll;
	uint16_t port;
	gnutls_certificate_credentials_t credentials;
	uint64_t now_ns, next_due_ns, end_ns;
	bool ending;
	uint64_t seed;
	struct group *groups;
	size_t n_groups;
};

/* Reads "KIND:COUNT[,NAME=VALUE...]"; ends the program when it is not one. */
void group_parse(struct group *group, char *text, const char *header);
void group_print(struct group *group, FILE *out); /* a JSON object */
void group_add_latency(struct group *group, uint64_t ns);

const struct kind *kind_find(const char *name);

/* Begins a scrape, or ends one that waits for too long. */
void scrape_step(struct client *client);
void scrape_begin(struct client *client);
void scrape_readable(struct client *client);
void scrape_lost(struct client *client, enum failure failure);

void client_open(struct client *client);
void client_close(struct client *client, bool reset);
void client_set_due(struct client *client, uint64_t due_ns);
