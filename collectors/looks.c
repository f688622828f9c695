/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "looks.h"

#include <errno.h>

#include "../exporter/util.h"
#include "thresholds.h"

struct looks looks_make(const struct observation *before, const struct observation *now)
{
	struct looks looks = { .before = before, .now = now };

	if (now->taken_ns > before->taken_ns)
		looks.interval_s = (double)(now->taken_ns - before->taken_ns) /
				   (double)NSEC_PER_SEC;
	if (looks.interval_s < LOOKS_APART_MIN_S)
		looks.interval_s = 0;
	return looks;
}

static bool find_growth(const struct looks *looks, struct reading before, struct reading now,
			uint64_t *ret)
{
	if (looks->interval_s <= 0 || !before.known || !now.known || now.value < before.value)
		return false;
	*ret = now.value - before.value;
	return true;
}

bool looks_stat_growth(const struct looks *looks, enum stat_counter counter, uint64_t *ret)
{
	return find_growth(looks, looks->before->stat[counter], looks->now->stat[counter], ret);
}

bool looks_netstat_growth(const struct looks *looks, enum netstat_counter counter, uint64_t *ret)
{
	return find_growth(looks, looks->before->netstat[counter], looks->now->netstat[counter],
			   ret);
}

double looks_per_second(const struct looks *looks, uint64_t growth)
{
	return (double)growth / looks->interval_s;
}

/* Growth of insert_failed without what chaintoolong counts as well. */
static bool failed_insertions(const struct looks *looks, uint64_t *ret)
{
	uint64_t failed, too_long = 0;

	if (!looks_stat_growth(looks, STAT_INSERT_FAILED, &failed))
		return false;
	if (looks->now->stat[STAT_CHAINTOOLONG].known &&
	    !looks_stat_growth(looks, STAT_CHAINTOOLONG, &too_long))
		return false;
	*ret = failed > too_long ? failed - too_long : 0;
	return true;
}

bool looks_refused(const struct looks *looks, uint64_t *ret)
{
	uint64_t drops, failed;

	if (!looks_stat_growth(looks, STAT_DROP, &drops) || !failed_insertions(looks, &failed))
		return false;
	*ret = drops > failed ? drops - failed : 0;
	return true;
}

bool looks_races(const struct looks *looks, uint64_t *ret)
{
	return looks->now->stat[STAT_CLASH_RESOLVE].known && failed_insertions(looks, ret);
}

struct rate looks_entries_growth(const struct looks *looks)
{
	const struct reading before = looks->before->table[TABLE_ENTRIES];
	const struct reading now = looks->now->table[TABLE_ENTRIES];

	if (looks->interval_s <= 0 || !before.known || !now.known)
		return (struct rate){ 0 };
	return (struct rate){
		.known = true,
		.per_second = ((double)now.value - (double)before.value) / looks->interval_s,
	};
}

bool looks_usage(const struct looks *looks, double *ret)
{
	const struct reading entries = looks->now->table[TABLE_ENTRIES];
	const struct reading limit = looks->now->table[TABLE_ENTRIES_LIMIT];

	if (!entries.known || !limit.known || limit.value == 0)
		return false;
	*ret = (double)entries.value / (double)limit.value;
	return true;
}

bool looks_unread(const struct looks *looks)
{
	return !looks->now->table[TABLE_ENTRIES].known && looks->now->table_error != -ENODATA;
}

bool looks_inactive(const struct looks *looks)
{
	return looks->now->table_error == -ENODATA ||
	       (looks->now->tracking[FLOW_IPV4] == TRACKING_INACTIVE &&
		looks->now->tracking[FLOW_IPV6] == TRACKING_INACTIVE);
}

enum severity looks_severity(const struct looks *looks)
{
	double usage;

	return looks_usage(looks, &usage) && usage >= USAGE_CROWDED ? SEVERITY_WARNING
								    : SEVERITY_INFO;
}

bool looks_has_flows(const struct looks *looks, uint32_t has)
{
	return looks->now->has_walk && !(looks->now->flows.missing & has) && looks_flows(looks) > 0;
}

uint64_t looks_flows(const struct looks *looks)
{
	uint64_t total = 0;

	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		for (int protocol = 0; protocol < N_FLOW_PROTOCOLS; protocol++)
			total += looks->now->flows.by_protocol[family][protocol];
	return total;
}

uint64_t looks_tcp_flows(const struct looks *looks, enum flow_tcp_state state)
{
	uint64_t total = 0;

	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		total += looks->now->flows.by_tcp_state[family][state];
	return total;
}

uint64_t looks_replies(const struct looks *looks, enum flow_reply reply)
{
	uint64_t total = 0;

	for (int protocol = 0; protocol < N_FLOW_PROTOCOLS; protocol++)
		total += looks->now->flows.by_reply[protocol][reply];
	return total;
}
