/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the service manager is told, as sd_notify(3) and sd_watchdog_enabled(3) describe: datagrams
 * to the socket $NOTIFY_SOCKET. Nothing here waits, and without the variable nothing happens.
 */

#include <stdbool.h>
#include <stdint.h>

#define NOTIFY_TEXT_MAX 512
/* When to try again what the full socket did not take, or what there was no reason to say. */
#define NOTIFY_RETRY_MS 250
/* The shortest time between two signs of life, whatever WATCHDOG_USEC says. */
#define NOTIFY_WATCHDOG_MIN_MS 10

struct notify {
	int fd;		      /* -1: nobody is told anything */
	uint64_t watchdog_ns; /* between two signs of life; 0: nobody waits for them */
	uint64_t next_ns;     /* when there is something to do, on CLOCK_MONOTONIC */
	bool pending;	      /* text has still to be told */
	bool silent;	      /* no sign of life was given for want of a reason */
	bool gone;	      /* nobody is told anything any more */
	char text[NOTIFY_TEXT_MAX];
};

/*
 * Connects to $NOTIFY_SOCKET, a path or with a leading @ an abstract name, reads WATCHDOG_USEC and
 * WATCHDOG_PID, and unsets all three. Returns 0, also when the variable is unset, or a negative
 * errno: -EAFNOSUPPORT for another kind of address, -ENAMETOOLONG, or that of the connection.
 * Whatever it returns, *ret can be used.
 */
int notify_open(struct notify *ret);
void notify_close(struct notify *notify);

/* Tells that the service is up, or about to end, and a sentence for people; signs of life follow.
 */
void notify_ready(struct notify *notify, const char *status, uint64_t now_ns);
void notify_stopping(struct notify *notify, const char *status, uint64_t now_ns);

/*
 * Does what is due: gives a sign of life if all is well, and says again what could not be said. A
 * service manager that is gone is given up, with a line in the log; the descriptor stays open, for
 * the system call filter knows its number. Returns true when from now on
 * no sign of life is given, because all is not well.
 */
bool notify_turn(struct notify *notify, bool well, uint64_t now_ns);

/* When notify_turn() has something to do, on CLOCK_MONOTONIC; UINT64_MAX: never. */
uint64_t notify_next_turn(const struct notify *notify);
