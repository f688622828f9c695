/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Output of the one-shot command. */

#include "buffer.h"

/*
 * Writes the text to the file as a whole: a temporary file beside it, flushed, then renamed over
 * it. A failed run leaves what was there. A symbolic link is followed; what is no regular file,
 * such as /dev/stdout, is written to in place. Returns 0 or a negative errno.
 */
int textfile_write(const char *path, const struct buffer *text);

/* Writes all of text to the descriptor. Returns 0 or a negative errno. */
int text_write(int fd, const struct buffer *text);
