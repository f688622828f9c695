/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A token bucket, as rate_limit of a web configuration wants it: what golang.org/x/time/rate does
 * with rate.Every(interval), but in whole nanoseconds. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

struct rate {
	uint64_t interval_ns; /* one token each; 0: no limit */
	uint64_t burst;	      /* as many tokens are there at most, and in the beginning */
	/* The rest is rate.c's own. */
	uint64_t tokens;
	/* Of the interval that brings the next token; 0 when the bucket is full. */
	uint64_t part_ns;
	uint64_t last_ns; /* until when the two above were counted */
};

/* burst 0 with an interval: there is never a token. */
void rate_init(struct rate *rate, uint64_t interval_ns, uint64_t burst, uint64_t now_ns);

/* Takes a token. False when there is none. A now_ns before an earlier one counts as that. */
bool rate_take(struct rate *rate, uint64_t now_ns);
