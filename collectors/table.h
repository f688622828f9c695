/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How full the conntrack table is, and its limits. */

#include "reading.h"

enum table_value {
	TABLE_ENTRIES,
	TABLE_ENTRIES_LIMIT, /* 0: no limit */
	TABLE_BUCKETS,
	TABLE_EXPECTATIONS_LIMIT,
	TABLE_ENTRY_SIZE_BYTES,
	N_TABLE_VALUES,
};

struct collector_context;

/*
 * Reads what this kernel tells. Returns 0, -ENODATA where nf_conntrack is not loaded, the negative
 * errno of the first file that is there and could not be read, or netlink's where there is no file;
 * what the others told is in ret either way. Where not even the entries are known, nothing is.
 */
int table_read(struct collector_context *ctx, struct reading ret[N_TABLE_VALUES]);
