/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The limits of sockets, from all the files they are in. */

#include "files.h"
#include "number.h"

#include "../../collectors/collector.h"
#include "../../collectors/socket_limits.h"
#include "../../collectors/sockstat_parse.h"

const char *const fuzz_files[] = { "/net/sockstat", "/tcp_max_orphans", "/tcp_mem", "/file-nr",
				   NULL };

static void check_numbers(const char *text)
{
	const char *number = text + strspn(text, " \t");
	uint64_t value = 4711;
	bool has = true;

	HOLDS(!numbers_parse(text, 0, &value) || (*number >= '0' && *number <= '9'));
	value = 4711;
	for (unsigned int i = 0; i < 4; i++) {
		const bool had = has;

		has = numbers_parse(text, i, &value);
		HOLDS(had || !has);
		HOLDS(has || i > 0 || value == 4711);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct collector_settings settings = { .procfs = "/proc" };
	static struct collector_context ctx = { .settings = &settings };
	struct input input = { data, size };
	struct reading limits[N_SOCKET_LIMITS];

	files_load(&input);
	(void)socket_limits_read(&ctx, limits);
	for (int i = 0; i < N_SOCKET_LIMITS; i++)
		HOLDS(limits[i].known <= 1);
	HOLDS(limits[LIMIT_FILES].known == limits[LIMIT_FILES_LIMIT].known);
	HOLDS(!limits[LIMIT_ORPHANED_LIMIT].known || files.text[1]);
	HOLDS(limits[LIMIT_ORPHANED_LIMIT].known || !is_number_line(files.text[1]));
	for (size_t i = 0; i < files.n; i++)
		if (files.text[i])
			check_numbers(files.text[i]);
	files_unload();
	return 0;
}
