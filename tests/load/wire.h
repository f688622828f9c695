/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One outgoing connection that never blocks, plain or TLS. */

#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

union wire_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct wire {
	int fd;			  /* -1: closed */
	gnutls_session_t session; /* NULL: plain */
	bool connected, shaken;
};

/* Reads an address of either family; the port stays 0. Returns 0 or -EINVAL. */
int wire_address_parse(const char *text, union wire_address *ret);

/* The address that is n further: IPv6 counts /64 networks, since these are what is one client. */
union wire_address wire_address_advance(const union wire_address *first, uint32_t n);

/*
 * Begins to connect from an address to the loopback address of its family. receive_buffer 0 is the
 * kernel's. With credentials a handshake follows. Returns 0 or a negative errno.
 */
int wire_open(struct wire *wire, const union wire_address *from, uint16_t port, int receive_buffer,
	      gnutls_certificate_credentials_t credentials);

/* 0 when it can carry data, -EAGAIN when it has to wait for the socket, else why it cannot be. */
int wire_establish(struct wire *wire);

/* Bytes, 0 at the end of the stream, -EAGAIN or another negative errno. */
ssize_t wire_send(struct wire *wire, const void *data, size_t size);
ssize_t wire_receive(struct wire *wire, void *data, size_t size);

/* Ends it, if it is open, with a reset when that is wanted. */
void wire_close(struct wire *wire, bool reset);
