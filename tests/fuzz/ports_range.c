/* SPDX-License-Identifier: GPL-2.0-or-later */

/* ip_local_port_range and ip_local_reserved_ports, with a zero byte between them. */

#include "fuzz.h"

#include "../../collectors/collector.h"
#include "../../collectors/ports.h"

/* Nobody collects here. */
void socket_dump_get(_unused_ struct collector_context *ctx, _unused_ bool ports,
		     const struct socket_dump **ret)
{
	*ret = NULL;
}

static void check(const struct port_range *range)
{
	uint32_t reserved = 0;

	HOLDS(range->low <= range->high);
	for (uint32_t word = 0; word < ARRAY_SIZE(range->reserved); word++) {
		if (word < range->low / 64 || word > range->high / 64)
			HOLDS(range->reserved[word] == 0);
		reserved += (uint32_t)__builtin_popcountll(range->reserved[word]);
	}
	HOLDS(range->size == (uint32_t)(range->high - range->low) + 1 - reserved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data ? data : (const uint8_t *)"", size };
	char *text = input_text(&input, '\0'), *reserved = input_text(&input, '\0');
	static struct port_range range;

	range.size = 4711;
	if (port_range_parse(text, reserved, &range))
		check(&range);
	else
		HOLDS(range.size == 4711);
	free(text);
	free(reserved);
	return 0;
}
