/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What happened in the conntrack table, by the kernel's own counters. */

#include "reading.h"
#include "stat_carry.h"

struct collector_context;

/*
 * Reads the counters and brings ctx->stat up to date. Returns 0, -ENODATA where nf_conntrack is not
 * loaded, or the negative errno of what failed with ctx->stat as it was.
 */
int stat_read(struct collector_context *ctx);

/* Each counter summed over the CPUs, 64 bits wide; unknown where the kernel has none. */
void stat_sums(const struct stat_carry *carry, struct reading ret[N_STAT_COUNTERS]);
