/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How full the table is, how soon it will be, and what it costs. */

#include <inttypes.h>

#include "advice.h"
#include "findings.h"
#include "thresholds.h"

static void table_evidence(const struct looks *looks, struct finding *ret)
{
	const struct rate growth = looks_entries_growth(looks);

	finding_reading(ret, "conntrack_entries", looks->now->table[TABLE_ENTRIES]);
	finding_reading(ret, "conntrack_entries_limit", looks->now->table[TABLE_ENTRIES_LIMIT]);
	if (growth.known)
		finding_rate(ret, "conntrack_entries", growth.per_second);
}

/* Raise the limit first, then what makes it last: buckets, timeouts, fewer entries. */
static void advise(const struct looks *looks, struct finding *ret)
{
	const uint64_t limit = advice_limit(looks);
	const struct reading buckets = looks->now->table[TABLE_BUCKETS];
	struct holder holder;

	advice_raise_limit(looks, ret);
	if (buckets.known && limit / LIMIT_PER_BUCKET_MAX > buckets.value)
		advice_raise_buckets(looks, limit, ret);
	if (holder_find(looks, &holder) &&
	    (double)holder.flows >= HOLDER_SHARE * (double)holder.total)
		advice_shorten_timeout(looks, &holder, ret);
	advice_notrack_loopback(looks, ret);
}

static bool is_full(const struct looks *looks, double usage)
{
	uint64_t refused;

	return usage >= 1 || (usage >= USAGE_FULL && looks_refused(looks, &refused) && refused > 0);
}

/* As when the rules that filled it are gone. It is judged from evidence, so this stays a warning.
 */
static const char no_packets[] =
	"Packets seem not to pass through conntrack now, so nothing fails because of it. Once they "
	"do, new connections fail. ";

bool finding_table_full(const struct looks *looks, struct finding *ret)
{
	uint64_t refused = 0;
	double usage;
	bool idle;

	if (!looks_usage(looks, &usage) || !is_full(looks, usage))
		return false;
	(void)looks_refused(looks, &refused);
	idle = refused == 0 && looks_inactive(looks);
	finding_title(ret, idle ? SEVERITY_WARNING : SEVERITY_CRITICAL,
		      "The conntrack table is full: %" PRIu64 " of %" PRIu64 " entries",
		      looks->now->table[TABLE_ENTRIES].value,
		      looks->now->table[TABLE_ENTRIES_LIMIT].value);
	if (idle)
		finding_detail(ret, "%s", no_packets);
	else if (refused > 0)
		finding_detail(ret, "New connections fail now, while those already there go on. ");
	else
		finding_detail(ret,
			       "New connections fail unless the kernel finds a flow to evict for "
			       "them; those already there go on. ");
	finding_detail(
		ret,
		"Each new flow needs an entry. At the limit the kernel evicts flows that are "
		"not assured from a few hash buckets near the new one's place; where it finds "
		"none it drops the packet, before any filter rule or listener sees it. So ss "
		"shows ESTABLISHED as always.");
	table_evidence(looks, ret);
	if (looks->interval_s > 0 && looks_refused(looks, &refused))
		finding_rate(ret, "conntrack_stat_drop_total - (insert_failed - chaintoolong)",
			     looks_per_second(looks, refused));
	advise(looks, ret);
	return true;
}

/* Seconds until the table is full when it goes on growing like this; false when it does not grow.
 */
static bool seconds_to_full(const struct looks *looks, double *ret)
{
	const struct rate growth = looks_entries_growth(looks);
	const struct reading entries = looks->now->table[TABLE_ENTRIES];
	const struct reading limit = looks->now->table[TABLE_ENTRIES_LIMIT];

	if (!growth.known || growth.per_second <= 0 || !limit.known || limit.value < entries.value)
		return false;
	*ret = (double)(limit.value - entries.value) / growth.per_second;
	return true;
}

bool finding_table_nearly_full(const struct looks *looks, struct finding *ret)
{
	double usage, seconds;

	if (!looks_usage(looks, &usage) || usage < USAGE_WARNING || is_full(looks, usage))
		return false;
	finding_title(ret,
		      usage >= USAGE_CRITICAL && !looks_inactive(looks) ? SEVERITY_CRITICAL
									: SEVERITY_WARNING,
		      "The conntrack table is nearly full: %" PRIu64 " of %" PRIu64 " entries (%s)",
		      looks->now->table[TABLE_ENTRIES].value,
		      looks->now->table[TABLE_ENTRIES_LIMIT].value, text_share(usage, 1).s);
	finding_detail(
		ret,
		"At the limit new connections begin to fail, while those already there go on. ");
	if (seconds_to_full(looks, &seconds))
		finding_detail(ret, "At the growth of the last %s it is full in %s. ",
			       text_duration(looks->interval_s).s, text_duration(seconds).s);
	finding_detail(ret,
		       "From 95%% of the limit on, after a packet was dropped, the kernel's "
		       "garbage collector also evicts flows that are not assured or are closing; "
		       "no counter shows that.");
	table_evidence(looks, ret);
	advise(looks, ret);
	return true;
}

bool finding_table_filling(const struct looks *looks, struct finding *ret)
{
	double usage, seconds;

	if (!looks_usage(looks, &usage) || usage < USAGE_FILLING || usage >= USAGE_WARNING ||
	    !seconds_to_full(looks, &seconds) || seconds > FILLING_S)
		return false;
	finding_title(ret, SEVERITY_WARNING,
		      "The conntrack table fills up: full in %s at the present growth",
		      text_duration(seconds).s);
	finding_detail(
		ret,
		"Once it is full new connections fail, while those already there go on. This "
		"takes the growth of the last %s for granted: watch whether it goes on.",
		text_duration(looks->interval_s).s);
	table_evidence(looks, ret);
	advise(looks, ret);
	return true;
}

bool finding_no_limit(const struct looks *looks, struct finding *ret)
{
	const struct reading limit = looks->now->table[TABLE_ENTRIES_LIMIT];

	if (!limit.known || limit.value != 0)
		return false;
	finding_title(ret, SEVERITY_INFO,
		      "The conntrack table has no limit: nf_conntrack_max is 0");
	finding_detail(ret,
		       "It never is full, but takes kernel memory for as many flows as come. Long "
		       "hash chains still refuse new flows (Linux 5.15 and later).");
	table_evidence(looks, ret);
	return true;
}

static bool buckets_are_few(const struct looks *looks, double *ret_chain, double *ret_per_bucket)
{
	const struct reading *table = looks->now->table;
	double buckets;

	*ret_chain = *ret_per_bucket = 0;
	if (!table[TABLE_BUCKETS].known || table[TABLE_BUCKETS].value == 0)
		return false;
	buckets = (double)table[TABLE_BUCKETS].value;
	if (table[TABLE_ENTRIES].known)
		*ret_chain = 2 * (double)table[TABLE_ENTRIES].value / buckets;
	if (table[TABLE_ENTRIES_LIMIT].known)
		*ret_per_bucket = (double)table[TABLE_ENTRIES_LIMIT].value / buckets;
	return *ret_chain > CHAIN_AVERAGE_MAX || *ret_per_bucket > LIMIT_PER_BUCKET_MAX;
}

bool finding_buckets_too_few(const struct looks *looks, struct finding *ret)
{
	const struct reading limit = looks->now->table[TABLE_ENTRIES_LIMIT];
	double chain, per_bucket;

	if (!buckets_are_few(looks, &chain, &per_bucket))
		return false;
	if (per_bucket > LIMIT_PER_BUCKET_MAX)
		finding_title(ret, SEVERITY_WARNING,
			      "Too few hash buckets: the limit allows %s entries for each",
			      text_number(per_bucket).s);
	else
		finding_title(ret, SEVERITY_WARNING,
			      "Too few hash buckets: a chain holds %s entries on average",
			      text_number(chain).s);
	finding_detail(
		ret,
		"Lookups get slow, and new flows can be refused long before the limit. Each "
		"entry is in two chains, and all network namespaces share the buckets. From "
		"Linux 5.15 on the kernel refuses a flow whose chain is longer than a bound it "
		"draws: 50 to 79 entries in Linux 6.1 to 6.18, 8 to 31 in 5.15.");
	table_evidence(looks, ret);
	finding_reading(ret, "conntrack_buckets", looks->now->table[TABLE_BUCKETS]);
	finding_evidence(ret, "2 * conntrack_entries / conntrack_buckets", chain);
	advice_raise_buckets(looks, limit.known ? limit.value : 0, ret);
	return true;
}

bool finding_limit_and_memory(const struct looks *looks, struct finding *ret)
{
	const struct reading limit = looks->now->table[TABLE_ENTRIES_LIMIT];
	const struct reading size = looks->now->table[TABLE_ENTRY_SIZE_BYTES];
	const struct reading buckets = looks->now->table[TABLE_BUCKETS];
	double entries_bytes, buckets_bytes;

	if (!limit.known || limit.value == 0 || !size.known || !buckets.known)
		return false;
	entries_bytes = (double)limit.value * (double)size.value;
	buckets_bytes = (double)buckets.value * BUCKET_BYTES;
	finding_title(ret, SEVERITY_INFO, "At its limit the conntrack table takes about %s",
		      text_mebibytes(entries_bytes + buckets_bytes).s);
	finding_detail(
		ret,
		"Doubling the limit allows %s more, which are taken only as entries are made. "
		"%" PRIu64
		" bytes an entry, and %s for the buckets, which are there already. "
		"The limit is one number for the host; each network namespace counts for "
		"itself against it.",
		text_mebibytes(entries_bytes).s, size.value, text_mebibytes(buckets_bytes).s);
	finding_reading(ret, "conntrack_entries_limit", limit);
	finding_reading(ret, "conntrack_entry_size_bytes", size);
	finding_reading(ret, "conntrack_buckets", buckets);
	if (looks->now->memory_bytes)
		finding_evidence(ret, "memory of the machine in bytes",
				 (double)looks->now->memory_bytes);
	return true;
}
