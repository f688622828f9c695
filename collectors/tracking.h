/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whether this namespace's packets pass through conntrack. No file and no message tells: since
 * Linux 4.10 the hooks are registered in each network namespace and for each family by the first
 * rule that needs them, and that the table holds entries, or none, proves nothing. So it is
 * concluded from evidence, and where that is thin, unknown.
 */

#include <stdbool.h>

#include "flow.h"
#include "settings.h"
#include "walk.h"

enum tracking {
	TRACKING_UNKNOWN, /* cannot be told */
	TRACKING_INACTIVE,
	TRACKING_ACTIVE,
	N_TRACKINGS,
};

/* A flow whose last packet came this long ago shows that packets pass. */
#define TRACKING_FRESH_S 3

/* What is known about one family. */
struct tracking_evidence {
	bool loaded; /* nf_conntrack is there at all */
	/* Of a connection that just carried a packet: is it in the table? (SO_ORIGINAL_DST) */
	enum tracking connection;
	bool walked; /* the next two are of a recent walk */
	bool fresh;  /* a flow made by packets had one within TRACKING_FRESH_S */
	bool flows;  /* there is a flow of this family, or may be one that was not walked over */
	/* Whether there is a ruleset of this family, without which hardly anything activates it. */
	enum tracking rules;
};

/*
 * A fresh flow proves that packets pass. Without any ruleset none do, but where something rare
 * activates tracking (IPVS, the module's enable_hooks): a connection in the table that no walk
 * tells to be a left-over leaves that open. A connection may be exempt (notrack, another zone), so
 * that it is not in the table says nothing beside flows that are.
 */
enum tracking tracking_decide(const struct tracking_evidence *evidence);

/* What is left of a fresh flow's timeout: from least_s to span_s more. */
struct tracking_window {
	uint64_t least_s, span_s;
};

/* A consumer of the walk. */
struct tracking_watch {
	struct settings settings;
	bool fresh[N_FLOW_FAMILIES];
	bool flows[N_FLOW_FAMILIES];
	/* Made of the settings. */
	struct tracking_window tcp[N_FLOW_TCP_STATES];
	struct tracking_window unacknowledged, udp, udp_stream, icmp, icmpv6;
};

/* The settings must have been read before. */
struct walk_consumer tracking_consumer(struct tracking_watch *watch);

struct collector_context;

/*
 * TRACKING_INACTIVE for a family that has neither an nftables table (NFT_MSG_GETTABLE) nor one of
 * ip_tables (/proc/net/ip_tables_names, which only root may read), TRACKING_ACTIVE for one that
 * has, TRACKING_UNKNOWN where it may not be read.
 */
void tracking_rules_read(struct collector_context *ctx, enum tracking ret[N_FLOW_FAMILIES]);

/* All evidence there is now, judged. Does not walk: the last walk counts while it is young. */
void tracking_read(struct collector_context *ctx, enum tracking ret[N_FLOW_FAMILIES]);
