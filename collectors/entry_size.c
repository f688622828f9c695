/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "entry_size.h"

#include <string.h>
#include <unistd.h>

#include "../exporter/util.h"
#include "procfs.h"

#define SLAB_SIZE_DEFAULT 256
#define EXTENSION_SIZE 128

uint64_t entry_size_from_slabinfo(const char *text, uint64_t page_size)
{
	/* name <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : ... */
	const char *line = strstr(text, "\nnf_conntrack ");
	uint64_t values[5];

	if (!line)
		return 0;
	line += strlen("\nnf_conntrack ");
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		if (!parse_u64(&line, 10, &values[i]))
			return 0;
	return values[3] ? values[4] * page_size / values[3] : 0;
}

uint64_t entry_size_read(const char *procfs)
{
	struct buffer file;
	uint64_t size = 0;

	buffer_init(&file, PROCFS_FILE_MAX);
	if (procfs_read(procfs, "slabinfo", &file) == 0)
		size = entry_size_from_slabinfo(file.data, (uint64_t)sysconf(_SC_PAGESIZE));
	buffer_finish(&file);
	return size;
}

uint64_t entry_size_estimate(uint64_t slab_size, uint64_t acct, uint64_t timestamp, uint64_t events)
{
	/* nf_conntrack_events=2 allocates the extension only while someone listens to events. */
	uint64_t extension = acct || timestamp || events == 1 ? EXTENSION_SIZE : 0;

	return (slab_size ? slab_size : SLAB_SIZE_DEFAULT) + extension;
}
