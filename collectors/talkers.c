/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Flows -> the heaviest talkers: filter, keys, one Space-Saving sketch for each kind, scaling. */

#include "talkers.h"

#include <arpa/inet.h>
#include <math.h>
#include <string.h>

#include "../exporter/util.h"

const char *const talkers_by_names[N_TALKERS_BYS] = {
	[TALKERS_BY_SOURCE] = "source",
	[TALKERS_BY_DESTINATION] = "destination",
	[TALKERS_BY_DESTINATION_PORT] = "destination-port",
	[TALKERS_BY_PAIR] = "pair",
};

/* Large enough for each kind of key; a port is in network order, so that bytes sort as numbers. */
struct talker_key {
	_Alignas(uint32_t) struct address source;
	struct address destination;
};

static const struct {
	size_t key_size;
	uint32_t needs; /* enum flow_has */
} kinds[N_TALKERS_BYS] = {
	[TALKERS_BY_SOURCE] = { sizeof(struct address), FLOW_HAS_ADDRESSES },
	[TALKERS_BY_DESTINATION] = { sizeof(struct address), FLOW_HAS_ADDRESSES },
	[TALKERS_BY_DESTINATION_PORT] = { sizeof(uint32_t), FLOW_HAS_PROTOCOL | FLOW_HAS_PORTS },
	[TALKERS_BY_PAIR] = { sizeof(struct talker_key), FLOW_HAS_ADDRESSES },
};

int talkers_init(struct talkers *talkers, uint32_t wanted, const struct talkers_query *filter)
{
	struct talkers new = { .wanted = wanted };
	struct hash_key hash_key;
	int r = hash_key_random(&hash_key);

	if (filter)
		new.query = *filter;
	for (int by = 0; r >= 0 && by < N_TALKERS_BYS; by++)
		if (wanted & 1U << by)
			r = top_init(&new.tops[by], kinds[by].key_size, TOP_CAPACITY, &hash_key);
	if (r < 0) {
		talkers_finish(&new);
		return r;
	}
	*talkers = new;
	return 0;
}

void talkers_finish(struct talkers *talkers)
{
	for (int by = 0; by < N_TALKERS_BYS; by++)
		top_finish(&talkers->tops[by]);
	talkers->wanted = 0;
}

void talkers_reset(void *state)
{
	struct talkers *talkers = state;

	for (int by = 0; by < N_TALKERS_BYS; by++)
		if (talkers->wanted & 1U << by)
			top_reset(&talkers->tops[by]);
}

static bool prefix_has(const struct talkers_prefix *prefix, const struct address *address)
{
	const uint32_t whole = prefix->bits / 8, rest = prefix->bits % 8;
	const unsigned int mask = 0xff00U >> rest & 0xff;

	if (prefix->bits < 96 && address_is_ipv4(address))
		return false;
	return memcmp(prefix->address.bytes, address->bytes, whole) == 0 &&
	       (rest == 0 || prefix->address.bytes[whole] == (address->bytes[whole] & mask));
}

static bool has_ports(const struct flow *flow)
{
	return (flow->has & kinds[TALKERS_BY_DESTINATION_PORT].needs) ==
		       kinds[TALKERS_BY_DESTINATION_PORT].needs &&
	       flow->protocol != FLOW_GRE;
}

static bool passes(const struct talkers_query *query, const struct flow *flow)
{
	const struct tuple *original = &flow->original;

	if (query->filter & (TALKERS_FILTER_SOURCE | TALKERS_FILTER_DESTINATION) &&
	    !(flow->has & FLOW_HAS_ADDRESSES))
		return false;
	if (query->filter & TALKERS_FILTER_SOURCE && !prefix_has(&query->source, &original->source))
		return false;
	if (query->filter & TALKERS_FILTER_DESTINATION &&
	    !prefix_has(&query->destination, &original->destination))
		return false;
	if (query->filter & TALKERS_FILTER_PORT &&
	    !(has_ports(flow) && original->destination_port == query->port))
		return false;
	return !(query->filter & TALKERS_FILTER_STATE) ||
	       (flow->has & FLOW_HAS_PROTOCOL && flow->protocol == FLOW_TCP &&
		flow->has & FLOW_HAS_TCP_STATE && flow->tcp_state == query->state);
}

void talkers_add(void *state, const struct flow *flow, _unused_ const struct walk_view *view)
{
	struct talkers *talkers = state;
	const struct tuple *original = &flow->original;

	if (talkers->query.filter && !passes(&talkers->query, flow))
		return;
	if (flow->has & FLOW_HAS_ADDRESSES) {
		const struct talker_key pair = { original->source, original->destination };

		if (talkers->wanted & 1U << TALKERS_BY_SOURCE)
			top_add(&talkers->tops[TALKERS_BY_SOURCE], &pair.source);
		if (talkers->wanted & 1U << TALKERS_BY_DESTINATION)
			top_add(&talkers->tops[TALKERS_BY_DESTINATION], &pair.destination);
		if (talkers->wanted & 1U << TALKERS_BY_PAIR)
			top_add(&talkers->tops[TALKERS_BY_PAIR], &pair);
	}
	if (talkers->wanted & 1U << TALKERS_BY_DESTINATION_PORT && has_ports(flow)) {
		const uint32_t port = htonl(original->destination_port);

		top_add(&talkers->tops[TALKERS_BY_DESTINATION_PORT], &port);
	}
}

static struct talker talker_from_entry(enum talkers_by by, const struct top_entry *entry)
{
	struct talker talker = { .flows = entry->count, .error = entry->error };
	struct talker_key key;
	uint32_t port;

	switch (by) {
	case TALKERS_BY_SOURCE:
		memcpy(&talker.source, entry->key, sizeof(talker.source));
		break;
	case TALKERS_BY_DESTINATION:
		memcpy(&talker.destination, entry->key, sizeof(talker.destination));
		break;
	case TALKERS_BY_DESTINATION_PORT:
		memcpy(&port, entry->key, sizeof(port));
		talker.port = (uint16_t)ntohl(port);
		break;
	case TALKERS_BY_PAIR:
		memcpy(&key, entry->key, sizeof(key));
		talker.source = key.source;
		talker.destination = key.destination;
		break;
	case N_TALKERS_BYS:
		break;
	}
	return talker;
}

/* A table holds less than 2^32 entries (the kernel's count is an int): no product overflows. */
static uint64_t scale_down(uint64_t count, uint64_t from, uint64_t to)
{
	return count * to / from;
}

static uint64_t scale_up(uint64_t count, uint64_t from, uint64_t to)
{
	return (count * to + from - 1) / from;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * Two standard errors of count of n flows that were read, in flows of a table of so many entries:
 * of a share p that is 2 sqrt(p (1 - p) / n) sqrt(1 - n / entries) entries.
 */
static uint64_t sampling_error(uint64_t count, uint64_t n, uint64_t entries)
{
	const double p = (double)count / (double)n;

	return (uint64_t)ceil(
		2 * sqrt(p * (1 - p) / (double)n * (double)entries * (double)(entries - n)));
}

/*
 * All flows are scaled and rounded, the parts of them rounded down; what then is missing goes to
 * the heaviest, one each. So the parts add up, stay in their order, and each is within 1 of its
 * share; a zero stays a zero. Errors are rounded up, and the sample's is added to them.
 */
static void top_scale(struct talkers_top *top, uint64_t from, uint64_t to)
{
	const uint64_t flows = (top->flows * to + from / 2) / from;
	uint64_t sampling_max = 0;
	uint64_t left = flows - scale_down(top->other, from, to);

	for (size_t i = 0; i < top->n; i++)
		left -= scale_down(top->talkers[i].flows, from, to);
	top->other = flows;
	for (size_t i = 0; i < top->n; i++) {
		struct talker *talker = &top->talkers[i];
		const uint64_t sampling = sampling_error(talker->flows, from, to);

		talker->flows = scale_down(talker->flows, from, to) + (i < left);
		talker->error = min_u64(scale_up(talker->error, from, to) + sampling,
					talker->flows);
		sampling_max = max_u64(sampling_max, sampling);
		top->other -= talker->flows;
	}
	top->flows = flows;
	top->error_max = scale_up(top->error_max, from, to) + sampling_max;
}

void talkers_top(const struct talkers *talkers, enum talkers_by by, size_t limit,
		 const struct walk_summary *walk, struct talkers_top *ret)
{
	const struct top *top = &talkers->tops[by];
	struct top_entry entries[TOP_CAPACITY];
	const size_t n = top_list(top, entries);

	assert(talkers->wanted & 1U << by && limit <= TALKERS_LIMIT_MAX);
	ret->n = n < limit ? n : limit;
	ret->flows = top->total;
	ret->other = top->total;
	ret->error_max = top_error_max(top);
	for (size_t i = 0; i < ret->n; i++) {
		ret->talkers[i] = talker_from_entry(by, &entries[i]);
		ret->other -= ret->talkers[i].flows;
	}
	if (!walk->complete && walk->visited > 0 && walk->entries > walk->visited)
		top_scale(ret, walk->visited, walk->entries);
}
