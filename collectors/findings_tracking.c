/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whether packets pass through conntrack, what of it can be read, and how it takes TCP. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../exporter/util.h"
#include "findings.h"
#include "thresholds.h"

static const char turned_on[] =
	"The first rule of a family that uses ct state, nat or -m conntrack turns it on there; "
	"notrack, reject or port rules alone do not.";

bool finding_table_unread(const struct looks *looks, struct finding *ret)
{
	if (!looks_unread(looks))
		return false;
	finding_title(ret, SEVERITY_INFO,
		      "Whether conntrack is well could not be told: its table was not read");
	finding_detail(ret,
		       "Neither netlink, which needs CAP_NET_ADMIN, nor "
		       "/proc/sys/net/netfilter/nf_conntrack_count told how many entries the table "
		       "holds. What else was found was made of what could be read.");
	finding_command(ret, "sudo conntrack_exporter diagnose");
	finding_cost(ret, "Reads only.");
	return true;
}

static bool not_loaded(const struct looks *looks, struct finding *ret)
{
	if (looks->now->table_error != -ENODATA)
		return false;
	finding_title(ret, SEVERITY_INFO, "nf_conntrack is not loaded: nothing is tracked");
	finding_detail(ret, "conntrack cannot be why connections fail here. %s", turned_on);
	return true;
}

static uint64_t family_flows(const struct looks *looks, int family)
{
	uint64_t flows = 0;

	if (!looks_has_flows(looks, FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL))
		return 0;
	for (int protocol = 0; protocol < N_FLOW_PROTOCOLS; protocol++)
		flows += looks->now->flows.by_protocol[family][protocol];
	return flows;
}

bool finding_tracking_inactive(const struct looks *looks, struct finding *ret)
{
	static const char *const names[] = { "", "IPv4", "IPv6", "IPv4 and IPv6" };
	uint64_t left = 0;
	unsigned int inactive = 0;

	if (not_loaded(looks, ret))
		return true;
	for (int family = 0; family < N_FLOW_FAMILIES; family++) {
		if (looks->now->tracking[family] != TRACKING_INACTIVE)
			continue;
		inactive |= 1U << family;
		left += family_flows(looks, family);
	}
	if (!inactive)
		return false;
	finding_title(ret, left ? SEVERITY_WARNING : SEVERITY_INFO,
		      "%s packets of this network namespace do not pass through conntrack",
		      names[inactive]);
	finding_detail(ret,
		       "conntrack cannot be why these connections fail, and NAT does not work for "
		       "them. %s",
		       turned_on);
	if (left)
		finding_detail(ret,
			       " Entries of this family are left from when it was on: were its "
			       "rules removed by mistake?");
	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		if (looks->now->tracking[family] != TRACKING_UNKNOWN)
			finding_evidence(ret,
					 family == FLOW_IPV4
						 ? "conntrack_tracking_active{family=\"ipv4\"}"
						 : "conntrack_tracking_active{family=\"ipv6\"}",
					 looks->now->tracking[family] == TRACKING_ACTIVE);
	if (left)
		finding_evidence(ret, "flows of the family in the table", (double)left);
	finding_command(ret, "nft list ruleset");
	finding_cost(ret, "Reads only: shows whether rules of this family should track.");
	return true;
}

bool finding_not_permitted(const struct looks *looks, struct finding *ret)
{
	double usage;
	const bool matters = looks_usage(looks, &usage) && usage >= USAGE_NOTABLE;

	if (looks->now->has_walk || looks->now->walk_error != -EPERM)
		return false;
	finding_title(ret, matters ? SEVERITY_WARNING : SEVERITY_INFO,
		      "The flows could not be read: CAP_NET_ADMIN is missing");
	finding_detail(ret,
		       "What fills the table and whose it is stays unknown. The kernel shows flows "
		       "over netlink only to who holds CAP_NET_ADMIN in the user namespace that "
		       "owns the network namespace. Nothing is ever changed with it.");
	finding_command(ret, "sudo conntrack_exporter diagnose");
	finding_cost(ret, "Once, as root.");
	finding_command(ret, "setcap cap_net_admin+ep \"$(command -v conntrack_exporter)\"");
	finding_cost(ret,
		     "For everyone who may execute that file; systemd: "
		     "AmbientCapabilities=CAP_NET_ADMIN for the service alone.");
	finding_command(ret, "docker run --network=host --cap-add=NET_ADMIN ...");
	finding_cost(ret, "In a container, as root inside.");
	return true;
}

bool finding_walk_failed(const struct looks *looks, struct finding *ret)
{
	const int error = looks->now->walk_error;

	if (looks->now->has_walk || error == 0 || error == -EPERM || error == -ENODATA)
		return false;
	finding_title(ret, SEVERITY_INFO, "The flows could not be read: %s", strerror(-error));
	finding_detail(ret, "What fills the table and whose it is stays unknown.");
	return true;
}

bool finding_walk_sampled(const struct looks *looks, struct finding *ret)
{
	if (!looks->now->has_walk || looks->now->walk_complete)
		return false;
	finding_title(ret, SEVERITY_INFO, "Counts of flows are scaled from a sample of %" PRIu64,
		      looks->now->walk_visited);
	finding_detail(ret,
		       "They are close, not exact. The table is larger than what a walk may read "
		       "or its time allowed, or the hash table was resized meanwhile; the kernel "
		       "lists flows in the order of a keyed hash, so what was read is a uniform "
		       "sample.");
	finding_evidence(ret, "conntrack_walk_flows", (double)looks->now->walk_visited);
	finding_reading(ret, "conntrack_entries", looks->now->table[TABLE_ENTRIES]);
	finding_evidence(ret, "conntrack_walk_duration_seconds", looks->now->walk_duration_s);
	return true;
}

/* One true sentence on a setting as it is; false where it was not read. */
static bool tell_setting(const struct looks *looks, enum setting setting, const char *name,
			 const char *const sentences[2], struct finding *ret)
{
	const struct reading value = looks->now->settings.setting[setting];
	char metric[FINDING_NAME_MAX];

	if (!value.known)
		return false;
	(void)snprintf(metric, sizeof(metric), "conntrack_setting{name=\"%s\"}", name);
	finding_title(ret, SEVERITY_INFO, "nf_conntrack_%s is %" PRIu64, name, value.value);
	finding_detail(ret, "%s", sentences[value.value != 0]);
	finding_evidence(ret, metric, (double)value.value);
	return true;
}

bool finding_tcp_be_liberal(const struct looks *looks, struct finding *ret)
{
	static const char *const sentences[] = {
		"Packets outside a connection's TCP window can be INVALID: conntrack lets them "
		"pass, rules on ctstate INVALID may drop them, and NAT does not translate them.",
		"Packets outside a connection's TCP window count as part of it; it makes nothing "
		"skip tracking, loopback neither.",
	};

	return tell_setting(looks, SETTING_TCP_BE_LIBERAL, "tcp_be_liberal", sentences, ret);
}

bool finding_tcp_loose(const struct looks *looks, struct finding *ret)
{
	static const char *const sentences[] = {
		"A TCP packet of a connection that the table does not hold is INVALID unless it is "
		"a SYN, so a connection that lost its entry never gets it back.",
		"A data or ACK packet of a connection that the table does not hold makes a new "
		"entry, and matches ctstate NEW.",
	};

	return tell_setting(looks, SETTING_TCP_LOOSE, "tcp_loose", sentences, ret);
}
