/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the last walk told everyone who wanted to know: counts, and later more. A survey that is young enough is given again instead of walking anew.
 */

#include <stdbool.h>
#include <stdint.h>

#include "flow_counts.h"
#include "walk.h"

struct survey {
	bool made;	/* zeroed memory is "none yet" */
	uint32_t parts; /* what it holds beyond the counts, a bit each */
	struct walk_summary walk;
	struct flow_counts counts; /* scaled to the table when the walk is not complete */
};

struct collector_context;

/*
 * Gives the last survey if it is younger than the minimum interval and has these parts, else makes
 * a new one; also when the last walk was cut short by a deadline and there is much more time now.
 * *ret points into ctx and holds until the next call. Returns 0 or a negative errno as walk_run().
 */
int survey_get(struct collector_context *ctx, uint32_t parts, const struct survey **ret);
