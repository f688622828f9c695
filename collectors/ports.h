/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Ephemeral ports. A connect() picks a local port that is free towards the same local address,
 * remote address and remote port; without one it fails with EADDRNOTAVAIL, and no counter moves.
 */

#include <stdbool.h>

#include "lookup.h"
#include "reading.h"
#include "top.h"

/* Ports to pick from: ip_local_port_range less ip_local_reserved_ports. */
struct port_range {
	uint16_t low, high;	       /* both within */
	uint32_t size;		       /* 0: unknown */
	uint64_t reserved[65536 / 64]; /* a bit for each port */
};

/*
 * Parses the text of the two files; reserved is a list of ports and ranges ("8080,9000-9010"), NULL
 * or empty without any. False, and *ret untouched, when the range is none. A reserved part that is
 * none ends the list.
 */
bool port_range_parse(const char *range, const char *reserved, struct port_range *ret);

/* How many ports each crowd holds: connections from one address here to one address and port. */
struct port_crowds {
	struct port_range range;
	struct top top;
};

/* The largest crowd, and the range it may fill. */
struct ports {
	struct reading range;	   /* ports in the range */
	struct reading in_use_max; /* at least so many are in use; exact for up to 2048 crowds */
	/* That crowd; undefined while in_use_max is unknown or 0. */
	struct address local, remote;
	uint16_t remote_port;
};

struct collector_context;

/*
 * Reads the range, and makes room for the crowds. Returns 0, or a negative errno with *ret good for
 * port_crowds_finish(): what follows does nothing then.
 */
int port_crowds_init(struct collector_context *ctx, struct port_crowds *ret);
void port_crowds_finish(struct port_crowds *crowds);

/* A socket that is connected, in any state: in TIME_WAIT it holds its port, too. */
void port_crowds_add(struct port_crowds *crowds, const struct lookup *connection);

void port_crowds_result(const struct port_crowds *crowds, struct ports *ret);
