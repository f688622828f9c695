/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "labels.h"

#include "../exporter/util.h"
#include "flow.h"

static const char *const families[N_FLOW_FAMILIES] = {
	[FLOW_IPV4] = "ipv4",
	[FLOW_IPV6] = "ipv6",
};
static const char *const protocols[N_FLOW_PROTOCOLS] = {
	[FLOW_TCP] = "tcp",	  [FLOW_UDP] = "udp",	      [FLOW_ICMP] = "icmp",
	[FLOW_ICMPV6] = "icmpv6", [FLOW_SCTP] = "sctp",	      [FLOW_GRE] = "gre",
	[FLOW_DCCP] = "dccp",	  [FLOW_UDPLITE] = "udplite", [FLOW_OTHER] = "other",
};

const struct label_set label_family = LABEL_SET("family", families);
const struct label_set label_protocol = LABEL_SET("protocol", protocols);
