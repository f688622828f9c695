/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Parses a duration in Go's form (1m30s, 1.5s, 500ms, 0) to nanoseconds. False, and nothing stored,
 * when it is none or does not fit.
 */
bool duration_parse(const char *text, uint64_t *ret);
