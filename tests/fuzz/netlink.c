/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Buffers as recv() gives them, of a dump and of the answers to a batch of lookups. What was not
 * received is forbidden to read.
 */

#include "fuzz.h"

#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <sys/socket.h>

#include "../../collectors/netlink_lookup.h"

static struct input input;
static size_t buffers_left;
static int fake_socket;

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *socket, unsigned int groups, pid_t pid);
int __wrap_mnl_socket_get_fd(const struct mnl_socket *socket);
int __wrap_mnl_socket_close(struct mnl_socket *socket);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *bytes, size_t size);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *socket, void *bytes, size_t size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t length);

struct mnl_socket *__wrap_mnl_socket_open2(_unused_ int bus, _unused_ int flags)
{
	return (struct mnl_socket *)(void *)&fake_socket;
}

int __wrap_mnl_socket_bind(_unused_ struct mnl_socket *socket, _unused_ unsigned int groups,
			   _unused_ pid_t pid)
{
	return 0;
}

int __wrap_mnl_socket_get_fd(_unused_ const struct mnl_socket *socket)
{
	return -1;
}

int __wrap_mnl_socket_close(_unused_ struct mnl_socket *socket)
{
	return 0;
}

int __wrap_setsockopt(_unused_ int fd, _unused_ int level, _unused_ int option,
		      _unused_ const void *value, _unused_ socklen_t length)
{
	return 0;
}

ssize_t __wrap_mnl_socket_sendto(_unused_ const struct mnl_socket *socket,
				 _unused_ const void *bytes, size_t size)
{
	return (ssize_t)size;
}

/* Two bytes of length, 0xffff: an errno follows; then as many bytes. */
ssize_t __wrap_mnl_socket_recvfrom(_unused_ const struct mnl_socket *socket, void *bytes,
				   size_t size)
{
	uint16_t length;

	ASAN_UNPOISON_MEMORY_REGION(bytes, size);
	if (input.left == 0 || buffers_left-- == 0) {
		errno = EAGAIN;
		return -1;
	}
	input_bytes(&input, &length, sizeof(length));
	if (length == 0xffff) {
		errno = input_byte(&input) & 1 ? ENOBUFS : EINTR;
		return -1;
	}
	size = length < size ? length : size;
	size = size < input.left ? size : input.left;
	input_bytes(&input, bytes, size);
	ASAN_POISON_MEMORY_REGION((char *)bytes + size, NETLINK_BUFFER_SIZE - size);
	return (ssize_t)size;
}

/* Reads all of the message. */
static int on_message(void *ctx, const struct nlmsghdr *message)
{
	uint8_t *sum = ctx;

	HOLDS(message->nlmsg_type >= NLMSG_MIN_TYPE);
	for (size_t i = 0; i < message->nlmsg_len; i++)
		*sum ^= ((const uint8_t *)message)[i];
	return message->nlmsg_type == 0xeeee ? -ECANCELED : 0;
}

static size_t build(_unused_ void *ctx, _unused_ size_t i, void *payload)
{
	memset(payload, 0, 4);
	return 4;
}

#define LOOKUPS 40

static bool answered[LOOKUPS];

static void on_answer(void *ctx, size_t i, int error, const struct nlmsghdr *message)
{
	HOLDS(i < LOOKUPS);
	answered[i] = true;
	HOLDS(message || error <= 0);
	if (message)
		(void)on_message(ctx, message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct netlink nl;
	static volatile uint8_t sum;
	const struct netlink_lookup lookup = { build, on_answer, (void *)&sum };
	uint8_t how;
	int r;

	input = (struct input){ data, size };
	how = input_byte(&input);
	buffers_left = 64;
	memset(answered, 0, sizeof(answered));
	netlink_init(&nl);
	/* The first question has this number in the seeds. */
	r = how & 1 ? netlink_lookup(&nl, NETLINK_FLOW_LOOKUP, LOOKUPS, &lookup, UINT64_MAX)
		    : netlink_query(&nl, NETLINK_ADDRESSES, "0123", 4, UINT64_MAX, on_message,
				    (void *)&sum);
	ASAN_UNPOISON_MEMORY_REGION(nl.buffer, sizeof(nl.buffer));
	HOLDS(r <= 0);
	HOLDS(!nl.sockets[NETLINK_ADDRESSES] || r == 0);
	for (size_t i = 0; how & 1 && r == 0 && i < LOOKUPS; i++)
		HOLDS(answered[i]);
	netlink_finish(&nl);
	return 0;
}
