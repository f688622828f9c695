/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "gzip.h"

#include <errno.h>

#define ZLIB_CONST
#include <zlib.h>

/* zlib adds 16 to the window bits for the gzip header. */
#define WINDOW_BITS (15 + 16)
#define MEMORY_LEVEL 8

static int deflate_all(z_stream *stream, struct buffer *ret)
{
	unsigned char chunk[16384];
	int r;

	do {
		stream->next_out = chunk;
		stream->avail_out = sizeof(chunk);
		r = deflate(stream, Z_FINISH);
		buffer_append(ret, chunk, sizeof(chunk) - stream->avail_out);
	} while (r == Z_OK && !ret->error);
	return r == Z_STREAM_END ? ret->error : -ENOMEM;
}

int gzip_compress(const char *bytes, size_t len, struct buffer *ret)
{
	z_stream stream = { .next_in = (const unsigned char *)bytes, .avail_in = (uInt)len };
	int r;

	if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	r = deflate_all(&stream, ret);
	(void)deflateEnd(&stream);
	return r;
}
