/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The collector process: answers the requests of the web process until that is gone. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector.h"

/* Netlink sockets, /proc, the channel, the log; with room. */
#define SERVICE_FILES_MAX 64

/*
 * Drops rights, says hello (an empty answer) and serves fd; web is the process at its other end.
 * Returns the exit code: 0 after REQUEST_QUIT, 1 when the web process vanished, a request was
 * malformed, or rights could not be dropped.
 */
int service_run(int fd, pid_t web, const struct collector_settings *settings, uint64_t enabled);
