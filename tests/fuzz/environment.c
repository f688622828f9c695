/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the service manager leaves in the environment, a line each: LISTEN_PID, LISTEN_FDS,
 * NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID; the first byte says what the passed sockets are.
 * Descriptors, sockets and the process' number are made up.
 */

#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../exporter/activation.h"
#include "../../exporter/log.h"
#include "../../exporter/notify.h"

static const char *const names[] = { "LISTEN_PID", "LISTEN_FDS", "NOTIFY_SOCKET", "WATCHDOG_USEC",
				     "WATCHDOG_PID" };
static uint8_t kind; /* of the passed sockets */
static char *notify_socket;

/* Nobody reads here. */
void log_write(_unused_ enum log_level level, _unused_ const char *msg, ...)
{
}

const char *errno_text(int error)
{
	return strerror(-error);
}

static void check_fd(int fd)
{
	HOLDS(fd >= ACTIVATION_FIRST_FD && fd < ACTIVATION_FIRST_FD + LISTENERS_MAX);
}

pid_t __wrap_getpid(void);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_close(int fd);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);

pid_t __wrap_getpid(void)
{
	return 4711;
}

int __wrap_getsockopt(int fd, _unused_ int level, int option, void *value,
		      _unused_ socklen_t *length)
{
	check_fd(fd);
	errno = ENOTSOCK;
	switch (option) {
	case SO_TYPE:
		*(int *)value = kind & 1 ? SOCK_STREAM : SOCK_DGRAM;
		break;
	case SO_ACCEPTCONN:
		*(int *)value = kind >> 1 & 1;
		break;
	default:
		*(int *)value = kind & 4 ? AF_INET6 : AF_PACKET;
	}
	return kind & 8 ? -1 : 0;
}

int __wrap_fcntl64(int fd, _unused_ int command, ...)
{
	check_fd(fd);
	return 0;
}

int __wrap_close(int fd)
{
	HOLDS(fd == 99 || (fd >= ACTIVATION_FIRST_FD && fd < ACTIVATION_FIRST_FD + LISTENERS_MAX));
	return 0;
}

int __wrap_socket(_unused_ int domain, _unused_ int type, _unused_ int protocol)
{
	return 99;
}

/* The address is the variable, whole, and nothing else. */
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	const char *path = ((const struct sockaddr_un *)(const void *)address)->sun_path;
	const size_t n = strlen(notify_socket), offset = offsetof(struct sockaddr_un, sun_path);

	HOLDS(fd == 99 && length <= sizeof(struct sockaddr_un));
	if (*notify_socket == '@')
		HOLDS(length == offset + n && !*path &&
		      memcmp(path + 1, notify_socket + 1, n - 1) == 0);
	else
		HOLDS(length == offset + n + 1 && strcmp(path, notify_socket) == 0);
	errno = ECONNREFUSED;
	return kind & 16 ? -1 : 0;
}

static void take_sockets(void)
{
	struct listeners listeners = { .n = 4711 };

	if (kind & 32) {
		activation_decline();
		return;
	}
	if (activation_take(&listeners) < 0) {
		HOLDS(listeners.n == 4711);
		return;
	}
	HOLDS(listeners.n > 0 && listeners.n <= LISTENERS_MAX && (kind & 15) == 7);
	for (size_t i = 0; i < listeners.n; i++)
		HOLDS(listeners.fds[i] == ACTIVATION_FIRST_FD + (int)i);
}

static void open_notify(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const bool has_usec = usec && *usec;
	struct notify notify;
	const int r = notify_open(&notify);

	HOLDS(notify.fd == -1 || (r == 0 && notify.fd == 99));
	HOLDS(notify.watchdog_ns == 0 ||
	      (has_usec && notify.watchdog_ns >= NOTIFY_WATCHDOG_MIN_MS * NSEC_PER_MSEC));
	HOLDS(notify_next_turn(&notify) == UINT64_MAX);
	notify_close(&notify);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	char *values[ARRAY_SIZE(names)];

	kind = input_byte(&input);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		values[i] = input_text(&input, '\n');
		if (values[i] && *values[i])
			HOLDS(setenv(names[i], values[i], 1) == 0);
		else
			HOLDS(unsetenv(names[i]) == 0);
	}
	notify_socket = values[2];
	take_sockets();
	open_notify();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		HOLDS(!getenv(names[i]));
		free(values[i]);
	}
	return 0;
}
