/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "listeners.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "log.h"
#include "util.h"

int listeners_open(struct listeners *listeners, const struct string_list *addresses)
{
	for (size_t i = 0; i < addresses->n; i++) {
		const char *reason;
		int fd = listener_open(addresses->values[i], &reason);

		if (fd < 0) {
			log_error("Cannot listen", "address", addresses->values[i], "err", reason);
			listeners_close(listeners);
			return fd;
		}
		listeners->fds[listeners->n++] = fd;
	}
	return 0;
}

void listeners_close(struct listeners *listeners)
{
	for (size_t i = 0; i < listeners->n; i++)
		(void)close(listeners->fds[i]);
	listeners->n = 0;
}

int listeners_watch(const struct listeners *listeners, int epoll, uint32_t events)
{
	for (size_t i = 0; i < listeners->n; i++) {
		const int fd = listeners->fds[i];
		struct epoll_event event = { .events = events, .data.fd = fd };

		if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) < 0 &&
		    (errno != ENOENT || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0))
			return -errno;
	}
	return 0;
}

void listeners_unwatch(const struct listeners *listeners, int epoll)
{
	for (size_t i = 0; i < listeners->n; i++)
		(void)epoll_ctl(epoll, EPOLL_CTL_DEL, listeners->fds[i], NULL);
}

void listeners_log(const struct listeners *listeners, bool tls,
		   char sentence[LISTENERS_SENTENCE_MAX])
{
	char name[LISTENER_NAME_MAX];

	sentence[0] = '\0';
	for (size_t i = 0; i < listeners->n; i++) {
		listener_name(listeners->fds[i], name);
		log_info("Listening on", "address", name);
		log_info(tls ? "TLS is enabled." : "TLS is disabled.", "http2", "false", "address",
			 name);
		if (i > 0)
			continue;
		(void)snprintf(sentence, LISTENERS_SENTENCE_MAX,
			       listeners->n > 1 ? "Listening on %s and %zu more"
						: "Listening on %s",
			       name, listeners->n - 1);
	}
}
