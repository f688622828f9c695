/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "holder.h"

#include "../exporter/util.h"
#include "thresholds.h"

#define ALL ((1U << N_FLOW_REPLIES) - 1)
#define ASSURED (1U << FLOW_ASSURED)
#define UNASSURED (ALL & ~ASSURED)

#define TCP(upper, timeout_setting, shorter, words)                          \
	{                                                                    \
		.what = "TCP flows in state " #upper, .protocol = FLOW_TCP,  \
		.tcp_state = FLOW_TCP_##upper, .timeout = (timeout_setting), \
		.shorter_s = (shorter), .cost = (words)                      \
	}
#define OTHER(words, flow_protocol, reply_bits, timeout_setting, shorter, cost_words)          \
	{                                                                                      \
		.what = (words), .protocol = (flow_protocol), .tcp_state = -1,                 \
		.replies = (reply_bits), .timeout = (timeout_setting), .shorter_s = (shorter), \
		.cost = (cost_words)                                                           \
	}

static const char silent[] =
	"a flow that is silent for longer is forgotten; what comes after begins a "
	"new one, and behind NAT it may not reach its peer any more";
static const char late[] = "an answer that comes later belongs to no flow any more";

static const struct holder_kind kinds[] = {
	TCP(NONE, -1, 0, NULL),
	TCP(SYN_SENT, TIMEOUT_TCP_SYN_SENT, 30, late),
	TCP(SYN_SENT2, TIMEOUT_TCP_SYN_SENT, 30, late),
	TCP(SYN_RECV, TIMEOUT_TCP_SYN_RECV, 30, late),
	TCP(ESTABLISHED, TIMEOUT_TCP_ESTABLISHED, 0, silent),
	TCP(FIN_WAIT, TIMEOUT_TCP_FIN_WAIT, 60, silent),
	TCP(CLOSE_WAIT, TIMEOUT_TCP_CLOSE_WAIT, 30, silent),
	TCP(LAST_ACK, TIMEOUT_TCP_LAST_ACK, 15, late),
	TCP(TIME_WAIT, TIMEOUT_TCP_TIME_WAIT, 30,
	    "segments that come later belong to no flow any more"),
	TCP(CLOSE, TIMEOUT_TCP_CLOSE, 0, NULL),
	TCP(OFFLOADED, -1, 0, NULL),
	OTHER("UDP flows that are not assured", FLOW_UDP, UNASSURED, TIMEOUT_UDP_UNREPLIED, 15,
	      late),
	OTHER("assured UDP flows", FLOW_UDP, ASSURED, TIMEOUT_UDP_STREAM, 60, silent),
	OTHER("ICMP flows", FLOW_ICMP, ALL, TIMEOUT_ICMP, 10, late),
	OTHER("ICMPv6 flows", FLOW_ICMPV6, ALL, TIMEOUT_ICMPV6, 10, late),
	OTHER("SCTP flows", FLOW_SCTP, ALL, -1, 0, NULL),
	OTHER("GRE flows that are not assured", FLOW_GRE, UNASSURED, TIMEOUT_GRE_UNREPLIED, 0,
	      NULL),
	OTHER("assured GRE flows", FLOW_GRE, ASSURED, TIMEOUT_GRE_STREAM, 0, NULL),
	OTHER("DCCP flows", FLOW_DCCP, ALL, -1, 0, NULL),
	OTHER("UDP-Lite flows", FLOW_UDPLITE, ALL, -1, 0, NULL),
	OTHER("flows of other protocols", FLOW_OTHER, ALL, TIMEOUT_GENERIC, 120, silent),
};

static uint64_t kind_flows(const struct looks *looks, const struct holder_kind *kind)
{
	uint64_t flows = 0;

	if (kind->tcp_state >= 0)
		return looks_tcp_flows(looks, (enum flow_tcp_state)kind->tcp_state);
	for (int reply = 0; reply < N_FLOW_REPLIES; reply++)
		if (kind->replies & 1U << reply)
			flows += looks->now->flows.by_reply[kind->protocol][reply];
	return flows;
}

bool holder_find(const struct looks *looks, struct holder *ret)
{
	struct holder holder = { .kind = &kinds[0], .total = looks_flows(looks) };

	if (!looks_has_flows(looks, FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_STATUS |
					    FLOW_HAS_TCP_STATE))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const uint64_t flows = kind_flows(looks, &kinds[i]);

		if (flows > holder.flows) {
			holder.kind = &kinds[i];
			holder.flows = flows;
		}
	}
	if (holder.kind->timeout >= 0)
		holder.timeout_s = looks->now->settings.timeout_s[holder.kind->timeout];
	*ret = holder;
	return true;
}

bool holder_idle(const struct looks *looks, uint32_t lifetime_s, uint64_t *ret)
{
	const struct reading timeout = looks->now->settings.timeout_s[TIMEOUT_TCP_ESTABLISHED];
	uint64_t idle = 0, hours;

	if (!timeout.known || timeout.value <= lifetime_s ||
	    !looks_has_flows(looks, FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_TCP_STATE |
					    FLOW_HAS_TIMEOUT))
		return false;
	hours = (timeout.value - lifetime_s) / 3600;
	/* The last one has no upper end. */
	if (hours > N_FLOW_HOURS_LEFT - 1)
		hours = N_FLOW_HOURS_LEFT - 1;
	for (uint64_t i = 1; i < hours; i++)
		idle += looks->now->flows.established_hours_left[i];
	*ret = idle;
	return true;
}
