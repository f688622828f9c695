/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /proc/self/stat, whose name of the program may be anything. */

#include "fuzz.h"

#include <dirent.h>

#include "../../exporter/process.h"

static struct input input;

ssize_t __wrap_pread64(int fd, void *bytes, size_t size, off_t at);

ssize_t __wrap_pread64(_unused_ int fd, void *bytes, size_t size, _unused_ off_t at)
{
	size = size < input.left ? size : input.left;
	input_bytes(&input, bytes, size);
	return (ssize_t)size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t from_stat = 1U << PROCESS_THREADS | 1U << PROCESS_VIRTUAL_BYTES |
				   1U << PROCESS_RESIDENT_BYTES;
	const struct process_self self = { .stat_fd = 0, .fds = NULL, .start_usec = 1 };
	struct process_usage usage, sum;

	input = (struct input){ data, size };
	process_usage_read(&self, &usage);
	HOLDS((usage.has & from_stat) == 0 || (usage.has & from_stat) == from_stat);
	HOLDS(usage.has & 1U << PROCESS_START_USEC && !(usage.has & 1U << PROCESS_OPEN_FDS));
	sum = usage;
	process_usage_add(&sum, &usage);
	HOLDS(sum.has == usage.has);
	return 0;
}
