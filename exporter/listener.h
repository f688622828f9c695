/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Listening sockets from addresses as --web.listen-address takes them. */

#include <stddef.h>
#include <sys/socket.h>

#define LISTENER_HOST_MAX 256
#define LISTENER_PORT_MAX 6
#define LISTENER_NAME_MAX 320

/*
 * Splits ":PORT", "HOST:PORT", "[HOST]:PORT" into its parts; the host is empty for every address.
 * Brackets may hold an IPv4 address too, charts write "[$(HOST_IP)]:PORT". Returns 0 or -EINVAL.
 * Pure.
 */
int listener_parse(const char *address, char host[LISTENER_HOST_MAX], char port[LISTENER_PORT_MAX]);

/*
 * Opens a non-blocking listening TCP socket. Without a host it takes IPv6 and IPv4, or IPv4 alone
 * where the kernel has no IPv6. Returns the descriptor, or a negative errno and in *ret_reason a
 * text that says more than the errno where it can; it is constant or valid until the next call.
 */
int listener_open(const char *address, const char **ret_reason);

/*
 * Accepts one connection, non-blocking; *ret_length is the room for the address. Returns its
 * descriptor, -EAGAIN when none waits or the one that did has gone, -EINVAL when fd listens no more
 * (somebody else shut it down, SOCK_DESTROY), or what is lacking: -EMFILE, -ENFILE, -ENOBUFS,
 * -ENOMEM.
 */
int listener_accept(int fd, struct sockaddr_storage *ret_address, socklen_t *ret_length);

/*
 * Writes where the socket listens as "HOST:PORT", with brackets around IPv6; one of AF_UNIX as its
 * path, or "@NAME".
 */
void listener_name(int fd, char name[LISTENER_NAME_MAX]);
