/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * sendmsg() names addresses and passes descriptors, so it is for the connections of clients alone:
 * for the descriptors above those that the web process has for itself. Each call in a child of its
 * own that has taken a role.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../exporter/syscalls.h"
#include "../../exporter/util.h"

#define SKIP 77
#define NUMBERS_MAX 130

static int sockets[2];

static long send_by(uint64_t number)
{
	struct iovec x = { (char *)"x", 1 };
	struct msghdr message = { .msg_iov = &x, .msg_iovlen = 1 };

	return syscall(SYS_sendmsg, (unsigned long)number, &message, MSG_NOSIGNAL);
}

/* The kernel looks at the lower half of the number. */
static long send_by_large_number(uint64_t number)
{
	return send_by(number | UINT64_MAX << 32);
}

static long send_by_another_number(uint64_t number)
{
	const int fd = fcntl((int)number, F_DUPFD, (int)number + 1);

	return send_by((uint64_t)fd);
}

static long send_by_another_number_cloexec(uint64_t number)
{
	const int fd = fcntl((int)number, F_DUPFD_CLOEXEC, (int)number + 1);

	return send_by((uint64_t)fd);
}

static long send_by_dup(uint64_t number)
{
	return send_by((uint64_t)dup((int)number));
}

static long change_flags(uint64_t number)
{
	const int fd = (int)number, flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags) < 0 || fcntl(fd, F_GETFD) < 0 ||
			       fcntl(fd, F_SETFD, FD_CLOEXEC) < 0
		       ? -1
		       : 0;
}

/* The status of a child that calls it with this number, which is a socket. */
static int run_child(enum syscall_role role, int own_fd, int fd, long (*call)(uint64_t number))
{
	int status = -1;
	const pid_t child = fork();
	char byte;

	assert_true(child >= 0);
	if (child == 0) {
		/* Where a program takes core files none is started for each that is killed. */
		(void)prctl(PR_SET_DUMPABLE, 0);
		if (dup2(sockets[0], fd) < 0 || syscalls_restrict(role, (unsigned int)own_fd) < 0)
			_exit(100);
		_exit(call((uint64_t)fd) < 0 ? 101 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)recv(sockets[1], &byte, 1, 0); /* or there is no room for the next one */
	return status;
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

/* Whatever the bits of both numbers are. */
static void test_clients_are_those_above(void **state)
{
	static const int own_fds[] = { 0, 3, 5, 8, 63, 100 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(own_fds); i++)
		for (int fd = sockets[1] + 1; fd < NUMBERS_MAX; fd++) {
			const int status = run_child(SYSCALLS_WEB, own_fds[i], fd, send_by);

			if (fd > own_fds[i] ? status == 0 : was_killed(status))
				continue;
			fail_msg("descriptor %d, own up to %d: status 0x%x", fd, own_fds[i],
				 (unsigned int)status);
		}
}

static void test_every_role(void **state)
{
	static const struct {
		const char *name;
		long (*call)(uint64_t number);
		bool web, others; /* whether it is allowed on a connection */
		bool own;	  /* and on a descriptor of the web process itself */
	} cases[] = {
		{ "sendmsg", send_by, true, false, false },
#if ULONG_MAX > UINT_MAX
		{ "sendmsg by a number of 64 bits", send_by_large_number, false, false, false },
#endif
		{ "F_DUPFD", send_by_another_number, false, false, false },
		{ "F_DUPFD_CLOEXEC", send_by_another_number_cloexec, false, false, false },
		{ "dup", send_by_dup, false, false, false },
		{ "F_SETFL and its like", change_flags, true, true, true },
	};
	const int own = sockets[1] + 1;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int role = 0; role < N_SYSCALL_ROLES; role++) {
			const bool is_web = role == SYSCALLS_WEB || role == SYSCALLS_WEB_FILES;
			const int on_client = run_child(role, own, own + 1, cases[i].call),
				  on_own = run_child(role, own, own, cases[i].call);
			const bool allowed = is_web ? cases[i].web : cases[i].others;

			if ((allowed ? on_client == 0 : was_killed(on_client)) &&
			    (cases[i].own ? on_own == 0 : was_killed(on_own)))
				continue;
			fail_msg("%s as role %d: status 0x%x, on its own 0x%x", cases[i].name, role,
				 (unsigned int)on_client, (unsigned int)on_own);
		}
}

static bool has_filter(void)
{
	int status = -1;
	const pid_t child = fork();

	if (child == 0)
		_exit(syscalls_restrict(SYSCALLS_WEB, 0) == -EOPNOTSUPP);
	return waitpid(child, &status, 0) == child && status == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clients_are_those_above),
		cmocka_unit_test(test_every_role),
	};

	if (!has_filter()) {
		puts("SKIP: this build has no system call filter (meson option seccomp=false)");
		return SKIP;
	}
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, sockets) < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
