/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/talkers_query.h"
#include "address_text.h"

static void set(struct talkers_query *query, const char *name, const char *value)
{
	char error[TALKERS_QUERY_ERROR_MAX] = "untouched";

	assert_int_equal(talkers_query_set(query, name, value, error), 0);
	assert_string_equal(error, "untouched");
	assert_true(talkers_query_is_valid(query));
}

static void defaults(_unused_ void **state)
{
	const struct talkers_query expected = { .by = TALKERS_BY_DESTINATION, .limit = 20 };
	struct talkers_query query;

	memset(&query, 0xff, sizeof(query));
	talkers_query_init(&query);
	assert_memory_equal(&query, &expected, sizeof(query));
	assert_true(talkers_query_is_valid(&query));
}

static void every_parameter(_unused_ void **state)
{
	struct talkers_query query;

	talkers_query_init(&query);
	for (uint32_t by = 0; by < N_TALKERS_BYS; by++) {
		set(&query, "by", talkers_by_names[by]);
		assert_int_equal(query.by, by);
	}
	set(&query, "limit", "1");
	assert_int_equal(query.limit, 1);
	set(&query, "limit", "1000");
	assert_int_equal(query.limit, 1000);
	assert_int_equal(query.filter, 0);
	set(&query, "port", "0");
	assert_int_equal(query.filter, TALKERS_FILTER_PORT);
	set(&query, "port", "65535");
	assert_int_equal(query.port, 65535);
	set(&query, "state", "ESTABLISHED");
	assert_int_equal(query.state, FLOW_TCP_ESTABLISHED);
	set(&query, "state", "Time_Wait");
	assert_int_equal(query.state, FLOW_TCP_TIME_WAIT);
	set(&query, "state", "none");
	assert_int_equal(query.state, FLOW_TCP_NONE);
	assert_int_equal(query.filter, TALKERS_FILTER_PORT | TALKERS_FILTER_STATE);
}

static void prefixes(_unused_ void **state)
{
	static const struct {
		const char *text, *address;
		uint32_t bits;
	} cases[] = {
		{ "192.0.2.77", "192.0.2.77", 128 },
		{ "192.0.2.77/32", "192.0.2.77", 128 },
		{ "192.0.2.77/31", "192.0.2.76", 127 },
		{ "192.0.2.77/24", "192.0.2.0", 120 },
		{ "192.0.2.77/9", "192.0.0.0", 105 },
		{ "192.0.2.77/0", "0.0.0.0", 96 },
		{ "::ffff:192.0.2.77", "192.0.2.77", 128 },
		{ "::ffff:192.0.2.77/120", "192.0.2.0", 120 },
		{ "2001:db8::ffff", "2001:db8::ffff", 128 },
		{ "2001:db8:ffff::1/33", "2001:db8:8000::", 33 },
		{ "2001:db8::ffff/127", "2001:db8::fffe", 127 },
		{ "::1/0", "::", 0 },
		{ "1111:2222:3333:4444:5555:6666:123.123.123.123/128",
		  "1111:2222:3333:4444:5555:6666:123.123.123.123", 128 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct address address = address_of(cases[i].address);
		struct talkers_query query;

		talkers_query_init(&query);
		set(&query, "source", cases[i].text);
		set(&query, "destination", "10.0.0.0/8");
		assert_memory_equal(&query.source.address, &address, sizeof(address));
		assert_int_equal(query.source.bits, cases[i].bits);
		assert_int_equal(query.destination.bits, 104);
		assert_int_equal(query.filter, TALKERS_FILTER_SOURCE | TALKERS_FILTER_DESTINATION);
		set(&query, "destination", cases[i].text);
		assert_memory_equal(&query.destination, &query.source, sizeof(query.source));
	}
}

#define IS_BY "'by', it must be source, destination, destination-port or pair"
#define IS_LIMIT "'limit', it must be a number from 1 to 1000"
#define IS_PREFIX "'source', it must be an address or ADDRESS/BITS"
#define IS_PORT "'port', it must be a number from 0 to 65535"
#define IS_STATE                                                                            \
	"'state', it must be none, syn_sent, syn_recv, established, fin_wait, close_wait, " \
	"last_ack, time_wait, close, syn_sent2 or offloaded"
#define X16 "xxxxxxxxxxxxxxxx"

static const struct {
	const char *name, *value, *error;
} refused[] = {
	{ "", "1", "unknown parameter ''" },
	{ "ports", "1", "unknown parameter 'ports'" },
	{ "By", "pair", "unknown parameter 'By'" },
	{ X16 X16 X16 X16 "y", "1", "unknown parameter '" X16 X16 X16 X16 "'" },
	{ "by", "", "invalid value '' for " IS_BY },
	{ "by", NULL, "invalid value '' for " IS_BY },
	{ "by", "port", "invalid value 'port' for " IS_BY },
	{ "by", "%s%n", "invalid value '%s%n' for " IS_BY },
	{ "by", X16 X16 X16 X16 "y", "invalid value '" X16 X16 X16 X16 "' for " IS_BY },
	{ "limit", "0", "invalid value '0' for " IS_LIMIT },
	{ "limit", "1001", "invalid value '1001' for " IS_LIMIT },
	{ "limit", "4294967297", "invalid value '4294967297' for " IS_LIMIT },
	{ "limit", "18446744073709551617", "invalid value '18446744073709551617' for " IS_LIMIT },
	{ "limit", "-1", "invalid value '-1' for " IS_LIMIT },
	{ "limit", "+1", "invalid value '+1' for " IS_LIMIT },
	{ "limit", " 1", "invalid value ' 1' for " IS_LIMIT },
	{ "limit", "1 ", "invalid value '1 ' for " IS_LIMIT },
	{ "limit", "0x1", "invalid value '0x1' for " IS_LIMIT },
	{ "limit", "", "invalid value '' for " IS_LIMIT },
	{ "source", "", "invalid value '' for " IS_PREFIX },
	{ "source", "/8", "invalid value '/8' for " IS_PREFIX },
	{ "source", "10", "invalid value '10' for " IS_PREFIX },
	{ "source", "10.0.0.0/", "invalid value '10.0.0.0/' for " IS_PREFIX },
	{ "source", "10.0.0.0/33", "invalid value '10.0.0.0/33' for " IS_PREFIX },
	{ "source", "10.0.0.0/8/8", "invalid value '10.0.0.0/8/8' for " IS_PREFIX },
	{ "source", "10.0.0.0/-1", "invalid value '10.0.0.0/-1' for " IS_PREFIX },
	{ "source", "10.0.0.0/255.0.0.0", "invalid value '10.0.0.0/255.0.0.0' for " IS_PREFIX },
	{ "source", "10.0.0.256", "invalid value '10.0.0.256' for " IS_PREFIX },
	{ "source", "::/129", "invalid value '::/129' for " IS_PREFIX },
	{ "source", "fe80::1%eth0", "invalid value 'fe80::1%eth0' for " IS_PREFIX },
	{ "source", "[::1]", "invalid value '[::1]' for " IS_PREFIX },
	{ "source", X16 X16 X16 "/8", "invalid value '" X16 X16 X16 "/8' for " IS_PREFIX },
	{ "port", "65536", "invalid value '65536' for " IS_PORT },
	{ "port", "4295032833", "invalid value '4295032833' for " IS_PORT },
	{ "port", "http", "invalid value 'http' for " IS_PORT },
	{ "state", "listen", "invalid value 'listen' for " IS_STATE },
	{ "state", "", "invalid value '' for " IS_STATE },
	{ "state", "3", "invalid value '3' for " IS_STATE },
};

static void each_mistake_is_one_sentence(_unused_ void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		char error[TALKERS_QUERY_ERROR_MAX];
		struct talkers_query query, before;

		talkers_query_init(&query);
		set(&query, "source", "10.0.0.0/8");
		before = query;
		assert_int_equal(
			talkers_query_set(&query, refused[i].name, refused[i].value, error),
			-EINVAL);
		assert_string_equal(error, refused[i].error);
		assert_memory_equal(&query, &before, sizeof(query));
	}
}

static void the_longest_sentence_is_whole(_unused_ void **state)
{
	char error[TALKERS_QUERY_ERROR_MAX];
	struct talkers_query query;
	const char *value = X16 X16 X16 X16 X16;

	talkers_query_init(&query);
	assert_int_equal(talkers_query_set(&query, "state", value, error), -EINVAL);
	assert_string_equal(error, "invalid value '" X16 X16 X16 X16 "' for " IS_STATE);
}

static void no_bytes_are_believed(_unused_ void **state)
{
	struct talkers_query good, query;

	talkers_query_init(&good);
	set(&good, "source", "10.0.0.0/9");
	set(&good, "destination", "2001:db8::/32");
	set(&good, "port", "443");
	set(&good, "state", "established");
#define REFUSED(field, value)                                 \
	do {                                                  \
		query = good;                                 \
		query.field = (value);                        \
		assert_false(talkers_query_is_valid(&query)); \
	} while (0)
	REFUSED(by, N_TALKERS_BYS);
	REFUSED(by, UINT32_MAX);
	REFUSED(limit, 0);
	REFUSED(limit, TALKERS_LIMIT_MAX + 1);
	REFUSED(filter, TALKERS_FILTERS_ALL + 1);
	REFUSED(filter, 1U << 31);
	REFUSED(port, 65536);
	REFUSED(state, N_FLOW_TCP_STATES);
	REFUSED(source.bits, 129);
	REFUSED(source.bits, 4);
	REFUSED(destination.bits, UINT32_MAX);
	REFUSED(source.address.bytes[13], 0x40);
	REFUSED(destination.address.bytes[15], 1);
	query = good;
	query.source.address.bytes[13] = 0x80;
	assert_true(talkers_query_is_valid(&query));
}

/* Whatever the bytes are: what is valid is safe to use. Sanitizers see the rest. */
static void random_bytes(_unused_ void **state)
{
	const struct flow flow = { .has = UINT32_MAX };
	struct dice dice = dice_start();
	int valid = 0;

	for (int i = 0; i < 20000; i++) {
		struct talkers_query query;
		struct talkers t = { 0 };
		static struct talkers_top top;

		talkers_query_init(&query);
		for (uint64_t j = 1 + dice_below(&dice, 3); j > 0; j--)
			((unsigned char *)&query)[dice_below(&dice, sizeof(query))] =
				(unsigned char)dice_next(&dice);
		if (!talkers_query_is_valid(&query))
			continue;
		valid++;
		assert_int_equal(talkers_init(&t, 1U << query.by, &query), 0);
		talkers_add(&t, &flow, NULL);
		talkers_top(&t, query.by, query.limit, &(struct walk_summary){ 0 }, &top);
		talkers_finish(&t);
	}
	assert_true(valid > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_parameter),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(each_mistake_is_one_sentence),
		cmocka_unit_test(the_longest_sentence_is_whole),
		cmocka_unit_test(no_bytes_are_believed),
		cmocka_unit_test(random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
