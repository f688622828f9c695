/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who holds the table: the sources, destinations, destination ports and pairs with the most flows,
 * in bounded memory. A consumer of the walk.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flow.h"
#include "top.h"
#include "walk.h"

enum talkers_by {
	TALKERS_BY_SOURCE,
	TALKERS_BY_DESTINATION,
	TALKERS_BY_DESTINATION_PORT,
	TALKERS_BY_PAIR, /* source and destination */
	N_TALKERS_BYS,
};

/* "source", "destination", "destination-port", "pair". */
extern const char *const talkers_by_names[N_TALKERS_BYS];

#define TALKERS_LIMIT_DEFAULT 20
#define TALKERS_LIMIT_MAX 1000

enum talkers_filter {
	TALKERS_FILTER_SOURCE = 1U << 0,
	TALKERS_FILTER_DESTINATION = 1U << 1,
	TALKERS_FILTER_PORT = 1U << 2, /* of the original destination */
	TALKERS_FILTER_STATE = 1U << 3,
	TALKERS_FILTERS_ALL = (1U << 4) - 1,
};

/* With less than 96 bits it is of IPv6 and has no mapped IPv4 address in it. */
struct talkers_prefix {
	struct address address; /* bits behind the length are 0 */
	uint32_t bits;		/* of 128: an IPv4 prefix of /24 has 120 */
};

/* What /talkers and the command ask for. Fixed size, without pointers: it crosses the channel. */
struct talkers_query {
	uint32_t by;	 /* enum talkers_by */
	uint32_t limit;	 /* 1 to TALKERS_LIMIT_MAX */
	uint32_t filter; /* enum talkers_filter: which of the following count */
	uint32_t port;
	uint32_t state; /* enum flow_tcp_state */
	struct talkers_prefix source, destination;
};

/* One of the heaviest. Which fields hold depends on by; the others are 0. */
struct talker {
	struct address source, destination;
	uint16_t port;
	uint64_t flows; /* at most this many; of a sample it may be error more */
	uint64_t error; /* and at least flows - error */
};

/*
 * The heaviest ones, heaviest first, equal ones in the order of their bytes; scaled to the table
 * when the walk was a sample. Errors have two standard errors of the sample in them then, which 19
 * of 20 do not exceed. The flows of those listed and other always add up to flows.
 */
struct talkers_top {
	size_t n;
	uint64_t flows;	    /* that passed the filter and have what by asks for */
	uint64_t other;	    /* those of them that belong to none listed */
	uint64_t error_max; /* of those listed; who is not has no more flows than the last */
	struct talker talkers[TALKERS_LIMIT_MAX];
};

/* State of a consumer of the walk; zeroed memory is good for talkers_finish(). */
struct talkers {
	struct talkers_query query; /* of which only the filter counts */
	uint32_t wanted;	    /* mask of enum talkers_by */
	struct top tops[N_TALKERS_BYS];
};

/*
 * wanted is a mask of enum talkers_by, one sketch of TOP_CAPACITY keys each; filter may be NULL:
 * every flow counts. Returns 0 or a negative errno. All four take about 400 KB.
 */
int talkers_init(struct talkers *talkers, uint32_t wanted, const struct talkers_query *filter);
void talkers_finish(struct talkers *talkers);

/*
 * For struct walk_consumer; state is a struct talkers. All goes by the original tuple, as the
 * initiator addressed its packets. A flow without addresses, or without ports where they are asked
 * for, is left out and not in flows; GRE's keys are no ports.
 */
void talkers_reset(void *state);
void talkers_add(void *state, const struct flow *flow, const struct walk_view *view);

/* The heaviest of a kind that was wanted, after that walk; limit is at most TALKERS_LIMIT_MAX. */
void talkers_top(const struct talkers *talkers, enum talkers_by by, size_t limit,
		 const struct walk_summary *walk, struct talkers_top *ret);
