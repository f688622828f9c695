/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* All the sockets that the web process listens on. */

#include <stddef.h>
#include <stdint.h>

#include "listener.h"
#include "options.h"

#define LISTENERS_MAX OPTIONS_STRINGS_MAX

struct listeners {
	int fds[LISTENERS_MAX];
	size_t n;
};

/*
 * Opens one for each address, all of them or none: a process that listens on some of its addresses
 * looks healthy and is not. Returns 0, or a negative errno with a line in the log.
 */
int listeners_open(struct listeners *listeners, const struct string_list *addresses);

void listeners_close(struct listeners *listeners);

/* Has an epoll instance wait for these events on each. Returns 0 or a negative errno. */
int listeners_watch(const struct listeners *listeners, int epoll, uint32_t events);

/*
 * To be called before they are closed: a socket that was passed stays open in the service manager,
 * and what is open goes on to be reported.
 */
void listeners_unwatch(const struct listeners *listeners, int epoll);

/*
 * Logs for each where it is, and whether it speaks TLS. Writes where the first one listens, and how
 * many there are besides, as a sentence.
 */
#define LISTENERS_SENTENCE_MAX (LISTENER_NAME_MAX + 40)
void listeners_log(const struct listeners *listeners, bool tls,
		   char sentence[LISTENERS_SENTENCE_MAX]);
