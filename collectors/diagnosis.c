/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "diagnosis.h"

#include <inttypes.h>
#include <string.h>

#include "../exporter/buffer.h"
#include "../exporter/util.h"
#include "findings.h"

const char *const severity_names[N_SEVERITIES] = {
	[SEVERITY_OK] = "ok",
	[SEVERITY_INFO] = "info",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_CRITICAL] = "critical",
};

/* Of two alike, the first is told first: causes before what they lead to. */
static const struct diagnosis_row {
	const char *id;
	finding_row *applies;
} rows[] = {
	{ "table_unread", finding_table_unread },
	{ "table_full", finding_table_full },
	{ "new_flows_dropped", finding_new_flows_dropped },
	{ "chain_too_long", finding_chain_too_long },
	{ "table_nearly_full", finding_table_nearly_full },
	{ "table_filling", finding_table_filling },
	{ "evictions", finding_evictions },
	{ "insert_races", finding_insert_races },
	{ "buckets_too_few", finding_buckets_too_few },
	{ "what_fills_the_table", finding_what_fills_the_table },
	{ "syn_flood_or_unreplied", finding_syn_flood_or_unreplied },
	{ "dead_weight", finding_dead_weight },
	{ "heavy_pair", finding_heavy_pair },
	{ "heavy_source", finding_heavy_source },
	{ "heavy_destination", finding_heavy_destination },
	{ "heavy_destination_port", finding_heavy_destination_port },
	{ "other_listen_overflow", finding_other_listen_overflow },
	{ "other_accept_queue", finding_other_accept_queue },
	{ "other_syn_queue", finding_other_syn_queue },
	{ "other_ephemeral_ports", finding_other_ephemeral_ports },
	{ "other_tcp_memory", finding_other_tcp_memory },
	{ "other_file_handles", finding_other_file_handles },
	{ "other_orphans", finding_other_orphans },
	{ "other_syn_retransmits", finding_other_syn_retransmits },
	{ "tracking_inactive", finding_tracking_inactive },
	{ "not_permitted", finding_not_permitted },
	{ "walk_failed", finding_walk_failed },
	{ "walk_sampled", finding_walk_sampled },
	{ "sockets_untracked_remote", finding_sockets_untracked_remote },
	{ "sockets_untracked_loopback", finding_sockets_untracked_loopback },
	{ "sockets_mismatched", finding_sockets_mismatched },
	{ "no_limit", finding_no_limit },
	{ "limit_and_memory", finding_limit_and_memory },
	{ "tcp_be_liberal", finding_tcp_be_liberal },
	{ "tcp_loose", finding_tcp_loose },
};

static_assert(ARRAY_SIZE(rows) + 1 <= DIAGNOSIS_FINDINGS_MAX,
	      "every row has a place, and all_well");

static void insert(struct diagnosis *diagnosis, size_t at, const struct finding *finding)
{
	struct finding *place = &diagnosis->findings[at];

	memmove(place + 1, place, (diagnosis->n - at) * sizeof(*place));
	*place = *finding;
	diagnosis->n++;
}

/* Behind all that are at least as bad. */
static void insert_by_severity(struct diagnosis *diagnosis, const struct finding *finding)
{
	size_t at = 0;

	while (at < diagnosis->n && diagnosis->findings[at].severity >= finding->severity)
		at++;
	insert(diagnosis, at, finding);
}

static struct rate stat_rate(const struct looks *looks, enum stat_counter counter)
{
	uint64_t growth;

	if (!looks_stat_growth(looks, counter, &growth))
		return (struct rate){ 0 };
	return (struct rate){ .known = true, .per_second = looks_per_second(looks, growth) };
}

static void well_detail(const struct looks *looks, struct finding *ret)
{
	const struct reading drops = looks->now->stat[STAT_DROP];
	uint64_t growth;

	if (looks->now->table_error == -ENODATA)
		finding_detail(ret,
			       "nf_conntrack is not loaded: it cannot be why connections fail. ");
	else if (looks_stat_growth(looks, STAT_DROP, &growth) && growth == 0)
		finding_detail(ret, "conntrack dropped nothing in the last %s. ",
			       text_duration(looks->interval_s).s);
	else
		finding_detail(ret, "Nothing wrong was found in what could be read. ");
	if (drops.known)
		finding_detail(ret,
			       "drop stands at %" PRIu64 " since conntrack began to count here. ",
			       drops.value);
	if (looks->now->join.has_sockets)
		finding_detail(ret,
			       "Of the ESTABLISHED sockets the table holds %" PRIu64
			       " over loopback and %" PRIu64 " to other hosts.",
			       looks->now->join.sockets[JOIN_TRACKED][JOIN_LOOPBACK],
			       looks->now->join.sockets[JOIN_TRACKED][JOIN_REMOTE]);
}

/* When no other one is at least a warning. */
static void all_well(const struct looks *looks, struct finding *ret)
{
	const struct reading entries = looks->now->table[TABLE_ENTRIES];
	const struct reading limit = looks->now->table[TABLE_ENTRIES_LIMIT];
	double usage;

	if (looks_usage(looks, &usage))
		finding_title(ret, SEVERITY_OK,
			      "All is well: the conntrack table holds %" PRIu64 " of %" PRIu64
			      " entries (%s)",
			      entries.value, limit.value, text_share(usage, 1).s);
	else if (entries.known)
		finding_title(ret, SEVERITY_OK,
			      "All is well: the conntrack table holds %" PRIu64 " entries",
			      entries.value);
	else
		finding_title(ret, SEVERITY_OK, "Nothing wrong found; nf_conntrack is not loaded");
	well_detail(looks, ret);
	finding_reading(ret, "conntrack_entries", entries);
	finding_reading(ret, "conntrack_entries_limit", limit);
	finding_reading(ret, "conntrack_stat_drop_total", looks->now->stat[STAT_DROP]);
}

static void add_rows(const struct looks *looks, struct diagnosis *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct finding finding = { .id = rows[i].id };

		if (rows[i].applies(looks, &finding))
			insert_by_severity(ret, &finding);
	}
	if (!looks_unread(looks) && (ret->n == 0 || ret->findings[0].severity < SEVERITY_WARNING)) {
		struct finding well = { .id = "all_well" };

		all_well(looks, &well);
		insert(ret, 0, &well);
	}
}

void diagnosis_make(const struct observation *before, const struct observation *now,
		    struct diagnosis *ret)
{
	const struct looks looks = looks_make(before, now);

	ret->n = 0;
	ret->interval_s = looks.interval_s;
	ret->growth = looks_entries_growth(&looks);
	ret->drops = stat_rate(&looks, STAT_DROP);
	ret->early_drops = stat_rate(&looks, STAT_EARLY_DROP);
	ret->insert_failed = stat_rate(&looks, STAT_INSERT_FAILED);
	add_rows(&looks, ret);
	ret->worst = ret->findings[0].severity;
}

void diagnosis_write_verdict(const struct diagnosis *diagnosis, struct buffer *out)
{
	for (size_t i = 0; i < diagnosis->n; i++) {
		const struct finding *finding = &diagnosis->findings[i];

		if (i > 0 && finding->severity == SEVERITY_INFO)
			continue;
		buffer_printf(out, "%s\t%s\n", severity_names[finding->severity], finding->title);
	}
}
