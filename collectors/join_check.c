/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What looks unmatched is checked before it counts. A connection that was opened or closed while we
 * read is in motion on both sides, so an unmatched one counts only when its socket and its flow
 * contradict each other three times, with pauses in between: the kernel changes the two one after
 * the other, within microseconds, but where a virtual processor stands still, or soft interrupts
 * have to wait, within milliseconds.
 */

#include <errno.h>
#include <poll.h>

#include "../exporter/util.h"
#include "collector.h"
#include "flow_counts.h"
#include "join.h"

/* Before each round. */
static const int pauses_ms[] = { 0, 2, 20 };

enum outcome {
	OUTCOME_TRACKED,
	OUTCOME_MISMATCHED,
	OUTCOME_UNTRACKED,
	OUTCOME_CLOSED, /* since the dump: it is no ESTABLISHED socket any more */
	N_OUTCOMES,
};

static_assert((int)OUTCOME_UNTRACKED == (int)JOIN_UNTRACKED, "the first outcomes are the label's");

static int check_answers(const struct lookup *lookups, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (lookups[i].result == LOOKUP_FAILED)
			return -EIO;
	return 0;
}

static int ask_sockets(struct collector_context *ctx, struct lookup *lookups, size_t n)
{
	int r = lookup_sockets(ctx, lookups, n);

	return r < 0 ? r : check_answers(lookups, n);
}

static int ask_flows(struct collector_context *ctx, struct lookup *lookups, size_t n)
{
	int r = lookup_flows(ctx, lookups, n);

	return r < 0 ? r : check_answers(lookups, n);
}

/* Both tuples of every candidate into join->work: first all originals, then all replies. */
static void put_candidates(struct join *join)
{
	const size_t n = join->n_candidates;

	for (size_t i = 0; i < n; i++) {
		join->work[i] = join->candidates[i].by_original;
		join->work[n + i] = join->candidates[i].by_reply;
	}
}

/* Drops the candidates that have a socket now. */
static int drop_present(struct collector_context *ctx, struct join *join)
{
	const size_t n = join->n_candidates;
	size_t kept = 0;
	int r;

	put_candidates(join);
	r = ask_sockets(ctx, join->work, 2 * n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (join->work[i].result == LOOKUP_NONE && join->work[n + i].result == LOOKUP_NONE)
			join->candidates[kept++] = join->candidates[i];
	join->n_candidates = kept;
	return r;
}

static bool is_listed(const struct socket_connections *connections, const struct lookup *lookup)
{
	return socket_set_has(&connections->set, &lookup->local, lookup->local_port,
			      &lookup->remote, lookup->remote_port);
}

static bool is_link_local(const struct join_candidate *candidate)
{
	return address_is_link_local(&candidate->by_original.local) ||
	       address_is_link_local(&candidate->by_original.remote) ||
	       address_is_link_local(&candidate->by_reply.local) ||
	       address_is_link_local(&candidate->by_reply.remote);
}

/*
 * Is there a reason to think that a candidate's socket is bound to a device? Without one the dump
 * is spared to the many hosts that have dead weight and no such socket. What was opened behind the
 * first dump by the first program here that binds to a device is missed so: its flow counts as
 * absent in this walk, and in the next one no more.
 */
static bool may_be_bound(const struct join *join)
{
	bool may = join->n_candidates && join->connections.has_bound;

	for (size_t i = 0; !may && i < join->n_candidates; i++)
		may = is_link_local(&join->candidates[i]);
	return may;
}

/*
 * Drops the candidates whose socket a new dump lists. A socket that is bound to a device, as all
 * between link-local addresses are, is found by no lookup that does not name the device
 * (inet_sk_bound_dev_eq() in include/net/inet_sock.h), and a flow does not tell it.
 */
static int drop_listed(struct collector_context *ctx, struct join *join)
{
	struct socket_connections now;
	size_t kept = 0;
	int r = socket_connections_init(&now, 1);

	if (r == 0)
		r = socket_dump_again(ctx, &now);
	for (size_t i = 0; r == 0 && i < join->n_candidates; i++)
		if (!is_listed(&now, &join->candidates[i].by_original) &&
		    !is_listed(&now, &join->candidates[i].by_reply))
			join->candidates[kept++] = join->candidates[i];
	join->n_candidates = kept;
	socket_connections_finish(&now);
	return r;
}

/*
 * Drops the candidates that are no ESTABLISHED flow any more. Either tuple finds it, but where the
 * zone is one direction's alone only that direction's does.
 */
static int drop_ended(struct collector_context *ctx, struct join *join)
{
	const size_t n = join->n_candidates;
	size_t kept = 0;
	int r;

	put_candidates(join);
	r = ask_flows(ctx, join->work, 2 * n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (join->work[i].result == LOOKUP_ESTABLISHED ||
		    join->work[n + i].result == LOOKUP_ESTABLISHED)
			join->candidates[kept++] = join->candidates[i];
	join->n_candidates = kept;
	return r;
}

/* Those that turn out not to be absent are present: they had a socket when the walk saw them. */
static int check_flows(struct collector_context *ctx, struct join *join)
{
	const size_t sampled = join->n_candidates;
	uint64_t parts[2];
	int r = 0;

	for (size_t round = 0; r == 0 && round < ARRAY_SIZE(pauses_ms) && join->n_candidates;
	     round++) {
		(void)poll(NULL, 0, pauses_ms[round]);
		r = drop_present(ctx, join);
		/* That dumps all sockets: once, for the few that are left. */
		if (r == 0 && round == ARRAY_SIZE(pauses_ms) - 1 && may_be_bound(join))
			r = drop_listed(ctx, join);
		if (r == 0)
			r = drop_ended(ctx, join);
	}
	if (r < 0)
		return r;
	parts[0] = sampled - join->n_candidates;
	parts[1] = join->n_candidates;
	flow_counts_scale_parts(parts, ARRAY_SIZE(parts), join->flows[JOIN_ABSENT]);
	join->flows[JOIN_PRESENT] += parts[0];
	join->flows[JOIN_ABSENT] = parts[1];
	return 0;
}

static enum join_path path_of(const struct join *join, const struct lookup *lookup)
{
	return address_set_has(&join->own, &lookup->remote) ? JOIN_LOOPBACK : JOIN_REMOTE;
}

static bool is_tracked(const struct lookup *lookup)
{
	return lookup->result == LOOKUP_ESTABLISHED;
}

/* The suspects to check, evenly chosen from all, into join->work. Returns how many. */
static size_t choose_suspects(struct join *join, const uint64_t suspects[N_JOIN_PATHS])
{
	const uint64_t all = suspects[JOIN_LOOPBACK] + suspects[JOIN_REMOTE];
	const uint64_t wanted = all < JOIN_CHECKS_MAX ? all : JOIN_CHECKS_MAX;
	uint64_t seen = 0;
	size_t n = 0;

	for (size_t i = 0; i < join->connections.n && n < wanted; i++)
		if (!is_tracked(&join->connections.sampled[i]) &&
		    seen++ * wanted / all >= (uint64_t)n)
			join->work[n++] = join->connections.sampled[i];
	return n;
}

/* Takes the suspects that are settled out of join->work and counts them. Returns how many remain.
 */
static size_t settle(struct join *join, size_t n, enum lookup_result unsettled,
		     enum lookup_result also_unsettled, enum outcome outcome,
		     uint64_t outcomes[N_JOIN_PATHS][N_OUTCOMES])
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (join->work[i].result == unsettled || join->work[i].result == also_unsettled)
			join->work[kept++] = join->work[i];
		else
			outcomes[path_of(join, &join->work[i])][outcome]++;
	}
	return kept;
}

/* Gives the suspects in join->work what this zone holds for them, if it is more than they have. */
static int ask_zone(struct collector_context *ctx, struct join *join, size_t n, uint16_t zone)
{
	struct lookup *questions = join->work + JOIN_CHECKS_MAX;
	int r;

	for (size_t i = 0; i < n; i++) {
		questions[i] = join->work[i];
		questions[i].zone = zone;
	}
	r = ask_flows(ctx, questions, n);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (is_tracked(&questions[i]) || join->work[i].result == LOOKUP_NONE)
			join->work[i].result = questions[i].result;
	return r;
}

/*
 * One round: who is no ESTABLISHED socket any more has closed; who has an ESTABLISHED flow in some
 * zone is tracked. *n is how many suspects join->work holds.
 */
static int check_suspects(struct collector_context *ctx, struct join *join, size_t *n,
			  uint64_t outcomes[N_JOIN_PATHS][N_OUTCOMES])
{
	int r = ask_sockets(ctx, join->work, *n);

	if (r == 0)
		*n = settle(join, *n, LOOKUP_ESTABLISHED, LOOKUP_ESTABLISHED, OUTCOME_CLOSED,
			    outcomes);
	for (size_t i = 0; i < *n; i++)
		join->work[i].result = LOOKUP_NONE;
	for (size_t zone = 0; r == 0 && zone <= join->n_zones; zone++)
		r = ask_zone(ctx, join, *n, zone < join->n_zones ? join->zones[zone] : 0);
	if (r == 0)
		*n = settle(join, *n, LOOKUP_NONE, LOOKUP_OTHER_STATE, OUTCOME_TRACKED, outcomes);
	return r;
}

/* What the suspects of each path turned out to be, as if all of them had been checked. */
static int judge_suspects(struct collector_context *ctx, struct join *join,
			  const uint64_t suspects[N_JOIN_PATHS],
			  uint64_t outcomes[N_JOIN_PATHS][N_OUTCOMES])
{
	size_t n = choose_suspects(join, suspects);
	int r = 0;

	for (size_t round = 0; r == 0 && round < ARRAY_SIZE(pauses_ms) && n; round++) {
		(void)poll(NULL, 0, pauses_ms[round]);
		r = check_suspects(ctx, join, &n, outcomes);
	}
	for (size_t i = 0; r == 0 && i < n; i++)
		outcomes[path_of(join, &join->work[i])][join->work[i].result == LOOKUP_NONE
								? OUTCOME_UNTRACKED
								: OUTCOME_MISMATCHED]++;
	for (int path = 0; r == 0 && path < N_JOIN_PATHS; path++)
		flow_counts_scale_parts(outcomes[path], N_OUTCOMES, suspects[path]);
	return r;
}

static int check_sockets(struct collector_context *ctx, struct join *join, struct join_counts *ret)
{
	const struct socket_connections *all = &join->connections;
	uint64_t suspects[N_JOIN_PATHS] = { 0 }, tracked[N_JOIN_PATHS] = { 0 };
	uint64_t outcomes[N_JOIN_PATHS][N_OUTCOMES] = { 0 };
	int r = check_answers(all->sampled, all->n);

	for (size_t i = 0; i < all->n; i++)
		(is_tracked(&all->sampled[i]) ? tracked
					      : suspects)[path_of(join, &all->sampled[i])]++;
	if (r == 0)
		r = judge_suspects(ctx, join, suspects, outcomes);
	if (r < 0)
		return r;
	for (int path = 0; path < N_JOIN_PATHS; path++)
		outcomes[path][OUTCOME_TRACKED] += tracked[path];
	flow_counts_scale_parts(&outcomes[0][0], N_JOIN_PATHS * N_OUTCOMES, all->n_established);
	for (int tracking = 0; tracking < N_JOIN_TRACKINGS; tracking++)
		for (int path = 0; path < N_JOIN_PATHS; path++)
			ret->sockets[tracking][path] = outcomes[path][tracking];
	ret->lookups = all->n;
	return 0;
}

int join_finish(struct collector_context *ctx, struct join *join, uint64_t established,
		struct join_counts *ret)
{
	struct join_counts counts = { .has_sockets = true, .has_flows = join->unreadable == 0 };
	int r = check_flows(ctx, join);

	if (r == 0)
		r = check_sockets(ctx, join, &counts);
	if (r < 0)
		return r;
	for (int i = 0; i < N_JOIN_SOCKETS; i++)
		counts.flows[i] = join->flows[i];
	flow_counts_scale_parts(counts.flows, N_JOIN_SOCKETS, established);
	*ret = counts;
	return 0;
}
