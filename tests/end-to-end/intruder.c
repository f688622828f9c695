/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Loaded into the server by LD_PRELOAD, this takes over one of its processes: at the first scrape
 * the process that INTRUDER names ("web" or "collector") tries what INTRUDER_ATTEMPT names; a
 * socket that is no business of it is at INTRUDER_PATH.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attempts.h"

static pid_t web;
static bool tried;

__attribute__((constructor)) static void remember(void)
{
	web = getpid();
}

pid_t fork(void)
{
	pid_t (*next)(void);
	pid_t pid;

	*(void **)&next = dlsym(RTLD_NEXT, "fork");
	pid = next();
	targets.partner = pid > 0 ? pid : web;
	return pid;
}

static const struct attempt *find(const struct attempts *attempts, const char *name)
{
	for (size_t i = 0; i < attempts->n; i++)
		if (strcmp(attempts->rows[i].name, name) == 0)
			return &attempts->rows[i];
	return NULL;
}

static void try(const char *name)
{
	const struct attempt *attempt = find(&attempts_on_files, name);
	const char *path = getenv("INTRUDER_PATH");
	char text[80];
	int length;

	attempt = attempt ? attempt : find(&attempts_on_others, name);
	if (!attempt)
		abort();
	(void)snprintf(targets.datagrams, sizeof(targets.datagrams), "%s", path ? path : "");
	errno = 0;
	(void)attempt_make(attempt);
	length = snprintf(text, sizeof(text), "intruder: %s\n", errno ? strerror(errno) : "done");
	if (write(STDERR_FILENO, text, (size_t)length) != length)
		abort();
}

/* Both processes ask for it at every scrape, and at no other time. */
int getrusage(__rusage_who_t who, struct rusage *usage)
{
	const char *intruder = getenv("INTRUDER"), *name = getenv("INTRUDER_ATTEMPT");

	if (intruder && name && !tried && (strcmp(intruder, "web") == 0) == (getpid() == web)) {
		tried = true;
		try(name);
	}
	return (int)syscall(SYS_getrusage, who, usage);
}
