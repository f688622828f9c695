/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a process of ours uses of the machine, for process_*. Plain numbers: they travel in a
 * request.
 */

#include <dirent.h>
#include <stdint.h>

enum process_value {
	PROCESS_CPU_USEC, /* user and system */
	PROCESS_OPEN_FDS,
	PROCESS_MAX_FDS,
	PROCESS_VIRTUAL_BYTES,
	PROCESS_RESIDENT_BYTES,
	PROCESS_THREADS,
	PROCESS_START_USEC, /* Unix time */
	N_PROCESS_VALUES,
};

struct process_usage {
	uint64_t has; /* bit 1 << enum process_value */
	uint64_t value[N_PROCESS_VALUES];
};

/* Open files of /proc/self, so that a process without access to files can still look at itself. */
struct process_self {
	int stat_fd;
	DIR *fds;
	uint64_t start_usec;
};

/* Opens what can be opened; where /proc is missing, the values that come from it stay absent. */
void process_self_open(struct process_self *self);
void process_self_close(struct process_self *self);

/* The usage now of the calling process, which must be the one that opened self. */
void process_usage_read(const struct process_self *self, struct process_usage *ret);

/*
 * Adds up two processes; the start time is the earlier one. A value that one of them lacks is
 * absent.
 */
void process_usage_add(struct process_usage *sum, const struct process_usage *other);
