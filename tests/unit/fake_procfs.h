/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A procfs that a test makes, and what was read of it; needs unit.h and directory.h before it. */

#include "../../collectors/collector.h"
#include "../../collectors/reading.h"

/* A context that reads below the directory; the settings must outlive it. */
static inline struct collector_context fake_context(struct collector_settings *settings,
						    const struct directory *d)
{
	*settings = (struct collector_settings){ .procfs = d->path };
	return (struct collector_context){ .settings = settings };
}

/* Writes the file, and makes the directories it is in. */
static inline void procfs_write(const struct directory *d, const char *path, const char *text)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		char folder[512];

		(void)snprintf(folder, sizeof(folder), "%s/%.*s", d->path, (int)(slash - path),
			       path);
		(void)mkdir(folder, 0700);
	}
	directory_write(d, path, text, strlen(text));
}

static inline void procfs_remove(const struct directory *d, const char *path)
{
	assert_int_equal(remove(directory_file(d, path)), 0);
}

/* The same are known, with the same values; zeroed memory expects nothing. */
static inline void readings_check(const struct reading *have, const struct reading *expected,
				  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(have[i].known, expected[i].known);
		if (expected[i].known)
			assert_int_equal(have[i].value, expected[i].value);
	}
}

#define KNOWN(n)                            \
	{                                   \
		.known = true, .value = (n) \
	}
