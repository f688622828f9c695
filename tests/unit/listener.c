/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>

#include "../../exporter/listener.h"

static void check_parts(const char *address, const char *expected_host, const char *expected_port)
{
	char host[LISTENER_HOST_MAX], port[LISTENER_PORT_MAX];

	assert_int_equal(listener_parse(address, host, port), 0);
	assert_string_equal(host, expected_host);
	assert_string_equal(port, expected_port);
}

static void addresses(_unused_ void **state)
{
	check_parts(":10066", "", "10066");
	check_parts(":0", "", "0");
	check_parts(":65535", "", "65535");
	check_parts(":00080", "", "00080");
	check_parts("0.0.0.0:9100", "0.0.0.0", "9100");
	check_parts("127.0.0.1:9100", "127.0.0.1", "9100");
	check_parts("localhost:9100", "localhost", "9100");
	check_parts("node-1.example.org:9100", "node-1.example.org", "9100");
	check_parts("[::]:9100", "::", "9100");
	check_parts("[::1]:9100", "::1", "9100");
	check_parts("[fe80::1%eth0]:9100", "fe80::1%eth0", "9100");
	check_parts("[2001:db8::1]:1", "2001:db8::1", "1");
	/* Charts put the host's IPv4 address between brackets. */
	check_parts("[0.0.0.0]:9100", "0.0.0.0", "9100");
	check_parts("[10.0.0.1]:9100", "10.0.0.1", "9100");
}

static void what_is_no_address(_unused_ void **state)
{
	static const char *const cases[] = {
		"",
		":",
		"9100",
		"localhost",
		"localhost:",
		"localhost:http",
		":-1",
		":+80",
		": 80",
		":80 ",
		":0x50",
		":65536",
		":99999",
		":000080",
		":18446744073709551696",
		/* IPv6 without brackets: the last group could be the port. */
		"::1:9100",
		"::",
		"::1",
		"2001:db8::1:9100",
		"fe80::1%eth0:9100",
		"[]:9100",
		"[::1]",
		"[::1]9100",
		"[::1]:",
		"[::1:9100",
		"[:9100",
		"::1]:9100",
		"[[::1]]:9100",
		"[::1]]:9100",
		"a[b:9100",
		"a]b:9100",
		"vsock://:9100",
		"http://localhost:9100",
	};
	char host[LISTENER_HOST_MAX], port[LISTENER_PORT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (listener_parse(cases[i], host, port) != -EINVAL)
			fail_msg("'%s' is taken for host '%s', port '%s'", cases[i], host, port);
}

static void a_host_as_long_as_its_room(_unused_ void **state)
{
	char host[LISTENER_HOST_MAX], port[LISTENER_PORT_MAX];
	char address[LISTENER_HOST_MAX + 8], expected[LISTENER_HOST_MAX] = { 0 };

	memset(expected, 'a', sizeof(expected) - 1);
	(void)snprintf(address, sizeof(address), "%s:80", expected);
	check_parts(address, expected, "80");
	(void)snprintf(address, sizeof(address), "a%s:80", expected);
	assert_int_equal(listener_parse(address, host, port), -EINVAL);
}

static void opening_what_is_no_address(_unused_ void **state)
{
	const char *reason;

	assert_int_equal(listener_open("localhost", &reason), -EINVAL);
	assert_string_equal(reason, "not an address of the form HOST:PORT or [HOST]:PORT");
	assert_int_equal(listener_open("::1:9100", &reason), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(what_is_no_address),
		cmocka_unit_test(a_host_as_long_as_its_room),
		cmocka_unit_test(opening_what_is_no_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
