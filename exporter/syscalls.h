/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* System call filters, one per process. libseccomp is used here and nowhere else. */

enum syscall_role {
	SYSCALLS_WEB,
	SYSCALLS_WEB_FILES, /* with --web.config.file: reads files, TLS, a thread for logins */
	SYSCALLS_COLLECTOR,
	SYSCALLS_COMMAND, /* a collector that prints */
	N_SYSCALL_ROLES,
};

/*
 * Allows all threads of the calling process what its role needs from now on; anything else kills
 * it. No thread can be made any more, so those there are must have begun to run. Returns 0,
 * -EOPNOTSUPP when the program was built without the filter (sanitizers and valgrind need more), or
 * a negative errno.
 */
int syscalls_restrict(enum syscall_role role);
