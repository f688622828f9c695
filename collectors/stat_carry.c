/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "stat_carry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void stat_snapshot_finish(struct stat_snapshot *snapshot)
{
	free(snapshot->cpus);
	*snapshot = (struct stat_snapshot){ 0 };
}

struct stat_cpu *stat_snapshot_cpu(struct stat_snapshot *snapshot, size_t cpu)
{
	if (cpu >= STAT_CPUS_MAX)
		return NULL;
	if (cpu >= snapshot->n) {
		struct stat_cpu *cpus = realloc(snapshot->cpus, (cpu + 1) * sizeof(*cpus));

		if (!cpus)
			return NULL;
		memset(cpus + snapshot->n, 0, (cpu + 1 - snapshot->n) * sizeof(*cpus));
		snapshot->cpus = cpus;
		snapshot->n = cpu + 1;
	}
	return &snapshot->cpus[cpu];
}

void stat_carry_finish(struct stat_carry *carry)
{
	stat_snapshot_finish(&carry->last);
	free(carry->carried);
	carry->carried = NULL;
}

/* Both have this counter of this CPU. */
static bool is_comparable(const struct stat_snapshot *a, const struct stat_snapshot *b, size_t cpu,
			  int counter)
{
	const uint32_t bit = 1U << counter;

	return cpu < a->n && cpu < b->n && a->cpus[cpu].has & bit && b->cpus[cpu].has & bit;
}

static bool has_restarted(const struct stat_snapshot *last, const struct stat_snapshot *now)
{
	size_t counting = 0, fallen = 0;

	for (size_t cpu = 0; cpu < last->n; cpu++) {
		for (int i = 0; i < N_STAT_COUNTERS; i++) {
			uint32_t before, after;

			if (!is_comparable(last, now, cpu, i))
				continue;
			before = last->cpus[cpu].value[i];
			after = now->cpus[cpu].value[i];
			if (after < before && after - before >= 1U << 31)
				return true;
			counting += before != 0;
			fallen += after < before;
		}
	}
	return counting >= 2 && fallen == counting;
}

/* Keeps the values of CPUs that were seen before and are not in the new snapshot. */
static int keep_absent(const struct stat_snapshot *last, struct stat_snapshot *now)
{
	for (size_t cpu = 0; cpu < last->n; cpu++) {
		struct stat_cpu *place;

		if (!last->cpus[cpu].present || (cpu < now->n && now->cpus[cpu].present))
			continue;
		place = stat_snapshot_cpu(now, cpu);
		if (!place)
			return -ENOMEM;
		*place = last->cpus[cpu];
	}
	return 0;
}

static void carry_wraps(struct stat_carry *carry, const struct stat_snapshot *now)
{
	for (size_t cpu = 0; cpu < carry->last.n; cpu++)
		for (int i = 0; i < N_STAT_COUNTERS; i++)
			if (is_comparable(&carry->last, now, cpu, i) &&
			    now->cpus[cpu].value[i] < carry->last.cpus[cpu].value[i])
				carry->carried[cpu][i] += 1ULL << 32;
}

int stat_carry_update(struct stat_carry *carry, struct stat_snapshot *snapshot)
{
	const size_t old = carry->last.n;
	void *carried;

	if (keep_absent(&carry->last, snapshot) < 0)
		return -ENOMEM;
	if (snapshot->n > old) {
		carried = realloc(carry->carried, snapshot->n * sizeof(*carry->carried));
		if (!carried)
			return -ENOMEM;
		carry->carried = carried;
		memset(carry->carried + old, 0, (snapshot->n - old) * sizeof(*carry->carried));
	}
	if (has_restarted(&carry->last, snapshot))
		memset(carry->carried, 0, snapshot->n * sizeof(*carry->carried));
	else
		carry_wraps(carry, snapshot);
	stat_snapshot_finish(&carry->last);
	carry->last = *snapshot;
	*snapshot = (struct stat_snapshot){ 0 };
	return 0;
}

bool stat_carry_value(const struct stat_carry *carry, size_t cpu, enum stat_counter counter,
		      uint64_t *ret)
{
	if (cpu >= carry->last.n || !(carry->last.cpus[cpu].has & 1U << counter))
		return false;
	*ret = carry->carried[cpu][counter] + carry->last.cpus[cpu].value[counter];
	return true;
}

bool stat_carry_sum(const struct stat_carry *carry, enum stat_counter counter, uint64_t *ret)
{
	uint64_t sum = 0, value;
	bool has = false;

	for (size_t cpu = 0; cpu < carry->last.n; cpu++) {
		if (stat_carry_value(carry, cpu, counter, &value)) {
			sum += value;
			has = true;
		}
	}
	if (has)
		*ret = sum;
	return has;
}
