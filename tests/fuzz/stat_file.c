/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /proc/net/stat/nf_conntrack. A text and its copy with other blanks mean the same. */

#include "fuzz.h"

#include <errno.h>

#include "../../collectors/stat_parse.h"

static void widen(char *text)
{
	for (; *text; text++)
		*text = *text == ' ' ? '\t' : *text;
}

static bool is_same(const struct stat_snapshot *a, const struct stat_snapshot *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (memcmp(&a->cpus[i].has, &b->cpus[i].has,
			   sizeof(struct stat_cpu) - offsetof(struct stat_cpu, has)) != 0)
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stat_snapshot snapshot = { 0 }, again = { 0 };
	char *text = input_all(data, size);
	const int r = stat_parse_procfs(&snapshot, text);

	HOLDS(r == 0 || r == -EBADMSG || r == -ENOMEM);
	HOLDS(snapshot.n <= STAT_CPUS_MAX);
	widen(text);
	HOLDS(stat_parse_procfs(&again, text) == r && is_same(&snapshot, &again));
	stat_snapshot_finish(&snapshot);
	stat_snapshot_finish(&again);
	free(text);
	return 0;
}
