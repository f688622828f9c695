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

static const enum timeout_setting tcp_timeouts[N_FLOW_TCP_STATES] = {
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

/* What is missing of the timeout is the time since the last packet. */
static struct tracking_window window_of(const struct settings *settings,
					enum timeout_setting timeout)
{
	/* No timeout of a flow, which has 32 bits, is within. */
	struct tracking_window window = { .least_s = UINT64_MAX };
	const struct reading *full;

	if (timeout == N_TIMEOUT_SETTINGS)
		return window;
	full = &settings->timeout_s[timeout];
	if (full->known) {
		window.span_s = full->value < TRACKING_FRESH_S ? full->value : TRACKING_FRESH_S;
		window.least_s = full->value - window.span_s;
	}
	return window;
}

static bool is_within(const struct tracking_window *window, const struct flow *flow)
{
	return flow->timeout_s - window->least_s <= window->span_s;
}

/*
 * By the timeout that each packet sets the flow to anew (nf_conntrack_proto_*.c). Only where the
 * flow itself tells which of several it was: the rest of a longer one passes all shorter ones.
 */
static void set_windows(struct tracking_watch *watch)
{
	const struct settings *settings = &watch->settings;

	for (int state = 0; state < N_FLOW_TCP_STATES; state++)
		watch->tcp[state] = window_of(settings, tcp_timeouts[state]);
	watch->unacknowledged = window_of(settings, TIMEOUT_TCP_UNACKNOWLEDGED);
	watch->udp = window_of(settings, TIMEOUT_UDP_UNREPLIED);
	watch->udp_stream = window_of(settings, TIMEOUT_UDP_STREAM);
	watch->icmp = window_of(settings, TIMEOUT_ICMP);
	watch->icmpv6 = window_of(settings, TIMEOUT_ICMPV6);
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

/*
 * Where ctnetlink_dump_extinfo() exists (Linux 5.5), CTA_SYNPROXY is the last attribute. Where a
 * message ends as one with it does, that is believed: at worst a fresh flow is passed over.
 */
static bool ends_in_synproxy(const struct nlmsghdr *message)
{
	const struct nlattr synproxy = {
		.nla_len = NLA_HDRLEN + 3 * (NLA_HDRLEN + sizeof(uint32_t)),
		.nla_type = CTA_SYNPROXY | NLA_F_NESTED,
	};

	return message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nfgenmsg)) + synproxy.nla_len &&
	       memcmp((const char *)message + message->nlmsg_len - synproxy.nla_len, &synproxy,
		      sizeof(synproxy)) == 0;
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

enum freshness { FRESH_NOT, FRESH, FRESH_IF_UNACKNOWLEDGED };

/* What the message tells of a flow that looks fresh. Rarely asked: one that is settles it. */
static __attribute__((noinline)) void confirm(struct tracking_watch *watch, uint8_t family,
					      const struct nlmsghdr *message, enum freshness found)
{
	watch->fresh[family] = (found == FRESH || is_unacknowledged(message)) &&
			       is_made_by_packets(message);
}

static inline enum freshness tcp_freshness(const struct tracking_watch *watch,
					   const struct flow *flow)
{
	/* A state without a timeout of its own tells nothing by another one. */
	if (!(flow->has & FLOW_HAS_TCP_STATE) ||
	    tcp_timeouts[flow->tcp_state] == N_TIMEOUT_SETTINGS)
		return FRESH_NOT;
	if (is_within(&watch->tcp[flow->tcp_state], flow))
		return FRESH;
	return is_within(&watch->unacknowledged, flow) ? FRESH_IF_UNACKNOWLEDGED : FRESH_NOT;
}

/* What the flow tells, before the message is looked at. */
static inline enum freshness freshness(const struct tracking_watch *watch, const struct flow *flow)
{
	const struct tracking_window *window;

	switch (flow->protocol) {
	case FLOW_TCP:
		return tcp_freshness(watch, flow);
	case FLOW_UDP:
		if (!(flow->has & FLOW_HAS_STATUS))
			return FRESH_NOT;
		/* Both come with the first packet of a stream (nf_conntrack_udp_packet()). */
		window = flow->status & IPS_ASSURED ? &watch->udp_stream : &watch->udp;
		break;
	case FLOW_ICMP:
		window = &watch->icmp;
		break;
	case FLOW_ICMPV6:
		window = &watch->icmpv6;
		break;
	default:
		return FRESH_NOT;
	}
	return is_within(window, flow) ? FRESH : FRESH_NOT;
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
	enum freshness found;

	if (!(flow->has & FLOW_HAS_FAMILY))
		return;
	watch->flows[flow->family] = true;
	if (watch->fresh[flow->family] || (flow->has & needed) != needed)
		return;
	found = freshness(watch, flow);
	if (found != FRESH_NOT && !ends_in_synproxy(view->message))
		confirm(watch, flow->family, view->message, found);
}

struct walk_consumer tracking_consumer(struct tracking_watch *watch)
{
	set_windows(watch);
	return (struct walk_consumer){ watch_reset, watch_add, watch };
}
