/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What of the socket layer's limits is used, each beside its limit. */

#include "reading.h"

enum socket_limit {
	LIMIT_ORPHANED,
	LIMIT_ORPHANED_LIMIT,
	LIMIT_MEMORY_BYTES,
	LIMIT_MEMORY_BYTES_LIMIT,
	LIMIT_FILES,
	LIMIT_FILES_LIMIT,
	N_SOCKET_LIMITS,
};

struct collector_context;

/*
 * Reads /proc/net/sockstat, tcp_max_orphans, tcp_mem and file-nr. Returns 0, or the negative errno
 * of the first of sockstat and file-nr that could not be read; what the others told is in ret
 * either way. The two settings are only in the first network namespace.
 */
int socket_limits_read(struct collector_context *ctx, struct reading ret[N_SOCKET_LIMITS]);
