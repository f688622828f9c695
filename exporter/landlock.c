/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The interface is the kernel's own (Documentation/userspace-api/landlock.rst). Numbers stand here
 * because the headers of a distribution may be older than the kernel that the program runs on: a
 * right is handled where the running kernel knows it.
 */

#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

/* The same on all architectures but alpha, whose numbers are not these. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH 1

#define FS_READ_FILE (1ULL << 2)
#define FS_READ_DIR (1ULL << 3)
#define FS_TO_MAKE_SYM ((1ULL << 13) - 1) /* EXECUTE, WRITE_FILE, ..., MAKE_SYM */
#define FS_REFER (1ULL << 13)
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define NET_TCP 3ULL /* BIND_TCP, CONNECT_TCP */
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define SCOPE_SIGNAL (1ULL << 1)
#define SCOPE_ABI 6

/* struct landlock_ruleset_attr; an older kernel takes a longer one when what it has not is 0. */
struct attributes {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

/* struct landlock_path_beneath_attr */
struct path_beneath {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

/* What came with each version; the scope of signals is put around both processes instead. */
static const struct {
	int abi;
	struct attributes adds;
} versions[] = {
	{ 1, { .fs = FS_TO_MAKE_SYM } }, { 2, { .fs = FS_REFER } },
	{ 3, { .fs = FS_TRUNCATE } },	 { 4, { .net = NET_TCP } },
	{ 5, { .fs = FS_IOCTL_DEV } },	 { 6, { .scoped = SCOPE_ABSTRACT_UNIX_SOCKET } },
};

static struct attributes all_of(int abi)
{
	struct attributes all = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(versions) && versions[i].abi <= abi; i++) {
		all.fs |= versions[i].adds.fs;
		all.net |= versions[i].adds.net;
		all.scoped |= versions[i].adds.scoped;
	}
	return all;
}

/* The version of the running kernel, or a negative errno: -EOPNOTSUPP when it has none. */
static int find_abi(void)
{
	const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);

	if (abi >= 0)
		return (int)abi;
	return errno == ENOSYS ? -EOPNOTSUPP : -errno;
}

static int create_ruleset(const struct attributes *attributes)
{
	const long fd = syscall(SYS_landlock_create_ruleset, attributes, sizeof(*attributes), 0);

	return fd < 0 ? -errno : (int)fd;
}

void landlock_open(struct landlock *ret)
{
	const int abi = find_abi();
	const struct attributes all = all_of(abi);

	ret->fd = abi < 0 ? abi : create_ruleset(&all);
#ifndef HAVE_SECCOMP /* a build for sanitizers, which look for leaks with the help of /proc */
	landlock_allow_reading(ret, "/proc");
#endif
}

int landlock_scope_signals(void)
{
	const struct attributes signals = { .scoped = SCOPE_SIGNAL };
	const int abi = find_abi();
	struct landlock landlock = { .fd = abi };

	if (abi >= 0)
		landlock.fd = abi < SCOPE_ABI ? -EOPNOTSUPP : create_ruleset(&signals);
	return landlock_restrict(&landlock);
}

void landlock_allow_reading(void *landlock, const char *path)
{
	const struct landlock *to = landlock;
	struct path_beneath beneath = { .allowed = FS_READ_FILE };
	struct stat status;
	_cleanup_fd_ int fd = to->fd < 0 ? -1 : open(path, O_PATH | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &status) < 0)
		return;
	if (S_ISDIR(status.st_mode))
		beneath.allowed |= FS_READ_DIR;
	beneath.parent_fd = fd;
	(void)syscall(SYS_landlock_add_rule, to->fd, RULE_PATH_BENEATH, &beneath, 0);
}

int landlock_restrict(struct landlock *landlock)
{
	const int fd = landlock->fd;
	int r;

	if (fd < 0)
		return fd;
	r = syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
	(void)close(fd);
	landlock->fd = -EBADF;
	return r;
}
