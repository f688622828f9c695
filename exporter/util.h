/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What every file may use: array sizes, attributes, the clock. */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_USEC 1000ULL

/* A variable's attribute: the file descriptor is closed at the end of the scope. */
#define _cleanup_fd_ __attribute__((cleanup(fd_cleanup)))

/*
 * A large array that is written before it is read: the compiler is told to zero variables, which
 * here would take as long as a system call and leave nothing else in the cache.
 */
#ifdef __has_attribute
#if __has_attribute(uninitialized)
#define _uninitialized_ __attribute__((uninitialized))
#endif
#endif
#ifndef _uninitialized_
#define _uninitialized_
#endif

/* A function that is compiled into each of its callers, with the constants that they pass. */
#define _always_inline_ inline __attribute__((always_inline))

/* A parameter that a callback's type demands and this one does without. */
#define _unused_ __attribute__((unused))

static inline void fd_cleanup(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

/* Hands the descriptor over: the cleanup of *fd does nothing any more. */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* CLOCK_MONOTONIC in nanoseconds; the only clock deadlines are kept in. */
static inline uint64_t clock_monotonic_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}
