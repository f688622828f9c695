/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * /proc/net/netstat and /proc/net/snmp: "NAME\nTEXT". A counter that is found keeps its value when
 * something stands before or behind the text.
 */

#include "fuzz.h"

#include "../../collectors/netstat_parse.h"

static const struct {
	const char *prefix, *name;
} counters[] = {
	{ "TcpExt", "ListenOverflows" }, { "TcpExt", "ListenDrops" }, { "TcpExt", "TCPSynRetrans" },
	{ "Tcp", "ActiveOpens" },	 { "Tcp", "AttemptFails" },   { "Tcp", "" },
};

static void check(const char *text, const char *prefix, const char *name)
{
	const size_t length = strlen(text) + 32;
	uint64_t value = 4711, again = 4711;
	char *longer;

	if (!netstat_parse(text, prefix, name, &value)) {
		HOLDS(value == 4711);
		return;
	}
	longer = malloc(length);
	HOLDS(longer);
	(void)snprintf(longer, length, "Other: a\nOther: 1\n%s\nTcp: b\n", text);
	HOLDS(netstat_parse(longer, prefix, name, &again) && again == value);
	free(longer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data ? data : (const uint8_t *)"", size };
	char *name = input_text(&input, '\n'), *text = input_text(&input, '\0');

	for (size_t i = 0; text && i < ARRAY_SIZE(counters); i++)
		check(text, counters[i].prefix, counters[i].name);
	if (text && *name && !strpbrk(name, " \t"))
		check(text, "TcpExt", name);
	free(name);
	free(text);
	return 0;
}
