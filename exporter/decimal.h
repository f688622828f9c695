/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Numbers as flags and environment variables spell them. */

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* True when text is a decimal number of 64 bits and nothing else: no sign, no space, no unit. */
static inline bool decimal_parse(const char *text, uint64_t *ret)
{
	uint64_t value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*ret = value;
	return true;
}
