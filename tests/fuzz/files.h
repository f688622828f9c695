/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Files that are made of the input: a target that includes this reads no others. Linked with
 * FILES_LINK_ARGS of meson.build. The input has the contents of fuzz_files[] one behind the other,
 * with a zero byte between them; an empty one is a file that is not there. It comes in pieces of a
 * few bytes, as read(2) may give it.
 */

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>

#include "fuzz.h"

#define FILES_MAX 48
#define FILES_FIRST_FD 0x40000000
#define FILES_DIRECTORY_FD (FILES_FIRST_FD - 1)

/* The ends of their paths; of the target; NULL ends them. */
extern const char *const fuzz_files[];

static struct {
	char *text[FILES_MAX];
	size_t at[FILES_MAX];
	size_t n;
	size_t piece; /* that one read gives at most */
} files;

static inline void files_load(struct input *input)
{
	files.piece = 1 + input_byte(input) * 16U;
	files.n = 0;
	for (; fuzz_files[files.n]; files.n++)
		files.text[files.n] = input_text(input, '\0');
}

static inline void files_unload(void)
{
	for (size_t i = 0; i < files.n; i++)
		free(files.text[i]);
}

static inline int files_open(const char *path)
{
	for (size_t i = 0; i < files.n; i++) {
		const size_t length = strlen(path), end = strlen(fuzz_files[i]);

		if (length < end || strcmp(path + length - end, fuzz_files[i]) != 0)
			continue;
		if (!files.text[i] || !*files.text[i])
			break;
		files.at[i] = 0;
		return FILES_FIRST_FD + (int)i;
	}
	errno = ENOENT;
	return -1;
}

int __wrap_open64(const char *path, int flags, ...);
int __wrap_openat64(int directory, const char *path, int flags, ...);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
int __wrap_close(int fd);

int __wrap_open64(const char *path, int flags, ...)
{
	return flags & O_DIRECTORY ? FILES_DIRECTORY_FD : files_open(path);
}

int __wrap_openat64(int directory, const char *path, _unused_ int flags, ...)
{
	HOLDS(directory == FILES_DIRECTORY_FD);
	return files_open(path);
}

ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	const size_t i = (size_t)(fd - FILES_FIRST_FD);
	size_t n;

	HOLDS(i < files.n);
	n = strlen(files.text[i] + files.at[i]);
	n = n < size ? n : size;
	n = n < files.piece ? n : files.piece;
	memcpy(buffer, files.text[i] + files.at[i], n);
	files.at[i] += n;
	return (ssize_t)n;
}

int __wrap_close(int fd)
{
	HOLDS(fd >= FILES_DIRECTORY_FD);
	return 0;
}
