/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "web_values.h"

#include <string.h>

#include "util.h"

#define DIGITS "0123456789"
#define DIGITS_MAX 18 /* always fit 64 bits */

bool web_bool_parse(const char *text, bool *ret)
{
	static const char *const words[2][11] = {
		{ "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF" },
		{ "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON" },
	};

	for (size_t value = 0; value < ARRAY_SIZE(words); value++)
		for (size_t i = 0; i < ARRAY_SIZE(words[value]); i++)
			if (strcmp(text, words[value][i]) == 0) {
				*ret = value == 1;
				return true;
			}
	return false;
}

bool web_count_parse(const char *text, uint64_t max, uint64_t *ret)
{
	const size_t digits = strspn(text, DIGITS);
	uint64_t value;

	if (digits == 0 || digits > DIGITS_MAX || text[digits] != '\0')
		return false;
	value = strtoull(text, NULL, 10);
	if (value > max)
		return false;
	*ret = value;
	return true;
}

bool web_header_is_valid(const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; s++)
		if (*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}
