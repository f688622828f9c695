/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <linux/netfilter/nfnetlink_conntrack.h>

#include "../../collectors/table_parse.h"
#include "message.h"

/* The kernel's enum ctattr_stats_global; headers of an old kernel lack the second. */
#define ENTRIES 1
#define MAX_ENTRIES 2

static void start(struct message *m)
{
	message_start_conntrack(m, IPCTNL_MSG_CT_GET_STATS, AF_UNSPEC, 0);
}

static void check(const struct message *m, bool has_entries, uint32_t entries, bool has_limit,
		  uint32_t limit)
{
	struct table_stats stats = { .entries = 11, .limit = 22 };

	table_parse(&m->header, &stats);
	assert_true(stats.has_entries == has_entries);
	assert_true(stats.has_limit == has_limit);
	assert_int_equal(stats.entries, has_entries ? entries : 11);
	assert_int_equal(stats.limit, has_limit ? limit : 22);
}

static void a_full_message_in_both_orders(_unused_ void **state)
{
	struct message m;

	start(&m);
	message_put_be32(&m, ENTRIES, 123456);
	message_put_be32(&m, MAX_ENTRIES, UINT32_MAX);
	check(&m, true, 123456, true, UINT32_MAX);
	start(&m);
	message_put_be32(&m, MAX_ENTRIES, 262144);
	message_put_be32(&m, ENTRIES, 0);
	check(&m, true, 0, true, 262144);
}

static void a_kernel_that_does_not_tell_the_limit(_unused_ void **state)
{
	struct message m;

	start(&m);
	message_put_be32(&m, ENTRIES, 5);
	check(&m, true, 5, false, 0);
}

static void missing_attributes(_unused_ void **state)
{
	struct message m;

	start(&m);
	check(&m, false, 0, false, 0);
	message_put_be32(&m, MAX_ENTRIES, 5);
	check(&m, false, 0, true, 5);
}

static void attributes_of_a_wrong_length(_unused_ void **state)
{
	static const unsigned char bytes[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const size_t lengths[] = { 0, 1, 2, 3, 5, 8 };

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct message m;

		start(&m);
		message_put(&m, ENTRIES, bytes, lengths[i]);
		message_put_be32(&m, MAX_ENTRIES, 7);
		check(&m, false, 0, true, 7);
		start(&m);
		message_put_be32(&m, ENTRIES, 7);
		message_put(&m, MAX_ENTRIES, bytes, lengths[i]);
		check(&m, true, 7, false, 0);
	}
}

static void unknown_attributes_are_skipped(_unused_ void **state)
{
	struct message m;

	start(&m);
	message_put_be32(&m, 0, 99);
	message_put_be32(&m, ENTRIES | NLA_F_NET_BYTEORDER, 1);
	message_put(&m, 3, "longer than a number", 20);
	message_put_be32(&m, MAX_ENTRIES, 2);
	message_put_be32(&m, 4, 99);
	check(&m, true, 1, true, 2);
}

static void a_short_header(_unused_ void **state)
{
	struct message m;

	start(&m);
	message_put_be32(&m, ENTRIES, 1);
	for (uint32_t len = NLMSG_HDRLEN; len < NLMSG_LENGTH(sizeof(struct nfgenmsg)); len++) {
		m.header.nlmsg_len = len;
		check(&m, false, 0, false, 0);
	}
}

static void an_attribute_past_the_end(_unused_ void **state)
{
	struct message m;
	size_t at;

	start(&m);
	message_put_be32(&m, ENTRIES, 1);
	at = message_put_be32(&m, MAX_ENTRIES, 2);
	message_set_length(&m, at, 12);
	check(&m, true, 1, false, 0);
	message_set_length(&m, at, 0);
	check(&m, true, 1, false, 0);
	message_set_length(&m, at, 8);
	m.header.nlmsg_len--;
	check(&m, true, 1, false, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_message_in_both_orders),
		cmocka_unit_test(a_kernel_that_does_not_tell_the_limit),
		cmocka_unit_test(missing_attributes),
		cmocka_unit_test(attributes_of_a_wrong_length),
		cmocka_unit_test(unknown_attributes_are_skipped),
		cmocka_unit_test(a_short_header),
		cmocka_unit_test(an_attribute_past_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
