/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "listener.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "log.h"
#include "util.h"

#define LISTEN_BACKLOG 1024

static bool is_port(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 && n < LISTENER_PORT_MAX && text[n] == '\0' && strtol(text, NULL, 10) <= 65535;
}

int listener_parse(const char *address, char host[LISTENER_HOST_MAX], char port[LISTENER_PORT_MAX])
{
	const char *colon = strrchr(address, ':');
	size_t length;

	if (!colon || !is_port(colon + 1))
		return -EINVAL;
	length = (size_t)(colon - address);
	if (address[0] == '[') {
		if (length < 3 || address[length - 1] != ']')
			return -EINVAL;
		address++;
		length -= 2;
	} else if (memchr(address, ':', length)) {
		/* An IPv6 address without brackets: its last group could be the port. */
		return -EINVAL;
	}
	if (length >= LISTENER_HOST_MAX || memchr(address, '[', length) ||
	    memchr(address, ']', length))
		return -EINVAL;
	memcpy(host, address, length);
	host[length] = '\0';
	(void)snprintf(port, LISTENER_PORT_MAX, "%s", colon + 1);
	return 0;
}

static int open_address(const struct addrinfo *address)
{
	_cleanup_fd_ int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				     0);
	const int on = 1, off = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (address->ai_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
		return -errno;
	if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return -errno;
	return fd_take(&fd);
}

/* Returns 0 or an EAI_* of getaddrinfo(). */
static int resolve(const char *host, const char *port, int family, struct addrinfo **ret)
{
	const struct addrinfo hints = {
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_family = family,
		.ai_socktype = SOCK_STREAM,
	};

	return getaddrinfo(*host ? host : NULL, port, &hints, ret);
}

/* -ENOENT: the host has no address of this family. */
static int open_family(const char *host, const char *port, int family, const char **ret_reason)
{
	struct addrinfo *addresses;
	int r = resolve(host, port, family, &addresses);

	if (r != 0) {
		*ret_reason = gai_strerror(r);
		return -ENOENT;
	}
	r = open_address(addresses);
	freeaddrinfo(addresses);
	*ret_reason = errno_text(r);
	return r;
}

int listener_open(const char *address, const char **ret_reason)
{
	char host[LISTENER_HOST_MAX], port[LISTENER_PORT_MAX];
	int r = listener_parse(address, host, port);

	if (r < 0) {
		*ret_reason = strncmp(address, "vsock:", strlen("vsock:")) == 0
				      ? "vsock is not supported"
				      : "not an address of the form HOST:PORT or [HOST]:PORT";
		return r;
	}
	if (*host) {
		r = open_family(host, port, AF_INET, ret_reason);
		return r == -ENOENT ? open_family(host, port, AF_INET6, ret_reason) : r;
	}
	r = open_family(host, port, AF_INET6, ret_reason);
	if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL || r == -ENOENT)
		r = open_family(host, port, AF_INET, ret_reason);
	return r;
}

int listener_accept(int fd, struct sockaddr_storage *ret_address, socklen_t *ret_length)
{
	int connection = accept4(fd, (struct sockaddr *)ret_address, ret_length,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (connection >= 0)
		return connection;
	switch (errno) {
	case EINVAL:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return -errno;
	default:
		return -EAGAIN;
	}
}

/* A path, or with a leading @ a name without one; what would not be one line is a question mark. */
static void name_local(const struct sockaddr_un *address, socklen_t length,
		       char name[LISTENER_NAME_MAX])
{
	/* The kernel counts the end of a path that fills the array, which has no room for it. */
	const size_t told = length - offsetof(struct sockaddr_un, sun_path);
	const size_t n = told < sizeof(address->sun_path) ? told : sizeof(address->sun_path);
	const bool abstract = n > 0 && address->sun_path[0] == '\0';
	size_t at = 0;

	static_assert(LISTENER_NAME_MAX > sizeof(address->sun_path), "it has room");
	for (; at < n && (address->sun_path[at] || (abstract && at == 0)); at++)
		name[at] = isprint((unsigned char)address->sun_path[at]) ? address->sun_path[at]
									 : '?';
	if (abstract)
		name[0] = '@';
	name[at] = '\0';
}

void listener_name(int fd, char name[LISTENER_NAME_MAX])
{
	union {
		struct sockaddr any;
		struct sockaddr_un local;
		struct sockaddr_storage room;
	} address = { 0 };
	socklen_t length = sizeof(address);
	char host[LISTENER_HOST_MAX], port[LISTENER_PORT_MAX];

	if (getsockname(fd, &address.any, &length) == 0 && address.any.sa_family == AF_UNIX) {
		name_local(&address.local, length, name);
		return;
	}
	if (getnameinfo(&address.any, length, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		(void)snprintf(name, LISTENER_NAME_MAX, "?");
	else
		(void)snprintf(name, LISTENER_NAME_MAX, strchr(host, ':') ? "[%s]:%s" : "%s:%s",
			       host, port);
}
