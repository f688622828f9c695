/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "duration.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

static const struct {
	const char *name;
	uint64_t ns;
} duration_units[] = {
	{ "ns", 1 },	       { "us", NSEC_PER_USEC },	   { "ms", NSEC_PER_MSEC },
	{ "s", NSEC_PER_SEC }, { "m", 60 * NSEC_PER_SEC }, { "h", 3600 * NSEC_PER_SEC },
};

#define DIGITS "0123456789"
#define DIGITS_MAX 18 /* always fit 64 bits */
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

static uint64_t duration_unit(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++)
		if (strlen(duration_units[i].name) == length &&
		    strncmp(name, duration_units[i].name, length) == 0)
			return duration_units[i].ns;
	return 0;
}

/*
 * One "number unit" of a duration, the number with or without a fraction; NULL when there is none.
 */
static const char *duration_part(const char *text, uint64_t *ret_ns)
{
	const size_t digits = strspn(text, DIGITS);
	const char *fraction = text[digits] == '.' ? text + digits + 1 : text + digits;
	const size_t fraction_digits = fraction > text + digits ? strspn(fraction, DIGITS) : 0;
	const char *unit = fraction + fraction_digits;
	const size_t length = strspn(unit, LETTERS);
	const uint64_t ns = duration_unit(unit, length);
	uint64_t value;

	if (ns == 0 || digits + fraction_digits == 0 || digits > DIGITS_MAX ||
	    fraction_digits > DIGITS_MAX)
		return NULL;
	if (__builtin_mul_overflow(digits ? strtoull(text, NULL, 10) : 0, ns, &value))
		return NULL;
	for (uint64_t i = 0, place = ns; i < fraction_digits; i++) {
		place /= 10;
		if (__builtin_add_overflow(value, place * (uint64_t)(fraction[i] - '0'), &value))
			return NULL;
	}
	*ret_ns = value;
	return unit + length;
}

bool duration_parse(const char *text, uint64_t *ret)
{
	uint64_t sum = 0, part;

	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return true;
	}
	do {
		text = duration_part(text, &part);
		if (!text || __builtin_add_overflow(sum, part, &sum))
			return false;
	} while (*text);
	*ret = sum;
	return true;
}
