/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "attempts.h"

/* What the attempts are made on. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../exporter/util.h"

char attempts_directory[] = "/tmp/attempts-XXXXXX";
struct targets targets;
static int listening;

static long look_by_ptrace(pid_t victim)
{
	const long r = ptrace(PTRACE_SEIZE, victim, NULL, NULL);

	if (r == 0)
		(void)ptrace(PTRACE_DETACH, victim, NULL, NULL);
	return r;
}

static long look_at_proc(pid_t victim, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)victim, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static long look_at_memory(pid_t victim)
{
	return look_at_proc(victim, "mem");
}

static long look_at_descriptors(pid_t victim)
{
	return look_at_proc(victim, "fd");
}

static long look_at_environment(pid_t victim)
{
	return look_at_proc(victim, "environ");
}

static long look_by_vm(pid_t victim)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { attempts_directory, 1 };

	return process_vm_readv(victim, &here, 1, &there, 1, 0);
}

const look_fn looks[] = { look_by_ptrace,      look_at_memory, look_at_descriptors,
			  look_at_environment, look_by_vm,     attempt_take_descriptor };
const size_t n_looks = ARRAY_SIZE(looks);

static int write_files(void)
{
	FILE *file;

	(void)snprintf(targets.allowed_file, sizeof(targets.allowed_file), "%s/allowed",
		       attempts_directory);
	(void)snprintf(targets.other_file, sizeof(targets.other_file), "%s.other",
		       attempts_directory);
	file = fopen(targets.allowed_file, "we");
	if (!file || fclose(file) != 0 || chmod(targets.allowed_file, 0644) < 0 ||
	    chmod(attempts_directory, 0755) < 0)
		return -1;
	file = fopen(targets.other_file, "we");
	return !file || fclose(file) != 0 ? -1 : 0;
}

static int listen_abstract(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s",
		       targets.other_file);
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -1 : listen(fd, 8);
}

/* Two sockets that take datagrams, and one that is connected to the first of them. */
static int open_datagrams(void)
{
	struct sockaddr_un manager = { .sun_family = AF_UNIX }, other = { .sun_family = AF_UNIX };
	const int kind = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
	const int fds[] = { socket(AF_UNIX, kind, 0), socket(AF_UNIX, kind, 0) };

	(void)snprintf(targets.datagrams, sizeof(targets.datagrams), "%s.s", targets.other_file);
	(void)snprintf(other.sun_path, sizeof(other.sun_path), "%s", targets.datagrams);
	(void)snprintf(manager.sun_path, sizeof(manager.sun_path), "%s.m", targets.other_file);
	targets.notify = socket(AF_UNIX, kind, 0);
	if (bind(fds[0], (struct sockaddr *)&manager, sizeof(manager)) < 0 ||
	    bind(fds[1], (struct sockaddr *)&other, sizeof(other)) < 0)
		return -1;
	return connect(targets.notify, (struct sockaddr *)&manager, sizeof(manager));
}

static int open_sockets(void)
{
	socklen_t length = sizeof(targets.listener);

	targets.listener.sin_family = AF_INET;
	targets.listener.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	targets.stream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	targets.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listening, (struct sockaddr *)&targets.listener, sizeof(targets.listener)) < 0 ||
	    listen(listening, 8) < 0 ||
	    getsockname(listening, (struct sockaddr *)&targets.listener, &length) < 0)
		return -1;
	return targets.stream < 0 ? -1 : 0;
}

int attempts_set_up(void **state)
{
	(void)state;
	if (!mkdtemp(attempts_directory) || write_files() < 0 || open_sockets() < 0 ||
	    listen_abstract() < 0 || open_datagrams() < 0)
		return -1;
	targets.partner = fork();
	if (targets.partner == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		for (;;)
			(void)pause();
	}
	return targets.partner < 0 ? -1 : 0;
}

int attempts_tear_down(void **state)
{
	static const char *const suffixes[] = { "", ".new", ".d", ".l", ".c", ".p", ".m", ".s" };

	(void)state;
	(void)kill(targets.partner, SIGKILL);
	(void)waitpid(targets.partner, NULL, 0);
	(void)remove(targets.allowed_file);
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		char path[80];

		(void)snprintf(path, sizeof(path), "%s%s", targets.other_file, suffixes[i]);
		(void)remove(path);
	}
	return remove(attempts_directory);
}
