/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>
#include <sys/un.h>

#include "../../exporter/listener.h"
#include "directory.h"

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
	assert_int_equal(listener_open("vsock://:9100", &reason), -EINVAL);
	assert_string_equal(reason, "vsock is not supported");
}

static void check_name(int family, const void *address, socklen_t length, const char *expected)
{
	char name[LISTENER_NAME_MAX];
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, address, length), 0);
	listener_name(fd, name);
	assert_string_equal(name, expected);
	assert_int_equal(close(fd), 0);
}

static void check_local_name(const char *path, size_t length, const char *expected)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, path, length);
	check_name(AF_UNIX, &address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length),
		   expected);
}

static void names_of_local_sockets(void **state)
{
	const char *path = directory_file(*state, "sock");
	char bytes[108], expected[109] = "";

	check_local_name(path, strlen(path), path);
	/* One that fills the array has no room for its end, which the kernel counts all the same.
	 */
	memset(expected, 'y', sizeof(bytes));
	memcpy(expected, path, strlen(path));
	check_local_name(expected, sizeof(bytes), expected);
	/* One line, whatever is in it. */
	check_local_name("\0exporter\nREADY=1\x7f\xff\0x", 21, "@exporter?READY=1??");
	memset(bytes, 'x', sizeof(bytes));
	bytes[0] = '\0';
	memset(expected, 'x', sizeof(bytes));
	expected[0] = '@';
	check_local_name(bytes, sizeof(bytes), expected);
}

static void names_of_other_sockets(_unused_ void **state)
{
	char name[LISTENER_NAME_MAX];
	int fd = listener_open("127.0.0.1:0", &(const char *){ NULL });

	assert_true(fd >= 0);
	listener_name(fd, name);
	assert_memory_equal(name, "127.0.0.1:", 10);
	assert_int_equal(close(fd), 0);
	listener_name(-1, name);
	assert_string_equal(name, "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(what_is_no_address),
		cmocka_unit_test(a_host_as_long_as_its_room),
		cmocka_unit_test(opening_what_is_no_address),
		directory_test(names_of_local_sockets),
		cmocka_unit_test(names_of_other_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
