/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A join whose kernel is a script: what each lookup of a connection says, time after time. */

#include "../../collectors/collector.h"
#include "../../collectors/join.h"

#define E LOOKUP_ESTABLISHED
#define O LOOKUP_OTHER_STATE
#define N LOOKUP_NONE
#define F LOOKUP_FAILED
#define TIMES 3
/* Ports of candidates begin here, and those of their other tuples there. */
#define CANDIDATES 20000
#define OTHER_TUPLE 30000
#define CONNECTIONS_MAX 60000

/* What lookups of a connection, known by its local port, say. */
struct script {
	enum lookup_result socket[TIMES], flow[TIMES];
	uint16_t zone;		      /* where its flow is */
	enum lookup_result elsewhere; /* what the other zones hold */
	size_t socket_asked, flow_asked;
};

struct scripted_kernel {
	struct script scripts[CONNECTIONS_MAX];
	int sockets_error, flows_error, dump_error;
	size_t socket_lookups, flow_lookups, dumps;
	uint16_t listed; /* local port of what another dump lists; 0: nothing */
};

extern struct scripted_kernel kernel;

#define SOCKET(...)                                            \
	(struct script)                                        \
	{                                                      \
		.socket = { __VA_ARGS__ }, .flow = { E, E, E } \
	}
#define NO_SOCKET SOCKET(N, N, N)

/* An empty join with room for max sockets, and a kernel that has not been asked yet. */
struct join *scripted_make(size_t max);
void scripted_destroy(struct join *join);

/* A socket of the sample, and what the first look at its flow said. */
struct script *scripted_add_socket(struct join *join, enum join_path path,
				   enum lookup_result first);
void scripted_add(struct join *join, enum join_path path, enum lookup_result first,
		  struct script script);

/* A candidate of the walk: each of its tuples as a socket here would have it. */
void scripted_add_candidate(struct join *join, uint16_t zone, struct script original,
			    struct script reply);

/* join_finish(), which must succeed. */
struct join_counts scripted_finish(struct join *join, uint64_t established);

void scripted_check_sockets(const struct join_counts *counts, enum join_path path, uint64_t tracked,
			    uint64_t mismatched, uint64_t untracked);
void scripted_check_flows(const struct join_counts *counts, uint64_t present, uint64_t absent,
			  uint64_t forwarded);
