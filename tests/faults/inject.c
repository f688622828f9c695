/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * For tests, by LD_PRELOAD: stands between the exporter and libc and lets calls fail, as a plan in
 * the file of $INJECT_FILE says. The file is mapped before main() and shared with the test, so that
 * the plan can change and the counts can be read while the exporter runs, under its system call
 * filter, too. tests/faults/faults.py has the other side.
 */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "inject.h"

/* The process that was started, which is the web process of a server, and what it forks. */
enum { ROLE_FIRST, ROLE_CHILD, N_ROLES };

/* All zeros do nothing. from and to count calls from 1 on, since the test set count to 0. */
struct slot {
	uint64_t count, hits, from, to;
	int32_t error;
	uint32_t action;
	uint64_t argument;
	int64_t live; /* of CALL_ALLOC: allocations that were not freed */
	uint64_t unused;
};

_Static_assert(sizeof(struct slot) == 64, "faults.py knows it");

struct plan {
	struct slot slots[N_ROLES][N_CALLS];
	char files[N_ROLES][128]; /* a pattern of paths: of CALL_OPEN, those alone; "": all */
};

static struct plan none;
static struct plan *plan = &none;
static int role = ROLE_FIRST;

/* What libraries do before main() is not looked at. */
__attribute__((constructor)) static void map_plan(void)
{
	const char *path = getenv("INJECT_FILE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		return;
	spared_find();
	map = mmap(NULL, sizeof(none), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED)
		plan = map;
	(void)close(fd);
}

static void signal_self(int number)
{
	(void)syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), number);
}

static const struct slot *look_up(enum call call)
{
	struct slot *slot = &plan->slots[role][call];
	uint64_t n = __atomic_add_fetch(&slot->count, 1, __ATOMIC_RELAXED);

	if (n < slot->from || n > slot->to)
		return NULL;
	(void)__atomic_add_fetch(&slot->hits, 1, __ATOMIC_RELAXED);
	return slot;
}

/* What is to be done to this call, or NULL. It stops, or dies, here. */
static const struct slot *find(enum call call)
{
	const struct slot *slot = call == CALL_ALLOC ? NULL : look_up(CALL_ANY);
	const struct slot *own = look_up(call);

	slot = own ? own : slot;
	/* When it goes on the plan may be another one. */
	if (slot && slot->action == ACTION_STOP) {
		signal_self(SIGSTOP);
		return NULL;
	}
	if (slot && slot->action == ACTION_KILL)
		signal_self(SIGKILL);
	return slot;
}

static bool refuses(const struct slot *slot)
{
	if (!slot || slot->action != ACTION_FAIL)
		return false;
	errno = slot->error;
	return true;
}

static struct nlmsghdr *header_at(char *bytes, size_t len, uint64_t index)
{
	struct nlmsghdr *header = (void *)bytes;

	for (; NLMSG_OK(header, len); header = NLMSG_NEXT(header, len))
		if (index-- == 0)
			return header;
	return NULL;
}

static void mark_all(char *bytes, size_t len, uint16_t flags)
{
	struct nlmsghdr *header;

	for (uint64_t i = 0; (header = header_at(bytes, len, i)); i++)
		header->nlmsg_flags |= flags;
}

/* The kernel's answer becomes a refusal of the question. */
static void make_error(char *bytes, size_t len, const struct slot *slot)
{
	struct nlmsghdr *header = header_at(bytes, len, slot->argument);
	int error = -slot->error;

	if (!header || header->nlmsg_len < NLMSG_LENGTH(sizeof(error)))
		return;
	header->nlmsg_type = NLMSG_ERROR;
	memcpy(NLMSG_DATA(header), &error, sizeof(error));
}

/* Changes what was received. Returns how much of it there is. */
static ssize_t mangle(const struct slot *slot, char *bytes, ssize_t n)
{
	struct nlmsghdr *header;

	if (!slot || n <= 0)
		return n;
	switch (slot->action) {
	case ACTION_SHORT:
		return (uint64_t)n > slot->argument ? (ssize_t)slot->argument : n;
	case ACTION_FLAGS:
		mark_all(bytes, (size_t)n, (uint16_t)slot->argument);
		break;
	case ACTION_LENGTH:
		header = header_at(bytes, (size_t)n, (uint64_t)slot->error);
		if (header)
			header->nlmsg_len = (uint32_t)slot->argument;
		break;
	case ACTION_ERROR:
		make_error(bytes, (size_t)n, slot);
		break;
	default:
		break;
	}
	return n;
}

static size_t cut(const struct slot *slot, size_t len)
{
	return slot && slot->action == ACTION_SHORT && len > slot->argument ? slot->argument : len;
}

static bool has_no_memory(size_t size, const void *caller)
{
	if (is_spared(caller) || size < plan->slots[role][CALL_ALLOC].argument)
		return false;
	return refuses(find(CALL_ALLOC));
}

static void *allocated(void *block)
{
	if (block)
		(void)__atomic_add_fetch(&plan->slots[role][CALL_ALLOC].live, 1, __ATOMIC_RELAXED);
	return block;
}

void *malloc(size_t size)
{
	REAL(malloc);
	return has_no_memory(size, __builtin_return_address(0)) ? NULL : allocated(real(size));
}

void *calloc(size_t n, size_t size)
{
	REAL(calloc);
	return has_no_memory(n * size, __builtin_return_address(0)) ? NULL
								    : allocated(real(n, size));
}

void *realloc(void *block, size_t size)
{
	REAL(realloc);
	if (has_no_memory(size, __builtin_return_address(0)))
		return NULL;
	return block ? real(block, size) : allocated(real(NULL, size));
}

void free(void *block)
{
	REAL(free);
	if (block)
		(void)__atomic_sub_fetch(&plan->slots[role][CALL_ALLOC].live, 1, __ATOMIC_RELAXED);
	real(block);
}

static bool cannot_open(const char *path)
{
	const char *files = plan->files[role];

	return (!*files || fnmatch(files, path, 0) == 0) && refuses(find(CALL_OPEN));
}

/* Files: the mode is passed on whether it was given or not. */

#define WRAP_OPEN(name, parameters, arguments)                                   \
	int name parameters                                                      \
	{                                                                        \
		va_list args;                                                    \
		mode_t mode;                                                     \
		REAL(name);                                                      \
		va_start(args, flags);                                           \
		mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0; \
		va_end(args);                                                    \
		return cannot_open(path) ? -1 : real arguments;                  \
	}

WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))
WRAP_OPEN(openat64, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))

#define WRAP(call, name, parameters, arguments)                   \
	int name parameters                                       \
	{                                                         \
		REAL(name);                                       \
		return refuses(find(call)) ? -1 : real arguments; \
	}

/* What the compiler calls where it does not know the flags. */
#define WRAP_OPEN_2(name)                                          \
	int name(const char *path, int flags);                     \
	int name(const char *path, int flags)                      \
	{                                                          \
		REAL(name);                                        \
		return cannot_open(path) ? -1 : real(path, flags); \
	}

WRAP_OPEN_2(__open_2)
WRAP_OPEN_2(__open64_2)

DIR *opendir(const char *path)
{
	REAL(opendir);
	return refuses(find(CALL_OPENDIR)) ? NULL : real(path);
}

struct dirent64 *readdir64(DIR *directory)
{
	REAL(readdir64);
	return refuses(find(CALL_READDIR)) ? NULL : real(directory);
}

#define WRAP_SIZED(call, name, parameters, arguments)       \
	ssize_t name parameters                             \
	{                                                   \
		const struct slot *slot = find(call);       \
		REAL(name);                                 \
		return refuses(slot) ? -1 : real arguments; \
	}

WRAP_SIZED(CALL_READ, read, (int fd, void *bytes, size_t len), (fd, bytes, cut(slot, len)))
WRAP_SIZED(CALL_PREAD, pread64, (int fd, void *bytes, size_t len, off64_t at),
	   (fd, bytes, cut(slot, len), at))
/* What the compiler calls where it knows the room. */
ssize_t __read_chk(int fd, void *bytes, size_t len, size_t room);
ssize_t __pread64_chk(int fd, void *bytes, size_t len, off64_t at, size_t room);

WRAP_SIZED(CALL_READ, __read_chk, (int fd, void *bytes, size_t len, size_t room),
	   (fd, bytes, cut(slot, len), room))
WRAP_SIZED(CALL_PREAD, __pread64_chk, (int fd, void *bytes, size_t len, off64_t at, size_t room),
	   (fd, bytes, cut(slot, len), at, room))
WRAP_SIZED(CALL_WRITE, write, (int fd, const void *bytes, size_t len), (fd, bytes, cut(slot, len)))

/* Sockets. */

ssize_t recv(int fd, void *bytes, size_t len, int flags)
{
	const struct slot *slot = find(CALL_RECV);
	REAL(recv);
	return refuses(slot) ? -1 : mangle(slot, bytes, real(fd, bytes, len, flags));
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	const struct slot *slot = find(CALL_RECVMSG);
	ssize_t n;
	REAL(recvmsg);

	if (refuses(slot))
		return -1;
	n = mangle(slot, message->msg_iov->iov_base, real(fd, message, flags));
	if (slot && slot->action == ACTION_TRUNCATE)
		message->msg_flags |= MSG_TRUNC;
	return n;
}

WRAP_SIZED(CALL_SEND, send, (int fd, const void *bytes, size_t len, int flags),
	   (fd, bytes, cut(slot, len), flags))

ssize_t sendto(int fd, const void *bytes, size_t len, int flags, const struct sockaddr *to,
	       socklen_t to_len)
{
	REAL(sendto);
	return refuses(find(CALL_SENDTO)) ? -1 : real(fd, bytes, len, flags, to, to_len);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	REAL(sendmsg);
	return refuses(find(CALL_SENDMSG)) ? -1 : real(fd, message, flags);
}

WRAP(CALL_SOCKET, socket, (int family, int type, int protocol), (family, type, protocol))
WRAP(CALL_BIND, bind, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len))
WRAP(CALL_GETSOCKOPT, getsockopt, (int fd, int level, int name, void *value, socklen_t *len),
     (fd, level, name, value, len))
WRAP(CALL_SETSOCKOPT, setsockopt, (int fd, int level, int name, const void *value, socklen_t len),
     (fd, level, name, value, len))
WRAP(CALL_GETSOCKNAME, getsockname, (int fd, struct sockaddr *address, socklen_t *len),
     (fd, address, len))
WRAP(CALL_ACCEPT, accept4, (int fd, struct sockaddr *address, socklen_t *len, int flags),
     (fd, address, len, flags))
WRAP(CALL_EPOLL_WAIT, epoll_wait, (int fd, struct epoll_event *events, int n, int timeout),
     (fd, events, n, timeout))
WRAP(CALL_NANOSLEEP, nanosleep, (const struct timespec *wanted, struct timespec *left),
     (wanted, left))
WRAP(CALL_SOCKETPAIR, socketpair, (int family, int type, int protocol, int fds[2]),
     (family, type, protocol, fds))

WRAP(CALL_STAT, stat, (const char *restrict path, struct stat *restrict found), (path, found))
WRAP(CALL_STAT, stat64, (const char *restrict path, struct stat64 *restrict found), (path, found))
WRAP(CALL_FSTAT, fstat, (int fd, struct stat *found), (fd, found))
WRAP(CALL_FSTAT, fstat64, (int fd, struct stat64 *found), (fd, found))

/* To take a descriptor out needs no memory: the kernel refuses that to nobody. */
int epoll_ctl(int fd, int operation, int target, struct epoll_event *event)
{
	REAL(epoll_ctl);
	if (operation != EPOLL_CTL_DEL && refuses(find(CALL_EPOLL_CTL)))
		return -1;
	return real(fd, operation, target, event);
}

ssize_t getrandom(void *bytes, size_t len, unsigned int flags)
{
	REAL(getrandom);
	return refuses(find(CALL_GETRANDOM)) ? -1 : real(bytes, len, flags);
}

pid_t fork(void)
{
	pid_t pid;
	REAL(fork);

	pid = refuses(find(CALL_FORK)) ? -1 : real();
	if (pid == 0)
		role = ROLE_CHILD;
	return pid;
}
