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

int procfs_read(const char *root, const char *path, struct buffer *ret)
{
	char name[4096], chunk[8192];
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	if ((size_t)snprintf(name, sizeof(name), "%s/%s", root, path) >= sizeof(name))
		return -ENAMETOOLONG;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buffer_append(ret, chunk, (size_t)n);
		if (ret->error)
			return ret->error;
	}
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

int procfs_read_u64(const char *root, const char *path, uint64_t *ret)
{
	struct buffer file;
	const char *text;
	uint64_t value;
	int r;

	buffer_init(&file, PROCFS_FILE_MAX);
	r = procfs_read(root, path, &file);
	text = file.data;
	if (r == 0 && !(parse_u64(&text, 10, &value) && (!*text || strcmp(text, "\n") == 0)))
		r = -EBADMSG;
	if (r == 0)
		*ret = value;
	buffer_finish(&file);
	return r;
}
