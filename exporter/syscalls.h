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
 * it. No thread can be made any more, so those there are must have begun to run. The web process
 * may call sendmsg(), which can name an address and pass descriptors, on descriptors above own_fd
 * alone: what is not a client's connection must be below, and keep its number. Returns 0,
 * -EOPNOTSUPP when the program was built without the filter (sanitizers and valgrind need more), or
 * a negative errno.
 */
int syscalls_restrict(enum syscall_role role, unsigned int own_fd);
