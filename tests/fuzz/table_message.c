/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The table's two numbers. */

#include "messages.h"

#include "../../collectors/table_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct table_stats stats = { .entries = 4711, .limit = 4712 };
	struct nlmsghdr *message = input_message(&input);

	if (message)
		table_parse(message, &stats);
	HOLDS(stats.has_entries || stats.entries == 4711);
	HOLDS(stats.has_limit || stats.limit == 4712);
	free(message);
	return 0;
}
