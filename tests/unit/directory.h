/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A directory of its own for each test; needs unit.h before it. */

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

struct directory {
	char path[256];
};

/* The file's path in the directory; valid until the next call. */
static inline const char *directory_file(const struct directory *d, const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", d->path, name);
	return path;
}

static inline int directory_setup(void **state)
{
	const char *parent = getenv("TMPDIR");
	struct directory *d = calloc(1, sizeof(*d));

	if (!d)
		return -1;
	(void)snprintf(d->path, sizeof(d->path), "%s/unit.XXXXXX", parent ? parent : "/tmp");
	*state = d;
	return mkdtemp(d->path) ? 0 : -1;
}

static inline int directory_remove_one(const char *path, _unused_ const struct stat *st,
				       _unused_ int type, _unused_ struct FTW *place)
{
	return remove(path);
}

static inline int directory_teardown(void **state)
{
	struct directory *d = *state;

	(void)chmod(d->path, 0700);
	(void)nftw(d->path, directory_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(d);
	return 0;
}

static inline void directory_write(const struct directory *d, const char *name, const void *bytes,
				   size_t len)
{
	FILE *f = fopen(directory_file(d, name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline size_t directory_count(const struct directory *d)
{
	DIR *dir = opendir(d->path);
	const struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.' || (entry->d_name[1] && entry->d_name[1] != '.');
	(void)closedir(dir);
	return n;
}

#define directory_test(f) cmocka_unit_test_setup_teardown(f, directory_setup, directory_teardown)
