/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The system call filters kill, by number and by argument: each call in a child of its own that has
 * taken a role. What an intruder would try is in breakout.c.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../exporter/syscalls.h"
#include "../../exporter/util.h"

#define FILES (1U << SYSCALLS_WEB_FILES)
#define WEB (1U << SYSCALLS_WEB | FILES)
#define COMMAND (1U << SYSCALLS_COMMAND)
#define COLLECTOR (1U << SYSCALLS_COLLECTOR | COMMAND)
#define SKIP 77

static int sockets[2];

static long open_reading(void)
{
	return open("/proc/version", O_RDONLY | O_CLOEXEC);
}

static long open_writing(void)
{
	return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static long open_both_ways(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static long open_creating(void)
{
	return open("/tmp/never", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long open_truncating(void)
{
	return open("/dev/null", O_RDONLY | O_TRUNC | O_CLOEXEC);
}

/* The system call itself, behind which the C library cannot put another one. */
static long open_old(void)
{
#ifdef SYS_open
	return syscall(SYS_open, "/dev/null", O_WRONLY);
#else
	return open_writing();
#endif
}

static long socket_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static long socket_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long socket_inet6(void)
{
	return socket(AF_INET6, SOCK_DGRAM, 0);
}

static long call_connect(void)
{
	struct sockaddr address = { .sa_family = AF_UNSPEC };

	return connect(sockets[0], &address, sizeof(address));
}

static long call_bind(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };

	(void)bind(sockets[0], (struct sockaddr *)&address, sizeof(address));
	return 0;
}

static long call_listen(void)
{
	return listen(sockets[0], 1);
}

static long call_accept(void)
{
	(void)accept4(sockets[0], NULL, NULL, SOCK_CLOEXEC);
	return 0;
}

static long call_fork(void)
{
	return syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0UL);
}

static long call_kill(void)
{
	return kill(getpid(), 0);
}

static long call_ioctl(void)
{
	return syscall(SYS_ioctl, 2, 0, 0);
}

static long map_executable(void)
{
	return (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long socket_netlink_other(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
}

/* Connects without connect(). */
static long send_fastopen(void)
{
	return send(sockets[0], "x", 1, MSG_FASTOPEN);
}

static long send_to_somebody(void)
{
	struct sockaddr address = { .sa_family = AF_UNSPEC };

	(void)sendto(sockets[0], "x", 1, 0, &address, sizeof(address));
	return 0;
}

static long limit_another_process(void)
{
	struct rlimit none = { 0 };

	return prlimit(getppid(), RLIMIT_FSIZE, &none, NULL);
}

static long limit_read(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit);
}

static long signal_another_process(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long signal_by_descriptor(void)
{
	return fcntl(sockets[0], F_SETOWN, getppid());
}

static long stat_path(void)
{
	struct stat status;

	return fstatat(AT_FDCWD, "/etc/shadow", &status, 0);
}

static long stat_descriptor(void)
{
	struct stat status;

	return syscall(SYS_fstat, sockets[0], &status);
}

static long sleep_shortly(void)
{
	const struct timespec shortly = { .tv_nsec = 1 };

	return nanosleep(&shortly, NULL);
}

static long call_getrandom(void)
{
	char bytes[8];

	return getrandom(bytes, sizeof(bytes), 0);
}

static long call_futex(void)
{
	int word = 0;

	return syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#ifdef __x86_64__
/* The same numbers mean other calls for 32-bit and x32 programs. */
static long call_x32(void)
{
	return syscall(0x40000000 | SYS_getpid);
}
#endif

static long write_read_and_map(void)
{
	char byte = 'x';
	void *memory = malloc(1 << 20);
	long r;

	if (!memory)
		return -1;
	r = write(sockets[0], &byte, 1) == 1 && read(sockets[1], &byte, 1) == 1 ? 0 : -1;
	free(memory);
	return r;
}

/* Whatever is not named in allowed dies. */
static const struct {
	const char *name;
	long (*call)(void);
	unsigned int allowed;
} cases[] = {
	{ "write, read, malloc", write_read_and_map, WEB | COLLECTOR },
	{ "open for reading", open_reading, FILES | COLLECTOR },
	{ "socket(AF_NETLINK)", socket_netlink, COLLECTOR },
	{ "bind", call_bind, COLLECTOR },
	{ "accept4", call_accept, WEB },
	{ "getrlimit", limit_read, WEB | COLLECTOR },
	{ "fstat", stat_descriptor, WEB | COLLECTOR },
	{ "stat of a path", stat_path, FILES },
	{ "nanosleep", sleep_shortly, COMMAND },
	{ "getrandom", call_getrandom, FILES | COLLECTOR },
	{ "futex", call_futex, FILES },
	{ "sendto(address)", send_to_somebody, COLLECTOR },
	{ "mmap(PROT_EXEC)", map_executable, 0 },
	{ "socket(AF_NETLINK) of another family", socket_netlink_other, 0 },
	{ "prlimit of another process", limit_another_process, 0 },
	{ "tgkill of another process", signal_another_process, 0 },
	{ "fcntl(F_SETOWN)", signal_by_descriptor, 0 },
	{ "open for writing", open_writing, 0 },
	{ "open for reading and writing", open_both_ways, 0 },
	{ "open creating", open_creating, 0 },
	{ "open truncating", open_truncating, 0 },
	{ "open(2) for writing", open_old, 0 },
	{ "socket(AF_INET)", socket_inet, 0 },
	{ "socket(AF_INET6)", socket_inet6, 0 },
	{ "connect", call_connect, 0 },
	{ "listen", call_listen, 0 },
	{ "clone", call_fork, 0 },
	{ "kill", call_kill, 0 },
	{ "ioctl", call_ioctl, 0 },
#ifdef __x86_64__
	{ "getpid of x32", call_x32, 0 },
#endif
};

/* The status of a child that takes the role and makes the call. */
static int run_child(enum syscall_role role, long (*call)(void))
{
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (syscalls_restrict(role, 0) < 0)
			_exit(100);
		_exit(call() < 0 ? 101 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void check_role(enum syscall_role role)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int status = run_child(role, cases[i].call);
		bool allowed = cases[i].allowed & 1U << role;

		if (allowed ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
			continue;
		fail_msg("%s as role %d: status 0x%x, but it is to be %s", cases[i].name, role,
			 status, allowed ? "allowed" : "killed");
	}
}

static void test_every_role(void **state)
{
	(void)state;
	for (int role = 0; role < N_SYSCALL_ROLES; role++)
		check_role(role);
}

/* The collector process sends to addresses anyway: netlink's. */
static void test_web_process_connects_to_nobody(void **state)
{
	int status = run_child(SYSCALLS_WEB, send_fastopen);

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/* A second filter cannot give back what the first one took, and cannot even be loaded. */
static long restrict_again(void)
{
	return syscalls_restrict(SYSCALLS_WEB, 0);
}

static void test_a_filter_cannot_be_replaced(void **state)
{
	(void)state;
	for (int role = 0; role < N_SYSCALL_ROLES; role++) {
		int status = run_child(role, restrict_again);

		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	}
}

static bool has_filter(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(syscalls_restrict(SYSCALLS_WEB, 0) == -EOPNOTSUPP);
	return waitpid(child, &status, 0) == child && status == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_role),
		cmocka_unit_test(test_web_process_connects_to_nobody),
		cmocka_unit_test(test_a_filter_cannot_be_replaced),
	};

	if (!has_filter()) {
		puts("SKIP: this build has no system call filter (meson option seccomp=false)");
		return SKIP;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets) < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
