/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "../../exporter/activation.h"
#include "../../exporter/log.h"

#define PASSED_MAX 20 /* more than are taken */

static char logged[256];

/* Stands in for the log: the text of the one pair of the one line, or a warning. */
void log_write(enum log_level level, const char *msg, ...)
{
	va_list args;

	if (level == LOG_LEVEL_WARN) {
		(void)snprintf(logged, sizeof(logged), "%s", msg);
		return;
	}
	va_start(args, msg);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_string_equal(msg, "Cannot listen");
	assert_string_equal(va_arg(args, const char *), "err");
	assert_string_equal(logged, "");
	(void)snprintf(logged, sizeof(logged), "%s", va_arg(args, const char *));
	va_end(args);
}

const char *errno_text(int error)
{
	return strerror(-error);
}

static void set_variables(const char *pid, const char *n)
{
	assert_int_equal(pid ? setenv("LISTEN_PID", pid, 1) : unsetenv("LISTEN_PID"), 0);
	assert_int_equal(n ? setenv("LISTEN_FDS", n, 1) : unsetenv("LISTEN_FDS"), 0);
	assert_int_equal(setenv("LISTEN_FDNAMES", "a:b", 1), 0);
}

static const char *own_pid(void)
{
	static char text[24];

	(void)snprintf(text, sizeof(text), "%d", getpid());
	return text;
}

/* Descriptors from 3 on are the test's: nothing of the program's own is there. */
static int teardown(_unused_ void **state)
{
	for (int fd = ACTIVATION_FIRST_FD; fd < ACTIVATION_FIRST_FD + PASSED_MAX; fd++)
		(void)close(fd);
	return 0;
}

static int setup(void **state)
{
	logged[0] = '\0';
	return teardown(state);
}

/* A socket as the next descriptor. */
static int pass(int family, int type, bool listening)
{
	struct sockaddr_in6 any = { .sin6_family = (sa_family_t)family };
	int fd = socket(family, type, 0);

	assert_true(fd >= ACTIVATION_FIRST_FD);
	assert_int_equal(bind(fd, (struct sockaddr *)&any,
			      family == AF_UNIX	   ? sizeof(sa_family_t)
			      : family == AF_INET6 ? sizeof(any)
						   : sizeof(struct sockaddr_in)),
			 0);
	assert_int_equal(listening ? listen(fd, 8) : 0, 0);
	return fd;
}

static void check_unset(void)
{
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
}

static void check_refused(const char *pid, const char *n, int error, const char *text)
{
	struct listeners listeners = { .fds = { 77 }, .n = 1 };

	set_variables(pid, n);
	logged[0] = '\0';
	assert_int_equal(activation_take(&listeners), error);
	assert_string_equal(logged, text);
	check_unset();
	assert_true(listeners.n == 1 && listeners.fds[0] == 77);
}

static void sockets_of_every_family(_unused_ void **state)
{
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX };
	struct listeners listeners;

	for (int i = 0; i < 3; i++)
		assert_int_equal(pass(families[i], SOCK_STREAM, true), ACTIVATION_FIRST_FD + i);
	set_variables(own_pid(), "3");
	assert_int_equal(activation_take(&listeners), 0);
	assert_int_equal(listeners.n, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(listeners.fds[i], ACTIVATION_FIRST_FD + i);
		assert_int_equal(fcntl(listeners.fds[i], F_GETFD), FD_CLOEXEC);
		assert_true(fcntl(listeners.fds[i], F_GETFL) & O_NONBLOCK);
	}
	check_unset();
	assert_string_equal(logged, "");
}

static void not_more_than_were_passed(_unused_ void **state)
{
	struct listeners listeners;

	(void)pass(AF_INET, SOCK_STREAM, true);
	(void)pass(AF_INET, SOCK_STREAM, true);
	set_variables(own_pid(), "1");
	assert_int_equal(activation_take(&listeners), 0);
	assert_int_equal(listeners.n, 1);
	assert_int_equal(fcntl(ACTIVATION_FIRST_FD + 1, F_GETFD), 0);
}

static void nothing_for_this_process(_unused_ void **state)
{
	static const char none[] = "no socket activation file descriptors found";
	static const char *const bad[] = {
		"", "0", "-1", "+1", " 1", "1 ", "1.", "1x", "x", "0x1", "18446744073709551616"
	};
	char text[32];

	(void)pass(AF_INET, SOCK_STREAM, true);
	check_refused(NULL, NULL, -ENOENT, none);
	check_refused(NULL, "1", -ENOENT, none);
	check_refused(own_pid(), NULL, -ENOENT, none);
	(void)snprintf(text, sizeof(text), "%d", getppid());
	check_refused(text, "1", -ENOENT, none);
	/* The same in 32 bits. */
	(void)snprintf(text, sizeof(text), "%llu", (1ULL << 32) + (unsigned int)getpid());
	check_refused(text, "1", -ENOENT, none);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		check_refused(own_pid(), bad[i], -ENOENT, none);
		check_refused(bad[i], "1", -ENOENT, none);
	}
}

static void more_than_there_is_room_for(_unused_ void **state)
{
	static const char *const many[] = { "17", "4294967297", "2147483648",
					    "18446744073709551615" };
	struct listeners listeners;

	for (int i = 0; i < LISTENERS_MAX; i++)
		(void)pass(AF_INET, SOCK_STREAM, true);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		check_refused(own_pid(), many[i], -E2BIG, "more than 16 sockets were passed");
	set_variables(own_pid(), "16");
	assert_int_equal(activation_take(&listeners), 0);
	assert_int_equal(listeners.n, 16);
	assert_int_equal(listeners.fds[15], ACTIVATION_FIRST_FD + 15);
}

#define IS_NONE "file descriptor 4 is not a listening stream socket"

static void what_is_no_listener(_unused_ void **state)
{
	(void)pass(AF_INET, SOCK_STREAM, true);
	/* Not open at all. */
	check_refused(own_pid(), "2", -EBADF, IS_NONE ": Bad file descriptor");
	assert_int_equal(open("/dev/null", O_RDONLY), 4);
	check_refused(own_pid(), "2", -ENOTSOCK, IS_NONE ": Socket operation on non-socket");
	assert_int_equal(close(4), 0);
	assert_int_equal(pass(AF_INET, SOCK_DGRAM, false), 4);
	check_refused(own_pid(), "2", -EINVAL, IS_NONE);
	assert_int_equal(close(4), 0);
	assert_int_equal(pass(AF_INET, SOCK_STREAM, false), 4);
	check_refused(own_pid(), "2", -EINVAL, IS_NONE);
	assert_int_equal(close(4), 0);
	assert_int_equal(pass(AF_UNIX, SOCK_SEQPACKET, true), 4);
	check_refused(own_pid(), "2", -EINVAL, IS_NONE);
}

static void what_is_not_wanted(_unused_ void **state)
{
	(void)pass(AF_INET, SOCK_STREAM, true);
	(void)pass(AF_INET6, SOCK_STREAM, true);
	set_variables("1", "1");
	activation_decline();
	assert_string_equal(logged, "");
	assert_true(fcntl(3, F_GETFD) >= 0);
	set_variables(own_pid(), "1");
	activation_decline();
	assert_string_equal(logged,
			    "Sockets were passed and are not used without --web.systemd-socket");
	assert_int_equal(fcntl(3, F_GETFD), -1);
	assert_true(fcntl(4, F_GETFD) >= 0);
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
}

#define activation_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		activation_test(sockets_of_every_family),
		activation_test(not_more_than_were_passed),
		activation_test(nothing_for_this_process),
		activation_test(more_than_there_is_room_for),
		activation_test(what_is_no_listener),
		activation_test(what_is_not_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
