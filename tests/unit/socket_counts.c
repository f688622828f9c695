/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include "../../collectors/socket_counts.h"
#include "message.h"

/* The kernel's numbers (include/net/tcp_states.h). */
static const struct {
	uint8_t number;
	enum tcp_socket_state state;
} states[] = {
	{ 1, TCP_SOCKET_ESTABLISHED }, { 2, TCP_SOCKET_SYN_SENT },   { 3, TCP_SOCKET_SYN_RECV },
	{ 4, TCP_SOCKET_FIN_WAIT1 },   { 5, TCP_SOCKET_FIN_WAIT2 },  { 6, TCP_SOCKET_TIME_WAIT },
	{ 7, TCP_SOCKET_CLOSE },       { 8, TCP_SOCKET_CLOSE_WAIT }, { 9, TCP_SOCKET_LAST_ACK },
	{ 10, TCP_SOCKET_LISTEN },     { 11, TCP_SOCKET_CLOSING },
};

static void make(struct message *m, uint8_t family, uint8_t number, uint32_t rqueue,
		 uint32_t wqueue)
{
	const struct inet_diag_msg socket = { .idiag_family = family,
					      .idiag_state = number,
					      .idiag_rqueue = rqueue,
					      .idiag_wqueue = wqueue };

	message_start(m, SOCK_DIAG_BY_FAMILY, &socket, sizeof(socket));
}

static bool add(struct socket_counts *counts, int protocol, enum flow_family family, uint8_t number,
		uint32_t rqueue, uint32_t wqueue)
{
	struct message m;

	make(&m, family == FLOW_IPV4 ? AF_INET : AF_INET6, number, rqueue, wqueue);
	return socket_counts_add(counts, protocol, &m.header);
}

static void every_tcp_state_of_both_families(_unused_ void **state)
{
	assert_int_equal(ARRAY_SIZE(states), N_TCP_SOCKET_STATES);
	for (enum flow_family family = 0; family < N_FLOW_FAMILIES; family++) {
		for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
			struct socket_counts counts = { 0 }, expected = { 0 };

			assert_true(add(&counts, IPPROTO_TCP, family, states[i].number, 0, 0));
			assert_true(add(&counts, IPPROTO_TCP, family, states[i].number, 0, 0));
			expected.tcp[family][states[i].state] = 2;
			expected.listeners = states[i].state == TCP_SOCKET_LISTEN ? 2 : 0;
			assert_memory_equal(&counts, &expected, sizeof(counts));
		}
	}
}

static void udp_sockets_are_connected_or_not(_unused_ void **state)
{
	struct socket_counts counts = { 0 }, expected = { 0 };

	assert_true(add(&counts, IPPROTO_UDP, FLOW_IPV4, 1, 5, 6));
	assert_true(add(&counts, IPPROTO_UDP, FLOW_IPV6, 7, 5, 6));
	assert_true(add(&counts, IPPROTO_UDP, FLOW_IPV6, 7, 0, 0));
	/* The queues of a UDP socket are none of a listener. */
	assert_true(add(&counts, IPPROTO_UDP, FLOW_IPV6, 10, 9, 1));
	expected.udp[FLOW_IPV4][UDP_SOCKET_CONNECTED] = 1;
	expected.udp[FLOW_IPV6][UDP_SOCKET_UNCONNECTED] = 3;
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

/* A dump goes on behind them. */
static void unknown_states_are_not_counted(_unused_ void **state)
{
	static const uint8_t numbers[] = { 0, 12, 13, 14, 255 };
	struct socket_counts counts = { 0 }, expected = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		assert_true(add(&counts, IPPROTO_TCP, FLOW_IPV4, numbers[i], 1, 1));
		assert_true(add(&counts, IPPROTO_UDP, FLOW_IPV4, numbers[i], 1, 1));
	}
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

static void other_families_are_not_counted(_unused_ void **state)
{
	static const uint8_t families[] = { AF_UNSPEC, AF_UNIX, AF_PACKET, 255 };
	struct socket_counts counts = { 0 }, expected = { 0 };
	struct message m;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		make(&m, families[i], 1, 0, 0);
		assert_true(socket_counts_add(&counts, IPPROTO_TCP, &m.header));
		assert_true(socket_counts_add(&counts, IPPROTO_UDP, &m.header));
	}
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

static void short_messages_are_reported(_unused_ void **state)
{
	struct socket_counts counts = { 0 }, expected = { 0 };
	struct message m;
	uint32_t whole;

	make(&m, AF_INET, 1, 0, 0);
	whole = m.header.nlmsg_len;
	for (uint32_t len = NLMSG_HDRLEN; len < whole; len++) {
		struct nlmsghdr *exact = malloc(len);

		assert_non_null(exact);
		m.header.nlmsg_len = len;
		memcpy(exact, &m, len);
		assert_false(socket_counts_add(&counts, IPPROTO_TCP, exact));
		assert_false(socket_counts_add(&counts, IPPROTO_UDP, exact));
		free(exact);
	}
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

static void listeners_and_their_queues(_unused_ void **state)
{
	static const struct {
		uint32_t length, limit;
		uint64_t full;
		double ratio;
	} cases[] = {
		{ 0, 128, 0, 0 },
		{ 64, 128, 0, 0.5 },
		/* The kernel takes one more than the limit. */
		{ 128, 128, 0, 1 },
		{ 129, 128, 1, 129.0 / 128 },
		{ 0, 0, 0, 0 },
		{ 1, 0, 1, 1 },
		{ 3, 0, 1, 3 },
		{ UINT32_MAX, 1, 1, UINT32_MAX },
		{ 0, UINT32_MAX, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct socket_counts counts = { 0 };

		assert_true(
			add(&counts, IPPROTO_TCP, FLOW_IPV4, 10, cases[i].length, cases[i].limit));
		assert_int_equal(counts.listeners, 1);
		assert_int_equal(counts.listeners_full, cases[i].full);
		assert_true(counts.accept_queue_max_ratio == cases[i].ratio);
	}
}

static void the_fullest_listener_of_both_families(_unused_ void **state)
{
	struct socket_counts counts = { 0 };

	assert_true(add(&counts, IPPROTO_TCP, FLOW_IPV4, 10, 1, 4));
	assert_true(add(&counts, IPPROTO_TCP, FLOW_IPV6, 10, 6, 4));
	assert_true(add(&counts, IPPROTO_TCP, FLOW_IPV4, 10, 5, 4));
	/* What other sockets have in these fields are bytes. */
	assert_true(add(&counts, IPPROTO_TCP, FLOW_IPV4, 1, 100000, 1));
	assert_int_equal(counts.listeners, 3);
	assert_int_equal(counts.listeners_full, 2);
	assert_true(counts.accept_queue_max_ratio == 1.5);
	assert_int_equal(counts.tcp[FLOW_IPV4][TCP_SOCKET_LISTEN], 2);
	assert_int_equal(counts.tcp[FLOW_IPV6][TCP_SOCKET_LISTEN], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tcp_state_of_both_families),
		cmocka_unit_test(udp_sockets_are_connected_or_not),
		cmocka_unit_test(unknown_states_are_not_counted),
		cmocka_unit_test(other_families_are_not_counted),
		cmocka_unit_test(short_messages_are_reported),
		cmocka_unit_test(listeners_and_their_queues),
		cmocka_unit_test(the_fullest_listener_of_both_families),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
