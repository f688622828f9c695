/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the entries of the table are, and how long they stay. */

#include <inttypes.h>
#include <stdio.h>

#include "advice.h"
#include "findings.h"
#include "labels.h"
#include "thresholds.h"

static void timeout_detail(const struct looks *looks, const struct holder *holder,
			   struct finding *ret)
{
	char name[FINDING_NAME_MAX];
	uint64_t idle;

	if (!holder->timeout_s.known) {
		finding_detail(ret, "They are what most of its entries are. ");
		return;
	}
	(void)snprintf(name, sizeof(name), "net.netfilter.%s",
		       timeout_setting_file((enum timeout_setting)holder->kind->timeout));
	finding_detail(ret, "Each stays up to %" PRIu64 " s after its last packet. ",
		       holder->timeout_s.value);
	finding_reading(ret, name, holder->timeout_s);
	if (holder->kind->timeout == TIMEOUT_TCP_ESTABLISHED &&
	    holder_idle(looks, ESTABLISHED_LONG_S, &idle))
		finding_detail(ret,
			       "At least %" PRIu64
			       " of them have been idle for more than %s, judged by "
			       "the time they have left. ",
			       idle, text_duration(ESTABLISHED_LONG_S).s);
}

static void expiry_detail(const struct looks *looks, struct finding *ret)
{
	const uint64_t *expiring = looks->now->flows.expiring;
	const double total = (double)looks_flows(looks);

	if (!looks_has_flows(looks, FLOW_HAS_TIMEOUT))
		return;
	finding_detail(
		ret,
		"If no more packets came, %s of all flows would be gone within 10 minutes and "
		"%s within a day. ",
		text_share((double)expiring[2], total).s, text_share((double)expiring[4], total).s);
}

static void path_detail(const struct looks *looks, struct finding *ret)
{
	const uint64_t *by_path = looks->now->flows.by_path;
	int most = 0;

	if (!looks_has_flows(looks, FLOW_HAS_INITIATOR | FLOW_HAS_RESPONDER))
		return;
	for (int path = 1; path < N_FLOW_PATHS; path++)
		if (by_path[path] > by_path[most])
			most = path;
	finding_detail(ret, "By path most of the table is %s (%s).", label_path.values[most],
		       text_share((double)by_path[most], (double)looks_flows(looks)).s);
}

bool finding_what_fills_the_table(const struct looks *looks, struct finding *ret)
{
	struct holder holder;
	double usage;
	const bool matters = looks_usage(looks, &usage) && usage >= USAGE_NOTABLE;

	if (!holder_find(looks, &holder) || holder.flows < FLOWS_NOTABLE ||
	    (double)holder.flows < HOLDER_SHARE * (double)holder.total)
		return false;
	finding_title(ret, matters ? SEVERITY_WARNING : SEVERITY_INFO,
		      "%s of the table are %s (%" PRIu64 " of %" PRIu64 ")",
		      text_share((double)holder.flows, (double)holder.total).s, holder.kind->what,
		      holder.flows, holder.total);
	timeout_detail(looks, &holder, ret);
	expiry_detail(looks, ret);
	path_detail(looks, ret);
	finding_evidence(ret, holder.kind->what, (double)holder.flows);
	finding_evidence(ret, "flows of the table", (double)holder.total);
	advice_shorten_timeout(looks, &holder, ret);
	if (matters) {
		finding_command(ret, "conntrack_exporter talkers --by=pair");
		finding_cost(ret, "Reads only: who talks to whom with the most flows.");
	}
	return true;
}

/* An unreplied flow of TCP is in SYN_SENT; SYN_RECV saw an answer, but no handshake either. */
bool finding_syn_flood_or_unreplied(const struct looks *looks, struct finding *ret)
{
	const uint64_t unreplied = looks_replies(looks, FLOW_UNREPLIED);
	const uint64_t syn_recv = looks_tcp_flows(looks, FLOW_TCP_SYN_RECV);
	const uint64_t total = looks_flows(looks);
	const uint64_t half_open = unreplied + syn_recv;

	if (!looks_has_flows(looks, FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_STATUS |
					    FLOW_HAS_TCP_STATE) ||
	    half_open < FLOWS_NOTABLE || (double)half_open < HALF_OPEN_SHARE * (double)total)
		return false;
	finding_title(ret, looks_severity(looks),
		      "%s of the flows were never answered or never completed (%" PRIu64
		      " of %" PRIu64 ")",
		      text_share((double)half_open, (double)total).s, half_open, total);
	finding_detail(ret,
		       "Someone floods or scans, or a peer or a firewall does not answer. A full "
		       "table may evict these to make room, so they can hide a flood behind "
		       "early_drop. Traffic that goes one way only, as syslog over UDP, looks the "
		       "same and is harmless.");
	finding_evidence(ret, "conntrack_flows_by_reply{reply=\"unreplied\"}", (double)unreplied);
	finding_evidence(ret, "conntrack_tcp_flows{state=\"syn_sent\"}",
			 (double)looks_tcp_flows(looks, FLOW_TCP_SYN_SENT));
	finding_evidence(ret, "conntrack_tcp_flows{state=\"syn_recv\"}", (double)syn_recv);
	finding_evidence(ret, "flows of the table", (double)total);
	finding_command(ret, "conntrack_exporter talkers --by=source --state=%s",
			syn_recv > looks_tcp_flows(looks, FLOW_TCP_SYN_SENT) ? "syn_recv"
									     : "syn_sent");
	finding_cost(ret, "Reads only: who begins them.");
	return true;
}
