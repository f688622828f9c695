/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "scripted_join.h"

#include "address_text.h"

struct scripted_kernel kernel;

static enum lookup_result next_of(const enum lookup_result *results, size_t *asked)
{
	const size_t at = *asked < TIMES ? *asked : TIMES - 1;

	++*asked;
	return results[at];
}

int lookup_sockets(_unused_ struct collector_context *ctx, struct lookup *lookups, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct script *script = &kernel.scripts[lookups[i].local_port];

		lookups[i].result = next_of(script->socket, &script->socket_asked);
	}
	kernel.socket_lookups += n;
	return kernel.sockets_error;
}

int lookup_flows(_unused_ struct collector_context *ctx, struct lookup *lookups, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct script *script = &kernel.scripts[lookups[i].local_port];

		lookups[i].result = lookups[i].zone == script->zone
					    ? next_of(script->flow, &script->flow_asked)
					    : script->elsewhere;
	}
	kernel.flow_lookups += n;
	return kernel.flows_error;
}

int socket_dump_again(_unused_ struct collector_context *ctx,
		      struct socket_connections *connections)
{
	const struct lookup listed = { .local_port = kernel.listed };

	kernel.dumps++;
	if (kernel.listed)
		assert_int_equal(socket_connections_add(connections, &listed, true), 0);
	return kernel.dump_error;
}

/* Here is 192.0.2.1; a connection is to there, or to itself. */
struct join *scripted_make(size_t max)
{
	struct join *join = calloc(1, sizeof(*join));
	const struct address own = address_of("192.0.2.1");

	memset(&kernel, 0, sizeof(kernel));
	assert_non_null(join);
	assert_int_equal(address_set_add(&join->own, &own), 0);
	join->connections.sampled = calloc(max + 1, sizeof(*join->connections.sampled));
	assert_non_null(join->connections.sampled);
	return join;
}

void scripted_destroy(struct join *join)
{
	address_set_finish(&join->own);
	free(join->connections.sampled);
	free(join);
}

struct script *scripted_add_socket(struct join *join, enum join_path path, enum lookup_result first)
{
	const size_t i = join->connections.n++;

	join->connections.n_established++;
	join->connections.sampled[i] = (struct lookup){
		.local = address_of("192.0.2.1"),
		.remote = address_of(path == JOIN_LOOPBACK ? "192.0.2.1" : "198.51.100.1"),
		.local_port = (uint16_t)i,
		.result = first,
	};
	return &kernel.scripts[i];
}

void scripted_add(struct join *join, enum join_path path, enum lookup_result first,
		  struct script script)
{
	*scripted_add_socket(join, path, first) = script;
}

struct join_counts scripted_finish(struct join *join, uint64_t established)
{
	static struct collector_context ctx;
	struct join_counts counts;

	memset(&counts, 0xff, sizeof(counts));
	assert_int_equal(join_finish(&ctx, join, established, &counts), 0);
	assert_true(counts.has_sockets);
	return counts;
}

void scripted_check_sockets(const struct join_counts *counts, enum join_path path, uint64_t tracked,
			    uint64_t mismatched, uint64_t untracked)
{
	assert_int_equal(counts->sockets[JOIN_TRACKED][path], tracked);
	assert_int_equal(counts->sockets[JOIN_MISMATCHED][path], mismatched);
	assert_int_equal(counts->sockets[JOIN_UNTRACKED][path], untracked);
}

void scripted_check_flows(const struct join_counts *counts, uint64_t present, uint64_t absent,
			  uint64_t forwarded)
{
	assert_true(counts->has_flows);
	assert_int_equal(counts->flows[JOIN_PRESENT], present);
	assert_int_equal(counts->flows[JOIN_ABSENT], absent);
	assert_int_equal(counts->flows[JOIN_FORWARDED], forwarded);
}

void scripted_add_candidate(struct join *join, uint16_t zone, struct script original,
			    struct script reply)
{
	const uint16_t i = (uint16_t)(20000 + join->n_candidates);
	struct join_candidate *candidate = &join->candidates[join->n_candidates++];

	candidate->by_original = (struct lookup){ .local_port = i, .zone = zone };
	candidate->by_reply = (struct lookup){ .local_port = i + OTHER_TUPLE, .zone = zone };
	kernel.scripts[i] = original;
	kernel.scripts[i + OTHER_TUPLE] = reply;
	join->flows[JOIN_ABSENT]++;
}
