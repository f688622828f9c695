/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "tracking.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "../exporter/util.h"
#include "attribute.h"

enum tracking tracking_decide(const struct tracking_evidence *evidence)
{
	if (!evidence->loaded)
		return TRACKING_INACTIVE;
	if (evidence->walked && evidence->fresh)
		return TRACKING_ACTIVE;
	if (evidence->rules == TRACKING_INACTIVE)
		return evidence->connection == TRACKING_ACTIVE && !evidence->walked
			       ? TRACKING_UNKNOWN
			       : TRACKING_INACTIVE;
	if (evidence->connection == TRACKING_INACTIVE && !(evidence->walked && !evidence->flows))
		return TRACKING_UNKNOWN;
	return evidence->connection;
}

/*
 * The timeout that each packet sets the flow to anew (nf_conntrack_proto_*.c). Only where the flow
 * itself tells which of several it was: the rest of a longer one passes all shorter ones.
 */
static enum timeout_setting full_timeout(const struct flow *flow)
{
	static const enum timeout_setting tcp[N_FLOW_TCP_STATES] = {
		[FLOW_TCP_NONE] = N_TIMEOUT_SETTINGS,
		[FLOW_TCP_SYN_SENT] = TIMEOUT_TCP_SYN_SENT,
		[FLOW_TCP_SYN_RECV] = TIMEOUT_TCP_SYN_RECV,
		[FLOW_TCP_ESTABLISHED] = TIMEOUT_TCP_ESTABLISHED,
		[FLOW_TCP_FIN_WAIT] = TIMEOUT_TCP_FIN_WAIT,
		[FLOW_TCP_CLOSE_WAIT] = TIMEOUT_TCP_CLOSE_WAIT,
		[FLOW_TCP_LAST_ACK] = TIMEOUT_TCP_LAST_ACK,
		[FLOW_TCP_TIME_WAIT] = TIMEOUT_TCP_TIME_WAIT,
		[FLOW_TCP_CLOSE] = TIMEOUT_TCP_CLOSE,
		[FLOW_TCP_SYN_SENT2] = TIMEOUT_TCP_SYN_SENT,
		[FLOW_TCP_OFFLOADED] = N_TIMEOUT_SETTINGS,
	};

	switch (flow->protocol) {
	case FLOW_TCP:
		return flow->has & FLOW_HAS_TCP_STATE ? tcp[flow->tcp_state] : N_TIMEOUT_SETTINGS;
	case FLOW_UDP:
		if (!(flow->has & FLOW_HAS_STATUS))
			return N_TIMEOUT_SETTINGS;
		/* Both come with the first packet of a stream (nf_conntrack_udp_packet()). */
		return flow->status & IPS_ASSURED ? TIMEOUT_UDP_STREAM : TIMEOUT_UDP_UNREPLIED;
	case FLOW_ICMP:
		return TIMEOUT_ICMP;
	case FLOW_ICMPV6:
		return TIMEOUT_ICMPV6;
	default:
		return N_TIMEOUT_SETTINGS;
	}
}

/* What is missing of the timeout is the time since the last packet. */
static bool is_near(const struct tracking_watch *watch, const struct flow *flow,
		    enum timeout_setting timeout)
{
	const struct reading *full = &watch->settings.timeout_s[timeout];

	return full->known && flow->timeout_s <= full->value &&
	       full->value - flow->timeout_s <= TRACKING_FRESH_S;
}

static bool find_attribute(struct attribute_cursor cursor, uint16_t type, struct attribute *ret)
{
	while (attribute_next(&cursor, ret))
		if (ret->type == type)
			return true;
	return false;
}

static bool has_tcp_flag(const struct attribute *tcp, uint16_t type, uint8_t flag)
{
	struct nf_ct_tcp_flags flags;
	struct attribute a;

	if (!find_attribute(attribute_nested(tcp), type, &a) || a.len != sizeof(flags))
		return false;
	memcpy(&flags, a.payload, sizeof(flags));
	return flags.flags & flag;
}

/* While data waits for its acknowledgement, a shorter timeout holds (nf_conntrack_tcp_packet()). */
static bool is_unacknowledged(const struct nlmsghdr *message)
{
	const uint8_t flag = IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
	struct attribute info, tcp;

	return find_attribute(attribute_of_message(message, sizeof(struct nfgenmsg)), CTA_PROTOINFO,
			      &info) &&
	       find_attribute(attribute_nested(&info), CTA_PROTOINFO_TCP, &tcp) &&
	       (has_tcp_flag(&tcp, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, flag) ||
		has_tcp_flag(&tcp, CTA_PROTOINFO_TCP_FLAGS_REPLY, flag));
}

static bool is_fresh(const struct tracking_watch *watch, const struct flow *flow,
		     const struct nlmsghdr *message)
{
	const enum timeout_setting timeout = full_timeout(flow);

	if (timeout == N_TIMEOUT_SETTINGS)
		return false;
	return is_near(watch, flow, timeout) ||
	       (flow->protocol == FLOW_TCP && is_near(watch, flow, TIMEOUT_TCP_UNACKNOWLEDGED) &&
		is_unacknowledged(message));
}

/*
 * Tools that insert a flow choose its timeout. The kernel gives such a flow, and none that packets
 * made but those of its SYN proxy, the extension behind CTA_SYNPROXY
 * (ctnetlink_create_conntrack()).
 */
static bool is_made_by_packets(const struct nlmsghdr *message)
{
	struct attribute a;

	return !find_attribute(attribute_of_message(message, sizeof(struct nfgenmsg)), CTA_SYNPROXY,
			       &a);
}

static void watch_reset(void *state)
{
	struct tracking_watch *watch = state;

	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		watch->fresh[family] = watch->flows[family] = false;
}

static void watch_add(void *state, const struct flow *flow, const struct walk_view *view)
{
	const uint32_t needed = FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_TIMEOUT;
	struct tracking_watch *watch = state;

	if (!(flow->has & FLOW_HAS_FAMILY))
		return;
	watch->flows[flow->family] = true;
	if (!watch->fresh[flow->family] && (flow->has & needed) == needed)
		watch->fresh[flow->family] = is_fresh(watch, flow, view->message) &&
					     is_made_by_packets(view->message);
}

struct walk_consumer tracking_consumer(struct tracking_watch *watch)
{
	return (struct walk_consumer){ watch_reset, watch_add, watch };
}
