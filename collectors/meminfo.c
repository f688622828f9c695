/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "meminfo.h"

#include <string.h>

#include "procfs.h"

#define KIB UINT64_C(1024)

bool meminfo_parse_total(const char *text, uint64_t *ret_bytes)
{
	static const char line[] = "\nMemTotal:", unit[] = " kB\n";
	const char *key = line + 1, *found = strstr(text, line), *at = NULL;
	uint64_t kib;

	if (strncmp(text, key, strlen(key)) == 0)
		at = text + strlen(key);
	else if (found)
		at = found + strlen(line);
	/* Without its unit the number may have lost digits. */
	if (!at || !parse_u64(&at, 10, &kib) || strncmp(at, unit, strlen(unit)) != 0 ||
	    kib > UINT64_MAX / KIB)
		return false;
	*ret_bytes = kib * KIB;
	return true;
}
