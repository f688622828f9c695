/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdlib.h>

#include "../../collectors/flow_counts.h"
#include "address_text.h"
#include "unit.h"

#define HAS_UDP                                                                          \
	(FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR | FLOW_HAS_RESPONDER | \
	 FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT)
#define HAS_TCP (HAS_UDP | FLOW_HAS_TCP_STATE)

/* This host is 192.0.2.1 and 2001:db8::1. */
static inline int setup(void **state)
{
	struct address_set *own = calloc(1, sizeof(*own));
	const struct address ipv4 = address_of("192.0.2.1"), ipv6 = address_of("2001:db8::1");

	*state = own;
	return !own || address_set_add(own, &ipv4) < 0 || address_set_add(own, &ipv6) < 0 ? -1 : 0;
}

static inline int teardown(void **state)
{
	address_set_finish(*state);
	free(*state);
	return 0;
}
