/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"
#include "util.h"

#define BUFFER_FIRST_CAPACITY 4096

void buffer_init(struct buffer *b, size_t max)
{
	*b = (struct buffer){ .max = max };
}

void buffer_finish(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){ .max = b->max };
}

/* Makes room for len more bytes; false once the buffer has failed. */
static bool buffer_reserve(struct buffer *b, size_t len)
{
	size_t capacity = b->capacity ? b->capacity : BUFFER_FIRST_CAPACITY;
	char *data;

	if (b->error)
		return false;
	if (len > b->max || b->len > b->max - len) {
		b->error = -EFBIG;
		return false;
	}
	if (b->capacity - b->len >= len)
		return true;
	while (capacity - b->len < len)
		capacity *= 2;
	if (capacity > b->max)
		capacity = b->max;
	data = realloc(b->data, capacity);
	if (!data) {
		b->error = -ENOMEM;
		return false;
	}
	b->data = data;
	b->capacity = capacity;
	return true;
}

void buffer_append(struct buffer *b, const void *bytes, size_t len)
{
	if (len == 0 || !buffer_reserve(b, len))
		return;
	memcpy(b->data + b->len, bytes, len);
	b->len += len;
}

void buffer_append_string(struct buffer *b, const char *s)
{
	buffer_append(b, s, strlen(s));
}

void buffer_append_char(struct buffer *b, char c)
{
	buffer_append(b, &c, 1);
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	char text[256];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		if (!b->error)
			b->error = -EOVERFLOW;
		return;
	}
	buffer_append(b, text, (size_t)n);
}

int buffer_read(struct buffer *b, int fd)
{
	char chunk[8192];
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buffer_append(b, chunk, (size_t)n);
		if (b->error)
			return b->error;
	}
	return 0;
}

int buffer_take(const char *bytes, size_t len, void *b)
{
	buffer_append(b, bytes, len);
	return 0;
}

void buffer_append_quoted(struct buffer *b, const char *text)
{
	size_t n;

	buffer_append_char(b, '"');
	for (const unsigned char *s = (const unsigned char *)text; *s; s += n ? n : 1) {
		n = utf8_length(s);
		if (n == 0)
			buffer_append_string(b, UTF8_REPLACEMENT);
		else if (*s == '"' || *s == '\\')
			buffer_printf(b, "\\%c", *s);
		else if (*s == '\n')
			buffer_append_string(b, "\\n");
		else if (*s < 0x20 || *s == 0x7f)
			buffer_printf(b, "\\u%04x", *s);
		else
			buffer_append(b, s, n);
	}
	buffer_append_char(b, '"');
}

void buffer_truncate(struct buffer *b, size_t len)
{
	assert(len <= b->len);
	b->len = len;
}
