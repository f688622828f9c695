/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/sockstat_parse.h"

#define SOCKSTAT                                        \
	"sockets: used 290\n"                           \
	"TCP: inuse 12 orphan 3 tw 40 alloc 15 mem 7\n" \
	"UDP: inuse 5 mem 2\n"                          \
	"UDPLITE: inuse 0\n"                            \
	"RAW: inuse 1\n"                                \
	"FRAG: inuse 0 memory 0\n"

static void check_tcp(const char *text, const char *key, uint64_t expected)
{
	uint64_t value;

	assert_true(sockstat_parse_tcp(text, key, &value));
	assert_int_equal(value, expected);
}

static void check_no_tcp(const char *text, const char *key)
{
	uint64_t value = 42;

	assert_false(sockstat_parse_tcp(text, key, &value));
	assert_int_equal(value, 42);
}

static void values_of_the_tcp_line(_unused_ void **state)
{
	check_tcp(SOCKSTAT, "inuse", 12);
	check_tcp(SOCKSTAT, "orphan", 3);
	check_tcp(SOCKSTAT, "tw", 40);
	check_tcp(SOCKSTAT, "alloc", 15);
	check_tcp(SOCKSTAT, "mem", 7);
	check_tcp("TCP: inuse 1 mem 18446744073709551615", "mem", UINT64_MAX);
	check_tcp("TCP: inuse  1   mem  9", "mem", 9);
}

static void what_the_tcp_line_lacks(_unused_ void **state)
{
	check_no_tcp(SOCKSTAT, "memory");
	check_no_tcp(SOCKSTAT, "used");
	check_no_tcp(SOCKSTAT, "me");
	check_no_tcp(SOCKSTAT, "memo");
	check_no_tcp("", "mem");
	check_no_tcp("UDP: inuse 5 mem 2\n", "mem");
	check_no_tcp("TCP6: inuse 5 mem 2\n", "mem");
	check_no_tcp("UDP: inuse 5 TCP: mem 2\n", "mem");
	/* The next line's is not this line's. */
	check_no_tcp("TCP: inuse 5\nUDP: inuse 5 mem 2\n", "mem");
}

static void tcp_lines_that_are_malformed(_unused_ void **state)
{
	check_no_tcp("TCP:", "mem");
	check_no_tcp("TCP:\n", "mem");
	check_no_tcp("TCP: \n", "mem");
	check_no_tcp("TCP: mem", "mem");
	check_no_tcp("TCP: mem ", "mem");
	check_no_tcp("TCP: mem\n7\n", "mem");
	check_no_tcp("TCP: mem x", "mem");
	check_no_tcp("TCP: mem -7", "mem");
	check_no_tcp("TCP: mem 18446744073709551616", "mem");
}

static void check_number(const char *text, unsigned int column, uint64_t expected)
{
	uint64_t value;

	assert_true(numbers_parse(text, column, &value));
	assert_int_equal(value, expected);
}

static void check_no_number(const char *text, unsigned int column)
{
	uint64_t value = 42;

	assert_false(numbers_parse(text, column, &value));
	assert_int_equal(value, 42);
}

static void columns_of_numbers(_unused_ void **state)
{
	static const char tcp_mem[] = "188319\t251092\t376638\n",
			  file_nr[] = "2144\t0\t9223372036854775807\n";

	check_number(tcp_mem, 0, 188319);
	check_number(tcp_mem, 1, 251092);
	check_number(tcp_mem, 2, 376638);
	check_no_number(tcp_mem, 3);
	check_number(file_nr, 1, 0);
	check_number(file_nr, 2, INT64_MAX);
	check_number("  1 \t 2", 1, 2);
	check_no_number("", 0);
	check_no_number("\n1", 0);
	check_no_number("1\n2", 1);
	check_no_number("x", 0);
	check_no_number("1 -2", 1);
	check_no_number("1 18446744073709551616", 1);
	check_no_number("1 x 3", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_the_tcp_line),
		cmocka_unit_test(what_the_tcp_line_lacks),
		cmocka_unit_test(tcp_lines_that_are_malformed),
		cmocka_unit_test(columns_of_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
