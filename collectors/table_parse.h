/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* IPCTNL_MSG_CT_GET_STATS answer -> counts. Pure. */

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

struct table_stats {
	bool has_entries;
	bool has_limit; /* kernels before 4.18 do not send it */
	uint32_t entries;
	uint32_t limit;
};

/*
 * Sets what the message holds whole (CTA_STATS_GLOBAL_ENTRIES, CTA_STATS_GLOBAL_MAX_ENTRIES),
 * leaves the rest.
 */
void table_parse(const struct nlmsghdr *message, struct table_stats *stats);
