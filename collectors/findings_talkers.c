/* SPDX-License-Identifier: GPL-2.0-or-later */

/* One end that holds an unusual share of the table. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../exporter/util.h"
#include "address_text.h"
#include "findings.h"
#include "thresholds.h"

/* All of the table: not every flow has ports, but each has a source. */
static uint64_t all_flows(const struct looks *looks)
{
	return looks->now->talkers[TALKERS_BY_SOURCE].flows;
}

/* The heaviest of its kind when it surely holds that share; NULL otherwise. */
static const struct talker *heaviest(const struct looks *looks, enum talkers_by by,
				     uint64_t *ret_flows)
{
	const struct observation_talkers *talkers = &looks->now->talkers[by];
	const struct talker *first = &talkers->talkers[0];

	if (!looks->now->has_walk || talkers->n == 0 || first->error > first->flows)
		return NULL;
	*ret_flows = first->flows - first->error;
	if (*ret_flows < FLOWS_NOTABLE ||
	    (double)*ret_flows < HEAVY_SHARE * (double)all_flows(looks))
		return NULL;
	return first;
}

/* The heavy pair already says all about this end. */
static bool pair_says_it(const struct looks *looks, enum talkers_by by, const struct address *end,
			 uint64_t flows)
{
	uint64_t pair_flows;
	const struct talker *pair = heaviest(looks, TALKERS_BY_PAIR, &pair_flows);
	const struct address *same;

	if (!pair)
		return false;
	same = by == TALKERS_BY_SOURCE ? &pair->source : &pair->destination;
	return memcmp(same, end, sizeof(*same)) == 0 &&
	       (double)pair_flows >= PAIR_SHARE * (double)flows;
}

static void heavy_title(const struct looks *looks, enum talkers_by by, const char *what,
			uint64_t flows, struct finding *ret)
{
	const uint64_t total = all_flows(looks);
	const bool sure = looks->now->talkers[by].talkers[0].error == 0;

	finding_title(ret, looks_severity(looks), "%s has %s%" PRIu64 " flows, %s of the table",
		      what, sure ? "" : "at least ", flows,
		      text_share((double)flows, (double)total).s);
	finding_evidence(ret, what, (double)flows);
	finding_evidence(ret, "flows of the table", (double)total);
}

bool finding_heavy_pair(const struct looks *looks, struct finding *ret)
{
	char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX], what[FINDING_NAME_MAX];
	uint64_t flows;
	const struct talker *talker = heaviest(looks, TALKERS_BY_PAIR, &flows);

	if (!talker)
		return false;
	address_format(&talker->source, source);
	address_format(&talker->destination, destination);
	(void)snprintf(what, sizeof(what), "%s to %s", source, destination);
	heavy_title(looks, TALKERS_BY_PAIR, what, flows, ret);
	finding_detail(
		ret,
		"Connections between two hosts pile up. A leak or short connections that are "
		"not reused look like this; so does a proxy with many clients behind one "
		"address.");
	finding_command(
		ret,
		"conntrack_exporter talkers --by=destination-port --source=%s --destination=%s",
		source, destination);
	finding_cost(ret,
		     "Reads only: which service it is. Then reuse connections there (keep-alive, a "
		     "pool), or close them.");
	return true;
}

bool finding_heavy_source(const struct looks *looks, struct finding *ret)
{
	char text[ADDRESS_TEXT_MAX], what[FINDING_NAME_MAX];
	uint64_t flows;
	const struct talker *talker = heaviest(looks, TALKERS_BY_SOURCE, &flows);

	if (!talker || pair_says_it(looks, TALKERS_BY_SOURCE, &talker->source, flows))
		return false;
	address_format(&talker->source, text);
	(void)snprintf(what, sizeof(what), "source %s", text);
	heavy_title(looks, TALKERS_BY_SOURCE, what, flows, ret);
	finding_detail(ret,
		       "One host begins an unusual share of all flows. A leak, a scan, a resolver, "
		       "or many clients behind one address look like this.");
	finding_command(ret, "conntrack_exporter talkers --by=destination --source=%s", text);
	finding_cost(ret, "Reads only: whom it talks to.");
	return true;
}

bool finding_heavy_destination(const struct looks *looks, struct finding *ret)
{
	char text[ADDRESS_TEXT_MAX], what[FINDING_NAME_MAX];
	uint64_t flows;
	const struct talker *talker = heaviest(looks, TALKERS_BY_DESTINATION, &flows);

	if (!talker || pair_says_it(looks, TALKERS_BY_DESTINATION, &talker->destination, flows))
		return false;
	address_format(&talker->destination, text);
	(void)snprintf(what, sizeof(what), "destination %s", text);
	heavy_title(looks, TALKERS_BY_DESTINATION, what, flows, ret);
	finding_detail(
		ret,
		"An unusual share of all flows goes to one address. That is as it should be "
		"when it is this host's service or a proxy's only backend; else it is a leak "
		"or short connections that are not reused.");
	finding_command(ret, "conntrack_exporter talkers --by=source --destination=%s", text);
	finding_cost(ret, "Reads only: who talks to it.");
	return true;
}

bool finding_heavy_destination_port(const struct looks *looks, struct finding *ret)
{
	char what[FINDING_NAME_MAX];
	uint64_t flows;
	const struct talker *talker = heaviest(looks, TALKERS_BY_DESTINATION_PORT, &flows);

	if (!talker)
		return false;
	(void)snprintf(what, sizeof(what), "destination port %u", talker->port);
	heavy_title(looks, TALKERS_BY_DESTINATION_PORT, what, flows, ret);
	finding_detail(
		ret,
		"One service makes an unusual share of all flows. When its flows need neither "
		"NAT nor rules on ctstate they need no entries either.");
	finding_command(ret, "conntrack_exporter talkers --by=pair --port=%u", talker->port);
	finding_cost(ret, "Reads only: who uses it.");
	finding_command(ret, "iptables -t raw -A PREROUTING -p tcp --dport %u -j CT --notrack",
			talker->port);
	finding_cost(
		ret,
		"No new entries for a TCP service of this host, when its answers are exempt as "
		"well: -A OUTPUT -p tcp --sport %u (UDP: -p udp). Cost: its packets match ctstate "
		"UNTRACKED, never ESTABLISHED, so rules must accept both directions by port, and "
		"NAT does not work for them.",
		talker->port);
	return true;
}
