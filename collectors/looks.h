/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What two looks at the host say together. Pure; what was not read in both gives no answer. */

#include "diagnosis.h"

struct looks {
	const struct observation *before, *now;
	double interval_s; /* 0: too little time passed to tell what has grown */
};

struct looks looks_make(const struct observation *before, const struct observation *now);

/*
 * By how much a counter grew. False where a look lacks it, no time passed, or it fell: then it
 * began anew in between.
 */
bool looks_stat_growth(const struct looks *looks, enum stat_counter counter, uint64_t *ret);
bool looks_netstat_growth(const struct looks *looks, enum netstat_counter counter, uint64_t *ret);

/* Growth by the second; only after one of the above said true. */
double looks_per_second(const struct looks *looks, uint64_t growth);

/*
 * Packets that were refused an entry: drop - (insert_failed - chaintoolong), since races move both
 * and a chain that was too long moves insert_failed and chaintoolong (nf_conntrack_in(),
 * __nf_conntrack_confirm()). Linux before 5.15 has no chaintoolong, nothing to take off there.
 */
bool looks_refused(const struct looks *looks, uint64_t *ret);

/*
 * New flows lost on insertion though the table was not full: insert_failed - chaintoolong. Not told
 * before Linux 5.10 (no clash_resolve), where insert_failed counts resolved clashes as well.
 */
bool looks_races(const struct looks *looks, uint64_t *ret);

/* Entries more (or less) by the second. */
struct rate looks_entries_growth(const struct looks *looks);

/* Entries over their limit; false where either was not read or there is no limit. */
bool looks_usage(const struct looks *looks, double *ret);

/* How full the table is could not be read, though there may be one. */
bool looks_unread(const struct looks *looks);

/* Packets of neither family pass through conntrack, as far as can be told. */
bool looks_inactive(const struct looks *looks);

/* Of what is only trouble when room gets scarce: SEVERITY_INFO below USAGE_CROWDED. */
enum severity looks_severity(const struct looks *looks);

/* The walk of now saw flows, and all of them had these fields (enum flow_has). */
bool looks_has_flows(const struct looks *looks, uint32_t has);

/* All flows of the walk; TCP flows in this state, flows of this protocol by reply. */
uint64_t looks_flows(const struct looks *looks);
uint64_t looks_tcp_flows(const struct looks *looks, enum flow_tcp_state state);
uint64_t looks_replies(const struct looks *looks, enum flow_reply reply);
