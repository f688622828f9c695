/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <string.h>

/* Is it a number and the end of its line? What reads files must understand that. */
static inline bool is_number_line(const char *text)
{
	const size_t digits = text ? strspn(text, "0123456789") : 0;

	return digits > 0 && digits < 20 && strcmp(text + digits, "\n") == 0;
}
