/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What of the file system, and whom of the network and of other processes, a process may still
 * reach, by the kernel's Landlock. A second wall behind the system call filter: it looks at files,
 * where that one looks at calls.
 */

/* A ruleset that is being made. */
struct landlock {
	int fd; /* or the negative errno that landlock_restrict() is to return */
};

/* Begins one that forbids all this kernel can forbid. */
void landlock_open(struct landlock *ret);

/*
 * Lets the file, or the directory and all below it, be read; for the process, and with its rights.
 * What is not there cannot be allowed, and stays forbidden. landlock is a struct landlock *, so
 * that this is a callback.
 */
void landlock_allow_reading(void *landlock, const char *path);

/*
 * Puts it in force for the calling thread and all it will start, for ever, and closes it. Needs
 * no_new_privs. Returns 0, -EOPNOTSUPP when the kernel has no Landlock, or another negative errno.
 */
int landlock_restrict(struct landlock *landlock);

/*
 * Lets the calling thread and all it will start send signals to one another only. Around both
 * processes, as the kernel's message to the collector process that the web process has ended counts
 * as sent by that one. Needs no_new_privs. Returns 0, -EOPNOTSUPP when the kernel cannot do it, or
 * another negative errno.
 */
int landlock_scope_signals(void);
