/* SPDX-License-Identifier: GPL-2.0-or-later */

/* ESTABLISHED sockets and ESTABLISHED flows that have no partner. */

#include <inttypes.h>

#include "advice.h"
#include "findings.h"
#include "thresholds.h"

bool finding_dead_weight(const struct looks *looks, struct finding *ret)
{
	const struct join_counts *join = &looks->now->join;
	const uint64_t absent = join->flows[JOIN_ABSENT];
	const uint64_t total = absent + join->flows[JOIN_PRESENT] + join->flows[JOIN_FORWARDED];

	if (!looks->now->has_walk || !join->has_flows || absent < FLOWS_NOTABLE ||
	    (double)absent < DEAD_SHARE * (double)total)
		return false;
	finding_title(ret, looks_severity(looks),
		      "%" PRIu64 " ESTABLISHED entries have no socket (%s of them)", absent,
		      text_share((double)absent, (double)total).s);
	finding_detail(
		ret,
		"They take room for connections that no longer exist. One end is an address of "
		"this host, but no socket of this network namespace belongs to them: it was "
		"closed and conntrack did not see the end (a reset that was lost, a host that "
		"vanished), or it is one that IPVS or TPROXY keeps elsewhere. Each stays until "
		"nf_conntrack_tcp_timeout_established after its last packet.");
	finding_evidence(ret, "conntrack_established_flows{socket=\"absent\"}", (double)absent);
	finding_evidence(ret, "conntrack_established_flows{socket=\"present\"}",
			 (double)join->flows[JOIN_PRESENT]);
	finding_evidence(ret, "conntrack_established_flows{socket=\"forwarded\"}",
			 (double)join->flows[JOIN_FORWARDED]);
	finding_reading(ret, "net.netfilter.nf_conntrack_tcp_timeout_established",
			looks->now->settings.timeout_s[TIMEOUT_TCP_ESTABLISHED]);
	advice_shorten_established(looks, ret);
	return true;
}

static bool untracked(const struct looks *looks, enum join_path path, uint64_t *ret)
{
	const struct join_counts *join = &looks->now->join;

	if (!join->has_sockets || looks_inactive(looks) || join->sockets[JOIN_UNTRACKED][path] == 0)
		return false;
	*ret = join->sockets[JOIN_UNTRACKED][path];
	return true;
}

bool finding_sockets_untracked_remote(const struct looks *looks, struct finding *ret)
{
	const struct reading loose = looks->now->settings.setting[SETTING_TCP_LOOSE];
	const bool strict = loose.known && loose.value == 0;
	uint64_t sockets;

	if (!untracked(looks, JOIN_REMOTE, &sockets))
		return false;
	finding_title(ret, strict ? SEVERITY_WARNING : SEVERITY_INFO,
		      "%" PRIu64 " ESTABLISHED sockets to other hosts have no entry in the table",
		      sockets);
	finding_detail(ret, "Rules on ctstate ESTABLISHED do not match their next packet. ");
	if (strict)
		finding_detail(
			ret,
			"It is INVALID because nf_conntrack_tcp_loose is 0, and they never get "
			"an entry again. ");
	else if (loose.known)
		finding_detail(ret,
			       "It makes a new entry and matches NEW, since nf_conntrack_tcp_loose "
			       "is 1. ");
	finding_detail(ret,
		       "Usual causes, none an error by itself: idle since before the rules were "
		       "loaded, idle for longer than the timeout, exempt by notrack (then they "
		       "match UNTRACKED), or of a family that is not tracked. If NAT applied to "
		       "them, they break.");
	finding_evidence(ret,
			 "conntrack_established_sockets{tracking=\"untracked\",path=\"remote\"}",
			 (double)sockets);
	finding_evidence(ret, "conntrack_established_sockets{tracking=\"tracked\",path=\"remote\"}",
			 (double)looks->now->join.sockets[JOIN_TRACKED][JOIN_REMOTE]);
	finding_reading(ret, "conntrack_setting{name=\"tcp_loose\"}", loose);
	if (strict) {
		finding_command(ret, "sysctl -w net.netfilter.nf_conntrack_tcp_loose=1");
		finding_cost(
			ret,
			"Their next packet makes an entry again. Cost: any TCP packet can begin a "
			"flow, so rules that mean only SYNs must say so.");
	}
	return true;
}

bool finding_sockets_untracked_loopback(const struct looks *looks, struct finding *ret)
{
	uint64_t sockets;

	if (!untracked(looks, JOIN_LOOPBACK, &sockets))
		return false;
	finding_title(ret, SEVERITY_INFO,
		      "%" PRIu64 " ESTABLISHED sockets over loopback have no entry in the table",
		      sockets);
	finding_detail(ret,
		       "They cost the table nothing. conntrack tracks loopback like all else, so a "
		       "notrack rule exempts them, or they have been idle since before the rules "
		       "were loaded or for longer than the timeout.");
	finding_evidence(ret,
			 "conntrack_established_sockets{tracking=\"untracked\",path=\"loopback\"}",
			 (double)sockets);
	finding_evidence(ret,
			 "conntrack_established_sockets{tracking=\"tracked\",path=\"loopback\"}",
			 (double)looks->now->join.sockets[JOIN_TRACKED][JOIN_LOOPBACK]);
	return true;
}

bool finding_sockets_mismatched(const struct looks *looks, struct finding *ret)
{
	const struct join_counts *join = &looks->now->join;
	const uint64_t loopback = join->sockets[JOIN_MISMATCHED][JOIN_LOOPBACK];
	const uint64_t remote = join->sockets[JOIN_MISMATCHED][JOIN_REMOTE];

	if (!join->has_sockets || loopback + remote == 0)
		return false;
	finding_title(ret, SEVERITY_INFO,
		      "%" PRIu64 " ESTABLISHED sockets have an entry in another state",
		      loopback + remote);
	finding_detail(ret,
		       "conntrack and the sockets disagree about these connections. One side saw a "
		       "packet that the other did not, as a FIN on its way; when the number stays, "
		       "their entries time out sooner than those in state ESTABLISHED.");
	finding_evidence(ret,
			 "conntrack_established_sockets{tracking=\"mismatched\",path=\"loopback\"}",
			 (double)loopback);
	finding_evidence(ret,
			 "conntrack_established_sockets{tracking=\"mismatched\",path=\"remote\"}",
			 (double)remote);
	return true;
}
