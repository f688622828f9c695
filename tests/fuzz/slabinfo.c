/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /proc/slabinfo, and the estimate that goes on with what was read. */

#include "fuzz.h"

#include "../../collectors/entry_size.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_all(data, size);
	const uint64_t bytes = entry_size_from_slabinfo(text, 4096);

	HOLDS(bytes == 0 || strstr(text, "nf_conntrack "));
	(void)entry_size_estimate(bytes, 1, 0, 0);
	free(text);
	return 0;
}
