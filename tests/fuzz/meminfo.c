/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * /proc/meminfo. What stands before the text changes nothing, and a text that was cut says the same
 * or nothing.
 */

#include "fuzz.h"

#include "../../collectors/meminfo.h"

#define CUT_MAX 128 /* of longer ones not each is tried */

static char *join(const char *before, const char *text, size_t length)
{
	const size_t size = strlen(before) + length + 1;
	char *joined = malloc(size);

	HOLDS(joined);
	(void)snprintf(joined, size, "%s%.*s", before, (int)length, text);
	return joined;
}

static void check_cut(const char *text, size_t length, bool known, uint64_t whole)
{
	char *cut = join("", text, length);
	uint64_t bytes = 4711;

	if (meminfo_parse_total(cut, &bytes))
		HOLDS(known && bytes == whole);
	else
		HOLDS(bytes == 4711);
	free(cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_all(data, size);
	const size_t length = strlen(text);
	char *longer = join("MemFree: 1 kB\n", text, length);
	uint64_t bytes = 4711, again = 4711;
	const bool known = meminfo_parse_total(text, &bytes);

	HOLDS(!known || (bytes % 1024 == 0 && strstr(text, "MemTotal:") && strstr(text, " kB\n")));
	HOLDS(known || bytes == 4711);
	HOLDS(meminfo_parse_total(longer, &again) == known && again == bytes);
	for (size_t i = 0; i < length && i < CUT_MAX; i++)
		check_cut(text, i, known, bytes);
	free(longer);
	free(text);
	return 0;
}
