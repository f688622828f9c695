/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Files that are made of the input: a target that includes this reads no others. Linked with
 * files_link_args of meson.build. The input has the contents of fuzz_files[], a zero byte between
 * them; an empty one is not there. They come in pieces of a few bytes, as read(2) may give them.
 */

#include <errno.h>
#include <fcntl.h>

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
	for (files.n = 0; fuzz_files[files.n]; files.n++)
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
ssize_t __wrap_pread64(int fd, void *buffer, size_t size, off_t at);
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
	size_t n = size < files.piece ? size : files.piece;

	HOLDS(i < files.n);
	n = strnlen(files.text[i] + files.at[i], n);
	memcpy(buffer, files.text[i] + files.at[i], n);
	files.at[i] += n;
	return (ssize_t)n;
}

ssize_t __wrap_pread64(int fd, void *buffer, size_t size, off_t at)
{
	const size_t i = (size_t)(fd - FILES_FIRST_FD);

	HOLDS(i < files.n);
	files.at[i] = strnlen(files.text[i], (size_t)at);
	return __wrap_read(fd, buffer, size);
}

int __wrap_close(int fd)
{
	HOLDS(fd >= FILES_DIRECTORY_FD);
	return 0;
}
