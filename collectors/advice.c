/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "advice.h"

#include <inttypes.h>

#include "../exporter/util.h"
#include "thresholds.h"

#define HOST_ONLY "In a container: only in the host's network namespace."
#define NEXT_PACKET \
	"It applies to an entry from its next packet on: idle ones keep the time they have left."

uint64_t advice_limit(const struct looks *looks)
{
	const struct reading limit = looks->now->table[TABLE_ENTRIES_LIMIT];

	if (!limit.known || limit.value == 0 || limit.value >= ENTRIES_LIMIT_MAX)
		return 0;
	return limit.value > ENTRIES_LIMIT_MAX / 2 ? ENTRIES_LIMIT_MAX : 2 * limit.value;
}

/* Buckets that suit a limit or, without one, twice the entries; 0: unknown. */
static uint64_t suitable_buckets(const struct looks *looks, uint64_t limit)
{
	const struct reading entries = looks->now->table[TABLE_ENTRIES];
	const struct reading buckets = looks->now->table[TABLE_BUCKETS];
	uint64_t wanted = limit;

	if (!buckets.known || buckets.value >= BUCKETS_MAX)
		return 0;
	if (wanted == 0 && entries.known)
		wanted = entries.value < BUCKETS_MAX / 2 ? 2 * entries.value : BUCKETS_MAX;
	if (wanted > BUCKETS_MAX)
		wanted = BUCKETS_MAX;
	wanted = (wanted + BUCKETS_STEP - 1) / BUCKETS_STEP * BUCKETS_STEP;
	/* Chains are too long with what there is, although it is as much as the limit asks for. */
	return wanted > buckets.value ? wanted : 2 * buckets.value;
}

void advice_raise_limit(const struct looks *looks, struct finding *f)
{
	const struct reading size = looks->now->table[TABLE_ENTRY_SIZE_BYTES];
	const uint64_t now = looks->now->table[TABLE_ENTRIES_LIMIT].value;
	const uint64_t limit = advice_limit(looks);
	const double bytes = (double)(limit - now) * (double)size.value;

	if (limit == 0)
		return;
	finding_command(f, "sysctl -w net.netfilter.nf_conntrack_max=%" PRIu64, limit);
	if (size.known) {
		finding_cost(f, "Up to %s of kernel memory", text_mebibytes(bytes).s);
		if (looks->now->memory_bytes)
			finding_cost(f, " (%s of this machine's)",
				     text_share(bytes, (double)looks->now->memory_bytes).s);
		finding_cost(f, ", taken only as entries are made. ");
	}
	finding_cost(
		f,
		"Works at once, until the next boot unless it is in /etc/sysctl.d as well. " HOST_ONLY);
}

void advice_raise_buckets(const struct looks *looks, uint64_t limit, struct finding *f)
{
	const uint64_t buckets = suitable_buckets(looks, limit);

	if (buckets == 0)
		return;
	finding_command(f, "sysctl -w net.netfilter.nf_conntrack_buckets=%" PRIu64, buckets);
	finding_cost(
		f,
		"%s of kernel memory in all, %d bytes a bucket; raising nf_conntrack_max does "
		"not raise it. All entries are moved at once, new flows wait that long. " HOST_ONLY,
		text_mebibytes((double)buckets * BUCKET_BYTES).s, BUCKET_BYTES);
}

void advice_shorten_timeout(const struct looks *looks, const struct holder *holder,
			    struct finding *f)
{
	const struct holder_kind *kind = holder->kind;

	if (kind->timeout == TIMEOUT_TCP_ESTABLISHED) {
		advice_shorten_established(looks, f);
		return;
	}
	if (kind->shorter_s == 0 || !holder->timeout_s.known ||
	    holder->timeout_s.value <= kind->shorter_s)
		return;
	finding_command(f, "sysctl -w net.netfilter.%s=%" PRIu32,
			timeout_setting_file((enum timeout_setting)kind->timeout), kind->shorter_s);
	finding_cost(f, "For the %" PRIu64 " %s, now %" PRIu64 " s. Cost: %s. " NEXT_PACKET,
		     holder->flows, kind->what, holder->timeout_s.value, kind->cost);
}

void advice_shorten_established(const struct looks *looks, struct finding *f)
{
	static const uint32_t lifetimes_s[] = { ESTABLISHED_LONG_S, ESTABLISHED_SHORT_S };
	const double enough = IDLE_SHARE * (double)looks_flows(looks);
	uint32_t lifetime_s = 0;
	uint64_t idle = 0;

	for (size_t i = 0; i < ARRAY_SIZE(lifetimes_s) && lifetime_s == 0; i++)
		if (holder_idle(looks, lifetimes_s[i], &idle) && idle > 0 && (double)idle >= enough)
			lifetime_s = lifetimes_s[i];
	if (lifetime_s == 0)
		return;
	finding_command(f, "sysctl -w net.netfilter.%s=%" PRIu32,
			timeout_setting_file(TIMEOUT_TCP_ESTABLISHED), lifetime_s);
	finding_cost(
		f,
		"With it, at least %" PRIu64
		" ESTABLISHED entries would be gone already: idle for "
		"longer, judged by the time they have left. Cost: a connection idle for longer is "
		"forgotten; behind NAT it then breaks. " NEXT_PACKET,
		idle);
}

void advice_notrack_loopback(const struct looks *looks, struct finding *f)
{
	const uint64_t loopback = looks->now->flows.by_path[FLOW_LOOPBACK];
	const uint64_t total = looks_flows(looks);

	if (!looks_has_flows(looks, FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR |
					    FLOW_HAS_RESPONDER) ||
	    (double)loopback < LOOPBACK_SHARE * (double)total)
		return;
	finding_command(f,
			"nft 'add table inet notrack_lo; add chain inet notrack_lo output { type "
			"filter hook output priority raw; }; add rule inet notrack_lo output "
			"oifname lo notrack'");
	finding_cost(
		f,
		"Keeps new loopback flows out; %" PRIu64 " of %" PRIu64
		" flows are loopback. "
		"Cost: they match ctstate UNTRACKED, no longer ESTABLISHED, so rules must accept "
		"lo by its name, and NAT does not see them.",
		loopback, total);
}
