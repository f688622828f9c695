/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* cmocka does not include what it needs; this is the order it wants. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../../exporter/util.h"

/* Numbers for property tests: splitmix64, which is the same everywhere. */
struct dice {
	uint64_t state;
};

/* Prints the seed; UNIT_SEED in the environment repeats a run. */
static inline struct dice dice_start(void)
{
	const char *text = getenv("UNIT_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0)
			     : clock_monotonic_ns() ^ ((uint64_t)getpid() << 40);

	print_message("UNIT_SEED=%llu repeats this run\n", (unsigned long long)seed);
	return (struct dice){ .state = seed };
}

static inline uint64_t dice_next(struct dice *dice)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* From 0 to n - 1. */
static inline uint64_t dice_below(struct dice *dice, uint64_t n)
{
	return dice_next(dice) % n;
}

/* True once in n times. */
static inline bool dice_one_in(struct dice *dice, uint64_t n)
{
	return dice_below(dice, n) == 0;
}
