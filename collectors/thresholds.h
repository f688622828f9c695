/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* From where on the diagnosis speaks. Shares are of 1. */

/* Looks nearer to each other are one: a packet or two would make a rate. */
#define LOOKS_APART_MIN_S 0.05

/* The table's usage. The kernel's garbage collector begins to evict at 95 % of the limit. */
#define USAGE_FULL 0.95
#define USAGE_CRITICAL 0.90
#define USAGE_WARNING 0.75
/* Below, what fills the table is no trouble yet. */
#define USAGE_NOTABLE 0.50
/* Below, growth seen over seconds says nothing about the next hour. */
#define USAGE_FILLING 0.25
#define FILLING_S 3600.0
/* Below, what a table holds hurts nobody: a heavy talker, dead or one-way flows are how most hosts
 * work. */
#define USAGE_CROWDED 0.25

/* Entries for each bucket when full; the average chain is twice that: each entry is in two. */
#define LIMIT_PER_BUCKET_MAX 8
#define CHAIN_AVERAGE_MAX 16

/* Fewer flows than this are never worth a name. */
#define FLOWS_NOTABLE 1000
#define HOLDER_SHARE 0.25
#define HALF_OPEN_SHARE 0.30
#define DEAD_SHARE 0.10
/* Entries that a shorter timeout must have kept away to be proposed. */
#define IDLE_SHARE 0.10
#define HEAVY_SHARE 0.25
/* A heavy pair that holds this much of an end's flows says all about that end. */
#define PAIR_SHARE 0.90
#define LOOPBACK_SHARE 0.10

/* The host's other limits. */
#define LIMIT_SHARE_WARNING 0.75
#define LIMIT_SHARE_CRITICAL 0.95
#define SYN_RETRANSMITS_PER_S 1.0
#define SYN_RETRANSMITS_SHARE 0.10

/* Lifetimes to propose for idle ESTABLISHED entries, longest first. The last is above the 2 h and
 * 9 * 75 s within which TCP's default keepalive has found out about a dead peer. */
#define ESTABLISHED_LONG_S 86400
#define ESTABLISHED_SHORT_S 10800

/* What nf_conntrack_max takes at most (Linux 6.18), and buckets worth proposing: 512 MiB. */
#define ENTRIES_LIMIT_MAX INT32_MAX
#define BUCKETS_MAX (1U << 26)
/* A bucket is one pointer; the kernel rounds the table up to whole pages. */
#define BUCKET_BYTES 8
#define BUCKETS_STEP 512
