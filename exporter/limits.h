/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Resource limits. */

/* For ever no core dumps of the calling process. Returns 0 or a negative errno. */
int limits_no_core(void);

/*
 * Lowers, for ever, what the calling process may take, which has all it needs: files open at once
 * to max_files, and to nothing core dumps, new processes and threads, locked memory, message queues
 * and real time. Not the size of files: stderr may be one that grows. Not memory: how much is
 * honest depends on flags of the user's. Where a limit is lower it stays. Returns 0 or a negative
 * errno.
 */
int limits_lower(unsigned int max_files);
