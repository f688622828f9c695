/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The thread that makes bcrypt hashes, one at a time, with the least weight that the scheduler
 * knows. After one that did not match it rests for as long as it worked, so that passwords that are
 * tried cost half of a core at most; who knows the password does not rest. It sleeps until there is
 * something to do.
 *
 * Once auth_hasher_start() returned it makes these system calls and no others: futex (with
 * FUTEX_WAIT and _WAKE of its kinds), write to the eventfd, clock_gettime; at its end
 * rt_sigprocmask, madvise, munmap and exit, and when a hash was left to it what free() may do: mmap
 * and mprotect, nothing executable.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bcrypt.h"

/* Measured: 7 KiB are used, with what the C library puts there. */
#define AUTH_HASHER_STACK_SIZE (64 * 1024)
#define AUTH_HASHER_NICE 19

/*
 * If it does not match, a hash of each other cost that users have is made as well: who is told no
 * does not learn from the time that took whose hash it was, or whether it was anybody's. The most
 * that can be is twice the work of the highest cost.
 */
struct auth_hash_job {
	char password[BCRYPT_PASSWORD_MAX + 1];
	struct bcrypt_hash hash;
	uint32_t costs; /* a bit each */
};

struct auth_hasher;

/* Returns 0 or a negative errno. */
int auth_hasher_create(struct auth_hasher **ret);

/*
 * Starts the thread and waits until it is at rest, so that a system call filter may follow. Logs a
 * warning where it may not take the least weight. Returns 0 or a negative errno.
 */
int auth_hasher_start(struct auth_hasher *hasher);

/* A hash that is being made is not waited for: what is left is freed by the thread. Accepts NULL.
 */
void auth_hasher_destroy(struct auth_hasher *hasher);

/* Takes a copy of the job. False while another one is not done and taken, or no thread runs. */
bool auth_hasher_submit(struct auth_hasher *hasher, const struct auth_hash_job *job);

/* Readable when there is a result. */
int auth_hasher_fd(const struct auth_hasher *hasher);

/* Takes the result. False when there is none. */
bool auth_hasher_take(struct auth_hasher *hasher, bool *ret_matches);
