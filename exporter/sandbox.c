/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "limits.h"
#include "log.h"
#include "privileges.h"
#include "util.h"

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

struct role {
	unsigned int keep;    /* PRIVILEGES_* */
	enum log_level level; /* of what is missing */
	bool speaks_for_both; /* of what both processes have in common */
	const char *no_rights, *no_landlock, *no_limits, *no_filter;
};

#define SAY(who)                                                                                 \
	.no_rights = who " cannot drop its rights", .no_landlock = who " runs without Landlock", \
	.no_limits = who " cannot lower its limits",                                             \
	.no_filter = who " runs without a system call filter"

/*
 * A command tells what the user that started it may read, as iptables' tables, which are root's
 * alone; and nothing but errors is to stand beside what it prints.
 */
static const struct role roles[N_SYSCALL_ROLES] = {
	[SYSCALLS_WEB] = { 0, LOG_LEVEL_WARN, true, SAY("Web process") },
	[SYSCALLS_WEB_FILES] = { 0, LOG_LEVEL_WARN, true, SAY("Web process") },
	[SYSCALLS_COLLECTOR] = { PRIVILEGES_NET_ADMIN, LOG_LEVEL_WARN, false,
				 SAY("Collector process") },
	[SYSCALLS_COMMAND] = { PRIVILEGES_NET_ADMIN | PRIVILEGES_USER, LOG_LEVEL_DEBUG, false,
			       SAY("Command") },
};

int sandbox_begin(int first_fd)
{
	int r;

	/* What fails here is tried again, and said, when all limits are lowered. */
	(void)limits_no_core();
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	/* Before Linux 5.9 there is none, and what was inherited stays. */
	(void)syscall(SYS_close_range, (unsigned int)first_fd, ~0U, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	r = landlock_scope_signals();
	return r == -EOPNOTSUPP ? 0 : r;
}

/* The root of a namespace that has nobody else is mostly an ordinary user outside. */
static void report_root(int why)
{
	if (why == -EPERM)
		log_warn(
			"Both processes go on as root, though without its capabilities: to take "
			"another user id they need CAP_SETUID and CAP_SETGID at the start");
	else if (why == -EINVAL)
		log_info("Both processes go on as user id 0: their user namespace has no other");
}

int sandbox_drop(enum syscall_role role, struct landlock *landlock)
{
	int r, stays;

	/* The first gmtime_r(), of a log line or a Date header, reads the time zone's file. */
	tzset();
	r = privileges_drop(roles[role].keep, &stays);
	if (r < 0) {
		log_error(roles[role].no_rights, "err", errno_text(r));
		return r;
	}
	if (roles[role].speaks_for_both)
		report_root(stays);
	r = landlock_restrict(landlock);
	if (r < 0)
		log_write(r == -EOPNOTSUPP ? LOG_LEVEL_INFO : roles[role].level,
			  roles[role].no_landlock, "err", errno_text(r), NULL);
	return 0;
}

void sandbox_close(enum syscall_role role, unsigned int max_files, unsigned int own_fd)
{
	int r = limits_lower(max_files);

	if (r < 0)
		log_write(roles[role].level, roles[role].no_limits, "err", errno_text(r), NULL);
	r = syscalls_restrict(role, own_fd);
	if (r < 0)
		log_write(roles[role].level, roles[role].no_filter, "err", errno_text(r), NULL);
}
