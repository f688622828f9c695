/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * libcrypt's crypt_r() with a count and a stop. Programs are linked with -Wl,--wrap=crypt_r and
 * -Wl,--wrap=clock_gettime.
 */

#include <crypt.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../exporter/bcrypt.h"

/* What the thread that makes hashes is like. */
struct crypt_thread {
	int tid, nice;
	bool signals_blocked;
	size_t stack_size;
};

/* Of all hashes since the start, or since crypt_reset(). */
struct crypt_counts {
	unsigned int begun, done;
	unsigned int at_once_max;
	uint64_t rounds; /* 2^cost, summed */
	uint64_t last_begun_ns, last_done_ns;
	struct crypt_thread thread;    /* of the last one */
	const struct crypt_data *data; /* of the last one */
};

void crypt_reset(void);
struct crypt_counts crypt_counts(void);

/* Hashes that begin stand still until crypt_release(). */
void crypt_hold(void);
void crypt_release(void);
/* Waits until so many have begun, and fails when they do not. */
void crypt_wait_begun(unsigned int n);

/* Every password matches every hash from here on, until crypt_reset(). */
void crypt_match_all(void);

/* How much longer than it did a hash seems to have taken of the CPU; crypt_reset() makes it 0. */
void crypt_pretend_cpu(uint64_t ns);

/* The hash of a password, which is not counted. */
void crypt_make(const char *password, unsigned int cost, char ret[BCRYPT_HASH_LENGTH + 1]);
