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

static int read_orphaned_limit(const struct collector_context *ctx, struct reading *ret)
{
	uint64_t value;
	int r = procfs_read_u64(ctx->settings->procfs, "sys/net/ipv4/tcp_max_orphans", &value);

	if (r == 0)
		*ret = reading(value);
	return r;
}

static int read_memory_limit(const struct collector_context *ctx, struct reading *ret)
{
	struct buffer file;
	uint64_t pages;
	int r = read_file(ctx, "sys/net/ipv4/tcp_mem", &file);

	if (r == 0 && !numbers_parse(file.data, 2, &pages))
		r = -EBADMSG;
	if (r == 0)
		*ret = reading(pages * (uint64_t)sysconf(_SC_PAGESIZE));
	buffer_finish(&file);
	return r;
}

/* Only the first network namespace has these: that they are not there is no failure. */
static int read_settings(const struct collector_context *ctx, struct reading *limits)
{
	const int orphaned = read_orphaned_limit(ctx, &limits[LIMIT_ORPHANED_LIMIT]);
	const int memory = read_memory_limit(ctx, &limits[LIMIT_MEMORY_BYTES_LIMIT]);

	if (orphaned < 0 && orphaned != -ENOENT)
		return orphaned;
	return memory == -ENOENT ? 0 : memory;
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
	int sockstat, settings, files;

	memset(ret, 0, N_SOCKET_LIMITS * sizeof(*ret));
	sockstat = read_sockstat(ctx, ret);
	settings = read_settings(ctx, ret);
	files = read_files(ctx, ret);
	return sockstat ? sockstat : settings ? settings : files;
}
