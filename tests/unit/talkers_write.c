/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whole outputs, for people and for programs. */

#include "unit.h"

#include "../../collectors/address_text.h"
#include "../../collectors/talkers_query.h"
#include "../../collectors/talkers_write.h"
#include "../../exporter/buffer.h"
#include "address_text.h"

static const struct walk_summary whole = { .visited = 2000, .entries = 2010, .complete = true };
static const struct walk_summary sample = { .visited = 1000, .entries = 123456 };
static const struct talkers_top nothing;

static struct talkers_query query_of(const char *by)
{
	char error[TALKERS_QUERY_ERROR_MAX];
	struct talkers_query query;

	talkers_query_init(&query);
	assert_int_equal(talkers_query_set(&query, "by", by, error), 0);
	return query;
}

static void set_filters(struct talkers_query *query)
{
	static const char *const filters[][2] = { { "source", "2001:db8::/32" },
						  { "destination", "10.1.0.0/16" },
						  { "port", "443" },
						  { "state", "SYN_SENT" } };
	char error[TALKERS_QUERY_ERROR_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		assert_int_equal(talkers_query_set(query, filters[i][0], filters[i][1], error), 0);
}

static void check_text(const struct talkers_query *query, const struct talkers_top *top,
		       const struct walk_summary *walk, const char *expected)
{
	struct buffer out;

	buffer_init(&out, 65536);
	talkers_write_text(query, top, walk, &out);
	buffer_append_char(&out, '\0');
	assert_int_equal(out.error, 0);
	assert_string_equal(out.data, expected);
	buffer_finish(&out);
}

static void check_json(const struct talkers_query *query, const struct talkers_top *top,
		       const struct walk_summary *walk, bool pretty, const char *expected)
{
	struct buffer out;

	buffer_init(&out, 65536);
	assert_int_equal(talkers_write_json(query, top, walk, pretty, &out), 0);
	buffer_append_char(&out, '\0');
	assert_string_equal(out.data, expected);
	buffer_finish(&out);
}

static const struct talkers_top *two_destinations(void)
{
	static struct talkers_top top;

	top = (struct talkers_top){ .n = 2, .flows = 1500, .other = 5 };
	top.talkers[0] = (struct talker){ .destination = address_of("10.0.0.1"), .flows = 1490 };
	top.talkers[1] = (struct talker){ .destination = address_of("2001:db8::1:0:0:1"),
					  .flows = 5 };
	return &top;
}

static const struct talkers_top *two_pairs(void)
{
	static struct talkers_top top;

	top = (struct talkers_top){ .n = 2, .flows = 100000, .other = 10000, .error_max = 7 };
	top.talkers[0] = (struct talker){ .source = address_of("10.0.0.1"),
					  .destination = address_of("192.0.2.200"),
					  .flows = 80000 };
	top.talkers[1] = (struct talker){ .source = address_of("::1"),
					  .destination = address_of("::"),
					  .flows = 10000,
					  .error = 7 };
	return &top;
}

static void text_of_a_whole_walk(_unused_ void **state)
{
	const struct talkers_query query = query_of("destination");

	check_text(&query, two_destinations(), &whole,
		   "1500 of 2000 flows in the table\n"
		   "rank  flows   share  destination\n"
		   "   1   1490   74.5%  10.0.0.1\n"
		   "   2      5    0.3%  2001:db8::1:0:0:1\n"
		   "          5    0.3%  other\n");
}

static void text_of_a_sample_with_errors_and_filters(_unused_ void **state)
{
	struct talkers_query query = query_of("pair");

	set_filters(&query);
	check_text(&query, two_pairs(), &sample,
		   "100000 of 123456 flows in the table match source 2001:db8::/32, destination "
		   "10.1.0.0/16, port 443, state syn_sent; scaled from a sample of 1000\n"
		   "rank  flows   share  pair                  give or take\n"
		   "   1  80000   64.8%  10.0.0.1 192.0.2.200\n"
		   "   2  10000    8.1%  ::1 ::                7\n"
		   "      10000    8.1%  other\n");
}

static void text_of_nothing(_unused_ void **state)
{
	const struct walk_summary empty = { .complete = true };
	const struct talkers_query query = query_of("destination-port");

	check_text(&query, &nothing, &empty,
		   "0 of 0 flows in the table\n"
		   "rank  flows   share  destination-port\n"
		   "          0    0.0%  other\n");
}

static void json_in_one_line(_unused_ void **state)
{
	const struct talkers_query query = query_of("destination");

	check_json(&query, two_destinations(), &whole, false,
		   "{\"by\":\"destination\",\"flows\":1500,\"other\":5,\"error_max\":0,"
		   "\"complete\":true,\"walk_flows\":2000,\"entries\":2010,\"filter\":{},"
		   "\"talkers\":[{\"value\":\"10.0.0.1\",\"flows\":1490,\"error\":0},"
		   "{\"value\":\"2001:db8::1:0:0:1\",\"flows\":5,\"error\":0}]}\n");
}

static void json_on_many_lines(_unused_ void **state)
{
	struct talkers_query query = query_of("pair");

	set_filters(&query);
	check_json(&query, two_pairs(), &sample, true,
		   "{\n"
		   "  \"by\": \"pair\",\n"
		   "  \"flows\": 100000,\n"
		   "  \"other\": 10000,\n"
		   "  \"error_max\": 7,\n"
		   "  \"complete\": false,\n"
		   "  \"walk_flows\": 1000,\n"
		   "  \"entries\": 123456,\n"
		   "  \"filter\": {\n"
		   "    \"source\": \"2001:db8::/32\",\n"
		   "    \"destination\": \"10.1.0.0/16\",\n"
		   "    \"port\": 443,\n"
		   "    \"state\": \"syn_sent\"\n"
		   "  },\n"
		   "  \"talkers\": [\n"
		   "    {\n"
		   "      \"value\": \"10.0.0.1 192.0.2.200\",\n"
		   "      \"source\": \"10.0.0.1\",\n"
		   "      \"destination\": \"192.0.2.200\",\n"
		   "      \"flows\": 80000,\n"
		   "      \"error\": 0\n"
		   "    },\n"
		   "    {\n"
		   "      \"value\": \"::1 ::\",\n"
		   "      \"source\": \"::1\",\n"
		   "      \"destination\": \"::\",\n"
		   "      \"flows\": 10000,\n"
		   "      \"error\": 7\n"
		   "    }\n"
		   "  ]\n"
		   "}\n");
}

static void json_says_null_for_entries_that_are_unknown(_unused_ void **state)
{
	const struct walk_summary unknown = { .visited = 7, .complete = true };
	struct talkers_query query = query_of("destination-port");
	static struct talkers_top top = { .n = 1,
					  .flows = 7,
					  .talkers = { { .port = 65535, .flows = 7 } } };

	check_json(&query, &top, &unknown, false,
		   "{\"by\":\"destination-port\",\"flows\":7,\"other\":0,\"error_max\":0,"
		   "\"complete\":true,\"walk_flows\":7,\"entries\":null,\"filter\":{},"
		   "\"talkers\":[{\"value\":\"65535\",\"flows\":7,\"error\":0}]}\n");
}

static void a_buffer_that_is_full(_unused_ void **state)
{
	const struct talkers_query query = query_of("destination");
	struct buffer out;

	buffer_init(&out, 20);
	assert_int_equal(talkers_write_json(&query, two_destinations(), &whole, false, &out),
			 -EFBIG);
	buffer_finish(&out);
}

static void prefix_texts(_unused_ void **state)
{
	static const char *const texts[][2] = {
		{ "192.0.2.7", "192.0.2.7" },
		{ "192.0.2.7/25", "192.0.2.0/25" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "::/0", "::/0" },
		{ "2001:DB8::/32", "2001:db8::/32" },
		{ "::1", "::1" },
		{ "1111:2222:3333:4444:5555:6666:7777:8888/127",
		  "1111:2222:3333:4444:5555:6666:7777:8888/127" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char error[TALKERS_QUERY_ERROR_MAX], text[TALKERS_PREFIX_TEXT_MAX];
		struct talkers_query query;

		talkers_query_init(&query);
		assert_int_equal(talkers_query_set(&query, "source", texts[i][0], error), 0);
		talkers_prefix_format(&query.source, text);
		assert_string_equal(text, texts[i][1]);
	}
}

static void addresses_as_rfc_5952_writes_them(_unused_ void **state)
{
	static const char *const texts[][2] = {
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "2001:0DB8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const struct address address = address_of(texts[i][0]);
		char text[ADDRESS_TEXT_MAX];

		address_format(&address, text);
		assert_string_equal(text, texts[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_a_whole_walk),
		cmocka_unit_test(text_of_a_sample_with_errors_and_filters),
		cmocka_unit_test(text_of_nothing),
		cmocka_unit_test(json_in_one_line),
		cmocka_unit_test(json_on_many_lines),
		cmocka_unit_test(json_says_null_for_entries_that_are_unknown),
		cmocka_unit_test(a_buffer_that_is_full),
		cmocka_unit_test(prefix_texts),
		cmocka_unit_test(addresses_as_rfc_5952_writes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
