/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdio.h>

#include "../../collectors/stat_parse.h"
#include "../../exporter/buffer.h"
#include "message.h"

#define ALL ((1U << N_STAT_COUNTERS) - 1)
#define OLD (ALL & ~(1U << STAT_CLASH_RESOLVE | 1U << STAT_CHAINTOOLONG))

/* The numbers of the kernel's enum ctattr_stats_cpu, which headers of an old kernel end before. */
static const uint16_t attributes[N_STAT_COUNTERS] = {
	[STAT_FOUND] = 2,	  [STAT_INVALID] = 4,	      [STAT_INSERT] = 8,
	[STAT_INSERT_FAILED] = 9, [STAT_DROP] = 10,	      [STAT_EARLY_DROP] = 11,
	[STAT_ERROR] = 12,	  [STAT_SEARCH_RESTART] = 13, [STAT_CLASH_RESOLVE] = 14,
	[STAT_CHAINTOOLONG] = 15,
};

static void start(struct message *m, uint16_t cpu)
{
	message_start_conntrack(m, IPCTNL_MSG_CT_GET_STATS_CPU, AF_UNSPEC, cpu);
}

/* Every counter but those in without; counter i is base + i. */
static void put_counters(struct message *m, uint32_t without, uint32_t base)
{
	for (int i = 0; i < N_STAT_COUNTERS; i++)
		if (!(without & 1U << i))
			message_put_be32(m, attributes[i], base + (uint32_t)i);
}

static void check_cpu(struct stat_snapshot *s, size_t number, uint32_t has, uint32_t base)
{
	const struct stat_cpu *cpu = stat_snapshot_cpu(s, number);

	assert_true(cpu->present);
	assert_int_equal(cpu->has, has);
	for (int i = 0; i < N_STAT_COUNTERS; i++)
		if (has & 1U << i)
			assert_int_equal(cpu->value[i], base + (uint32_t)i);
}

static void a_full_message(_unused_ void **state)
{
	struct stat_snapshot s = { 0 };
	struct message m;

	start(&m, 3);
	put_counters(&m, 0, 0xfffffff0);
	assert_int_equal(stat_parse_message(&s, &m.header), 0);
	assert_int_equal(s.n, 4);
	check_cpu(&s, 3, ALL, 0xfffffff0);
	assert_false(s.cpus[0].present);
	start(&m, 0);
	put_counters(&m, 0, 1);
	assert_int_equal(stat_parse_message(&s, &m.header), 0);
	check_cpu(&s, 0, ALL, 1);
	check_cpu(&s, 3, ALL, 0xfffffff0);
	stat_snapshot_finish(&s);
}

static void a_missing_attribute(_unused_ void **state)
{
	for (int i = 0; i < N_STAT_COUNTERS; i++) {
		struct stat_snapshot s = { 0 };
		struct message m;

		start(&m, 0);
		put_counters(&m, 1U << i, 100);
		assert_int_equal(stat_parse_message(&s, &m.header), 0);
		check_cpu(&s, 0, ALL & ~(1U << i), 100);
		stat_snapshot_finish(&s);
	}
}

static void an_attribute_of_a_wrong_length(_unused_ void **state)
{
	static const unsigned char bytes[16] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const size_t lengths[] = { 0, 1, 2, 3, 5, 8 };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct stat_snapshot s = { 0 };
		struct message m;

		start(&m, 0);
		message_put(&m, attributes[STAT_DROP], bytes, lengths[i]);
		put_counters(&m, 1U << STAT_DROP, 100);
		assert_int_equal(stat_parse_message(&s, &m.header), 0);
		check_cpu(&s, 0, ALL & ~(1U << STAT_DROP), 100);
		stat_snapshot_finish(&s);
	}
}

static void unknown_attributes_are_skipped(_unused_ void **state)
{
	static const uint16_t unknown[] = { 0, 1, 3, 5, 6, 7, 16, 17, 0x3fff };
	struct stat_snapshot s = { 0 };
	struct message m;

	start(&m, 0);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		message_put_be32(&m, unknown[i], 0xdeadbeef);
	put_counters(&m, 0, 100);
	assert_int_equal(stat_parse_message(&s, &m.header), 0);
	check_cpu(&s, 0, ALL, 100);
	stat_snapshot_finish(&s);
}

static void a_message_without_attributes(_unused_ void **state)
{
	struct stat_snapshot s = { 0 };
	struct message m;

	start(&m, 1);
	assert_int_equal(stat_parse_message(&s, &m.header), 0);
	assert_int_equal(s.n, 2);
	check_cpu(&s, 1, 0, 0);
	stat_snapshot_finish(&s);
}

static void a_short_header(_unused_ void **state)
{
	struct stat_snapshot s = { 0 };
	struct message m;

	start(&m, 1);
	put_counters(&m, 0, 1);
	for (uint32_t len = NLMSG_HDRLEN; len < NLMSG_LENGTH(sizeof(struct nfgenmsg)); len++) {
		m.header.nlmsg_len = len;
		assert_int_equal(stat_parse_message(&s, &m.header), -EBADMSG);
		assert_int_equal(s.n, 0);
	}
}

static void an_attribute_past_the_end(_unused_ void **state)
{
	struct stat_snapshot s = { 0 };
	struct message m;
	size_t at;

	start(&m, 0);
	message_put_be32(&m, attributes[STAT_FOUND], 7);
	at = message_put_be32(&m, attributes[STAT_DROP], 8);
	message_set_length(&m, at, 9);
	assert_int_equal(stat_parse_message(&s, &m.header), 0);
	assert_int_equal(s.cpus[0].has, 1U << STAT_FOUND);
	message_set_length(&m, at, 3);
	assert_int_equal(stat_parse_message(&s, &m.header), 0);
	assert_int_equal(s.cpus[0].has, 1U << STAT_FOUND);
	stat_snapshot_finish(&s);
}

static void a_cpu_beyond_the_bound(_unused_ void **state)
{
	struct stat_snapshot s = { 0 };
	struct message m;

	start(&m, STAT_CPUS_MAX - 1);
	assert_int_equal(stat_parse_message(&s, &m.header), 0);
	start(&m, STAT_CPUS_MAX);
	assert_int_equal(stat_parse_message(&s, &m.header), -ENOMEM);
	start(&m, UINT16_MAX);
	assert_int_equal(stat_parse_message(&s, &m.header), -ENOMEM);
	stat_snapshot_finish(&s);
}

/* Linux 6.1, as it stands there: padded names, a double space before the last column. */
#define NEW_HEADER                                                                            \
	"entries  clashres found new invalid ignore delete chainlength insert insert_failed " \
	"drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
/* Linux 4.19. */
#define OLD_HEADER                                                                            \
	"entries  searched found new invalid ignore delete delete_list insert insert_failed " \
	"drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"

/* The columns in the order of enum stat_counter are base, base + 1, ... */
#define ROW(found, invalid, insert, failed, drop, early, error, restart, clash, chain)           \
	"0000ffff  " clash " " found " 00000000 " invalid " 00000000 00000000 " chain " " insert \
	" " failed " " drop " " early " " error "  00000000 00000000 00000000 " restart
#define ROW_FROM_100                                                                            \
	ROW("00000100", "00000101", "00000102", "00000103", "00000104", "00000105", "00000106", \
	    "00000107", "00000108", "00000109")
#define ROW_FROM_FFFFFFF0                                                                       \
	ROW("fffffff0", "FFFFFFF1", "fffffff2", "fffffff3", "fffffff4", "fffffff5", "fffffff6", \
	    "fffffff7", "fffffff8", "fffffff9")

static void procfs_of_a_new_kernel(_unused_ void **state)
{
	struct stat_snapshot s = { 0 };

	assert_int_equal(stat_parse_procfs(&s, NEW_HEADER ROW_FROM_100 "\n" ROW_FROM_FFFFFFF0 "\n"),
			 0);
	assert_int_equal(s.n, 2);
	check_cpu(&s, 0, ALL, 0x100);
	check_cpu(&s, 1, ALL, 0xfffffff0);
	stat_snapshot_finish(&s);
}

/* "searched" and "delete_list" stand where the two newer counters do, and mean something else. */
static void procfs_of_an_old_kernel(_unused_ void **state)
{
	struct stat_snapshot s = { 0 };

	assert_int_equal(stat_parse_procfs(&s, OLD_HEADER ROW_FROM_100 " \n"), 0);
	assert_int_equal(s.n, 1);
	check_cpu(&s, 0, OLD, 0x100);
	stat_snapshot_finish(&s);
}

static void procfs_without_the_last_newline(_unused_ void **state)
{
	static const char *const texts[] = { NEW_HEADER ROW_FROM_100, NEW_HEADER ROW_FROM_100 " ",
					     NEW_HEADER ROW_FROM_100 "\t \n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct stat_snapshot s = { 0 };

		assert_int_equal(stat_parse_procfs(&s, texts[i]), 0);
		assert_int_equal(s.n, 1);
		check_cpu(&s, 0, ALL, 0x100);
		stat_snapshot_finish(&s);
	}
}

static void procfs_with_columns_in_another_order(_unused_ void **state)
{
	struct stat_snapshot s = { 0 };

	assert_int_equal(stat_parse_procfs(&s, "drop none\tfound\n1 2 3\n"), 0);
	assert_int_equal(s.cpus[0].has, 1U << STAT_DROP | 1U << STAT_FOUND);
	assert_int_equal(s.cpus[0].value[STAT_DROP], 1);
	assert_int_equal(s.cpus[0].value[STAT_FOUND], 3);
	stat_snapshot_finish(&s);
}

static void procfs_of_many_cpus(_unused_ void **state)
{
	struct stat_snapshot s = { 0 };
	struct buffer text;

	buffer_init(&text, 4U << 20);
	buffer_append_string(&text, NEW_HEADER);
	for (int cpu = 0; cpu < 4096; cpu++)
		buffer_append_string(&text, cpu % 2 ? ROW_FROM_FFFFFFF0 "\n" : ROW_FROM_100 "\n");
	buffer_append_char(&text, '\0');
	assert_int_equal(text.error, 0);
	assert_int_equal(stat_parse_procfs(&s, text.data), 0);
	assert_int_equal(s.n, 4096);
	for (size_t cpu = 0; cpu < s.n; cpu++)
		check_cpu(&s, cpu, ALL, cpu % 2 ? 0xfffffff0 : 0x100);
	stat_snapshot_finish(&s);
	buffer_finish(&text);
}

static void procfs_with_nothing_in_it(_unused_ void **state)
{
	static const char *const texts[] = { "", "\n", NEW_HEADER, "entries found" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct stat_snapshot s = { 0 };

		assert_int_equal(stat_parse_procfs(&s, texts[i]), 0);
		assert_int_equal(s.n, 0);
	}
}

static void procfs_that_is_malformed(_unused_ void **state)
{
	static const char *const texts[] = {
		/* A line that ends early. */
		NEW_HEADER "0000ffff  00000001 00000002\n",
		NEW_HEADER "0000ffff  00000001 00000002",
		NEW_HEADER ROW_FROM_100 "\n0000ffff  00000001\n",
		NEW_HEADER "\n" ROW_FROM_100 "\n",
		NEW_HEADER " \n",
		/* A line that goes on. */
		NEW_HEADER ROW_FROM_100 " 00000000\n",
		/* What is no 32-bit number. */
		"found drop\n1 x\n",
		"found drop\n1 -1\n",
		"found drop\n1 1g\n",
		"found drop\n1 100000000\n",
		"found drop\n1 10000000000000000\n",
		"found drop\n1,2\n",
		"\n1\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct stat_snapshot s = { 0 };

		if (stat_parse_procfs(&s, texts[i]) != -EBADMSG)
			fail_msg("%s", texts[i]);
		stat_snapshot_finish(&s);
	}
}

static void procfs_random_text(_unused_ void **state)
{
	static const char alphabet[] = "\n\n  \t0189afx-founddrop";
	struct dice dice = dice_start();

	for (int i = 0; i < 20000; i++) {
		struct stat_snapshot s = { 0 };
		const size_t len = dice_below(&dice, 200);
		char *text = malloc(len + 1);
		int r;

		assert_non_null(text);
		for (size_t j = 0; j < len; j++)
			text[j] = alphabet[dice_below(&dice, sizeof(alphabet) - 1)];
		text[len] = '\0';
		r = stat_parse_procfs(&s, text);
		assert_true(r == 0 || r == -EBADMSG);
		stat_snapshot_finish(&s);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_message),
		cmocka_unit_test(a_missing_attribute),
		cmocka_unit_test(an_attribute_of_a_wrong_length),
		cmocka_unit_test(unknown_attributes_are_skipped),
		cmocka_unit_test(a_message_without_attributes),
		cmocka_unit_test(a_short_header),
		cmocka_unit_test(an_attribute_past_the_end),
		cmocka_unit_test(a_cpu_beyond_the_bound),
		cmocka_unit_test(procfs_of_a_new_kernel),
		cmocka_unit_test(procfs_of_an_old_kernel),
		cmocka_unit_test(procfs_without_the_last_newline),
		cmocka_unit_test(procfs_with_columns_in_another_order),
		cmocka_unit_test(procfs_of_many_cpus),
		cmocka_unit_test(procfs_with_nothing_in_it),
		cmocka_unit_test(procfs_that_is_malformed),
		cmocka_unit_test(procfs_random_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
