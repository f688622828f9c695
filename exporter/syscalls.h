/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* System call filters, one per process. libseccomp is used here and nowhere else. */

enum syscall_role {
	SYSCALLS_WEB,
	SYSCALLS_COLLECTOR,
	N_SYSCALL_ROLES,
};

/*
 * Allows the calling process what its role needs from now on; anything else kills it. Reads the
 * time zone before. Returns 0, -EOPNOTSUPP when the program was built without the filter
 * (sanitizers and valgrind need more), or a negative errno.
 */
int syscalls_restrict(enum syscall_role role);
