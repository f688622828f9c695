/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The signals of the web process: SIGTERM, SIGINT and SIGHUP are read; SIGPIPE is nothing. */

#include <stdbool.h>

/* Returns a descriptor of signalfd(2) that does not wait, or a negative errno. */
int signals_open(void);

/*
 * While allowed, SIGTERM and SIGINT, also those that wait to be read, end the process at once with
 * exit code 0: for what may take long and knows nothing of the descriptor, before anybody is
 * served.
 */
void signals_leave(bool allowed);
