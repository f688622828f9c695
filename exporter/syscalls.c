/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One list per process: what glibc and musl need for the few things the process does, on 64-bit and
 * on 32-bit machines (libseccomp leaves out what an architecture does not have). The web process
 * makes no socket and opens nothing, or with --web.config.file reads files; the collector process
 * opens files only for reading, and sockets only of AF_NETLINK (not so on i386 and s390x, whose
 * socketcall() hides its arguments from a filter). No process makes another one or a thread.
 */

#include "syscalls.h"

#include <errno.h>

#ifdef HAVE_SECCOMP

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

#define FILES (1U << SYSCALLS_WEB_FILES)
#define WEB (1U << SYSCALLS_WEB | FILES)
#define COMMAND (1U << SYSCALLS_COMMAND)
#define COLLECTOR (1U << SYSCALLS_COLLECTOR | COMMAND)
#define ALL (WEB | COLLECTOR)

/* Calls whose arguments do not matter. */
static const struct {
	int number;
	unsigned int roles;
} allowed[] = {
	/* malloc(): the heap, large blocks, realloc() of these, giving back what is free */
	{ SCMP_SYS(brk), ALL },
	{ SCMP_SYS(munmap), ALL },
	{ SCMP_SYS(mremap), ALL },
	{ SCMP_SYS(madvise), ALL },
	/* files of /proc and of the web configuration, signalfd, eventfd, stdout */
	{ SCMP_SYS(read), ALL },
	{ SCMP_SYS(write), ALL },
	{ SCMP_SYS(close), ALL },
	/* what stays open: /proc/self/stat, and the sysctls that every scrape reads */
	{ SCMP_SYS(pread64), ALL },
	/* process_*: /proc/self/fd, open since the start, is listed again */
	{ SCMP_SYS(lseek), ALL },
	{ SCMP_SYS(_llseek), ALL },
	{ SCMP_SYS(getdents64), ALL },
	{ SCMP_SYS(getrusage), ALL },
	/* the size of /proc/self/fd; files of the web configuration */
	{ SCMP_SYS(fstat), ALL },
	/* clocks, where the vDSO has no answer: not for this clock source, or switched off */
	{ SCMP_SYS(clock_gettime), ALL },
	{ SCMP_SYS(clock_gettime64), ALL },
	{ SCMP_SYS(time), WEB },
	/* the log: may a line be written? Also netlink's answers */
	{ SCMP_SYS(poll), ALL },
	{ SCMP_SYS(ppoll), ALL },
	{ SCMP_SYS(ppoll_time64), ALL },
	/* what waits goes on waiting when it was stopped and continued */
	{ SCMP_SYS(restart_syscall), ALL },
	/* the end; abort() with the message before it, and tgkill() below */
	{ SCMP_SYS(exit_group), ALL },
	{ SCMP_SYS(writev), ALL },
	{ SCMP_SYS(rt_sigprocmask), ALL },
	{ SCMP_SYS(getpid), ALL },
	{ SCMP_SYS(gettid), ALL },
	/* what the other process sent on the channel, and clients' requests */
	{ SCMP_SYS(recv), ALL },
	{ SCMP_SYS(recvfrom), ALL },
	/* connections: taking them, asking whether they are tracked, waiting for them, the end */
	{ SCMP_SYS(accept4), WEB },
	{ SCMP_SYS(getsockname), WEB },
	{ SCMP_SYS(getsockopt), WEB },
	{ SCMP_SYS(epoll_wait), WEB },
	{ SCMP_SYS(epoll_pwait), WEB },
	{ SCMP_SYS(epoll_ctl), WEB },
	{ SCMP_SYS(shutdown), WEB },
	/* how the collector process ended */
	{ SCMP_SYS(wait4), WEB },
	/* the thread for logins: locks, its end; secrets of TLS */
	{ SCMP_SYS(futex), FILES },
	{ SCMP_SYS(futex_time64), FILES },
	{ SCMP_SYS(exit), FILES },
	{ SCMP_SYS(getrandom), FILES | COLLECTOR }, /* COLLECTOR: keys of hash tables */
	/* files of the web configuration: have they changed? */
	{ SCMP_SYS(fstat64), FILES },
	{ SCMP_SYS(newfstatat), FILES },
	{ SCMP_SYS(fstatat64), FILES },
	{ SCMP_SYS(stat), FILES },
	{ SCMP_SYS(stat64), FILES },
	{ SCMP_SYS(statx), FILES },
	/* netlink: libmnl names a socket, asks for its name, sends to the kernel, receives */
	{ SCMP_SYS(bind), COLLECTOR },
	{ SCMP_SYS(getsockname), COLLECTOR },
	{ SCMP_SYS(sendto), COLLECTOR },
	{ SCMP_SYS(send), COLLECTOR },
	{ SCMP_SYS(recvmsg), COLLECTOR },
	/* back from the signal that tells of the end of the web process */
	{ SCMP_SYS(rt_sigreturn), COLLECTOR },
	{ SCMP_SYS(sigreturn), COLLECTOR },
	/* glibc's qsort() before 2.37 asks how much memory there is */
	{ SCMP_SYS(sysinfo), COLLECTOR },
	/* between two looks of a diagnosis */
	{ SCMP_SYS(nanosleep), COMMAND },
	{ SCMP_SYS(clock_nanosleep), COMMAND },
	{ SCMP_SYS(clock_nanosleep_time64), COMMAND },
};

#define ARGUMENTS_MAX 2

/* A call that is allowed with these arguments only; the rows of one call are alternatives. */
struct rule {
	int number;
	unsigned int roles;
	struct scmp_arg_cmp arguments[ARGUMENTS_MAX];
	unsigned int n;
};

/* clang-format off */
#define ONE(a) { a }, 1
#define TWO(a, b) { a, b }, 2
#define EQUAL(n, value) { n, SCMP_CMP_EQ, value, 0 }
#define BITS(n, bits, value) { n, SCMP_CMP_MASKED_EQ, bits, value }
#define CLEAR(n, bits) BITS(n, bits, 0)
#define WRITING (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND)
#define NETLINK(bus) TWO(EQUAL(0, AF_NETLINK), EQUAL(2, bus))
#define OPTION(level, name) TWO(EQUAL(1, level), EQUAL(2, name))

/* What stands for the process id in a row, which is not known when this is compiled. */
#define OWN_ID UINT64_MAX

static const struct rule rules[] = {
	/* With these two no file can be written, and no sysctl. */
	{ SCMP_SYS(openat), FILES | COLLECTOR, ONE(CLEAR(2, WRITING)) },
	{ SCMP_SYS(open), FILES | COLLECTOR, ONE(CLEAR(1, WRITING)) },
	/* The three buses of netlink.c, and how long an answer is waited for. */
	{ SCMP_SYS(socket), COLLECTOR, NETLINK(NETLINK_NETFILTER) },
	{ SCMP_SYS(socket), COLLECTOR, NETLINK(NETLINK_ROUTE) },
	{ SCMP_SYS(socket), COLLECTOR, NETLINK(NETLINK_SOCK_DIAG) },
	{ SCMP_SYS(setsockopt), COLLECTOR, OPTION(SOL_SOCKET, SO_RCVTIMEO) },
	/* libmicrohttpd sends heads at once, or with what follows. */
	{ SCMP_SYS(setsockopt), WEB, OPTION(IPPROTO_TCP, TCP_NODELAY) },
	{ SCMP_SYS(setsockopt), WEB, OPTION(IPPROTO_TCP, TCP_CORK) },
	/* Answers, requests to the collector process, the service manager; sendmsg() is below.
	 * MSG_FASTOPEN on a listener that was shut down would connect to anybody. */
	{ SCMP_SYS(sendto), WEB, TWO(CLEAR(3, MSG_FASTOPEN), EQUAL(4, 0)) },
	{ SCMP_SYS(send), WEB, ONE(CLEAR(3, MSG_FASTOPEN)) },
	/* malloc(); musl's protects its metadata. Nothing may become executable. */
	{ SCMP_SYS(mmap), ALL, ONE(CLEAR(2, PROT_EXEC)) },
	{ SCMP_SYS(mmap2), ALL, ONE(CLEAR(2, PROT_EXEC)) },
	{ SCMP_SYS(mprotect), ALL, ONE(CLEAR(2, PROT_EXEC)) },
	/* Connections are not waited for, and musl marks each file it opens. F_DUPFD would give a
	 * descriptor a number that is not its own, F_SETOWN and its like signals to others. */
	{ SCMP_SYS(fcntl), ALL, ONE(EQUAL(1, F_GETFD)) },
	{ SCMP_SYS(fcntl), ALL, ONE(EQUAL(1, F_SETFD)) },
	{ SCMP_SYS(fcntl), ALL, ONE(EQUAL(1, F_GETFL)) },
	{ SCMP_SYS(fcntl), ALL, ONE(EQUAL(1, F_SETFL)) },
	{ SCMP_SYS(fcntl64), ALL, ONE(EQUAL(1, F_GETFD)) },
	{ SCMP_SYS(fcntl64), ALL, ONE(EQUAL(1, F_SETFD)) },
	{ SCMP_SYS(fcntl64), ALL, ONE(EQUAL(1, F_GETFL)) },
	{ SCMP_SYS(fcntl64), ALL, ONE(EQUAL(1, F_SETFL)) },
	/* process_max_fds: this process' limit is read. */
	{ SCMP_SYS(prlimit64), ALL, TWO(EQUAL(0, 0), EQUAL(2, 0)) },
	/* abort() */
	{ SCMP_SYS(tgkill), ALL, ONE(EQUAL(0, OWN_ID)) },
};
/* clang-format on */

/*
 * libseccomp (2.5.4) looks at few of its allocations: where one fails it crashes, never ends, or
 * makes a filter that lacks calls. So it is begun only where there is memory for several of it: it
 * takes less than 140 KiB.
 */
#define ROOM (1024 * 1024)

/* Descriptors have smaller numbers than that many bits make: each is the lowest that is free. */
#define FD_BITS 16

static int add_rule(scmp_filter_ctx filter, const struct rule *rule)
{
	struct scmp_arg_cmp arguments[ARGUMENTS_MAX];

	for (unsigned int i = 0; i < ARGUMENTS_MAX; i++) {
		arguments[i] = rule->arguments[i];
		if (arguments[i].datum_a == OWN_ID)
			arguments[i].datum_a = (scmp_datum_t)getpid();
	}
	return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->number, rule->n, arguments);
}

/*
 * Heads and bodies go to clients by sendmsg(), of libmicrohttpd and GnuTLS. On the service
 * manager's socket it could send to any other one that has a path, on the channel pass descriptors.
 * The kernel takes 32 bits of the number and a comparison looks at 64, so it is done bit by bit:
 * one number is greater when it has a bit that the other one lacks, and above that bit both are the
 * same.
 */
static int add_sendmsg(scmp_filter_ctx filter, unsigned int own_fd)
{
	int r = 0;

	for (unsigned int bit = 0; r == 0 && bit < FD_BITS; bit++) {
		const uint64_t same = (uint64_t)own_fd >> bit;
		const struct scmp_arg_cmp arguments[] = {
			BITS(0, UINT64_MAX << bit, (same | 1) << bit),
			CLEAR(2, MSG_FASTOPEN),
		};

		if (!(same & 1))
			r = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg),
						   ARRAY_SIZE(arguments), arguments);
	}
	return r;
}

static int add_rules(scmp_filter_ctx filter, enum syscall_role role, unsigned int own_fd)
{
	int r = 1U << role & WEB ? add_sendmsg(filter, own_fd) : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(allowed); i++)
		if (allowed[i].roles & 1U << role)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i].number, 0);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rules); i++)
		if (rules[i].roles & 1U << role)
			r = add_rule(filter, &rules[i]);
	return r;
}

/* volatile, or the compiler takes it for granted. */
static bool is_memory_there(void)
{
	void *volatile room = malloc(ROOM);
	const bool is_there = room;

	free(room);
	return is_there;
}

int syscalls_restrict(enum syscall_role role, unsigned int own_fd)
{
	scmp_filter_ctx filter = is_memory_there() ? seccomp_init(SCMP_ACT_KILL_PROCESS) : NULL;
	int r;

	if (!filter)
		return -ENOMEM;
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/* Calls of another architecture, as 32-bit ones, would end no more than their thread. */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = add_rules(filter, role, own_fd);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

#else

int syscalls_restrict(enum syscall_role role, unsigned int own_fd)
{
	(void)role;
	(void)own_fd;
	return -EOPNOTSUPP;
}

#endif
