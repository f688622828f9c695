/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "table_parse.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "attribute.h"

/* In the kernel since 4.18; older headers end at the one before. */
#define STATS_GLOBAL_MAX_ENTRIES (CTA_STATS_GLOBAL_ENTRIES + 1)

void table_parse(const struct nlmsghdr *message, struct table_stats *stats)
{
	struct attribute_cursor cursor = attribute_of_message(message, sizeof(struct nfgenmsg));
	struct attribute a;

	while (attribute_next(&cursor, &a)) {
		if (a.type == CTA_STATS_GLOBAL_ENTRIES && attribute_be32(&a, &stats->entries))
			stats->has_entries = true;
		else if (a.type == STATS_GLOBAL_MAX_ENTRIES && attribute_be32(&a, &stats->limit))
			stats->has_limit = true;
	}
}
