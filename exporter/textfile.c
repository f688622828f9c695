/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "util.h"

int text_write(int fd, const struct buffer *text)
{
	size_t done = 0;

	while (done < text->len) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* node_exporter reads *.prom only, so the temporary name must not end like that. */
static int write_and_rename(int fd, const char *temporary, const char *path,
			    const struct buffer *text)
{
	int r = text_write(fd, text);

	if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
		r = -errno;
	if (r < 0)
		(void)unlink(temporary);
	return r;
}

/* A device, a pipe or a terminal is written to; replacing it would break it for everybody. */
static int write_in_place(const char *path, const struct buffer *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : text_write(fd, text);
}

static int write_atomically(const char *path, const struct buffer *text)
{
	char temporary[PATH_MAX + sizeof(".XXXXXX")];
	_cleanup_fd_ int fd = -1;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary))
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write_and_rename(fd, temporary, path, text);
}

int textfile_write(const char *path, const struct buffer *text)
{
	char target[PATH_MAX];
	struct stat status;

	if (stat(path, &status) < 0)
		return errno == ENOENT ? write_atomically(path, text) : -errno;
	if (!S_ISREG(status.st_mode))
		return write_in_place(path, text);
	/* Behind a symbolic link it is the file that is replaced. */
	return realpath(path, target) ? write_atomically(target, text) : -errno;
}
