/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What an intruder tries, for breakout.c. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Negative, with errno, when it could not be done. */
typedef long (*attempt_fn)(void);

struct attempt {
	const char *name;
	attempt_fn call;
	unsigned int done;    /* roles that may: bits 1 << enum syscall_role */
	unsigned int refused; /* roles that survive it, with an error */
	/* All others die. */
	int abi;       /* version of Landlock from which on it alone refuses it; 0: none */
	bool possible; /* root can do it, and it does no harm */
	long number;   /* without call: the system call, with arguments that are none */
};

struct attempts {
	const struct attempt *rows;
	size_t n;
};

extern const struct attempts attempts_on_files, attempts_on_others;

long attempt_make(const struct attempt *attempt);

long attempt_socket(void);
long attempt_thread(void);
long attempt_take_descriptor(pid_t pid);

/* What somebody with the same user id tries; negative when it could not be done. */
typedef long (*look_fn)(pid_t victim);

extern const look_fn looks[];
extern const size_t n_looks;

/* What is below it may be read. */
extern char attempts_directory[];

extern struct targets {
	char allowed_file[64]; /* in the directory */
	char other_file[64];   /* beside it */
	pid_t partner;
	int stream, client; /* TCP, not bound and not connected */
	int notify;	    /* datagrams, connected; 0: to be found */
	char datagrams[80]; /* the path of a socket that takes them, which it is not connected to */
	struct sockaddr_in listener;
} targets;

/* Fixtures of cmocka: the directory, and the targets. */
int attempts_set_up(void **state);
int attempts_tear_down(void **state);
