/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <errno.h>

#include "directory.h"
#include "fake_procfs.h"

#include "../../collectors/socket_limits.h"

#define SOCKSTAT "sockets: used 9\nTCP: inuse 1 orphan 5 tw 2 alloc 3 mem 7\nUDP: inuse 0 mem 0\n"
#define ALL ((1U << N_SOCKET_LIMITS) - 1)
#define BIT(limit) (1U << (limit))

/* These limits are known, with what the files below say, and no others. */
static void check(const struct directory *d, int value, uint32_t known)
{
	const uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	struct reading expected[N_SOCKET_LIMITS] = {
		[LIMIT_ORPHANED] = KNOWN(5),
		[LIMIT_ORPHANED_LIMIT] = KNOWN(8192),
		[LIMIT_MEMORY_BYTES] = KNOWN(7 * page_size),
		[LIMIT_MEMORY_BYTES_LIMIT] = KNOWN(30 * page_size),
		[LIMIT_FILES] = KNOWN(990),
		[LIMIT_FILES_LIMIT] = KNOWN(5000),
	};
	struct reading limits[N_SOCKET_LIMITS];
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, d);

	for (int i = 0; i < N_SOCKET_LIMITS; i++)
		expected[i].known = known & BIT(i);
	memset(limits, 0x5a, sizeof(limits));
	assert_int_equal(socket_limits_read(&ctx, limits), value);
	readings_check(limits, expected, N_SOCKET_LIMITS);
}

static void write_all(const struct directory *d)
{
	procfs_write(d, "net/sockstat", SOCKSTAT);
	procfs_write(d, "sys/net/ipv4/tcp_max_orphans", "8192\n");
	procfs_write(d, "sys/net/ipv4/tcp_mem", "10\t20\t30\n");
	procfs_write(d, "sys/fs/file-nr", "1000\t10\t5000\n");
}

static void every_limit(void **state)
{
	write_all(*state);
	check(*state, 0, ALL);
}

static const struct {
	const char *path;
	uint32_t bits; /* what it tells */
	bool needed;
} files[] = {
	{ "net/sockstat", BIT(LIMIT_ORPHANED) | BIT(LIMIT_MEMORY_BYTES), true },
	{ "sys/net/ipv4/tcp_max_orphans", BIT(LIMIT_ORPHANED_LIMIT), false },
	{ "sys/net/ipv4/tcp_mem", BIT(LIMIT_MEMORY_BYTES_LIMIT), false },
	{ "sys/fs/file-nr", BIT(LIMIT_FILES) | BIT(LIMIT_FILES_LIMIT), true },
};

static void one_file_is_missing(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		write_all(*state);
		procfs_remove(*state, files[i].path);
		check(*state, files[i].needed ? -ENOENT : 0, ALL & ~files[i].bits);
	}
}

static void one_file_is_nonsense(void **state)
{
	static const char *const texts[] = { "", "\n", "x\n", "-1 -1 -1\n", "TCP: orphan\n" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		for (size_t t = 0; t < ARRAY_SIZE(texts); t++) {
			/* A line of it may be another kernel's. */
			const bool may_lack = files[i].bits & BIT(LIMIT_ORPHANED);

			write_all(*state);
			procfs_write(*state, files[i].path, texts[t]);
			check(*state, may_lack ? 0 : -EBADMSG, ALL & ~files[i].bits);
		}
	}
}

static void more_handles_free_than_allocated(void **state)
{
	write_all(*state);
	procfs_write(*state, "sys/fs/file-nr", "10\t11\t5000\n");
	check(*state, -EBADMSG, ALL & ~(BIT(LIMIT_FILES) | BIT(LIMIT_FILES_LIMIT)));
}

static void the_first_error_is_returned(void **state)
{
	check(*state, -ENOENT, 0);
	procfs_write(*state, "sys/fs/file-nr", "x\n");
	check(*state, -ENOENT, 0);
	procfs_write(*state, "net/sockstat", "\n");
	procfs_write(*state, "sys/net/ipv4/tcp_max_orphans/x", "");
	check(*state, -EISDIR, 0);
	procfs_remove(*state, "net/sockstat");
	procfs_write(*state, "net/sockstat/x", "");
	check(*state, -EISDIR, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(every_limit),
		directory_test(one_file_is_missing),
		directory_test(one_file_is_nonsense),
		directory_test(more_handles_free_than_allocated),
		directory_test(the_first_error_is_returned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
