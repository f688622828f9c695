/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What stat_read() keeps from scrape to scrape. Netlink is replaced by the linker (--wrap). */

#include "unit.h"

#include <errno.h>

#include "directory.h"
#include "fake_procfs.h"

#include "../../collectors/stat.h"

#define FILE_STAT "net/stat/nf_conntrack"

int __wrap_collector_query_conntrack(struct collector_context *ctx, enum netlink_query query,
				     uint64_t deadline_ns, netlink_message_fn fn, void *fn_ctx);
bool __wrap_collector_notice_once(struct collector_context *ctx, enum collector_notice notice);

int __wrap_collector_query_conntrack(_unused_ struct collector_context *ctx,
				     enum netlink_query query, _unused_ uint64_t deadline_ns,
				     _unused_ netlink_message_fn fn, _unused_ void *fn_ctx)
{
	assert_int_equal(query, NETLINK_CONNTRACK_STATS_CPU);
	return -EPERM;
}

bool __wrap_collector_notice_once(_unused_ struct collector_context *ctx,
				  _unused_ enum collector_notice notice)
{
	return false;
}

static void check_sums(const struct collector_context *ctx, const struct reading *expected)
{
	struct reading sums[N_STAT_COUNTERS];

	memset(sums, 0x5a, sizeof(sums));
	stat_sums(&ctx->stat, sums);
	readings_check(sums, expected, N_STAT_COUNTERS);
}

static void sums_over_the_cpus_go_on_over_a_wrap(void **state)
{
	struct reading expected[N_STAT_COUNTERS] = {
		[STAT_DROP] = KNOWN(0xfffffff0ULL + 5),
		[STAT_FOUND] = KNOWN(0x11),
	};
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);

	procfs_write(*state, FILE_STAT, "entries found drop\n1 1 fffffff0\n1 10 5\n");
	assert_int_equal(stat_read(&ctx), 0);
	check_sums(&ctx, expected);
	procfs_write(*state, FILE_STAT, "entries found drop\n1 1 2\n1 10 5\n");
	assert_int_equal(stat_read(&ctx), 0);
	expected[STAT_DROP] = reading(0x100000000ULL + 2 + 5);
	check_sums(&ctx, expected);
	stat_carry_finish(&ctx.stat);
}

static void nothing_seen_is_no_zero(void **state)
{
	static const struct reading nothing[N_STAT_COUNTERS];
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);

	assert_int_equal(stat_read(&ctx), -ENODATA);
	check_sums(&ctx, nothing);
	procfs_write(*state, FILE_STAT, "entries found\n");
	assert_int_equal(stat_read(&ctx), -ENODATA);
	check_sums(&ctx, nothing);
}

static void a_failure_leaves_what_was_read_before(void **state)
{
	static const struct reading expected[N_STAT_COUNTERS] = { [STAT_FOUND] = KNOWN(0x1f) };
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);

	procfs_write(*state, FILE_STAT, "entries found\n1 1f\n");
	assert_int_equal(stat_read(&ctx), 0);
	procfs_write(*state, FILE_STAT, "entries found\n1 nonsense\n");
	assert_int_equal(stat_read(&ctx), -EBADMSG);
	check_sums(&ctx, expected);
	procfs_remove(*state, FILE_STAT);
	assert_int_equal(stat_read(&ctx), -ENODATA);
	check_sums(&ctx, expected);
	stat_carry_finish(&ctx.stat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(sums_over_the_cpus_go_on_over_a_wrap),
		directory_test(nothing_seen_is_no_zero),
		directory_test(a_failure_leaves_what_was_read_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
