/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Where the evidence comes from: /proc is a directory of the test, nftables a script of tables. */

#include "unit.h"

#include <errno.h>
#include <unistd.h>

#include "directory.h"
#include "fake_procfs.h"
#include "message.h"

#include "../../collectors/tracking.h"

#define NFPROTO_INET 1
#define NFPROTO_ARP 3
#define NFPROTO_NETDEV 5
#define NFPROTO_BRIDGE 7

static struct {
	uint8_t families[8]; /* of the tables there are; 0 ends them */
	int error;
	int asked;
	bool truncated;
} nftables;

int __wrap_netlink_query_conntrack(struct netlink *nl, enum netlink_query query,
				   uint64_t deadline_ns, netlink_message_fn fn, void *ctx);

int __wrap_netlink_query_conntrack(_unused_ struct netlink *nl, enum netlink_query query,
				   uint64_t deadline_ns, netlink_message_fn fn, void *ctx)
{
	int r = 0;

	assert_int_equal(query, NETLINK_NFT_TABLES);
	assert_int_equal(deadline_ns, 4711);
	nftables.asked++;
	for (int i = 0; nftables.families[i] && r == 0; i++) {
		struct message m;

		message_start_conntrack(&m, 0, nftables.families[i], 0);
		if (nftables.truncated)
			m.header.nlmsg_len -= 1;
		r = fn(ctx, &m.header);
	}
	return r ? r : nftables.error;
}

static bool loaded;

bool collector_may_be_loaded(_unused_ struct collector_context *ctx)
{
	return loaded;
}

static void tables(uint8_t first, uint8_t second)
{
	memset(&nftables, 0, sizeof(nftables));
	nftables.families[0] = first;
	nftables.families[1] = second;
}

/* A /proc that shows the network, but nothing of iptables. */
static int network_setup(void **state)
{
	if (directory_setup(state) < 0)
		return -1;
	procfs_write(*state, "sys/net/core/somaxconn", "4096\n");
	return 0;
}

static void check_rules(const struct directory *d, enum tracking ipv4, enum tracking ipv6)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, d);
	enum tracking have[N_FLOW_FAMILIES] = { N_TRACKINGS, N_TRACKINGS };

	ctx.deadline_ns = 4711;
	tracking_rules_read(&ctx, have);
	assert_int_equal(have[FLOW_IPV4], ipv4);
	assert_int_equal(have[FLOW_IPV6], ipv6);
}

static void tables_are_of_their_family(void **state)
{
	static const struct {
		uint8_t families[2];
		enum tracking ipv4, ipv6;
	} rows[] = {
		{ { 0, 0 }, TRACKING_INACTIVE, TRACKING_INACTIVE },
		{ { AF_INET, 0 }, TRACKING_ACTIVE, TRACKING_INACTIVE },
		{ { AF_INET6, 0 }, TRACKING_INACTIVE, TRACKING_ACTIVE },
		{ { NFPROTO_INET, 0 }, TRACKING_ACTIVE, TRACKING_ACTIVE },
		/* A ct rule on a bridge registers the hooks of both. */
		{ { NFPROTO_BRIDGE, 0 }, TRACKING_ACTIVE, TRACKING_ACTIVE },
		/* These cannot track. */
		{ { NFPROTO_ARP, NFPROTO_NETDEV }, TRACKING_INACTIVE, TRACKING_INACTIVE },
		{ { AF_INET6, AF_INET }, TRACKING_ACTIVE, TRACKING_ACTIVE },
		{ { NFPROTO_NETDEV, AF_INET6 }, TRACKING_INACTIVE, TRACKING_ACTIVE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		tables(rows[i].families[0], rows[i].families[1]);
		check_rules(*state, rows[i].ipv4, rows[i].ipv6);
		assert_int_equal(nftables.asked, 1);
	}
}

static void tables_that_may_not_be_read(void **state)
{
	tables(0, 0);
	nftables.error = -EPERM;
	check_rules(*state, TRACKING_UNKNOWN, TRACKING_UNKNOWN);
	/* What was listed before it failed is there. */
	tables(AF_INET, 0);
	nftables.error = -EINTR;
	check_rules(*state, TRACKING_ACTIVE, TRACKING_UNKNOWN);
	tables(AF_INET, 0);
	nftables.truncated = true;
	check_rules(*state, TRACKING_UNKNOWN, TRACKING_UNKNOWN);
	/* A kernel without nftables. */
	tables(0, 0);
	nftables.error = -EINVAL;
	check_rules(*state, TRACKING_INACTIVE, TRACKING_INACTIVE);
}

static void nftables_is_not_loaded_by_asking(void **state)
{
	static const struct {
		const char *modules;
		int asked;
	} rows[] = {
		{ "", 1 },
		{ "\n", 1 },
		{ "ext4 1 2 - Live 0x0\n", 1 }, /* conntrack is built in, and so may nftables be */
		{ "nf_conntrack 1 2 - Live 0x0\n", 0 },
		{ "nf_conntrack 1 2 - Live 0x0", 0 },
		{ "ext4 1 2 - Live 0x0\nnf_conntrack 1 2 - Live 0x0\nxt_ct 1 2 - Live 0x0\n", 0 },
		{ "nf_conntrack 1 2 - Live 0x0\nnf_tables 1 2 - Live 0x0\n", 1 },
		{ "nf_tables 1 2 - Live 0x0\nnf_conntrack 1 2 - Live 0x0\n", 1 },
		/* Built in, with an expression that is a module. */
		{ "nf_conntrack 1 2 - Live 0x0\nnft_ct 1 2 - Live 0x0\n", 1 },
		/* Others' names within the line, or longer. */
		{ "nf_conntrack 1 2 nf_tables nft_ct - Live 0x0\nnf_tables_x 1 2 -\n", 0 },
		{ "nf_conntrack_netlink 1 2 - Live 0x0\n", 1 },
		{ "nf_conntrack\n", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		procfs_write(*state, "modules", rows[i].modules);
		tables(AF_INET, 0);
		check_rules(*state, rows[i].asked ? TRACKING_ACTIVE : TRACKING_INACTIVE,
			    TRACKING_INACTIVE);
		assert_int_equal(nftables.asked, rows[i].asked);
	}
}

static void tables_of_iptables(void **state)
{
	tables(0, 0);
	procfs_write(*state, "net/ip_tables_names", "");
	procfs_write(*state, "net/ip6_tables_names", "");
	check_rules(*state, TRACKING_INACTIVE, TRACKING_INACTIVE);
	procfs_write(*state, "net/ip_tables_names", "filter\n");
	check_rules(*state, TRACKING_ACTIVE, TRACKING_INACTIVE);
	procfs_write(*state, "net/ip_tables_names", "");
	procfs_write(*state, "net/ip6_tables_names", "nat\nmangle\n");
	check_rules(*state, TRACKING_INACTIVE, TRACKING_ACTIVE);
	procfs_remove(*state, "net/ip6_tables_names");
	check_rules(*state, TRACKING_INACTIVE, TRACKING_INACTIVE);
	/* That nftables may not be asked does not hide what iptables has. */
	procfs_write(*state, "net/ip6_tables_names", "nat\n");
	nftables.error = -EPERM;
	check_rules(*state, TRACKING_UNKNOWN, TRACKING_ACTIVE);
}

/* A directory can be opened and not be read, for root as well. */
static void tables_of_iptables_that_may_not_be_read(void **state)
{
	tables(0, 0);
	procfs_write(*state, "net/ip_tables_names/in_the_way", "");
	check_rules(*state, TRACKING_UNKNOWN, TRACKING_INACTIVE);
	tables(AF_INET, AF_INET6);
	check_rules(*state, TRACKING_ACTIVE, TRACKING_ACTIVE);
}

/* ProcSubset=pid, or no /proc at all: that it names no table says nothing. */
static void iptables_where_proc_shows_nothing(void **state)
{
	procfs_remove(*state, "sys/net/core/somaxconn");
	tables(0, 0);
	check_rules(*state, TRACKING_UNKNOWN, TRACKING_UNKNOWN);
	tables(AF_INET, 0);
	check_rules(*state, TRACKING_ACTIVE, TRACKING_UNKNOWN);
	tables(0, 0);
	procfs_write(*state, "net/ip_tables_names", "");
	procfs_write(*state, "net/ip6_tables_names", "nat\n");
	check_rules(*state, TRACKING_INACTIVE, TRACKING_ACTIVE);
}

static void check_tracking(struct collector_context *ctx, enum tracking ipv4, enum tracking ipv6)
{
	enum tracking have[N_FLOW_FAMILIES];

	ctx->deadline_ns = 4711;
	tracking_read(ctx, have);
	assert_int_equal(have[FLOW_IPV4], ipv4);
	assert_int_equal(have[FLOW_IPV6], ipv6);
}

static void nothing_is_asked_where_conntrack_is_not_loaded(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);

	loaded = false;
	tables(AF_INET, AF_INET6);
	check_tracking(&ctx, TRACKING_INACTIVE, TRACKING_INACTIVE);
	assert_int_equal(nftables.asked, 0);
}

static void the_last_walk_counts_while_it_is_young(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);

	loaded = true;
	tables(AF_INET, AF_INET6);
	check_tracking(&ctx, TRACKING_UNKNOWN, TRACKING_UNKNOWN);
	ctx.survey.made = true;
	ctx.survey.fresh[FLOW_IPV4] = ctx.survey.has_flows[FLOW_IPV4] = true;
	ctx.survey.walk.complete = true;
	ctx.survey.walk.finished_ns = clock_monotonic_ns() - 59 * NSEC_PER_SEC;
	check_tracking(&ctx, TRACKING_ACTIVE, TRACKING_UNKNOWN);
	ctx.survey.walk.finished_ns = clock_monotonic_ns() - 60 * NSEC_PER_SEC;
	check_tracking(&ctx, TRACKING_UNKNOWN, TRACKING_UNKNOWN);
	ctx.survey.walk.finished_ns = clock_monotonic_ns();
	ctx.survey.made = false;
	check_tracking(&ctx, TRACKING_UNKNOWN, TRACKING_UNKNOWN);
}

/* That a connection is not in the table, beside no flow at all: only of a walk that saw them all.
 */
static void a_sample_without_flows_is_no_empty_table(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);

	loaded = true;
	tables(AF_INET, AF_INET6);
	ctx.survey.made = true;
	ctx.survey.walk.complete = true;
	ctx.survey.walk.finished_ns = clock_monotonic_ns();
	ctx.connection_tracked[FLOW_IPV4] = TRACKING_ACTIVE;
	ctx.connection_tracked[FLOW_IPV6] = TRACKING_INACTIVE;
	check_tracking(&ctx, TRACKING_ACTIVE, TRACKING_INACTIVE);
	ctx.survey.walk.complete = false;
	check_tracking(&ctx, TRACKING_ACTIVE, TRACKING_UNKNOWN);
	ctx.survey.walk.complete = true;
	ctx.survey.has_flows[FLOW_IPV6] = true;
	check_tracking(&ctx, TRACKING_ACTIVE, TRACKING_UNKNOWN);
}

#define network_test(f) cmocka_unit_test_setup_teardown(f, network_setup, directory_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		network_test(tables_are_of_their_family),
		network_test(tables_that_may_not_be_read),
		network_test(nftables_is_not_loaded_by_asking),
		network_test(tables_of_iptables),
		network_test(tables_of_iptables_that_may_not_be_read),
		network_test(iptables_where_proc_shows_nothing),
		network_test(nothing_is_asked_where_conntrack_is_not_loaded),
		network_test(the_last_walk_counts_while_it_is_young),
		network_test(a_sample_without_flows_is_no_empty_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
