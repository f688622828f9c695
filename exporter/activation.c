/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decimal.h"
#include "log.h"
#include "util.h"

#define REASON_MAX 160

static bool read_variable(const char *name, uint64_t *ret)
{
	const char *text = getenv(name);

	return text && decimal_parse(text, ret);
}

/* What is meant for another process, or was written by nobody who knows how, is not ours to take.
 */
static uint64_t count_passed(void)
{
	uint64_t pid, n;

	if (!read_variable("LISTEN_PID", &pid) || pid != (uint64_t)getpid() ||
	    !read_variable("LISTEN_FDS", &n))
		return 0;
	return n;
}

static int read_option(int fd, int option, int *ret)
{
	socklen_t length = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, option, ret, &length) < 0 ? -errno : 0;
}

/* Returns 0 when connections of a family that the program knows can be accepted from fd. */
static int check(int fd)
{
	int type, listens, domain;
	int r = read_option(fd, SO_TYPE, &type);

	if (r == 0)
		r = read_option(fd, SO_ACCEPTCONN, &listens);
	if (r == 0)
		r = read_option(fd, SO_DOMAIN, &domain);
	if (r < 0)
		return r;
	if (type != SOCK_STREAM || !listens)
		return -EINVAL;
	return domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX ? 0 : -EAFNOSUPPORT;
}

static int set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

static int take(uint64_t n, struct listeners *ret, char ret_reason[REASON_MAX])
{
	struct listeners taken = { .n = (size_t)n };

	for (int i = 0; i < (int)n; i++) {
		const int fd = taken.fds[i] = ACTIVATION_FIRST_FD + i;
		int r = check(fd);

		if (r == 0)
			r = set_flags(fd);
		if (r < 0) {
			(void)snprintf(ret_reason, REASON_MAX,
				       "file descriptor %d is not a listening stream socket%s%s",
				       fd, r == -EINVAL ? "" : ": ",
				       r == -EINVAL ? "" : errno_text(r));
			return r;
		}
	}
	*ret = taken;
	return 0;
}

static void forget(void)
{
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
}

void activation_decline(void)
{
	const uint64_t n = count_passed();

	if (n > 0 && n <= LISTENERS_MAX) {
		for (int i = 0; i < (int)n; i++)
			(void)close(ACTIVATION_FIRST_FD + i);
		log_warn("Sockets were passed and are not used without --web.systemd-socket");
	}
	forget();
}

int activation_take(struct listeners *ret)
{
	const uint64_t n = count_passed();
	char reason[REASON_MAX] = "no socket activation file descriptors found";
	int r = -ENOENT;

	if (n > LISTENERS_MAX) {
		r = -E2BIG;
		(void)snprintf(reason, sizeof(reason), "more than %d sockets were passed",
			       LISTENERS_MAX);
	} else if (n > 0) {
		r = take(n, ret, reason);
	}
	if (r < 0)
		log_error("Cannot listen", "err", reason);
	forget();
	return r;
}
