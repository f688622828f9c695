/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A growing byte buffer with a hard bound and a sticky error: writers do not check each call. */

#include <stddef.h>

struct buffer {
	char *data;
	size_t len;
	size_t capacity;
	size_t max;
	int error; /* 0, or the negative errno that made the first append fail */
};

/* Caller's memory; max bounds the heap block in bytes. */
void buffer_init(struct buffer *b, size_t max);

/* Frees the bytes; accepts an initialised, a finished and a zeroed buffer. */
void buffer_finish(struct buffer *b);

/*
 * Appends len bytes. After an error (-ENOMEM: no memory, -EFBIG: max reached, -EOVERFLOW: a text of
 * buffer_printf() beyond 255 bytes) nothing is appended any more and b->error keeps the first
 * reason.
 */
void buffer_append(struct buffer *b, const void *bytes, size_t len);
void buffer_append_string(struct buffer *b, const char *s);
void buffer_append_char(struct buffer *b, char c);

/* Appends what fd has, to its end. Returns 0, -errno of read(), or the buffer's error. */
int buffer_read(struct buffer *b, int fd);

void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For writers that hand out bytes piece by piece (json_dump_callback()): b is a buffer. Returns 0.
 */
int buffer_take(const char *bytes, size_t len, void *b);

/*
 * Appends the text as a JSON string, whose escapes Go's strconv, and so logfmt, understands too.
 * Bytes that are not UTF-8, with which it would be no JSON, become U+FFFD.
 */
void buffer_append_quoted(struct buffer *b, const char *text);

/* Cuts the buffer back to len bytes, which must not exceed what it holds. */
void buffer_truncate(struct buffer *b, size_t len);
