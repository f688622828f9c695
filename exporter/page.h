/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "buffer.h"

/*
 * Appends the status page served at /. verdict is one line "severity\ttitle\n" for each finding, or
 * NULL when it could not be had; whatever is in it and in the path is escaped. The page reads all
 * other numbers from /diagnosis by itself.
 */
void page_write(struct buffer *out, const char *telemetry_path, const char *verdict);

/* The Content-Security-Policy with which the page works, and nothing else does. Static. */
extern const char *const page_csp;
