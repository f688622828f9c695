/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "decimal.h"
#include "log.h"
#include "util.h"

/* Returns the length of the address, or a negative errno. */
static int make_address(const char *text, struct sockaddr_un *ret)
{
	const size_t length = strlen(text);
	const bool abstract = text[0] == '@';
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if ((text[0] != '/' && !abstract) || length < 2)
		return -EAFNOSUPPORT;
	/* A path ends with a zero, a name without a path does not. */
	if (length + !abstract > sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, text, length);
	if (abstract)
		address.sun_path[0] = '\0';
	*ret = address;
	return (int)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
}

static int connect_to(const char *text)
{
	struct sockaddr_un address;
	int length = make_address(text, &address);
	_cleanup_fd_ int fd = -1;

	if (length < 0)
		return length;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, (socklen_t)length) < 0)
		return -errno;
	return fd_take(&fd);
}

/* Half of what the service manager waits; 0 where it does not wait for this process. */
static uint64_t read_watchdog(void)
{
	const char *usec_text = getenv("WATCHDOG_USEC"), *pid_text = getenv("WATCHDOG_PID");
	const uint64_t min_ns = NOTIFY_WATCHDOG_MIN_MS * NSEC_PER_MSEC;
	uint64_t usec, pid, ns;

	if (!usec_text || !decimal_parse(usec_text, &usec) || usec == 0 ||
	    usec > UINT64_MAX / NSEC_PER_SEC)
		return 0;
	if (pid_text && (!decimal_parse(pid_text, &pid) || pid != (uint64_t)getpid()))
		return 0;
	ns = usec * NSEC_PER_USEC / 2;
	return ns < min_ns ? min_ns : ns;
}

int notify_open(struct notify *ret)
{
	const char *address = getenv("NOTIFY_SOCKET");
	int fd = address ? connect_to(address) : -1;

	*ret = (struct notify){
		.fd = fd < 0 ? -1 : fd,
		.watchdog_ns = read_watchdog(),
		.next_ns = UINT64_MAX,
	};
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	if (!address)
		return 0;
	(void)unsetenv("NOTIFY_SOCKET");
	return fd < 0 ? fd : 0;
}

void notify_close(struct notify *notify)
{
	fd_cleanup(&notify->fd);
	notify->fd = -1;
	notify->next_ns = UINT64_MAX;
}

static int send_text(int fd, const char *text)
{
	ssize_t n;

	do {
		n = send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Not later than the sign of life that comes next. */
static uint64_t retry_ns(const struct notify *notify)
{
	const uint64_t ns = NOTIFY_RETRY_MS * NSEC_PER_MSEC;

	return notify->watchdog_ns && notify->watchdog_ns < ns ? notify->watchdog_ns : ns;
}

static void tell(struct notify *notify, const char *text, uint64_t now_ns)
{
	int r = send_text(notify->fd, text);

	if (r == -EAGAIN || r == -ENOBUFS || r == -ENOMEM) {
		notify->next_ns = now_ns + retry_ns(notify);
		return;
	}
	if (r < 0) {
		log_warn("Cannot tell the service manager anything any more, ignoring", "err",
			 errno_text(r));
		notify->gone = true;
		notify->next_ns = UINT64_MAX;
		return;
	}
	notify->pending = notify->silent = false;
	notify->next_ns = notify->watchdog_ns ? now_ns + notify->watchdog_ns : UINT64_MAX;
}

static void change_state(struct notify *notify, const char *state, const char *status,
			 uint64_t now_ns)
{
	if (notify->fd < 0 || notify->gone)
		return;
	(void)snprintf(notify->text, sizeof(notify->text), "%s\nSTATUS=%s", state, status);
	notify->pending = true;
	tell(notify, notify->text, now_ns);
}

void notify_ready(struct notify *notify, const char *status, uint64_t now_ns)
{
	change_state(notify, "READY=1", status, now_ns);
}

void notify_stopping(struct notify *notify, const char *status, uint64_t now_ns)
{
	change_state(notify, "STOPPING=1", status, now_ns);
}

bool notify_turn(struct notify *notify, bool well, uint64_t now_ns)
{
	const bool silent = notify->silent;

	if (now_ns < notify->next_ns)
		return false;
	if (notify->pending || well) {
		tell(notify, notify->pending ? notify->text : "WATCHDOG=1", now_ns);
		return false;
	}
	notify->silent = true;
	notify->next_ns = now_ns + retry_ns(notify);
	return !silent;
}

uint64_t notify_next_turn(const struct notify *notify)
{
	return notify->next_ns;
}
