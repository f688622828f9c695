/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a process gives up, in two steps, so that a thread may be started between them: it inherits
 * what the first one took, and the second one holds for all threads.
 */

#include "landlock.h"
#include "syscalls.h"

/*
 * Once, before there is a second process, and before a secret is read: lets nobody look into the
 * process, closes descriptors from first_fd on that were inherited, has no process send signals to
 * others, and takes from all of them the ways to gain rights. Returns 0 or a negative errno.
 */
int sandbox_begin(int first_fd);

/*
 * Reads the time zone, drops user id and capabilities as the role says, and puts the ruleset in
 * force (and closes it). Returns 0, or a negative errno with a line in the log; the caller must not
 * go on then. A kernel without Landlock is no error, and said in the log.
 */
int sandbox_drop(enum syscall_role role, struct landlock *landlock);

/*
 * Lowers the resource limits, that of open files to max_files, and puts the system call filter in
 * force, with the own_fd that syscalls_restrict() wants. No thread and no process can be made
 * afterwards. Failures are said in the log.
 */
void sandbox_close(enum syscall_role role, unsigned int max_files, unsigned int own_fd);
