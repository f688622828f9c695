/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The web process: listens, waits, hands scrapes to the collector process and its answers to the
 * clients.
 */

#include <stdint.h>
#include <sys/types.h>

#include "options.h"

/* How long running scrapes may take when the process is asked to end. */
#define WEB_GRACE_S 15
/* How long the collector process may take to end once it has been told. */
#define WEB_REAP_S 3

/*
 * Opens the listening sockets, drops rights and serves until SIGTERM or SIGINT (returns 0) or until
 * the collector process ends or a listener cannot be opened (returns 1, with a line in the log).
 * channel is the web side's end and is closed.
 */
int web_run(const struct options *options, int channel, pid_t collector, uint64_t enabled);
