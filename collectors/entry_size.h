/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What one conntrack entry costs in kernel memory. */

#include <stdint.h>

/*
 * Bytes of slab one object of the cache "nf_conntrack" takes, from the text of /proc/slabinfo
 * (version 2): the slab's pages over its objects, so that what the allocator wastes is in it. 0
 * when the cache is not listed.
 */
uint64_t entry_size_from_slabinfo(const char *text, uint64_t page_size);

/* Reads procfs/slabinfo, which only root may; 0 when that is not possible here. */
uint64_t entry_size_read(const char *procfs);

/*
 * The estimate: the slab object (256 bytes, what 64-bit kernels from 6.1 to 6.18 use, when
 * slab_size is 0) and, if accounting, time stamps or unconditional events are on, the 128 bytes in
 * which such extensions are allocated.
 */
uint64_t entry_size_estimate(uint64_t slab_size, uint64_t acct, uint64_t timestamp,
			     uint64_t events);
