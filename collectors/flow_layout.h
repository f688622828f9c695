/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the two ways to read a flow share: flow_layout.c and flow_parse.c. */

#include <netinet/in.h>

#include "attribute.h"
#include "flow.h"

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif

static inline enum flow_protocol flow_protocol(uint8_t number)
{
	/* Stored exclusive-or FLOW_OTHER, so that numbers not named here are FLOW_OTHER. */
	static const uint8_t known[UINT8_MAX + 1] = {
		[IPPROTO_TCP] = FLOW_TCP ^ FLOW_OTHER,
		[IPPROTO_UDP] = FLOW_UDP ^ FLOW_OTHER,
		[IPPROTO_ICMP] = FLOW_ICMP ^ FLOW_OTHER,
		[IPPROTO_ICMPV6] = FLOW_ICMPV6 ^ FLOW_OTHER,
		[IPPROTO_SCTP] = FLOW_SCTP ^ FLOW_OTHER,
		[IPPROTO_GRE] = FLOW_GRE ^ FLOW_OTHER,
		[IPPROTO_DCCP] = FLOW_DCCP ^ FLOW_OTHER,
		[IPPROTO_UDPLITE] = FLOW_UDPLITE ^ FLOW_OTHER,
	};

	return known[number] ^ FLOW_OTHER;
}

/*
 * Reads what is on the cursor and still wanted. ret->has says what stood before it: both tuples
 * whole, and then number is their protocol's, or nothing.
 */
void flow_parse_attributes(struct attribute_cursor cursor, uint8_t number, struct flow *ret);
