/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "attempts.h"

/* On the network, on other processes, and for more rights. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../exporter/syscalls.h"
#include "../../exporter/util.h"

#define FILES (1U << SYSCALLS_WEB_FILES)
#define COLLECTORS (1U << SYSCALLS_COLLECTOR | 1U << SYSCALLS_COMMAND)
#define READERS (FILES | COLLECTORS)

long attempt_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long socket_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long socket_inet6(void)
{
	return socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static long socket_raw(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
}

static long socket_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static long socket_netfilter(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
}

static long socket_generic(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
}

static long socket_vsock(void)
{
	return socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static long socket_alg(void)
{
	return socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

static long call_socketpair(void)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
}

static long call_connect(void)
{
	return connect(targets.client, (struct sockaddr *)&targets.listener,
		       sizeof(targets.listener));
}

/* To any port of the kernel's choice: what libmnl does with its own sockets. */
static long call_bind(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };

	return bind(targets.stream, (const struct sockaddr *)&any, sizeof(any));
}

static int find_notify(void)
{
	for (int fd = STDERR_FILENO + 1; fd < 64; fd++) {
		int type = 0, domain = 0;
		socklen_t length = sizeof(int);

		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
		    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
		    type == SOCK_DGRAM && domain == AF_UNIX)
			return fd;
	}
	return -1;
}

/* Of all sockets that have a path, not only of the service manager's. */
static long send_to_path(unsigned long high_bits)
{
	const int fd = targets.notify ? targets.notify : find_notify();
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct iovec text = { (char *)"forged", 6 };
	const struct msghdr message = {
		.msg_name = &address,
		.msg_namelen = sizeof(address),
		.msg_iov = &text,
		.msg_iovlen = 1,
	};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", targets.datagrams);
	errno = 0;
	return syscall(SYS_sendmsg, (unsigned long)fd | high_bits, &message, MSG_DONTWAIT);
}

static long datagram_to_path(void)
{
	return send_to_path(0);
}

static long datagram_by_large_number(void)
{
	return send_to_path(UINT64_MAX << 32 & ULONG_MAX);
}

static long duplicate(void)
{
	return fcntl(STDERR_FILENO, F_DUPFD, 32);
}

static long connect_abstract(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s",
		       targets.other_file);
	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static long call_listen(void)
{
	return listen(targets.stream, 1);
}

static long seize_partner(void)
{
	return ptrace(PTRACE_SEIZE, targets.partner, NULL, NULL);
}

static long read_memory_of_partner(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { attempts_directory, 1 };

	return process_vm_readv(targets.partner, &here, 1, &there, 1, 0);
}

static long write_memory_of_partner(void)
{
	char byte = '/';
	struct iovec here = { &byte, 1 }, there = { attempts_directory, 1 };

	return process_vm_writev(targets.partner, &here, 1, &there, 1, 0);
}

long attempt_take_descriptor(pid_t pid)
{
	const long pidfd = syscall(SYS_pidfd_open, pid, 0);

	return pidfd < 0 ? pidfd : syscall(SYS_pidfd_getfd, pidfd, 0, 0);
}

static long take_descriptor_of_partner(void)
{
	return attempt_take_descriptor(targets.partner);
}

static long kill_partner(void)
{
	return kill(targets.partner, SIGCONT);
}

static long tgkill_partner(void)
{
	return syscall(SYS_tgkill, targets.partner, targets.partner, SIGCONT);
}

static long queue_to_partner(void)
{
	return sigqueue(targets.partner, SIGCONT, (union sigval){ 0 });
}

static long call_setns(void)
{
	return setns(-1, CLONE_NEWNET);
}

static long call_unshare(void)
{
	return unshare(CLONE_NEWNS);
}

static long unshare_user(void)
{
	return unshare(CLONE_NEWUSER);
}

/* In a child: it would end the attempt. */
static long call_execve(void)
{
	char *const arguments[] = { (char *)"true", NULL };

	return execve("/bin/true", arguments, NULL);
}

static long call_fork(void)
{
	const long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0UL);

	if (child == 0)
		_exit(0);
	return child;
}

static void *nothing(void *argument)
{
	return argument;
}

long attempt_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, nothing, NULL);
	return errno ? -1 : 0;
}

static long call_mount(void)
{
	return mount("none", attempts_directory, "tmpfs", MS_RDONLY, NULL);
}

static long call_personality(void)
{
	return personality(0xffffffff);
}

static long map_executable(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}

static long make_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static long type_for_the_user(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static long be_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static long be_root(void)
{
	return setuid(0);
}

static long be_capable(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { ~0U, ~0U, 0 }, { ~0U, ~0U, 0 } };

	return syscall(SYS_capset, &header, data);
}

static long raise_limit(void)
{
	const struct rlimit limit = { 1 << 20, 1 << 20 };

	return prlimit(0, RLIMIT_NOFILE, &limit, NULL);
}

/* clang-format off */
static const struct attempt rows[] = {
	/* the network */
	{ "TCP socket", attempt_socket, 0, 0, 0, true },
	{ "UNIX socket", socket_unix, 0, 0, 0, true },
	{ "IPv6 socket", socket_inet6, 0, 0, 0, false },
	{ "raw socket", socket_raw, 0, 0, 0, true },
	{ "packet socket", socket_packet, 0, 0, 0, false },
	{ "vsock socket", socket_vsock, 0, 0, 0, false },
	{ "crypto socket", socket_alg, 0, 0, 0, false },
	{ "netlink socket to netfilter", socket_netfilter, COLLECTORS, 0, 0, true },
	{ "generic netlink socket", socket_generic, 0, 0, 0, true },
	{ "socketpair", call_socketpair, 0, 0, 0, true },
	{ "connect", call_connect, 0, 0, 4, true },
	{ "connect to an abstract name", connect_abstract, 0, 0, 6, true },
	{ "bind", call_bind, 0, COLLECTORS, 4, true },
	{ "listen", call_listen, 0, 0, 0, true },
	{ "datagram to a path", datagram_to_path, 0, 0, 0, true },
	{ "datagram to a path by a large number", datagram_by_large_number, 0, 0, 0, true },
	{ "another number for a descriptor", duplicate, 0, 0, 0, true },
	/* other processes */
	{ "ptrace of the partner", seize_partner, 0, 0, 1, true },
	{ "process_vm_readv of the partner", read_memory_of_partner, 0, 0, 1, true },
	{ "process_vm_writev of the partner", write_memory_of_partner, 0, 0, 1, true },
	{ "pidfd_getfd of the partner", take_descriptor_of_partner, 0, 0, 1, true },
	{ "kill the partner", kill_partner, 0, 0, 6, true },
	{ "tgkill the partner", tgkill_partner, 0, 0, 6, true },
	{ "sigqueue to the partner", queue_to_partner, 0, 0, 6, true },
	{ "execve", call_execve, 0, 0, 1, true },
	{ "execveat", .number = SYS_execveat },
	{ "fork", call_fork, 0, 0, 0, true },
	{ "clone3", .number = SYS_clone3 },
	{ "a thread", attempt_thread, 0, 0, 0, true },
	/* more rights */
	{ "mount", call_mount, 0, 0, 1, false },
	{ "setns", call_setns, 0, 0, 0, false },
	{ "unshare", call_unshare, 0, 0, 0, true },
	{ "unshare the user", unshare_user, 0, 0, 0, false },
	{ "setuid", be_root, 0, 0, 0, true },
	{ "capset", be_capable, 0, 0, 0, false },
	{ "prctl", be_dumpable, 0, 0, 0, true },
	{ "prlimit", raise_limit, 0, 0, 0, false },
	{ "personality", call_personality, 0, 0, 0, true },
	{ "mmap executable", map_executable, 0, 0, 0, true },
	{ "mprotect executable", make_executable, 0, 0, 0, true },
	/* more of the kernel */
	{ "bpf", .number = SYS_bpf },
	{ "io_uring_setup", .number = SYS_io_uring_setup },
	{ "keyctl", .number = SYS_keyctl },
	{ "userfaultfd", .number = SYS_userfaultfd },
	{ "perf_event_open", .number = SYS_perf_event_open },
	{ "finit_module", .number = SYS_finit_module },
	{ "reboot", .number = SYS_reboot },
	{ "ioctl(TIOCSTI)", type_for_the_user, 0, 0, 0, false },
};
/* clang-format on */

const struct attempts attempts_on_others = { rows, ARRAY_SIZE(rows) };

long attempt_make(const struct attempt *attempt)
{
	return attempt->call ? attempt->call() : syscall(attempt->number, -1, 0, 0, 0, 0, 0);
}
