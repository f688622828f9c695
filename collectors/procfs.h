/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Small files below the procfs mount (--path.procfs). Opened for reading only, never written. */

#include <stdbool.h>
#include <stdint.h>

#include "../exporter/buffer.h"

#define PROCFS_FILE_MAX (1U << 20)

/*
 * Reads the whole file root/path into *ret, which the caller has initialised, and ends it with a
 * NUL that is not counted in len. Returns 0 or a negative errno (-ENOENT: not in this kernel, or
 * its module is not loaded; -EFBIG: larger than the buffer's bound).
 */
int procfs_read(const char *root, const char *path, struct buffer *ret);

/*
 * Reads a file that holds one decimal number. Returns 0, a negative errno, or -EBADMSG when it
 * holds something else.
 */
int procfs_read_u64(const char *root, const char *path, uint64_t *ret);

/*
 * A number that is read again and again: its file stays open, and reading it takes a fifth of the
 * time. All zero: not read yet.
 */
struct procfs_number {
	bool is_open;
	int fd;
};

/*
 * As procfs_read_u64(), of the file that this number is always read from. A sysctl that went and
 * came again, with its module, is another file: where reading fails, it is opened anew. A file that
 * was replaced while the old one can still be read is not noticed: no sysctl does that.
 */
int procfs_number_read(struct procfs_number *number, const char *root, const char *path,
		       uint64_t *ret);
void procfs_number_close(struct procfs_number *number);

/*
 * Opens a directory below root for procfs_read_u64_at(); to be closed. Many files of one directory
 * are read in three quarters of the time so. Returns a file descriptor or a negative errno.
 */
int procfs_open_directory(const char *root, const char *path);

/* As procfs_read_u64(), of a file in an open directory. */
int procfs_read_u64_at(int directory, const char *name, uint64_t *ret);

/*
 * Parses the number at *text, in this base, leading blanks skipped, and moves *text behind it.
 * False, and nothing moved, when there is none or it does not fit.
 */
bool parse_u64(const char **text, int base, uint64_t *ret);
