/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/netstat_parse.h"

/* Of Linux 6.18, shortened. */
#define SNMP                                                                                      \
	"Ip: Forwarding DefaultTTL InReceives\n"                                                  \
	"Ip: 2 64 11\n"                                                                           \
	"Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails OutRsts\n" \
	"Tcp: 1 200 120000 -1 21 22 23 24\n"                                                      \
	"Udp: InDatagrams NoPorts\n"                                                              \
	"Udp: 31 32\n"
#define NETSTAT                                                               \
	"TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPSynRetrans \n" \
	"TcpExt: 1 2 3 18446744073709551615\n"                                \
	"IpExt: InNoRoutes ListenDrops\n"                                     \
	"IpExt: 4 5\n"

static void check(const char *text, const char *prefix, const char *name, uint64_t expected)
{
	uint64_t value;

	assert_true(netstat_parse(text, prefix, name, &value));
	assert_int_equal(value, expected);
}

static void check_none(const char *text, const char *prefix, const char *name)
{
	uint64_t value = 42;

	assert_false(netstat_parse(text, prefix, name, &value));
	assert_int_equal(value, 42);
}

static void counters_go_by_group_and_name(_unused_ void **state)
{
	check(SNMP, "Tcp", "RtoAlgorithm", 1);
	check(SNMP, "Tcp", "ActiveOpens", 21);
	check(SNMP, "Tcp", "PassiveOpens", 22);
	check(SNMP, "Tcp", "AttemptFails", 23);
	check(SNMP, "Tcp", "OutRsts", 24);
	check(SNMP, "Ip", "InReceives", 11);
	check(SNMP, "Udp", "NoPorts", 32);
	check(NETSTAT, "TcpExt", "ListenOverflows", 2);
	check(NETSTAT, "TcpExt", "ListenDrops", 3);
	check(NETSTAT, "IpExt", "ListenDrops", 5);
	check(NETSTAT, "TcpExt", "TCPSynRetrans", UINT64_MAX);
}

static void counters_that_are_not_there(_unused_ void **state)
{
	check_none(SNMP, "Tcp", "Active");
	check_none(SNMP, "Tcp", "ActiveOpensX");
	check_none(SNMP, "Tcp", "Opens");
	check_none(SNMP, "Tcp", "InDatagrams");
	check_none(SNMP, "Tcp", "Tcp:");
	check_none(SNMP, "TcpExt", "ActiveOpens");
	check_none(SNMP, "Tc", "ActiveOpens");
	check_none(SNMP, "cp", "ActiveOpens");
	check_none(NETSTAT, "Tcp", "ListenDrops");
	check_none(NETSTAT, "Ext", "ListenDrops");
	check_none("", "Tcp", "A");
}

/* Tcp MaxConn is -1; what stands behind it keeps its place. */
static void negative_values(_unused_ void **state)
{
	check_none(SNMP, "Tcp", "MaxConn");
	check_none("Tcp: A B\nTcp: 1 -18446744073709551615\n", "Tcp", "B");
	check("Tcp: A B C\nTcp: -1 - 7\n", "Tcp", "C", 7);
}

static void other_columns_between(_unused_ void **state)
{
	check("Tcp: New A\nTcp: 9 1\n", "Tcp", "A", 1);
	check("Tcp: A New\nTcp: 1 9\n", "Tcp", "A", 1);
	check("Tcp:  A \t B\nTcp:\t1   2", "Tcp", "B", 2);
	check("Tcp: A\tB\nTcp: 1\t2\n", "Tcp", "B", 2);
	check("Tcp:A\nTcp:1", "Tcp", "A", 1);
	/* Found in the first of two groups of one name that has it. */
	check("Tcp: A\nTcp: 1\nTcp: A B\nTcp: 3 4\n", "Tcp", "A", 1);
	check("Tcp: A\nTcp: 1\nTcp: A B\nTcp: 3 4\n", "Tcp", "B", 4);
}

static void values_that_are_missing_or_none(_unused_ void **state)
{
	check_none("Tcp: A B\nTcp: 1\n", "Tcp", "B");
	check_none("Tcp: A B\nTcp: 1\n2\n", "Tcp", "B");
	check_none("Tcp: A B\nTcp:\n", "Tcp", "A");
	check_none("Tcp: A B\nTcp:", "Tcp", "A");
	check_none("Tcp: A\nTcp: x\n", "Tcp", "A");
	check_none("Tcp: A\nTcp: 1x\n", "Tcp", "A");
	check_none("Tcp: A\nTcp: 0x1\n", "Tcp", "A");
	check_none("Tcp: A\nTcp: 1.5\n", "Tcp", "A");
	check_none("Tcp: A\nTcp: +1\n", "Tcp", "A");
	check_none("Tcp: A\nTcp: 18446744073709551616\n", "Tcp", "A");
	check("Tcp: A B\nTcp: x 2\n", "Tcp", "B", 2);
}

static void lines_that_are_no_pair(_unused_ void **state)
{
	check_none("Tcp: A\n", "Tcp", "A");
	check_none("Tcp: A", "Tcp", "A");
	check_none("Tcp:", "Tcp", "A");
	check_none("Tcp", "Tcp", "A");
	check_none("Tcp: A\nUdp: 1\n", "Tcp", "A");
	check_none("Tcp: A\n\nTcp: 1\n", "Tcp", "A");
	check_none("x Tcp: A\nTcp: 1\n", "Tcp", "A");
	check_none("\n\n\n", "Tcp", "A");
	check("Udp: A\nTcp: A\nTcp: 1\n", "Tcp", "A", 1);
	check("Tcp: A\nUdp: 5\nTcp: A\nTcp: 1\n", "Tcp", "A", 1);
}

/* From a heap block of exactly the text's size, so that any read beyond it is seen. */
static void changed_texts_stay_within_bounds(_unused_ void **state)
{
	static const char text[] = SNMP NETSTAT;
	static const char bytes[] = "\n\n: \tTA09-x\xff";
	struct dice dice = dice_start();

	for (int i = 0; i < 50000; i++) {
		size_t len = dice_below(&dice, sizeof(text));
		char *exact = malloc(len + 1);
		uint64_t value = 42;

		assert_non_null(exact);
		memcpy(exact, text, len);
		exact[len] = '\0';
		for (uint64_t n = dice_below(&dice, 8); n > 0 && len > 0; n--)
			exact[dice_below(&dice, len)] = bytes[dice_below(&dice, sizeof(bytes))];
		if (!netstat_parse(exact, "Tcp", "OutRsts", &value))
			assert_int_equal(value, 42);
		(void)netstat_parse(exact, "TcpExt", "TCPSynRetrans", &value);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_go_by_group_and_name),
		cmocka_unit_test(counters_that_are_not_there),
		cmocka_unit_test(negative_values),
		cmocka_unit_test(other_columns_between),
		cmocka_unit_test(values_that_are_missing_or_none),
		cmocka_unit_test(lines_that_are_no_pair),
		cmocka_unit_test(changed_texts_stay_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
