/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Durations and decimal numbers of flags and of the environment, two of them, a line each. */

#include "fuzz.h"

#include "../../exporter/decimal.h"
#include "../../exporter/duration.h"

static void repeat(uint64_t ns)
{
	uint64_t again;
	char text[64];

	(void)snprintf(text, sizeof(text), "%llus%lluns", (unsigned long long)(ns / NSEC_PER_SEC),
		       (unsigned long long)(ns % NSEC_PER_SEC));
	HOLDS(duration_parse(text, &again) && again == ns);
}

/* One behind the other is the sum of both. */
static void add(const char *first, const char *second)
{
	const size_t length = strlen(first) + strlen(second) + 1;
	uint64_t a = 4711, b = 4711, both;
	char *text = malloc(length);
	bool fits;

	HOLDS(text);
	(void)snprintf(text, length, "%s%s", first, second);
	HOLDS(duration_parse(first, &a) || a == 4711);
	HOLDS(duration_parse(second, &b) || b == 4711);
	if (duration_parse(first, &a) && duration_parse(second, &b) && strcmp(first, "0") != 0 &&
	    strcmp(second, "0") != 0) {
		fits = !__builtin_add_overflow(a, b, &a);
		HOLDS(duration_parse(text, &both) == fits);
		HOLDS(!fits || both == a);
		if (fits)
			repeat(both);
	}
	free(text);
}

static void check_decimal(const char *text)
{
	uint64_t value = 4711;
	char printed[24];

	if (!decimal_parse(text, &value)) {
		HOLDS(value == 4711);
		HOLDS(!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 19);
		return;
	}
	while (*text == '0' && text[1])
		text++;
	(void)snprintf(printed, sizeof(printed), "%llu", (unsigned long long)value);
	HOLDS(strcmp(printed, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data ? data : (const uint8_t *)"", size };
	char *first = input_text(&input, '\n'), *second = input_text(&input, '\n');

	add(first, second ? second : "1ns");
	check_decimal(first);
	free(first);
	free(second);
	return 0;
}
