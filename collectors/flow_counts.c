/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "flow_counts.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <stdbool.h>

#include "../exporter/util.h"

/* Ascending. */
const uint32_t flow_expiry_limits_s[N_FLOW_EXPIRIES] = { 10, 60, 600, 3600, 86400 };

static _always_inline_ enum flow_path path_of(const struct address *initiator,
					      const struct address *responder,
					      const struct address_set *own)
{
	bool from_here = address_set_has(own, initiator);
	bool to_here = address_set_has(own, responder);

	if (from_here)
		return to_here ? FLOW_LOOPBACK : FLOW_OUTBOUND;
	/*
	 * What others send to a group or to the broadcast address ends here; it is not passed on.
	 */
	return to_here || address_is_group(responder) ? FLOW_INBOUND : FLOW_FORWARDED;
}

enum flow_path flow_path(const struct address *initiator, const struct address *responder,
			 const struct address_set *own)
{
	return path_of(initiator, responder, own);
}

static enum flow_reply flow_reply(uint32_t status)
{
	if (status & IPS_ASSURED)
		return FLOW_ASSURED;
	return status & IPS_SEEN_REPLY ? FLOW_REPLIED : FLOW_UNREPLIED;
}

/* IPS_*_NAT_DONE only say that a nat table was asked; these two say that it changed something. */
static enum flow_nat flow_nat(uint32_t status)
{
	return (status & IPS_SRC_NAT ? FLOW_NAT_SOURCE : 0) |
	       (status & IPS_DST_NAT ? FLOW_NAT_DESTINATION : 0);
}

/*
 * From here to flow_counts_add() has is flow->has, but known to the compiler where it is that of
 * nearly every flow, so that tests whose outcome is known compile to nothing.
 */
static _always_inline_ void add_status(struct flow_counts *counts, const struct flow *flow,
				       uint32_t has)
{
	if (has & FLOW_HAS_PROTOCOL)
		counts->by_reply[flow->protocol][flow_reply(flow->status)]++;
	counts->by_nat[flow_nat(flow->status)]++;
	if (flow->status & IPS_HW_OFFLOAD)
		counts->offloaded[FLOW_OFFLOAD_HARDWARE]++;
	else if (flow->status & IPS_OFFLOAD)
		counts->offloaded[FLOW_OFFLOAD_SOFTWARE]++;
}

/*
 * An offloaded flow has no timeout of its own. It may go to the flowtable while the kernel writes
 * its message, behind the status: then only the state that was left out tells.
 */
static _always_inline_ bool is_offloaded(const struct flow *flow, uint32_t has)
{
	if (has & FLOW_HAS_STATUS && flow->status & (IPS_OFFLOAD | IPS_HW_OFFLOAD))
		return true;
	return has & FLOW_HAS_TCP_STATE && flow->tcp_state == FLOW_TCP_OFFLOADED;
}

static _always_inline_ uint32_t wanted(const struct flow *flow, uint32_t has)
{
	uint32_t bits = FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR |
			FLOW_HAS_RESPONDER | FLOW_HAS_STATUS;

	if (has & FLOW_HAS_PROTOCOL && flow->protocol == FLOW_TCP)
		bits |= FLOW_HAS_TCP_STATE;
	if (!is_offloaded(flow, has))
		bits |= FLOW_HAS_TIMEOUT;
	return bits;
}

static _always_inline_ void add_timeout(struct flow_counts *counts, const struct flow *flow,
					uint32_t has)
{
	const uint32_t established = FLOW_HAS_PROTOCOL | FLOW_HAS_TCP_STATE;
	uint32_t hours;

	/*
	 * The limits ascend: once one is passed, so are all before it. From the last on, for most
	 * flows have longer than most limits.
	 */
	for (int i = N_FLOW_EXPIRIES - 1; i >= 0 && flow->timeout_s <= flow_expiry_limits_s[i]; i--)
		counts->expiring[i]++;
	if ((has & established) != established || flow->protocol != FLOW_TCP ||
	    flow->tcp_state != FLOW_TCP_ESTABLISHED)
		return;
	hours = flow->timeout_s / 3600;
	counts->established_hours_left[hours < N_FLOW_HOURS_LEFT ? hours : N_FLOW_HOURS_LEFT - 1]++;
}

static _always_inline_ void add_flow(struct flow_counts *counts, const struct flow *flow,
				     uint32_t has, const struct address_set *own)
{
	const uint32_t protocol = FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL;
	const uint32_t ends = FLOW_HAS_INITIATOR | FLOW_HAS_RESPONDER;

	if ((has & ends) == ends)
		counts->by_path[path_of(&flow->original.source, &flow->reply.source, own)]++;
	counts->visited++;
	counts->missing |= wanted(flow, has) & ~has;
	if ((has & protocol) == protocol) {
		counts->by_protocol[flow->family][flow->protocol]++;
		if (has & FLOW_HAS_TCP_STATE && flow->protocol == FLOW_TCP)
			counts->by_tcp_state[flow->family][flow->tcp_state]++;
	}
	if (has & FLOW_HAS_STATUS)
		add_status(counts, flow, has);
	if (has & FLOW_HAS_TIMEOUT)
		add_timeout(counts, flow, has);
}

/* Kept apart, so that the usual flows do not pay for its registers. */
static __attribute__((noinline)) void add_odd(struct flow_counts *counts, const struct flow *flow,
					      const struct address_set *own)
{
	add_flow(counts, flow, flow->has, own);
}

void flow_counts_add(struct flow_counts *counts, const struct flow *flow,
		     const struct address_set *own)
{
	const uint32_t counted = FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR |
				 FLOW_HAS_RESPONDER | FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT;
	const uint32_t has = flow->has & (counted | FLOW_HAS_TCP_STATE);

	if (has == (counted | FLOW_HAS_TCP_STATE))
		add_flow(counts, flow, counted | FLOW_HAS_TCP_STATE, own);
	else if (has == counted)
		add_flow(counts, flow, counted, own);
	else
		add_odd(counts, flow, own);
}

/*
 * count * to / from, rounded. A table holds less than 2^32 entries (the kernel's count is an int):
 * no overflow.
 */
static uint64_t scale(uint64_t count, uint64_t from, uint64_t to)
{
	return from ? (count * to + from / 2) / from : 0;
}

static uint64_t sum(const uint64_t *values, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += values[i];
	return total;
}

/*
 * Scales running sums and takes their differences: the parts then add up to exactly to, each within
 * 1 of its share.
 */
void flow_counts_scale_parts(uint64_t *values, size_t n, uint64_t to)
{
	uint64_t from = sum(values, n), seen = 0, given = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t before = given;

		seen += values[i];
		given = scale(seen, from, to);
		values[i] = given - before;
	}
}

void flow_counts_scale(struct flow_counts *counts, uint64_t entries)
{
	uint64_t visited = counts->visited;

	if (visited == 0)
		return;
	flow_counts_scale_parts(&counts->by_protocol[0][0], N_FLOW_FAMILIES * N_FLOW_PROTOCOLS,
				entries);
	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		flow_counts_scale_parts(counts->by_tcp_state[family], N_FLOW_TCP_STATES,
					counts->by_protocol[family][FLOW_TCP]);
	for (int protocol = 0; protocol < N_FLOW_PROTOCOLS; protocol++)
		flow_counts_scale_parts(counts->by_reply[protocol], N_FLOW_REPLIES,
					counts->by_protocol[FLOW_IPV4][protocol] +
						counts->by_protocol[FLOW_IPV6][protocol]);
	flow_counts_scale_parts(counts->by_path, N_FLOW_PATHS, entries);
	flow_counts_scale_parts(counts->by_nat, N_FLOW_NATS, entries);
	for (int i = 0; i < N_FLOW_OFFLOADS; i++)
		counts->offloaded[i] = scale(counts->offloaded[i], visited, entries);
	for (int i = 0; i < N_FLOW_EXPIRIES; i++)
		counts->expiring[i] = scale(counts->expiring[i], visited, entries);
	flow_counts_scale_parts(
		counts->established_hours_left, N_FLOW_HOURS_LEFT,
		scale(sum(counts->established_hours_left, N_FLOW_HOURS_LEFT), visited, entries));
}
