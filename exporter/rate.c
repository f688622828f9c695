/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "rate.h"

void rate_init(struct rate *rate, uint64_t interval_ns, uint64_t burst, uint64_t now_ns)
{
	*rate = (struct rate){
		.interval_ns = interval_ns,
		.burst = burst,
		.tokens = burst,
		.last_ns = now_ns,
	};
}

/* Tokens and parts are counted apart, so that no product of interval and burst can overflow. */
static void fill(struct rate *rate, uint64_t elapsed_ns)
{
	uint64_t more = elapsed_ns / rate->interval_ns;
	uint64_t part_ns = elapsed_ns % rate->interval_ns;

	if (part_ns >= rate->interval_ns - rate->part_ns) {
		part_ns -= rate->interval_ns - rate->part_ns;
		more++;
	} else {
		part_ns += rate->part_ns;
	}
	if (more >= rate->burst - rate->tokens) {
		rate->tokens = rate->burst;
		rate->part_ns = 0;
		return;
	}
	rate->tokens += more;
	rate->part_ns = part_ns;
}

bool rate_take(struct rate *rate, uint64_t now_ns)
{
	if (rate->interval_ns == 0)
		return true;
	if (now_ns > rate->last_ns) {
		fill(rate, now_ns - rate->last_ns);
		rate->last_ns = now_ns;
	}
	if (rate->tokens == 0)
		return false;
	rate->tokens--;
	return true;
}
