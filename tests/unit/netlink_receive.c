/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The receive policy of collectors/netlink.c. libmnl's socket calls are replaced by the linker
 * (--wrap) with ones that play a script of received buffers and errors.
 */

#include "unit.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <unistd.h>

#include "../../collectors/netlink.h"
#include "mnl_socket.h"

#define DATA_TYPE (NFNL_SUBSYS_CTNETLINK << 8)
#define STEPS_MAX 8

/* What one receive gives: an errno, or one message. */
struct step {
	int error;
	uint16_t type;
	uint16_t flags;
	int payload;
	bool without_payload;
	bool other_sequence;
	uint32_t cut_to; /* 0: whole */
};

static struct {
	struct step steps[STEPS_MAX];
	size_t n, at;
	uint32_t sequence;
	size_t size; /* of the last receive */
	int send_error;
	int send_errors; /* how many sends fail so */
} script;

ssize_t __wrap_mnl_socket_sendto(_unused_ const struct mnl_socket *socket, const void *request,
				 size_t len)
{
	const struct nlmsghdr *header = request;

	if (script.send_errors && script.send_errors--) {
		errno = script.send_error;
		return -1;
	}
	assert_int_equal(header->nlmsg_len, len);
	script.sequence = header->nlmsg_seq;
	return (ssize_t)len;
}

ssize_t __wrap_mnl_socket_recvfrom(_unused_ const struct mnl_socket *socket, void *buffer,
				   size_t size)
{
	const struct step *step = &script.steps[script.at++];
	struct nlmsghdr *header = buffer;

	assert_true(script.at <= script.n);
	script.size = size;
	if (step->error) {
		errno = step->error;
		return -1;
	}
	header->nlmsg_len = step->without_payload ? NLMSG_LENGTH(0)
						  : NLMSG_LENGTH(sizeof(step->payload));
	header->nlmsg_type = step->type;
	header->nlmsg_flags = step->flags;
	header->nlmsg_seq = script.sequence + step->other_sequence;
	memcpy(NLMSG_DATA(header), &step->payload, sizeof(step->payload));
	return step->cut_to ? (ssize_t)step->cut_to : (ssize_t)header->nlmsg_len;
}

static void reset(void)
{
	memset(&script, 0, sizeof(script));
	memset(&mnl_sockets, 0, sizeof(mnl_sockets));
}

static int count(void *ctx, const struct nlmsghdr *message)
{
	int payload;

	memcpy(&payload, NLMSG_DATA(message), sizeof(payload));
	++*(int *)ctx;
	return payload;
}

/* Plays the steps; checks the value, the data messages seen, and whether the socket was thrown
 * away. */
static void play(const struct step *steps, size_t n, int expect, int expect_messages)
{
	static struct netlink nl;
	int messages = 0;

	netlink_init(&nl);
	reset();
	memcpy(script.steps, steps, n * sizeof(*steps));
	script.n = n;
	assert_int_equal(netlink_query_conntrack(&nl, NETLINK_CONNTRACK_FLOWS,
						 clock_monotonic_ns() + 60 * NSEC_PER_SEC, count,
						 &messages),
			 expect);
	assert_int_equal(messages, expect_messages);
	assert_int_equal(script.at, n);
	assert_int_equal(mnl_sockets.opened, 1);
	assert_int_equal(mnl_sockets.closed, expect == 0 ? 0 : 1);
	netlink_finish(&nl);
	assert_int_equal(mnl_sockets.closed, 1);
}

#define PLAY(expect, messages, ...)                               \
	do {                                                      \
		const struct step steps[] = { __VA_ARGS__ };      \
		play(steps, ARRAY_SIZE(steps), expect, messages); \
	} while (0)

#define DATA                                            \
	{                                               \
		.type = DATA_TYPE, .flags = NLM_F_MULTI \
	}
#define DONE                                             \
	{                                                \
		.type = NLMSG_DONE, .flags = NLM_F_MULTI \
	}

static void test_dump_ends_with_done(_unused_ void **state)
{
	PLAY(0, 0, DONE);
	PLAY(0, 2, DATA, DATA, DONE);
	PLAY(0, 1, DATA, { .type = NLMSG_DONE, .without_payload = true });
}

static void test_done_may_carry_an_error(_unused_ void **state)
{
	PLAY(-ENOENT, 0, { .type = NLMSG_DONE, .payload = -ENOENT });
	PLAY(-EBADMSG, 1, DATA, { .type = NLMSG_DONE, .payload = 7 });
}

static void test_error_message(_unused_ void **state)
{
	PLAY(-EPERM, 0, { .type = NLMSG_ERROR, .payload = -EPERM });
	PLAY(0, 1, DATA, { .type = NLMSG_ERROR, .payload = 0 }); /* the acknowledgement */
	PLAY(-EBADMSG, 0, { .type = NLMSG_ERROR, .without_payload = true });
}

static void test_interrupted_dump(_unused_ void **state)
{
	PLAY(-EINTR, 1, DATA, { .type = DATA_TYPE, .flags = NLM_F_MULTI | NLM_F_DUMP_INTR });
	PLAY(-EINTR, 1, DATA, { .type = NLMSG_DONE, .flags = NLM_F_MULTI | NLM_F_DUMP_INTR });
}

static void test_receive_errors(_unused_ void **state)
{
	PLAY(0, 1, { .error = EINTR }, { .error = EINTR }, DATA, { .error = EINTR }, DONE);
	PLAY(-ENOBUFS, 1, DATA, { .error = ENOBUFS });
	PLAY(-ENOBUFS, 1, DATA, { .type = NLMSG_OVERRUN });
	PLAY(-ETIMEDOUT, 1, DATA, { .error = EAGAIN });
	PLAY(-ENOSPC, 0, { .error = ENOSPC });
}

static void test_foreign_and_broken_messages(_unused_ void **state)
{
	PLAY(0, 1, { .type = DATA_TYPE, .other_sequence = true }, DATA,
	     { .type = NLMSG_DONE, .payload = -EIO, .other_sequence = true }, DONE);
	PLAY(0, 1, { .type = NLMSG_NOOP }, DATA, DONE);
	/* Nobody knows what else was in that buffer. */
	PLAY(-EBADMSG, 0, { .type = DATA_TYPE, .cut_to = 15 });
	PLAY(-EBADMSG, 1, DATA, { .type = DATA_TYPE, .cut_to = 19 });
}

static void test_callback_ends_the_query(_unused_ void **state)
{
	PLAY(1, 2, DATA, { .type = DATA_TYPE, .payload = 1 });
	PLAY(-EBADMSG, 1, { .type = DATA_TYPE, .payload = -EBADMSG });
}

static void test_deadline_that_has_passed(_unused_ void **state)
{
	struct netlink nl;
	int messages = 0;

	netlink_init(&nl);
	reset();
	assert_int_equal(netlink_query_conntrack(&nl, NETLINK_CONNTRACK_FLOWS, clock_monotonic_ns(),
						 count, &messages),
			 -ETIME);
	assert_int_equal(script.at, 0);
	assert_int_equal(mnl_sockets.closed, 1);
}

static void test_cancelled(_unused_ void **state)
{
	volatile sig_atomic_t cancelled = 1;
	struct netlink nl;
	int messages = 0;

	netlink_init(&nl);
	nl.cancelled = &cancelled;
	reset();
	assert_int_equal(
		netlink_query_conntrack(&nl, NETLINK_CONNTRACK_FLOWS, UINT64_MAX, count, &messages),
		-ECANCELED);
	assert_int_equal(script.at, 0);
	assert_int_equal(mnl_sockets.closed, 1);
}

static void test_send_errors(_unused_ void **state)
{
	static struct netlink nl;
	int messages = 0;

	netlink_init(&nl);
	reset();
	script.send_error = EINTR;
	script.send_errors = 5;
	script.steps[0] = (struct step)DONE;
	script.n = 1;
	assert_int_equal(netlink_query_conntrack(&nl, NETLINK_CONNTRACK_STATS_CPU,
						 clock_monotonic_ns() + 60 * NSEC_PER_SEC, count,
						 &messages),
			 0);
	script.send_error = ENOBUFS;
	script.send_errors = 1;
	assert_int_equal(netlink_query_conntrack(&nl, NETLINK_CONNTRACK_STATS_CPU,
						 clock_monotonic_ns() + 60 * NSEC_PER_SEC, count,
						 &messages),
			 -ENOBUFS);
	assert_int_equal(mnl_sockets.closed, 1);
	netlink_finish(&nl);
}

static void test_socket_is_used_again(_unused_ void **state)
{
	static struct netlink nl;
	int messages = 0;

	netlink_init(&nl);
	reset();
	script.steps[0] = script.steps[1] = (struct step)DONE;
	script.steps[2].error = ENOBUFS;
	script.steps[3] = (struct step)DONE;
	script.n = 4;
	for (int i = 0; i < 4; i++)
		assert_int_equal(netlink_query_conntrack(&nl, NETLINK_CONNTRACK_STATS_CPU,
							 clock_monotonic_ns() + 60 * NSEC_PER_SEC,
							 count, &messages),
				 i == 2 ? -ENOBUFS : 0);
	assert_int_equal(mnl_sockets.opened, 2);
	netlink_finish(&nl);
	assert_int_equal(mnl_sockets.closed, 2);
}

/* While the kernel fills a read of flows it has softirqs off; all else is read in few. */
static void test_flows_are_read_a_page_at_a_time(_unused_ void **state)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE) < 8192 ? (size_t)sysconf(_SC_PAGESIZE)
								 : 8192;

	for (int query = 0; query < N_NETLINK_QUERIES; query++) {
		static struct netlink nl;
		int messages = 0;

		assert_int_equal(netlink_queries[query].small_reads,
				 query == NETLINK_CONNTRACK_FLOWS);
		if (netlink_queries[query].bus != NETLINK_NETFILTER)
			continue;
		netlink_init(&nl);
		reset();
		script.steps[0] = (struct step)DONE;
		script.n = 1;
		assert_int_equal(netlink_query_conntrack(&nl, query, UINT64_MAX, count, &messages),
				 0);
		assert_int_equal(script.size, query == NETLINK_CONNTRACK_FLOWS ? page : 32768);
		netlink_finish(&nl);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump_ends_with_done),
		cmocka_unit_test(test_done_may_carry_an_error),
		cmocka_unit_test(test_error_message),
		cmocka_unit_test(test_interrupted_dump),
		cmocka_unit_test(test_receive_errors),
		cmocka_unit_test(test_foreign_and_broken_messages),
		cmocka_unit_test(test_callback_ends_the_query),
		cmocka_unit_test(test_deadline_that_has_passed),
		cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_send_errors),
		cmocka_unit_test(test_socket_is_used_again),
		cmocka_unit_test(test_flows_are_read_a_page_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
