/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "buffer.h"

/* Appends the gzip form of len bytes to ret. Returns 0, -ENOMEM, or -EFBIG at ret's bound. */
int gzip_compress(const char *bytes, size_t len, struct buffer *ret);
