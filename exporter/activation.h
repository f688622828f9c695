/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Listening sockets that the service manager opened and passed, as sd_listen_fds(3) describes:
 * LISTEN_FDS descriptors from 3 on, for the process LISTEN_PID.
 */

#include "listeners.h"

#define ACTIVATION_FIRST_FD 3

/*
 * Takes over the sockets, non-blocking and close-on-exec, and unsets LISTEN_PID, LISTEN_FDS and
 * LISTEN_FDNAMES. Returns 0, or with a line in the log -ENOENT when none was passed to this
 * process, -E2BIG when they are too many, -EINVAL when one is nothing to accept connections from,
 * or another negative errno.
 */
int activation_take(struct listeners *ret);

/*
 * For when passed sockets are not wanted: closes them, so that nobody holds what nobody serves,
 * says so in the log where there were some, and unsets the variables.
 */
void activation_decline(void);
