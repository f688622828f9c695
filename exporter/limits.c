/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "limits.h"

#include <errno.h>
#include <sys/resource.h>

#include "util.h"

static int lower(int which, rlim_t max)
{
	struct rlimit limit;

	if (getrlimit(which, &limit) < 0)
		return -errno;
	limit.rlim_max = limit.rlim_max < max ? limit.rlim_max : max;
	limit.rlim_cur = limit.rlim_cur < max ? limit.rlim_cur : max;
	return setrlimit(which, &limit) < 0 ? -errno : 0;
}

int limits_no_core(void)
{
	return lower(RLIMIT_CORE, 0);
}

int limits_lower(unsigned int max_files)
{
	const struct {
		int which;
		rlim_t max;
	} limits[] = {
		{ RLIMIT_NOFILE, max_files },
#ifdef HAVE_SECCOMP /* a sanitizer looks for leaks from a process of its own */
		/* Counts all of a user's, and matters only when one more is started. */
		{ RLIMIT_NPROC, 0 },
#endif
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_RTPRIO, 0 },
	};
	int r = limits_no_core();

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(limits); i++)
		r = lower((int)limits[i].which, limits[i].max);
	return r;
}
