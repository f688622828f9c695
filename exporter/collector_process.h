/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The collector process as its parent, the web process, sees it: its beginning and its end. */

#include <stdbool.h>
#include <sys/types.h>

/* How long it may take to end once it has been told. */
#define COLLECTOR_PROCESS_REAP_S 3

struct collector_process {
	int channel;
	pid_t pid;
	bool reaped; /* nobody waits for it any more */
};

/*
 * Waits for the empty answer with which it says that it is set up; epoll watches the channel and
 * nothing else yet. Returns 0, or a negative errno as channel_receive_answer().
 */
int collector_process_await(const struct collector_process *collector, int epoll);

/* It closed the channel: writes a line into the log that says how it ended. */
void collector_process_report(struct collector_process *collector);

/*
 * Tells it to end and closes the channel. An idle one ends at once and is waited for. One that
 * still walks for nobody is not: it is told by the kernel when this process ends (service_run()).
 */
void collector_process_end(struct collector_process *collector, bool idle);
