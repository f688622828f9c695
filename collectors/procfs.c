/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "procfs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../exporter/util.h"

/* Returns a file descriptor or a negative errno. */
static int open_below(const char *root, const char *path, int flags)
{
	char name[4096];
	int fd;

	if ((size_t)snprintf(name, sizeof(name), "%s/%s", root, path) >= sizeof(name))
		return -ENAMETOOLONG;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
	return fd < 0 ? -errno : fd;
}

int procfs_read(const char *root, const char *path, struct buffer *ret)
{
	_cleanup_fd_ int fd = open_below(root, path, 0);
	int r = fd < 0 ? fd : buffer_read(ret, fd);

	if (r < 0)
		return r;
	buffer_append_char(ret, '\0');
	if (!ret->error)
		buffer_truncate(ret, ret->len - 1);
	return ret->error;
}

bool parse_u64(const char **text, int base, uint64_t *ret)
{
	const char *s = *text;
	unsigned long long value;
	char *end;

	while (*s == ' ' || *s == '\t')
		s++;
	if (!isxdigit((unsigned char)*s))
		return false;
	errno = 0;
	value = strtoull(s, &end, base);
	if (end == s || errno)
		return false;
	*text = end;
	*ret = value;
	return true;
}

/*
 * Reads up to the end of the first line and no further: a sysctl is one line, and the read() that
 * only says that it has ended takes a fifth of the time of all of them. Without its end a number
 * may have lost digits: a sysctl gives nothing behind a short read (proc_dointvec() in
 * kernel/sysctl.c).
 */
static int read_line(int fd, char *text, size_t size)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = pread(fd, text + len, size - 1 - len, (off_t)len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += (size_t)n;
		text[len] = '\0';
		if (n == 0 || len == size - 1)
			return -EBADMSG;
		if (text[len - 1] == '\n')
			return 0;
	}
}

/* fd is what open() returned, or a negative errno. */
static int read_number(int fd, uint64_t *ret)
{
	char line[64];
	const char *text = line;
	uint64_t value;
	int r = fd < 0 ? fd : read_line(fd, line, sizeof(line));

	if (r < 0)
		return r;
	if (!parse_u64(&text, 10, &value) || (*text && strcmp(text, "\n") != 0))
		return -EBADMSG;
	*ret = value;
	return 0;
}

int procfs_read_u64(const char *root, const char *path, uint64_t *ret)
{
	_cleanup_fd_ int fd = open_below(root, path, 0);

	return read_number(fd, ret);
}

void procfs_number_close(struct procfs_number *number)
{
	if (number->is_open)
		(void)close(number->fd);
	number->is_open = false;
}

int procfs_number_read(struct procfs_number *number, const char *root, const char *path,
		       uint64_t *ret)
{
	int r;

	if (number->is_open && read_number(number->fd, ret) == 0)
		return 0;
	procfs_number_close(number);
	number->fd = open_below(root, path, 0);
	number->is_open = number->fd >= 0;
	r = read_number(number->fd, ret);
	if (r < 0)
		procfs_number_close(number);
	return r;
}

int procfs_open_directory(const char *root, const char *path)
{
	return open_below(root, path, O_PATH | O_DIRECTORY);
}

int procfs_read_u64_at(int directory, const char *name, uint64_t *ret)
{
	_cleanup_fd_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return read_number(fd < 0 ? -errno : fd, ret);
}
