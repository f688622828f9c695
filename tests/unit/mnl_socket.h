/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Netlink sockets that do nothing but count, put in place of libmnl's by the linker (--wrap). What
 * is sent and received is the test's own.
 */

#include <libmnl/libmnl.h>
#include <sys/socket.h>

static struct {
	int opened, closed;
} mnl_sockets;

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *socket, unsigned int groups, pid_t pid);
int __wrap_mnl_socket_get_fd(const struct mnl_socket *socket);
int __wrap_mnl_socket_close(struct mnl_socket *socket);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t len);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *buffer, size_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags)
{
	assert_int_equal(bus, NETLINK_NETFILTER);
	assert_int_equal(flags, SOCK_CLOEXEC);
	mnl_sockets.opened++;
	return (struct mnl_socket *)(void *)&mnl_sockets;
}

int __wrap_mnl_socket_bind(_unused_ struct mnl_socket *socket, unsigned int groups, pid_t pid)
{
	assert_int_equal(groups, 0);
	assert_int_equal(pid, MNL_SOCKET_AUTOPID);
	return 0;
}

int __wrap_mnl_socket_get_fd(_unused_ const struct mnl_socket *socket)
{
	return -1;
}

int __wrap_setsockopt(int fd, _unused_ int level, int name, _unused_ const void *value,
		      _unused_ socklen_t len)
{
	assert_int_equal(fd, -1);
	assert_int_equal(name, SO_RCVTIMEO);
	return 0;
}

int __wrap_mnl_socket_close(_unused_ struct mnl_socket *socket)
{
	mnl_sockets.closed++;
	return 0;
}
