/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int wire_address_parse(const char *text, union wire_address *ret)
{
	union wire_address address = { 0 };

	if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1)
		address.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1)
		address.any.sa_family = AF_INET6;
	else
		return -EINVAL;
	*ret = address;
	return 0;
}

union wire_address wire_address_advance(const union wire_address *first, uint32_t n)
{
	union wire_address address = *first;
	uint32_t *word = address.any.sa_family == AF_INET ? &address.v4.sin_addr.s_addr
							  : &address.v6.sin6_addr.s6_addr32[1];

	*word = htonl(ntohl(*word) + n);
	return address;
}

static union wire_address loopback(sa_family_t family, uint16_t port, socklen_t *ret_length)
{
	union wire_address address = { .any.sa_family = family };

	if (family == AF_INET) {
		address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address.v4.sin_port = htons(port);
		*ret_length = sizeof(address.v4);
	} else {
		address.v6.sin6_addr = in6addr_loopback;
		address.v6.sin6_port = htons(port);
		*ret_length = sizeof(address.v6);
	}
	return address;
}

/*
 * The kernel picks the port when it knows both ends, so that a port can have many. An address of a
 * local route need not be one of a device.
 */
static int start(int fd, const union wire_address *from, uint16_t port, int receive_buffer)
{
	socklen_t length;
	const union wire_address to = loopback(from->any.sa_family, port, &length);
	const int yes = 1;

	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes)) < 0 ||
	    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0)
		return -errno;
	if (receive_buffer &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer)) < 0)
		return -errno;
	if (bind(fd, &from->any, length) < 0)
		return -errno;
	return connect(fd, &to.any, length) < 0 && errno != EINPROGRESS ? -errno : 0;
}

static int session_create(int fd, gnutls_certificate_credentials_t credentials,
			  gnutls_session_t *ret)
{
	gnutls_session_t session;

	if (gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK) < 0)
		return -ENOMEM;
	if (gnutls_set_default_priority(session) < 0 ||
	    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) < 0) {
		gnutls_deinit(session);
		return -ENOMEM;
	}
	gnutls_transport_set_int(session, fd);
	*ret = session;
	return 0;
}

int wire_open(struct wire *wire, const union wire_address *from, uint16_t port, int receive_buffer,
	      gnutls_certificate_credentials_t credentials)
{
	int r;

	*wire = (struct wire){ .fd = socket(from->any.sa_family,
					    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	if (wire->fd < 0)
		return -errno;
	r = start(wire->fd, from, port, receive_buffer);
	if (r == 0 && credentials)
		r = session_create(wire->fd, credentials, &wire->session);
	if (r < 0)
		wire_close(wire, false);
	return r;
}

static int finish_connect(struct wire *wire)
{
	socklen_t length = sizeof(int);
	union wire_address peer;
	int error = 0;

	(void)getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error)
		return -error;
	length = sizeof(peer);
	if (getpeername(wire->fd, &peer.any, &length) < 0)
		return errno == ENOTCONN ? -EAGAIN : -errno;
	wire->connected = true;
	return 0;
}

static ssize_t from_gnutls(ssize_t r)
{
	if (r >= 0)
		return r;
	return r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED ? -EAGAIN : -ECONNRESET;
}

int wire_establish(struct wire *wire)
{
	int r = wire->connected ? 0 : finish_connect(wire);

	if (r == 0 && wire->session && !wire->shaken) {
		r = (int)from_gnutls(gnutls_handshake(wire->session));
		wire->shaken = r == 0;
	}
	return r;
}

ssize_t wire_send(struct wire *wire, const void *data, size_t size)
{
	ssize_t n;

	if (wire->session)
		return from_gnutls(gnutls_record_send(wire->session, data, size));
	n = send(wire->fd, data, size, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

/* GnuTLS also says "again" behind a record that held no data, with more to read. */
static ssize_t receive_record(struct wire *wire, void *data, size_t size)
{
	ssize_t n;
	char byte;

	do
		n = from_gnutls(gnutls_record_recv(wire->session, data, size));
	while (n == -EAGAIN && recv(wire->fd, &byte, 1, MSG_PEEK) > 0);
	return n;
}

ssize_t wire_receive(struct wire *wire, void *data, size_t size)
{
	ssize_t n;

	if (wire->session)
		return receive_record(wire, data, size);
	n = recv(wire->fd, data, size, 0);
	return n < 0 ? -errno : n;
}

void wire_close(struct wire *wire, bool reset)
{
	const struct linger linger = { .l_onoff = 1 };

	if (wire->fd < 0)
		return;
	if (reset)
		(void)setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	if (wire->session)
		gnutls_deinit(wire->session);
	(void)close(wire->fd);
	*wire = (struct wire){ .fd = -1 };
}
