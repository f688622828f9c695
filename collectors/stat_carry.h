/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel keeps conntrack's statistics as one unsigned int for each CPU. Summed as they are, the
 * sum falls by 2^32 when one CPU's counter wraps, which rate() takes for a restart. This carries
 * them to 64 bits. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stat_counter {
	STAT_FOUND,
	STAT_INVALID,
	STAT_INSERT,
	STAT_INSERT_FAILED,
	STAT_DROP,
	STAT_EARLY_DROP,
	STAT_ERROR,
	STAT_SEARCH_RESTART,
	STAT_CLASH_RESOLVE,
	STAT_CHAINTOOLONG,
	N_STAT_COUNTERS,
};

/*
 * A message numbers its CPU with 16 bits; no machine has as many, and memory for them is taken as
 * they appear.
 */
#define STAT_CPUS_MAX 8192

struct stat_cpu {
	bool present;
	uint32_t has; /* bit 1 << enum stat_counter: the kernel has this counter */
	uint32_t value[N_STAT_COUNTERS];
};

/* What was read at one time, indexed by CPU. Zeroed memory is an empty one. */
struct stat_snapshot {
	struct stat_cpu *cpus;
	size_t n;
};

void stat_snapshot_finish(struct stat_snapshot *snapshot);

/*
 * The place of this CPU, made when it is new; NULL out of memory or beyond STAT_CPUS_MAX. Earlier
 * pointers become invalid.
 */
struct stat_cpu *stat_snapshot_cpu(struct stat_snapshot *snapshot, size_t cpu);

/*
 * The last snapshot and the multiples of 2^32 that each counter has passed. Zeroed memory is
 * "nothing seen".
 */
struct stat_carry {
	struct stat_snapshot last;
	uint64_t (*carried)[N_STAT_COUNTERS]; /* as many as last.n */
};

void stat_carry_finish(struct stat_carry *carry);

/*
 * Takes over snapshot, which is empty afterwards. A counter that fell has wrapped, unless this
 * proves that all counters began anew (module reloaded): a fall that no wrap explains, because it
 * would need 2^31 events or more since the last look, or at least two counters and every one that
 * was not 0 fell. Then nothing is carried: a normal counter reset. A CPU that the snapshot lacks
 * keeps its values. Returns 0 or -ENOMEM with the carry as it was.
 */
int stat_carry_update(struct stat_carry *carry, struct stat_snapshot *snapshot);

/* The 64-bit value of one CPU's counter; false where the kernel has none. */
bool stat_carry_value(const struct stat_carry *carry, size_t cpu, enum stat_counter counter,
		      uint64_t *ret);

/* Sum over all CPUs; false where no CPU has the counter. */
bool stat_carry_sum(const struct stat_carry *carry, enum stat_counter counter, uint64_t *ret);
