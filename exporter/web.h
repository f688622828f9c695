/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The web process: listens, waits, hands scrapes to the collector process and its answers to the
 * clients.
 */

#include <stdint.h>
#include <sys/types.h>

#include "listeners.h"
#include "options.h"

/* How long running scrapes may take when the process is asked to end. */
#define WEB_GRACE_S 15
/* How long connections are given then to bring the request that may be on its way. */
#define WEB_SETTLE_MS 100

/*
 * Reads the web configuration, opens the listening sockets, unless some were passed, drops rights
 * and serves until SIGTERM or SIGINT (returns 0) or until the collector process ends or one of
 * these fails (returns 1, with a line in the log). channel is the web side's end; it and the passed
 * sockets are closed.
 */
int web_run(const struct options *options, const struct listeners *passed, int channel,
	    pid_t collector, uint64_t enabled);
