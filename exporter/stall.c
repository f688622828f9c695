/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "stall.h"

#include "util.h"

void stall_stir(struct stall *stall)
{
	stall->stirred = true;
}

void stall_ran(struct stall *stall, uint64_t began_ns, uint64_t ended_ns)
{
	if (stall->stirred)
		stall->runs = 0;
	else if (stall->runs < STALL_RUNS)
		stall->runs++;
	stall->stirred = false;
	stall->ended_ns = ended_ns;
	stall->took_ns = ended_ns - began_ns;
}

uint64_t stall_next_turn(const struct stall *stall)
{
	uint64_t pause_ns = STALL_PAUSE_MAX_MS * NSEC_PER_MSEC;

	if (stall->stirred || stall->runs < STALL_RUNS)
		return 0;
	if (stall->took_ns <= pause_ns / STALL_SHARE)
		pause_ns = stall->took_ns * STALL_SHARE;
	if (pause_ns < STALL_PAUSE_MIN_MS * NSEC_PER_MSEC)
		pause_ns = STALL_PAUSE_MIN_MS * NSEC_PER_MSEC;
	return stall->ended_ns + pause_ns;
}
