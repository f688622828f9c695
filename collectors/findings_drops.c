/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What conntrack's counters say was lost between the two looks. */

#include "advice.h"
#include "findings.h"
#include "thresholds.h"

static const char *const stat_names[N_STAT_COUNTERS] = {
	[STAT_DROP] = "conntrack_stat_drop_total",
	[STAT_EARLY_DROP] = "conntrack_stat_early_drop_total",
	[STAT_INSERT_FAILED] = "conntrack_stat_insert_failed_total",
	[STAT_CHAINTOOLONG] = "conntrack_stat_chaintoolong_total",
	[STAT_CLASH_RESOLVE] = "conntrack_stat_clash_resolve_total",
};

static void stat_evidence(const struct looks *looks, enum stat_counter counter, struct finding *ret)
{
	uint64_t growth;

	if (looks_stat_growth(looks, counter, &growth))
		finding_rate(ret, stat_names[counter], looks_per_second(looks, growth));
}

static void drop_detail(bool full, struct finding *ret)
{
	finding_detail(ret, "Connections that begin now fail or start seconds late. ");
	if (full)
		finding_detail(ret, "There is no entry left for them. ");
	else
		finding_detail(ret,
			       "The table is not full: the kernel had no memory for an entry, or "
			       "a protocol's tracker refused the packet. ");
	finding_detail(
		ret,
		"conntrack refuses them at priority -200 of its hooks, before the mangle, nat "
		"and filter rules: none of their counters or logs shows them. tcpdump still "
		"sees inbound SYNs; outbound ones never reach the interface. drop counts "
		"packets, and one connect() sends its SYN several times; UDP senders of this "
		"host get EPERM. insert_failed does not count these.");
}

bool finding_new_flows_dropped(const struct looks *looks, struct finding *ret)
{
	uint64_t refused;
	double usage;
	const bool has_usage = looks_usage(looks, &usage);
	const bool full = !has_usage || usage >= USAGE_FULL;

	if (!looks_refused(looks, &refused) || refused == 0)
		return false;
	finding_title(ret, full ? SEVERITY_CRITICAL : SEVERITY_WARNING,
		      "conntrack refuses %s packets of new flows a second",
		      text_number(looks_per_second(looks, refused)).s);
	drop_detail(full && has_usage, ret);
	stat_evidence(looks, STAT_DROP, ret);
	stat_evidence(looks, STAT_INSERT_FAILED, ret);
	stat_evidence(looks, STAT_CHAINTOOLONG, ret);
	finding_reading(ret, "conntrack_entries", looks->now->table[TABLE_ENTRIES]);
	finding_reading(ret, "conntrack_entries_limit", looks->now->table[TABLE_ENTRIES_LIMIT]);
	if (full) {
		advice_raise_limit(looks, ret);
	} else {
		finding_command(ret, "dmesg | grep -i -e conntrack -e 'allocation failure'");
		finding_cost(ret,
			     "Reads only. The kernel logs a full table (of any network namespace) "
			     "and failed allocations, both rate-limited.");
	}
	return true;
}

bool finding_evictions(const struct looks *looks, struct finding *ret)
{
	uint64_t evicted;

	if (!looks_stat_growth(looks, STAT_EARLY_DROP, &evicted) || evicted == 0)
		return false;
	finding_title(ret, SEVERITY_WARNING, "The full table evicts %s entries a second",
		      text_number(looks_per_second(looks, evicted)).s);
	finding_detail(
		ret,
		"Flows that are still beginning are forgotten to make room for newer ones. At "
		"the limit the kernel deletes entries that are not assured (unreplied or "
		"replied), never an assured one. early_drop counts entries, and one new flow "
		"can cost several.");
	stat_evidence(looks, STAT_EARLY_DROP, ret);
	finding_reading(ret, "conntrack_entries", looks->now->table[TABLE_ENTRIES]);
	finding_reading(ret, "conntrack_entries_limit", looks->now->table[TABLE_ENTRIES_LIMIT]);
	advice_raise_limit(looks, ret);
	return true;
}

bool finding_insert_races(const struct looks *looks, struct finding *ret)
{
	uint64_t races;

	if (!looks_races(looks, &races) || races == 0)
		return false;
	finding_title(ret, SEVERITY_WARNING,
		      "%s packets of new flows a second lose a race for a place in the table",
		      text_number(looks_per_second(looks, races)).s);
	finding_detail(
		ret,
		"They are lost; the sender must repeat them. This is not a full "
		"table. Two packets wanted the same place at the same time: two flows that NAT "
		"gave the same port, or two first packets of one flow, as of a resolver that "
		"asks for A and AAAA at once. drop counts most of these as well.");
	stat_evidence(looks, STAT_INSERT_FAILED, ret);
	stat_evidence(looks, STAT_CHAINTOOLONG, ret);
	stat_evidence(looks, STAT_DROP, ret);
	stat_evidence(looks, STAT_CLASH_RESOLVE, ret);
	finding_command(ret, "iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE --random-fully");
	finding_cost(ret,
		     "Put in place of the rule that masquerades now, with its interface (nft: "
		     "masquerade fully-random). NAT then picks ports at random, which makes equal "
		     "ones rare. Cost: source ports are not kept.");
	return true;
}

bool finding_chain_too_long(const struct looks *looks, struct finding *ret)
{
	const struct reading limit = looks->now->table[TABLE_ENTRIES_LIMIT];
	uint64_t refused;

	if (!looks_stat_growth(looks, STAT_CHAINTOOLONG, &refused) || refused == 0)
		return false;
	finding_title(
		ret, SEVERITY_CRITICAL,
		"conntrack refuses %s packets of new flows a second: hash chains are too long",
		text_number(looks_per_second(looks, refused)).s);
	finding_detail(
		ret,
		"Connections that begin now fail although the table need not be full. There are "
		"too few hash buckets for the entries of all network namespaces together. "
		"chaintoolong and insert_failed count these, drop does not, and the kernel logs "
		"nothing.");
	stat_evidence(looks, STAT_CHAINTOOLONG, ret);
	stat_evidence(looks, STAT_INSERT_FAILED, ret);
	finding_reading(ret, "conntrack_buckets", looks->now->table[TABLE_BUCKETS]);
	finding_reading(ret, "conntrack_entries", looks->now->table[TABLE_ENTRIES]);
	finding_reading(ret, "conntrack_entries_limit", limit);
	advice_raise_buckets(looks, limit.known ? limit.value : 0, ret);
	return true;
}
