/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* /proc/meminfo -> the memory of the machine. Pure. */

#include <stdbool.h>
#include <stdint.h>

/*
 * Bytes of the line that starts with "MemTotal:", which is in KiB (meminfo_proc_show() in
 * fs/proc/meminfo.c); false, and nothing set, when it is not there, is cut, or does not fit.
 */
bool meminfo_parse_total(const char *text, uint64_t *ret_bytes);
