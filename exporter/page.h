/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "buffer.h"

/* Appends the page served at /: what this is and where the metrics are. */
void page_write(struct buffer *out, const char *telemetry_path);
