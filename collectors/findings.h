/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The rows of the diagnosis: each says whether its finding applies and then writes title, severity,
 * evidence and advice into *ret, which comes zeroed but for its id. Pure. The table of them is in
 * diagnosis.c; thresholds are in thresholds.h.
 */

#include "finding.h"
#include "looks.h"

typedef bool finding_row(const struct looks *looks, struct finding *ret);

/* findings_table.c: how full, how large. */
finding_row finding_table_full;
finding_row finding_table_nearly_full;
finding_row finding_table_filling;
finding_row finding_no_limit;
finding_row finding_buckets_too_few;
finding_row finding_limit_and_memory;

/* findings_drops.c: what the counters say was lost. */
finding_row finding_new_flows_dropped;
finding_row finding_evictions;
finding_row finding_insert_races;
finding_row finding_chain_too_long;

/* findings_tracking.c: whether there is anything to see, and how it is set. */
finding_row finding_table_unread;
finding_row finding_tracking_inactive;
finding_row finding_not_permitted;
finding_row finding_walk_failed;
finding_row finding_walk_sampled;
finding_row finding_tcp_be_liberal;
finding_row finding_tcp_loose;

/* findings_flows.c: what the entries are. */
finding_row finding_what_fills_the_table;
finding_row finding_syn_flood_or_unreplied;

/* findings_talkers.c: whose they are. */
finding_row finding_heavy_pair;
finding_row finding_heavy_source;
finding_row finding_heavy_destination;
finding_row finding_heavy_destination_port;

/* findings_join.c: sockets and flows side by side. */
finding_row finding_dead_weight;
finding_row finding_sockets_untracked_remote;
finding_row finding_sockets_untracked_loopback;
finding_row finding_sockets_mismatched;

/* findings_host.c: why new connections fail that conntrack has nothing to do with. */
finding_row finding_other_listen_overflow;
finding_row finding_other_accept_queue;
finding_row finding_other_syn_queue;
finding_row finding_other_ephemeral_ports;
finding_row finding_other_tcp_memory;
finding_row finding_other_file_handles;
finding_row finding_other_orphans;
finding_row finding_other_syn_retransmits;
