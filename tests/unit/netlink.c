/* SPDX-License-Identifier: GPL-2.0-or-later */

/* That nothing but questions can be sent to the kernel: the table of what is sent, row by row. */

#include "unit.h"

#include <linux/inet_diag.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include "../../collectors/netlink.h"

/* Every message of these buses that only reads. */
static const struct {
	int bus;
	uint16_t type;
} questions[] = {
	{ NETLINK_NETFILTER, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET },
	{ NETLINK_NETFILTER, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS },
	{ NETLINK_NETFILTER, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET_STATS_CPU },
	{ NETLINK_NETFILTER, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE },
	{ NETLINK_ROUTE, RTM_GETADDR },
	{ NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY },
	{ NETLINK_SOCK_DIAG, TCPDIAG_GETSOCK },
};

static bool is_question(const struct netlink_query_desc *query)
{
	for (size_t i = 0; i < ARRAY_SIZE(questions); i++)
		if (questions[i].bus == query->bus && questions[i].type == query->type)
			return true;
	return false;
}

static void every_query_is_a_question(_unused_ void **state)
{
	for (int i = 0; i < N_NETLINK_QUERIES; i++)
		if (!is_question(&netlink_queries[i]))
			fail_msg("query %d: bus %d, type %#x", i, netlink_queries[i].bus,
				 netlink_queries[i].type);
}

/* IPCTNL_MSG_CT_GET_CTRZERO reads and clears; it is the one that is easily taken for a question. */
static void no_query_has_the_number_of_a_change(_unused_ void **state)
{
	static const uint8_t changes[] = { IPCTNL_MSG_CT_NEW, IPCTNL_MSG_CT_DELETE,
					   IPCTNL_MSG_CT_GET_CTRZERO };

	for (int i = 0; i < N_NETLINK_QUERIES; i++)
		for (size_t j = 0;
		     netlink_queries[i].bus == NETLINK_NETFILTER && j < ARRAY_SIZE(changes); j++)
			assert_int_not_equal(netlink_queries[i].type & 0xff, changes[j]);
}

static void no_query_has_another_flag(_unused_ void **state)
{
	for (int i = 0; i < N_NETLINK_QUERIES; i++) {
		const uint16_t flags = netlink_queries[i].flags;

		assert_int_equal(flags & ~(NLM_F_REQUEST | NLM_F_ACK | NLM_F_DUMP), 0);
		assert_true(flags & NLM_F_REQUEST);
		/* A dump is both bits; one alone means something else. */
		assert_true((flags & NLM_F_DUMP) == NLM_F_DUMP || (flags & NLM_F_DUMP) == 0);
		/* Its end would not be seen otherwise. */
		if (i != NETLINK_FLOW_LOOKUP && i != NETLINK_SOCKET_LOOKUP)
			assert_true(flags & (NLM_F_DUMP | NLM_F_ACK));
	}
}

/*
 * One answer each: a dump would give all, an acknowledgement a second answer. NLM_F_ROOT and its
 * like are NLM_F_REPLACE and its like in a message that changes something.
 */
static void a_lookup_is_a_bare_request(_unused_ void **state)
{
	static const enum netlink_query lookups[] = { NETLINK_FLOW_LOOKUP, NETLINK_SOCKET_LOOKUP };

	for (size_t i = 0; i < ARRAY_SIZE(lookups); i++)
		assert_int_equal(netlink_queries[lookups[i]].flags, NLM_F_REQUEST);
	assert_int_equal(netlink_queries[NETLINK_FLOW_LOOKUP].bus, NETLINK_NETFILTER);
	assert_int_equal(netlink_queries[NETLINK_FLOW_LOOKUP].type,
			 NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET);
	assert_int_equal(netlink_queries[NETLINK_SOCKET_LOOKUP].bus, NETLINK_SOCK_DIAG);
	assert_int_equal(netlink_queries[NETLINK_SOCKET_LOOKUP].type, SOCK_DIAG_BY_FAMILY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_query_is_a_question),
		cmocka_unit_test(no_query_has_the_number_of_a_change),
		cmocka_unit_test(no_query_has_another_flag),
		cmocka_unit_test(a_lookup_is_a_bare_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
