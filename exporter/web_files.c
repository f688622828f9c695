/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "web_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"
#include "util.h"

static int64_t time_ns(const struct timespec *time)
{
	return (int64_t)time->tv_sec * (int64_t)NSEC_PER_SEC + time->tv_nsec;
}

static struct web_stamp stamp_of(const struct stat *status)
{
	return (struct web_stamp){
		.device = status->st_dev,
		.inode = status->st_ino,
		.size = (uint64_t)status->st_size,
		.modified_ns = time_ns(&status->st_mtim),
		.changed_ns = time_ns(&status->st_ctim),
	};
}

void web_stamp_take(const char *path, struct web_stamp *ret)
{
	struct stat status;

	if (!path)
		*ret = (struct web_stamp){ 0 };
	else if (stat(path, &status) < 0)
		*ret = (struct web_stamp){ .error = errno };
	else
		*ret = stamp_of(&status);
}

bool web_stamp_equal(const struct web_stamp *a, const struct web_stamp *b)
{
	return a->error == b->error && a->device == b->device && a->inode == b->inode &&
	       a->size == b->size && a->modified_ns == b->modified_ns &&
	       a->changed_ns == b->changed_ns;
}

/* Up to length bytes. Returns how many there are or a negative errno. */
static ssize_t read_up_to(int fd, char *data, size_t length)
{
	size_t done = 0;

	while (done < length) {
		const ssize_t n = read(fd, data + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Of exactly the size that it has before and behind. */
static int read_all(int fd, const struct stat *before, struct web_bytes *ret)
{
	const struct web_stamp first = stamp_of(before);
	const size_t size = (size_t)before->st_size;
	struct web_bytes bytes = { malloc(size + 1), size + 1 };
	struct stat after;
	struct web_stamp last;
	ssize_t n = bytes.data ? read_up_to(fd, bytes.data, size + 1) : -ENOMEM;

	if (n >= 0 && fstat(fd, &after) < 0)
		n = -errno;
	if (n < 0) {
		web_bytes_free(&bytes);
		return (int)n;
	}
	last = stamp_of(&after);
	if ((size_t)n != size || !web_stamp_equal(&first, &last)) {
		web_bytes_free(&bytes);
		return -EAGAIN;
	}
	bytes.data[size] = '\0';
	bytes.length = size;
	*ret = bytes;
	return 0;
}

static int file_read(const char *path, struct web_bytes *ret, struct web_stamp *ret_stamp)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	int r;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	if (status.st_size > WEB_FILE_SIZE_MAX)
		return -EFBIG;
	r = read_all(fd, &status, ret);
	if (r == 0)
		*ret_stamp = stamp_of(&status);
	return r;
}

int web_file_read(const char *path, struct web_bytes *ret, struct web_stamp *ret_stamp,
		  const char **ret_why)
{
	const int r = file_read(path, ret, ret_stamp);

	if (r == -EINVAL)
		*ret_why = "it is no regular file";
	else if (r == -EAGAIN)
		*ret_why = "it changed while it was read";
	else if (r < 0)
		*ret_why = errno_text(r);
	return r;
}

void web_bytes_free(struct web_bytes *bytes)
{
	if (bytes->data)
		explicit_bzero(bytes->data, bytes->length);
	free(bytes->data);
	*bytes = (struct web_bytes){ 0 };
}
