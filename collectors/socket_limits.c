/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "socket_limits.h"

#include <errno.h>
#include <string.h>

#include "../exporter/util.h"
#include "collector.h"
#include "procfs.h"
#include "sockstat_parse.h"

static int read_file(const struct collector_context *ctx, const char *path, struct buffer *file)
{
	buffer_init(file, PROCFS_FILE_MAX);
	return procfs_read(ctx->settings->procfs, path, file);
}

static int read_sockstat(const struct collector_context *ctx, struct reading *limits)
{
	const uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	struct buffer file;
	uint64_t value;
	int r = read_file(ctx, "net/sockstat", &file);

	if (r == 0 && sockstat_parse_tcp(file.data, "orphan", &value))
		limits[LIMIT_ORPHANED] = reading(value);
	if (r == 0 && sockstat_parse_tcp(file.data, "mem", &value))
		limits[LIMIT_MEMORY_BYTES] = reading(value * page_size);
	buffer_finish(&file);
	return r;
}

/* Only the first network namespace has these; what cannot be read is no failure. */
static void read_settings(const struct collector_context *ctx, struct reading *limits)
{
	const uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	struct buffer file;
	uint64_t value;

	if (procfs_read_u64(ctx->settings->procfs, "sys/net/ipv4/tcp_max_orphans", &value) == 0)
		limits[LIMIT_ORPHANED_LIMIT] = reading(value);
	if (read_file(ctx, "sys/net/ipv4/tcp_mem", &file) == 0 &&
	    numbers_parse(file.data, 2, &value))
		limits[LIMIT_MEMORY_BYTES_LIMIT] = reading(value * page_size);
	buffer_finish(&file);
}

static int read_files(const struct collector_context *ctx, struct reading *limits)
{
	struct buffer file;
	uint64_t allocated, unused, limit;
	int r = read_file(ctx, "sys/fs/file-nr", &file);

	if (r == 0 &&
	    !(numbers_parse(file.data, 0, &allocated) && numbers_parse(file.data, 1, &unused) &&
	      numbers_parse(file.data, 2, &limit) && allocated >= unused))
		r = -EBADMSG;
	buffer_finish(&file);
	if (r < 0)
		return r;
	limits[LIMIT_FILES] = reading(allocated - unused);
	limits[LIMIT_FILES_LIMIT] = reading(limit);
	return 0;
}

int socket_limits_read(struct collector_context *ctx, struct reading ret[N_SOCKET_LIMITS])
{
	int sockstat, files;

	memset(ret, 0, N_SOCKET_LIMITS * sizeof(*ret));
	sockstat = read_sockstat(ctx, ret);
	read_settings(ctx, ret);
	files = read_files(ctx, ret);
	return sockstat ? sockstat : files;
}
