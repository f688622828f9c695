/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Questions asked through a socket whose receive buffer has room for few answers. libmnl's socket
 * calls are replaced by the linker (--wrap) with ones that lose what does not fit.
 */

#include "unit.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>

#include "../../collectors/netlink_lookup.h"
#include "mnl_socket.h"

#define QUESTIONS 40

/* Has room for so many answers; with one more, all that were not read are lost. */
static struct {
	size_t room;
	uint32_t sequences[NETLINK_BATCH_MAX];
	size_t n, at;
	size_t batches, batch_sizes[QUESTIONS];
	bool answered[QUESTIONS];
} kernel;

ssize_t __wrap_mnl_socket_sendto(_unused_ const struct mnl_socket *socket, const void *request,
				 size_t len)
{
	const char *at = request;

	kernel.n = kernel.at = 0;
	while (at < (const char *)request + len) {
		const struct nlmsghdr *header = (const void *)at;

		kernel.sequences[kernel.n++] = header->nlmsg_seq;
		at += header->nlmsg_len;
	}
	kernel.batch_sizes[kernel.batches++] = kernel.n;
	return (ssize_t)len;
}

ssize_t __wrap_mnl_socket_recvfrom(_unused_ const struct mnl_socket *socket, void *buffer,
				   _unused_ size_t size)
{
	struct nlmsghdr *header = buffer;

	if (kernel.n > kernel.room) {
		errno = ENOBUFS;
		return -1;
	}
	assert_true(kernel.at < kernel.n);
	*header = (struct nlmsghdr){
		.nlmsg_len = NLMSG_LENGTH(0),
		.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8,
		.nlmsg_seq = kernel.sequences[kernel.at++],
	};
	return (ssize_t)header->nlmsg_len;
}

static size_t build(_unused_ void *ctx, size_t i, void *payload)
{
	memset(payload, (int)i, 4);
	return 4;
}

static void answer(_unused_ void *ctx, size_t i, int error, _unused_ const struct nlmsghdr *message)
{
	assert_int_equal(error, 0);
	kernel.answered[i] = true;
}

static void check(size_t room, int value, const size_t *sizes, size_t n_sizes)
{
	static const struct netlink_lookup lookup = { build, answer, NULL };
	static struct netlink nl;

	memset(&kernel, 0, sizeof(kernel));
	memset(&mnl_sockets, 0, sizeof(mnl_sockets));
	kernel.room = room;
	netlink_init(&nl);
	assert_int_equal(netlink_lookup(&nl, NETLINK_FLOW_LOOKUP, QUESTIONS, &lookup, UINT64_MAX),
			 value);
	for (size_t i = 0; i < QUESTIONS; i++)
		assert_int_equal(kernel.answered[i], value == 0);
	assert_int_equal(kernel.batches, n_sizes);
	for (size_t i = 0; i < n_sizes; i++)
		assert_int_equal(kernel.batch_sizes[i], sizes[i]);
	netlink_finish(&nl);
	assert_int_equal(mnl_sockets.opened, mnl_sockets.closed);
}

static void test_there_is_room(_unused_ void **state)
{
	static const size_t sizes[] = { 32, 8 };

	check(32, 0, sizes, ARRAY_SIZE(sizes));
	assert_int_equal(mnl_sockets.opened, 1);
}

/* What is left of the lost answers goes with its socket. */
static void test_fewer_are_asked_at_a_time(_unused_ void **state)
{
	static const size_t sizes[] = { 32, 16, 8, 8, 8, 8, 8 };

	check(9, 0, sizes, ARRAY_SIZE(sizes));
	assert_int_equal(mnl_sockets.opened, 3);
}

static void test_no_room_for_one_answer(_unused_ void **state)
{
	static const size_t sizes[] = { 32, 16, 8, 4, 2, 1 };

	check(0, -ENOBUFS, sizes, ARRAY_SIZE(sizes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_is_room),
		cmocka_unit_test(test_fewer_are_asked_at_a_time),
		cmocka_unit_test(test_no_room_for_one_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
