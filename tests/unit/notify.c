/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../exporter/log.h"
#include "../../exporter/notify.h"
#include "directory.h"

#define SECOND NSEC_PER_SEC
#define RETRY (NOTIFY_RETRY_MS * NSEC_PER_MSEC)
#define NOW (1000 * SECOND)

static unsigned int n_warnings;

/* Stands in for the log. */
void log_write(_unused_ enum log_level level, _unused_ const char *msg, ...)
{
	n_warnings++;
}

const char *errno_text(_unused_ int error)
{
	return "";
}

/* A service manager: a socket bound to the name, which NOTIFY_SOCKET says. */
static int manager_open(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0 && length < sizeof(address.sun_path));
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

/* The next datagram is this; NULL: there is none. */
static void check_told(int manager, const char *expected)
{
	char text[NOTIFY_TEXT_MAX + 1];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	if (!expected) {
		assert_int_equal(n, -1);
		assert_int_equal(errno, EAGAIN);
		return;
	}
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void set_watchdog(const char *usec, const char *pid)
{
	assert_int_equal(usec ? setenv("WATCHDOG_USEC", usec, 1) : unsetenv("WATCHDOG_USEC"), 0);
	assert_int_equal(pid ? setenv("WATCHDOG_PID", pid, 1) : unsetenv("WATCHDOG_PID"), 0);
}

static int setup(void **state)
{
	n_warnings = 0;
	set_watchdog(NULL, NULL);
	return unsetenv("NOTIFY_SOCKET") < 0 ? -1 : directory_setup(state);
}

static const char *socket_path(void **state)
{
	return directory_file(*state, "notify");
}

static void check_life(int manager)
{
	struct notify notify;

	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(fcntl(notify.fd, F_GETFD), FD_CLOEXEC);
	assert_null(getenv("NOTIFY_SOCKET"));
	check_told(manager, NULL);
	assert_true(notify_next_turn(&notify) == UINT64_MAX);
	notify_ready(&notify, "Listening on [::]:10066", NOW);
	check_told(manager, "READY=1\nSTATUS=Listening on [::]:10066");
	assert_false(notify_turn(&notify, true, NOW + 1000000 * SECOND));
	check_told(manager, NULL);
	assert_true(notify_next_turn(&notify) == UINT64_MAX);
	notify_stopping(&notify, "Finishing", NOW);
	check_told(manager, "STOPPING=1\nSTATUS=Finishing");
	check_told(manager, NULL);
	assert_true(notify_next_turn(&notify) == UINT64_MAX);
	notify_close(&notify);
	assert_int_equal(notify.fd, -1);
	assert_int_equal(n_warnings, 0);
	assert_int_equal(close(manager), 0);
}

static void a_path(void **state)
{
	check_life(manager_open(socket_path(state)));
}

static void an_abstract_name(_unused_ void **state)
{
	char name[108];

	(void)snprintf(name, sizeof(name), "@exporter-unit-notify-%d", getpid());
	check_life(manager_open(name));
	/* As long as can be. */
	memset(name + strlen(name), 'x', sizeof(name) - 1 - strlen(name));
	name[sizeof(name) - 1] = '\0';
	check_life(manager_open(name));
}

static void nobody_to_tell(_unused_ void **state)
{
	struct notify notify;

	set_watchdog("1000000", NULL);
	assert_int_equal(notify_open(&notify), 0);
	assert_int_equal(notify.fd, -1);
	assert_null(getenv("WATCHDOG_USEC"));
	notify_ready(&notify, "x", NOW);
	assert_false(notify_turn(&notify, true, UINT64_MAX - 1));
	assert_false(notify_turn(&notify, false, UINT64_MAX - 1));
	notify_stopping(&notify, "x", NOW);
	assert_true(notify_next_turn(&notify) == UINT64_MAX);
	notify_close(&notify);
	assert_int_equal(n_warnings, 0);
}

static void addresses_that_are_none(void **state)
{
	static char too_long[2][111] = { "/", "@" };
	const struct {
		const char *address;
		int error;
	} cases[] = {
		{ "", -EAFNOSUPPORT },
		{ "/", -EAFNOSUPPORT },
		{ "@", -EAFNOSUPPORT },
		{ "notify", -EAFNOSUPPORT },
		{ "vsock:2:1234", -EAFNOSUPPORT },
		{ "/run", -ECONNREFUSED },
		{ "@exporter-unit-nobody", -ECONNREFUSED },
		{ directory_file(*state, "none"), -ENOENT },
		{ too_long[0], -ENAMETOOLONG },
		{ too_long[1], -ENAMETOOLONG },
	};
	struct notify notify;

	memset(too_long[0] + 1, 'x', 107); /* 108 bytes: no room for the zero */
	memset(too_long[1] + 1, 'x', 108);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", cases[i].address, 1), 0);
		set_watchdog("1000000", NULL);
		assert_int_equal(notify_open(&notify), cases[i].error);
		assert_int_equal(notify.fd, -1);
		assert_null(getenv("NOTIFY_SOCKET"));
		assert_null(getenv("WATCHDOG_USEC"));
		notify_ready(&notify, "x", NOW);
		assert_true(notify_next_turn(&notify) == UINT64_MAX);
		notify_close(&notify);
	}
}

static void signs_of_life(void **state)
{
	int manager = manager_open(socket_path(state));
	struct notify notify;
	uint64_t now = NOW;

	set_watchdog("3000000", NULL);
	assert_int_equal(notify_open(&notify), 0);
	/* Not before it is up. */
	assert_false(notify_turn(&notify, true, now + 1000 * SECOND));
	check_told(manager, NULL);
	notify_ready(&notify, "x", now);
	check_told(manager, "READY=1\nSTATUS=x");
	for (int i = 0; i < 5; i++) {
		assert_true(notify_next_turn(&notify) == now + 3 * SECOND / 2);
		now += 3 * SECOND / 2;
		assert_false(notify_turn(&notify, true, now - 1));
		check_told(manager, NULL);
		assert_false(notify_turn(&notify, true, now));
		check_told(manager, "WATCHDOG=1");
		check_told(manager, NULL);
	}
	/* Also while it ends. */
	notify_stopping(&notify, "y", now);
	check_told(manager, "STOPPING=1\nSTATUS=y");
	assert_false(notify_turn(&notify, true, now + 3 * SECOND / 2));
	check_told(manager, "WATCHDOG=1");
	notify_close(&notify);
	assert_int_equal(close(manager), 0);
}

static void no_sign_of_life_without_a_reason(void **state)
{
	int manager = manager_open(socket_path(state));
	struct notify notify;

	set_watchdog("2000000", NULL);
	assert_int_equal(notify_open(&notify), 0);
	notify_ready(&notify, "x", NOW);
	check_told(manager, "READY=1\nSTATUS=x");
	assert_false(notify_turn(&notify, false, NOW + SECOND - 1));
	/* Said once. */
	assert_true(notify_turn(&notify, false, NOW + SECOND));
	assert_true(notify_next_turn(&notify) == NOW + SECOND + RETRY);
	assert_false(notify_turn(&notify, false, NOW + SECOND + RETRY));
	check_told(manager, NULL);
	assert_false(notify_turn(&notify, true, NOW + SECOND + 2 * RETRY));
	check_told(manager, "WATCHDOG=1");
	assert_true(notify_next_turn(&notify) == NOW + 2 * SECOND + 2 * RETRY);
	/* And again the next time. */
	assert_true(notify_turn(&notify, false, NOW + 9 * SECOND));
	/* A state is told whatever the state of others. */
	notify_stopping(&notify, "y", NOW + 9 * SECOND);
	check_told(manager, "STOPPING=1\nSTATUS=y");
	notify_close(&notify);
	assert_int_equal(close(manager), 0);
}

static void check_watchdog(const char *usec, const char *pid, uint64_t expected_ns)
{
	struct notify notify;

	set_watchdog(usec, pid);
	assert_int_equal(notify_open(&notify), 0);
	if (notify.watchdog_ns != expected_ns)
		fail_msg("WATCHDOG_USEC=%s WATCHDOG_PID=%s: %llu ns", usec, pid ? pid : "(unset)",
			 (unsigned long long)notify.watchdog_ns);
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
}

static void what_the_watchdog_says(_unused_ void **state)
{
	static const char *const bad[] = { "",
					   "0",
					   "-1",
					   "+1",
					   " 1",
					   "1 ",
					   "1s",
					   "0x10",
					   "1e6",
					   "1.5",
					   "many",
					   "18446744073709551615",
					   "18446744073709551616",
					   "99999999999999999999999999" };
	char own[24], other[24], odd[32];

	(void)snprintf(own, sizeof(own), "%d", getpid());
	(void)snprintf(other, sizeof(other), "%d", getppid());
	(void)snprintf(odd, sizeof(odd), "%d ", getpid());
	check_watchdog("30000000", NULL, 15 * SECOND);
	check_watchdog("30000000", own, 15 * SECOND);
	check_watchdog("30000000", other, 0);
	check_watchdog("30000000", "", 0);
	check_watchdog("30000000", odd, 0);
	check_watchdog("30000000", "18446744073709551617", 0);
	check_watchdog(NULL, own, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_watchdog(bad[i], NULL, 0);
	/* No interval makes it spin, none overflows. */
	check_watchdog("1", NULL, NOTIFY_WATCHDOG_MIN_MS * NSEC_PER_MSEC);
	check_watchdog("20000", NULL, NOTIFY_WATCHDOG_MIN_MS * NSEC_PER_MSEC);
	check_watchdog("20002", NULL, NOTIFY_WATCHDOG_MIN_MS * NSEC_PER_MSEC + 1000);
	check_watchdog("18446744073", NULL, 18446744073ULL * 1000 / 2);
	check_watchdog("18446744074", NULL, 0);
}

/* Until it takes no more; returns how many it took. */
static unsigned int fill(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unsigned int n = 0;

	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	while (send(fd, "FILL=1", 6, 0) == 6)
		n++;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(close(fd), 0);
	return n;
}

static void a_full_socket(void **state)
{
	const char *path = socket_path(state);
	struct notify notify;
	unsigned int n;
	int manager;

	manager = manager_open(path);
	set_watchdog("4000000", NULL);
	assert_int_equal(notify_open(&notify), 0);
	n = fill(path);
	notify_ready(&notify, "x", NOW);
	assert_true(notify_next_turn(&notify) == NOW + RETRY);
	/* Again and again, well or not, and nothing instead of it. */
	assert_false(notify_turn(&notify, true, NOW + RETRY));
	assert_false(notify_turn(&notify, false, NOW + 2 * RETRY));
	assert_true(notify_next_turn(&notify) == NOW + 3 * RETRY);
	while (n-- > 0)
		check_told(manager, "FILL=1");
	check_told(manager, NULL);
	assert_false(notify_turn(&notify, true, NOW + 3 * RETRY));
	check_told(manager, "READY=1\nSTATUS=x");
	assert_true(notify_next_turn(&notify) == NOW + 3 * RETRY + 2 * SECOND);
	/* A sign of life that does not get through is repeated soon, too. */
	n = fill(path);
	assert_false(notify_turn(&notify, true, NOW + 10 * SECOND));
	assert_true(notify_next_turn(&notify) == NOW + 10 * SECOND + RETRY);
	/* The end overtakes it. */
	notify_stopping(&notify, "y", NOW + 10 * SECOND);
	while (n-- > 0)
		check_told(manager, "FILL=1");
	assert_false(notify_turn(&notify, true, NOW + 10 * SECOND + RETRY));
	check_told(manager, "STOPPING=1\nSTATUS=y");
	check_told(manager, NULL);
	assert_int_equal(n_warnings, 0);
	notify_close(&notify);
	assert_int_equal(close(manager), 0);
}

static void a_manager_that_is_gone(void **state)
{
	int manager = manager_open(socket_path(state));
	struct notify notify;

	set_watchdog("4000000", NULL);
	assert_int_equal(notify_open(&notify), 0);
	notify_ready(&notify, "x", NOW);
	assert_int_equal(close(manager), 0);
	assert_false(notify_turn(&notify, true, NOW + 2 * SECOND));
	assert_int_equal(n_warnings, 1);
	assert_int_equal(fcntl(notify.fd, F_GETFD), FD_CLOEXEC);
	assert_true(notify_next_turn(&notify) == UINT64_MAX);
	assert_false(notify_turn(&notify, true, NOW + 9 * SECOND));
	notify_stopping(&notify, "y", NOW + 9 * SECOND);
	assert_int_equal(n_warnings, 1);
	notify_close(&notify);
	assert_int_equal(notify.fd, -1);
}

static void a_long_status_is_cut(void **state)
{
	int manager = manager_open(socket_path(state));
	static const char start[] = "READY=1\nSTATUS=";
	char status[2 * NOTIFY_TEXT_MAX] = "", expected[NOTIFY_TEXT_MAX] = "";
	struct notify notify;

	memset(status, 'x', sizeof(status) - 1);
	memset(expected, 'x', sizeof(expected) - 1);
	memcpy(expected, start, sizeof(start) - 1);
	assert_int_equal(notify_open(&notify), 0);
	notify_ready(&notify, status, NOW);
	check_told(manager, expected);
	notify_close(&notify);
	assert_int_equal(close(manager), 0);
}

#define notify_test(f) cmocka_unit_test_setup_teardown(f, setup, directory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		notify_test(a_path),
		notify_test(an_abstract_name),
		notify_test(nobody_to_tell),
		notify_test(addresses_that_are_none),
		notify_test(signs_of_life),
		notify_test(no_sign_of_life_without_a_reason),
		notify_test(what_the_watchdog_says),
		notify_test(a_full_socket),
		notify_test(a_manager_that_is_gone),
		notify_test(a_long_status_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
