/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "join.h"

#include <errno.h>
#include <stdlib.h>

#include "../exporter/util.h"
#include "collector.h"
#include "flow_counts.h"
#include "sample.h"

static void note_zone(struct join *join, uint16_t zone)
{
	for (size_t i = 0; i < join->n_zones; i++)
		if (join->zones[i] == zone)
			return;
	if (zone && join->n_zones < JOIN_ZONES_MAX)
		join->zones[join->n_zones++] = zone;
}

static bool has_socket(const struct join *join, const struct tuple *tuple)
{
	return socket_set_has(&join->connections.set, &tuple->source, tuple->source_port,
			      &tuple->destination, tuple->destination_port);
}

static struct lookup lookup_of(const struct tuple *tuple, uint16_t zone)
{
	return (struct lookup){
		.local = tuple->source,
		.remote = tuple->destination,
		.local_port = tuple->source_port,
		.remote_port = tuple->destination_port,
		.zone = zone,
		.cookie = { LOOKUP_ANY_COOKIE, LOOKUP_ANY_COOKIE },
	};
}

/* Reservoir sampling. */
static void add_candidate(struct join *join, const struct flow *flow)
{
	size_t at = join->n_candidates;

	if (at < JOIN_CHECKS_MAX)
		join->n_candidates++;
	else
		at = sample_below(&join->connections.random, join->flows[JOIN_ABSENT] + 1);
	if (at < JOIN_CHECKS_MAX)
		join->candidates[at] = (struct join_candidate){
			lookup_of(&flow->original, flow->zone), lookup_of(&flow->reply, flow->zone)
		};
	join->flows[JOIN_ABSENT]++;
}

static void join_reset(void *state)
{
	struct join *join = state;

	for (int i = 0; i < N_JOIN_SOCKETS; i++)
		join->flows[i] = 0;
	join->unreadable = 0;
	join->n_candidates = 0;
	join->n_zones = 0;
}

static void join_add(void *state, const struct flow *flow, const struct walk_view *view)
{
	const uint32_t needed = FLOW_HAS_ADDRESSES | FLOW_HAS_PORTS;
	struct join *join = state;

	if (!(flow->has & FLOW_HAS_PROTOCOL) || flow->protocol != FLOW_TCP ||
	    !(flow->has & FLOW_HAS_TCP_STATE) || flow->tcp_state != FLOW_TCP_ESTABLISHED)
		return;
	if ((flow->has & needed) != needed) {
		join->unreadable++;
	} else if (has_socket(join, &flow->original) || has_socket(join, &flow->reply)) {
		join->flows[JOIN_PRESENT]++;
		note_zone(join, flow->zone);
	} else if (flow_path(&flow->original.source, &flow->reply.source, view->own) ==
		   FLOW_FORWARDED) {
		join->flows[JOIN_FORWARDED]++;
	} else {
		add_candidate(join, flow);
	}
}

struct walk_consumer join_consumer(struct join *join)
{
	return (struct walk_consumer){ join_reset, join_add, join };
}

/* The addresses tell a socket's path, so they are read at the same time. */
static int join_fetch(struct collector_context *ctx, struct join *join)
{
	int r = address_set_fetch(&join->own, &ctx->netlink, ctx->deadline_ns);

	if (r == 0)
		r = socket_connections_init(&join->connections, ctx->settings->correlation_lookups);
	if (r == 0)
		r = socket_dump_connections(ctx, &join->connections);
	if (r == 0)
		r = lookup_flows(ctx, join->connections.sampled, join->connections.n);
	return r;
}

/* A third of the time that is left, so that a host with too many sockets loses nothing but this. */
static uint64_t fetch_deadline(uint64_t deadline_ns)
{
	const uint64_t now_ns = clock_monotonic_ns();

	return deadline_ns > now_ns ? now_ns + (deadline_ns - now_ns) / 3 : deadline_ns;
}

int join_create(struct collector_context *ctx, struct join **ret)
{
	const uint64_t deadline_ns = ctx->deadline_ns;
	struct join *join = calloc(1, sizeof(*join));
	int r;

	if (!join)
		return -ENOMEM;
	ctx->deadline_ns = fetch_deadline(deadline_ns);
	r = join_fetch(ctx, join);
	ctx->deadline_ns = deadline_ns;
	if (r < 0)
		join_destroy(join);
	else
		*ret = join;
	return r;
}

void join_destroy(struct join *join)
{
	if (!join)
		return;
	address_set_finish(&join->own);
	socket_connections_finish(&join->connections);
	free(join);
}
