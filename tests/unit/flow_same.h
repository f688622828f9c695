/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether two flows say the same; what neither has may be anything. */

#include <string.h>

#include "../../collectors/flow.h"

static inline bool tuple_same_addresses(const struct tuple *a, const struct tuple *b)
{
	return memcmp(&a->source, &b->source, sizeof(a->source)) == 0 &&
	       memcmp(&a->destination, &b->destination, sizeof(a->destination)) == 0;
}

static inline bool tuple_same_ports(const struct tuple *a, const struct tuple *b)
{
	return a->source_port == b->source_port && a->destination_port == b->destination_port;
}

static inline bool flow_same_tuples(const struct flow *a, const struct flow *b)
{
	const uint32_t has = a->has;

	if (has & FLOW_HAS_INITIATOR &&
	    memcmp(&a->original.source, &b->original.source, sizeof(struct address)) != 0)
		return false;
	if (has & FLOW_HAS_RESPONDER &&
	    memcmp(&a->reply.source, &b->reply.source, sizeof(struct address)) != 0)
		return false;
	if (has & FLOW_HAS_ADDRESSES && !(tuple_same_addresses(&a->original, &b->original) &&
					  tuple_same_addresses(&a->reply, &b->reply)))
		return false;
	return !(has & FLOW_HAS_PORTS) || (tuple_same_ports(&a->original, &b->original) &&
					   tuple_same_ports(&a->reply, &b->reply));
}

static inline bool flow_same(const struct flow *a, const struct flow *b)
{
	const uint32_t has = a->has;

	return has == b->has && a->zone == b->zone &&
	       (!(has & FLOW_HAS_FAMILY) || a->family == b->family) &&
	       (!(has & FLOW_HAS_PROTOCOL) || a->protocol == b->protocol) &&
	       (!(has & FLOW_HAS_STATUS) || a->status == b->status) &&
	       (!(has & FLOW_HAS_TIMEOUT) || a->timeout_s == b->timeout_s) &&
	       (!(has & FLOW_HAS_TCP_STATE) || a->tcp_state == b->tcp_state) &&
	       flow_same_tuples(a, b);
}
