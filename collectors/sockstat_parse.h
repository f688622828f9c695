/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The small files about sockets below /proc -> numbers. Pure. */

#include <stdbool.h>
#include <stdint.h>

/*
 * The number behind key on the line that starts with "TCP:" in the text of /proc/net/sockstat;
 * false when it is not there.
 */
bool sockstat_parse_tcp(const char *text, const char *key, uint64_t *ret);

/*
 * The number in column index (from 0) of a line of numbers, as tcp_mem and file-nr are; false when
 * there are fewer.
 */
bool numbers_parse(const char *text, unsigned int index, uint64_t *ret);
