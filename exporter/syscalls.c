/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Both lists are what glibc and musl need for the few things the processes do, on 64-bit and on
 * 32-bit machines (libseccomp leaves out what an architecture does not have). The web process can
 * open nothing and make no socket; the collector process opens files only for reading, and sockets
 * only of AF_NETLINK (not so on i386 and s390x, whose socketcall() hides its arguments from a
 * filter).
 */

#include "syscalls.h"

#include <errno.h>

#ifdef HAVE_SECCOMP

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

#define WEB (1U << SYSCALLS_WEB)
#define COLLECTOR (1U << SYSCALLS_COLLECTOR)

static const struct {
	int number;
	unsigned int roles;
} allowed[] = {
	/* memory */
	{ SCMP_SYS(brk), WEB | COLLECTOR },
	{ SCMP_SYS(munmap), WEB | COLLECTOR },
	{ SCMP_SYS(mremap), WEB | COLLECTOR },
	{ SCMP_SYS(madvise), WEB | COLLECTOR },
	/* open descriptors: the log on stderr, the channel, files of /proc */
	{ SCMP_SYS(read), WEB | COLLECTOR },
	{ SCMP_SYS(pread64), WEB | COLLECTOR },
	{ SCMP_SYS(write), WEB | COLLECTOR },
	{ SCMP_SYS(close), WEB | COLLECTOR },
	{ SCMP_SYS(fstat), WEB | COLLECTOR },
	{ SCMP_SYS(fstat64), WEB | COLLECTOR },
	{ SCMP_SYS(lseek), WEB | COLLECTOR },
	{ SCMP_SYS(_llseek), WEB | COLLECTOR },
	{ SCMP_SYS(getdents64), WEB | COLLECTOR },
	/* time, own usage, signals, the end */
	{ SCMP_SYS(clock_gettime), WEB | COLLECTOR },
	{ SCMP_SYS(clock_gettime64), WEB | COLLECTOR },
	{ SCMP_SYS(gettimeofday), WEB | COLLECTOR },
	{ SCMP_SYS(getrusage), WEB | COLLECTOR },
	{ SCMP_SYS(rt_sigreturn), WEB | COLLECTOR },
	{ SCMP_SYS(sigreturn), WEB | COLLECTOR },
	{ SCMP_SYS(rt_sigprocmask), WEB | COLLECTOR },
	{ SCMP_SYS(restart_syscall), WEB | COLLECTOR },
	{ SCMP_SYS(futex), WEB | COLLECTOR },
	{ SCMP_SYS(futex_time64), WEB | COLLECTOR },
	{ SCMP_SYS(getrandom), WEB | COLLECTOR },
	{ SCMP_SYS(getpid), WEB | COLLECTOR },
	{ SCMP_SYS(gettid), WEB | COLLECTOR },
	/* glibc's qsort() before 2.37 asks how much memory there is */
	{ SCMP_SYS(sysinfo), COLLECTOR },
	{ SCMP_SYS(exit), WEB | COLLECTOR },
	{ SCMP_SYS(exit_group), WEB | COLLECTOR },
	/* messages: the channel, netlink, HTTP, the service manager */
	{ SCMP_SYS(recv), WEB | COLLECTOR },
	{ SCMP_SYS(recvfrom), WEB | COLLECTOR },
	{ SCMP_SYS(getsockopt), WEB | COLLECTOR },
	{ SCMP_SYS(getsockname), WEB | COLLECTOR },
	/* the collector's netlink sockets; socket() is among the calls with arguments below */
	{ SCMP_SYS(bind), COLLECTOR },
	/* HTTP connections and the loop that waits for them */
	{ SCMP_SYS(accept4), WEB },
	{ SCMP_SYS(getpeername), WEB },
	{ SCMP_SYS(shutdown), WEB },
	{ SCMP_SYS(writev), WEB },
	{ SCMP_SYS(epoll_wait), WEB },
	{ SCMP_SYS(epoll_pwait), WEB },
	{ SCMP_SYS(epoll_ctl), WEB },
	{ SCMP_SYS(poll), WEB | COLLECTOR }, /* may the log be written? */
	{ SCMP_SYS(ppoll), WEB | COLLECTOR },
	{ SCMP_SYS(ppoll_time64), WEB | COLLECTOR },
	/* how the collector process ended */
	{ SCMP_SYS(wait4), WEB },
	{ SCMP_SYS(waitpid), WEB },
};

#define ARGUMENTS_MAX 2

/* A call that is allowed with these arguments only; the rows of one call are alternatives. */
struct rule {
	int number;
	unsigned int roles;
	unsigned int n;
	struct scmp_arg_cmp arguments[ARGUMENTS_MAX];
};

static int add_filtered(scmp_filter_ctx filter, enum syscall_role role)
{
	const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp netlink = SCMP_A0(SCMP_CMP_EQ, AF_NETLINK);
	const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
	const struct rule rules[] = {
		/* With these two no file can be written, and no sysctl. */
		{ SCMP_SYS(openat), COLLECTOR, 1, { SCMP_A2(SCMP_CMP_MASKED_EQ, writing, 0) } },
		{ SCMP_SYS(open), COLLECTOR, 1, { SCMP_A1(SCMP_CMP_MASKED_EQ, writing, 0) } },
		{ SCMP_SYS(socket),
		  COLLECTOR,
		  2,
		  { netlink, SCMP_A2(SCMP_CMP_EQ, NETLINK_NETFILTER) } },
		{ SCMP_SYS(socket),
		  COLLECTOR,
		  2,
		  { netlink, SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE) } },
		{ SCMP_SYS(socket),
		  COLLECTOR,
		  2,
		  { netlink, SCMP_A2(SCMP_CMP_EQ, NETLINK_SOCK_DIAG) } },
		{ SCMP_SYS(setsockopt), COLLECTOR, 1, { SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET) } },
		{ SCMP_SYS(setsockopt), WEB, 1, { SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP) } },
		/* MSG_FASTOPEN on a listener that was shut down would connect to anybody. */
		{ SCMP_SYS(sendto),
		  WEB,
		  2,
		  { SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0), SCMP_A4(SCMP_CMP_EQ, 0) } },
		{ SCMP_SYS(send), WEB, 1, { SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0) } },
		{ SCMP_SYS(sendmsg), WEB, 1, { SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0) } },
		{ SCMP_SYS(sendto), COLLECTOR, 0, { { 0 } } },
		{ SCMP_SYS(send), COLLECTOR, 0, { { 0 } } },
		{ SCMP_SYS(recvmsg), COLLECTOR, 0, { { 0 } } },
		/* musl's malloc protects its metadata; nothing may become executable. */
		{ SCMP_SYS(mmap), WEB | COLLECTOR, 1, { not_executable } },
		{ SCMP_SYS(mmap2), WEB | COLLECTOR, 1, { not_executable } },
		{ SCMP_SYS(mprotect), WEB | COLLECTOR, 1, { not_executable } },
		/* The flags of descriptors; F_SETOWN and its like would send signals to others. */
		{ SCMP_SYS(fcntl), WEB | COLLECTOR, 1, { SCMP_A1(SCMP_CMP_LE, F_SETFL) } },
		{ SCMP_SYS(fcntl64), WEB | COLLECTOR, 1, { SCMP_A1(SCMP_CMP_LE, F_SETFL) } },
		/* Of open descriptors and of this process only; tgkill() is abort(). */
		{ SCMP_SYS(newfstatat),
		  WEB | COLLECTOR,
		  1,
		  { SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH) } },
		{ SCMP_SYS(fstatat64),
		  WEB | COLLECTOR,
		  1,
		  { SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH) } },
		{ SCMP_SYS(statx),
		  WEB | COLLECTOR,
		  1,
		  { SCMP_A2(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH) } },
		{ SCMP_SYS(prlimit64),
		  WEB | COLLECTOR,
		  2,
		  { SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0) } },
		{ SCMP_SYS(tgkill),
		  WEB | COLLECTOR,
		  1,
		  { SCMP_A0(SCMP_CMP_EQ, (uint64_t)getpid()) } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		int r = 0;

		if (rules[i].roles & 1U << role)
			r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].number,
						   rules[i].n, rules[i].arguments);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_rules(scmp_filter_ctx filter, enum syscall_role role)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		int r = 0;

		if (allowed[i].roles & 1U << role)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i].number, 0);
		if (r < 0)
			return r;
	}
	return add_filtered(filter, role);
}

int syscalls_restrict(enum syscall_role role)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return -ENOMEM;
	/* The first gmtime_r(), of a log line or a Date header, reads the time zone's file. */
	tzset();
	r = add_rules(filter, role);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

#else

int syscalls_restrict(enum syscall_role role)
{
	(void)role;
	return -EOPNOTSUPP;
}

#endif
