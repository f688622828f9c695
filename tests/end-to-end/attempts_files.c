/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "attempts.h"

/* On files. */

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../exporter/syscalls.h"
#include "../../exporter/util.h"

#define FILES (1U << SYSCALLS_WEB_FILES)
#define COLLECTORS (1U << SYSCALLS_COLLECTOR | 1U << SYSCALLS_COMMAND)
#define READERS (FILES | COLLECTORS)

static long open_allowed(void)
{
	return open(targets.allowed_file, O_RDONLY | O_CLOEXEC);
}

static long open_proc(void)
{
	return open("/proc/version", O_RDONLY | O_CLOEXEC);
}

static long open_passwords(void)
{
	return open("/etc/shadow", O_RDONLY | O_CLOEXEC);
}

static long open_memory(void)
{
	return open("/proc/self/mem", O_RDWR | O_CLOEXEC);
}

static long open_memory_of_partner(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)targets.partner);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static long open_sysctl_for_writing(void)
{
	return open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
}

static long open_tree_for_listing(void)
{
	return open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static long open_like_openat2(void)
{
	uint64_t how[3] = { O_RDONLY | O_CLOEXEC, 0, 0 };

	return syscall(SYS_openat2, AT_FDCWD, targets.allowed_file, how, sizeof(how));
}

static long create_file(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s.new", targets.other_file);
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long create_nameless(void)
{
	return open(attempts_directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static long write_file(void)
{
	return open(targets.other_file, O_WRONLY | O_CLOEXEC);
}

static long truncate_file(void)
{
	return truncate(targets.other_file, 0);
}

static long unlink_file(void)
{
	return unlink(targets.other_file);
}

static long rename_file(void)
{
	return rename(targets.other_file, targets.allowed_file);
}

static long make_directory(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s.d", targets.other_file);
	return mkdir(path, 0700);
}

static long make_link(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s.l", targets.other_file);
	return symlink("/etc/shadow", path);
}

static long make_device(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s.c", targets.other_file);
	return mknod(path, S_IFCHR | 0600, 0x103);
}

static long make_pipe(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s.p", targets.other_file);
	return mknod(path, S_IFIFO | 0600, 0);
}

static long call_chmod(void)
{
	return chmod(targets.other_file, 0777);
}

static long call_chroot(void)
{
	return chroot("/proc");
}

static long call_memfd(void)
{
	return syscall(SYS_memfd_create, "x", 0);
}

/* clang-format off */
static const struct attempt rows[] = {
	{ "read a file that is allowed", open_allowed, FILES, COLLECTORS, 0, true },
	{ "read /proc", open_proc, COLLECTORS, FILES, 1, true },
	{ "read /etc/shadow", open_passwords, 0, READERS, 1, true },
	{ "list /etc", open_tree_for_listing, 0, READERS, 1, true },
	{ "write to its own memory by /proc", open_memory, 0, 0, 1, true },
	{ "read the partner's memory by /proc", open_memory_of_partner, 0, READERS, 1, true },
	{ "write to a sysctl", open_sysctl_for_writing, 0, 0, 1, false },
	{ "openat2", open_like_openat2, 0, 0, 1, true },
	{ "create a file", create_file, 0, 0, 1, true },
	{ "create a file without a name", create_nameless, 0, 0, 1, true },
	{ "write to a file", write_file, 0, 0, 1, true },
	{ "truncate a file", truncate_file, 0, 0, 3, true },
	{ "unlink a file", unlink_file, 0, 0, 1, false },
	{ "rename a file", rename_file, 0, 0, 1, false },
	{ "make a directory", make_directory, 0, 0, 1, true },
	{ "make a symbolic link", make_link, 0, 0, 1, true },
	{ "make a device", make_device, 0, 0, 1, false },
	{ "make a pipe", make_pipe, 0, 0, 1, true },
	{ "chmod", call_chmod, 0, 0, 0, true },
	{ "chroot", call_chroot, 0, 0, 0, true },
	{ "memfd_create", call_memfd, 0, 0, 0, true },
};
/* clang-format on */

const struct attempts attempts_on_files = { rows, ARRAY_SIZE(rows) };
