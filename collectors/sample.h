/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Random choice of whom to look at. */

#include <stdint.h>

/*
 * From 0 to n - 1; *state is any number at first. xorshift64* (Vigna, "An experimental exploration
 * of Marsaglia's xorshift generators, scrambled", 2016).
 */
static inline uint64_t sample_below(uint64_t *state, uint64_t n)
{
	uint64_t x = *state ? *state : 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return (x * 0x2545f4914f6cdd1dULL >> 11) % n;
}
