/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The files of a web configuration: what tells that one changed, and reading it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "web_config.h"

#define WEB_FILE_SIZE_MAX WEB_CONFIG_SIZE_MAX /* for each of them */

/*
 * What differs when a file was written or another one is in its place. Symbolic links are followed:
 * who renews certificates moves links.
 */
struct web_stamp {
	int error; /* errno when there is none that can be looked at, the rest is 0 then */
	uint64_t device, inode, size;
	int64_t modified_ns, changed_ns;
};

struct web_bytes {
	char *data; /* NULL: none */
	size_t length;
};

/* path may be NULL, which has always the same stamp. */
void web_stamp_take(const char *path, struct web_stamp *ret);

bool web_stamp_equal(const struct web_stamp *a, const struct web_stamp *b);

/*
 * Reads a regular file of up to WEB_FILE_SIZE_MAX bytes, and its stamp. Returns 0 with bytes for
 * web_bytes_free(), or a negative errno with the reason in ret_why: -EAGAIN when somebody wrote to
 * it meanwhile. Never waits, whatever is at path.
 */
int web_file_read(const char *path, struct web_bytes *ret, struct web_stamp *ret_stamp,
		  const char **ret_why);

/* Overwrites them first. */
void web_bytes_free(struct web_bytes *bytes);
