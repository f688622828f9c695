/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the last walk told everyone who wanted to know: counts, the join with the host's sockets,
 * the heaviest talkers. A survey that is young enough is given again instead of walking anew.
 */

#include <stdbool.h>
#include <stdint.h>

#include "flow_counts.h"
#include "join.h"
#include "talkers.h"
#include "walk.h"

/* What a survey can hold beyond the counts, which it always has. */
enum survey_part {
	SURVEY_JOIN = 1U << 0,
	SURVEY_TALKERS = 1U << 1,
};
#define N_SURVEY_PARTS 2

struct survey {
	bool made;	  /* zeroed memory is "none yet" */
	uint32_t parts;	  /* enum survey_part */
	uint64_t request; /* number of the request it was given to last */
	struct walk_summary walk;
	struct flow_counts counts; /* scaled to the table when the walk is not complete */
	int join_error;		   /* why there is no join although it was asked for */
	struct join_counts join;
	struct talkers talkers; /* all flows, by everything; owned */
	/* Of each family: is there a flow, and one that just had a packet (tracking.h). */
	bool has_flows[N_FLOW_FAMILIES];
	bool fresh[N_FLOW_FAMILIES];
};

/* How the last attempt to make one ended; error is 0 or a negative errno. */
struct survey_failure {
	uint64_t request;
	int error;
};

/* Frees what it owns; accepts zeroed memory. */
void survey_finish(struct survey *survey);

struct collector_context;

/*
 * Gives the last survey if it is younger than the minimum interval and has these parts, else makes
 * a new one; also when the last walk or its join was cut short by a deadline and there is much more
 * time now, and when that join failed for a reason that passes. Within one request everyone who
 * asks for the same parts gets the same, a failure as well, so that what they say of it adds up. A
 * new one also has the parts that others wanted within the last minute. *ret points into ctx and
 * holds until the next call. Returns 0 or a negative errno as walk_run().
 */
int survey_get(struct collector_context *ctx, uint32_t parts, const struct survey **ret);
