/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What table_read() takes from netlink, which the linker replaces (--wrap), and what from files. */

#include "unit.h"

#include <errno.h>

#include "directory.h"
#include "fake_procfs.h"

#include "../../collectors/table.h"
#include "../../collectors/table_parse.h"

#define NETFILTER "sys/net/netfilter/nf_conntrack_"

static struct {
	struct table_stats stats;
	int value;
} answer;

int __wrap_table_stats_fetch(struct collector_context *ctx, struct table_stats *ret);
bool __wrap_collector_notice_once(struct collector_context *ctx, enum collector_notice notice);

int __wrap_table_stats_fetch(_unused_ struct collector_context *ctx, struct table_stats *ret)
{
	*ret = answer.stats;
	return answer.value;
}

bool __wrap_collector_notice_once(_unused_ struct collector_context *ctx,
				  _unused_ enum collector_notice notice)
{
	return false;
}

static void check(const struct directory *d, int value, const struct reading *expected)
{
	struct reading values[N_TABLE_VALUES];
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, d);

	memset(values, 0x5a, sizeof(values));
	assert_int_equal(table_read(&ctx, values), value);
	readings_check(values, expected, N_TABLE_VALUES);
	sysctls_finish(&ctx.sysctls);
}

static void write_all(const struct directory *d)
{
	procfs_write(d, NETFILTER "count", "11\n");
	procfs_write(d, NETFILTER "max", "22\n");
	procfs_write(d, NETFILTER "buckets", "33\n");
	procfs_write(d, NETFILTER "expect_max", "44\n");
}

static void netlink_first_and_files_for_the_rest(void **state)
{
	static const struct reading both[N_TABLE_VALUES] = { KNOWN(1), KNOWN(2), KNOWN(33),
							     KNOWN(44), KNOWN(256) };
	static const struct reading old[N_TABLE_VALUES] = { KNOWN(1), KNOWN(22), KNOWN(33),
							    KNOWN(44), KNOWN(256) };

	write_all(*state);
	answer.stats = (struct table_stats){ true, true, 1, 2 };
	answer.value = 0;
	check(*state, 0, both);
	/* Before Linux 4.18. */
	answer.stats.has_limit = false;
	check(*state, 0, old);
}

static void files_alone_without_the_right_to_ask(void **state)
{
	static const struct reading expected[N_TABLE_VALUES] = { KNOWN(11), KNOWN(22), KNOWN(33),
								 KNOWN(44), KNOWN(384) };

	write_all(*state);
	procfs_write(*state, NETFILTER "acct", "1\n");
	/* What the answer would hold counts for nothing. */
	answer.stats = (struct table_stats){ true, true, 1, 2 };
	answer.value = -EPERM;
	check(*state, 0, expected);
}

static void netlink_alone(void **state)
{
	static const struct reading expected[N_TABLE_VALUES] = {
		[TABLE_ENTRIES] = KNOWN(1),
		[TABLE_ENTRIES_LIMIT] = KNOWN(0), /* no limit */
		[TABLE_ENTRY_SIZE_BYTES] = KNOWN(256),
	};

	answer.stats = (struct table_stats){ true, true, 1, 0 };
	answer.value = 0;
	check(*state, 0, expected);
}

static void nothing_is_known_without_the_entries(void **state)
{
	static const struct reading nothing[N_TABLE_VALUES];

	answer.value = -ENODATA;
	check(*state, -ENODATA, nothing);
	/* It is loaded, for the kernel was asked; this /proc does not show it (ProcSubset=pid). */
	answer.value = -EPERM;
	check(*state, -EPERM, nothing);
	answer.value = -ENODATA;
	write_all(*state);
	procfs_remove(*state, NETFILTER "count");
	check(*state, -ENODATA, nothing);
	procfs_write(*state, NETFILTER "count", "x\n");
	check(*state, -EBADMSG, nothing);
}

static void a_file_that_cannot_be_read_hides_no_other(void **state)
{
	static const struct reading expected[N_TABLE_VALUES] = {
		[TABLE_ENTRIES] = KNOWN(11),
		[TABLE_ENTRIES_LIMIT] = KNOWN(22),
		[TABLE_EXPECTATIONS_LIMIT] = KNOWN(44),
		[TABLE_ENTRY_SIZE_BYTES] = KNOWN(256),
	};

	write_all(*state);
	procfs_write(*state, NETFILTER "buckets", "-33\n");
	answer.value = -EPERM;
	check(*state, -EBADMSG, expected);
	procfs_remove(*state, NETFILTER "buckets");
	check(*state, 0, expected);
}

/* Without an extension the entry would be said to be smaller than it may be. */
static void the_size_is_unknown_where_an_extension_is(void **state)
{
	static const struct reading expected[N_TABLE_VALUES] = { KNOWN(11), KNOWN(22), KNOWN(33),
								 KNOWN(44) };

	write_all(*state);
	answer.value = -EPERM;
	procfs_write(*state, NETFILTER "timestamp", "x\n");
	check(*state, -EBADMSG, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(netlink_first_and_files_for_the_rest),
		directory_test(files_alone_without_the_right_to_ask),
		directory_test(netlink_alone),
		directory_test(nothing_is_known_without_the_entries),
		directory_test(a_file_that_cannot_be_read_hides_no_other),
		directory_test(the_size_is_unknown_where_an_extension_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
