/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rows about the size of the table and about what its counters lost. */

#include "unit.h"

#include "observation_well.h"

#define RAISE_MAX "sysctl -w net.netfilter.nf_conntrack_max=524288"

static void entries(struct both_looks *looks, uint64_t before, uint64_t now)
{
	looks->before.table[TABLE_ENTRIES] = reading(before);
	looks->now.table[TABLE_ENTRIES] = reading(now);
}

static void full_without_counters(struct both_looks *looks)
{
	entries(looks, 262144, 262144);
	looks->now.stat[STAT_DROP].known = false;
}

/* The garbage collector keeps it below the limit, and still packets are dropped. */
static void drops_below_the_limit(struct both_looks *looks)
{
	entries(looks, 250000, 250000);
	looks->now.stat[STAT_DROP] = reading(107);
}

static void full_without_rules(struct both_looks *looks)
{
	entries(looks, 262144, 262144);
	looks->now.tracking[FLOW_IPV4] = looks->now.tracking[FLOW_IPV6] = TRACKING_INACTIVE;
}

static void nearly_full(struct both_looks *looks)
{
	entries(looks, 240000, 241000);
}

static void three_quarters(struct both_looks *looks)
{
	entries(looks, 200000, 199000);
}

static void filling(struct both_looks *looks)
{
	entries(looks, 99000, 100000);
}

static void no_limit(struct both_looks *looks)
{
	looks->now.table[TABLE_ENTRIES_LIMIT] = reading(0);
}

static void limit_without_buckets(struct both_looks *looks)
{
	looks->now.table[TABLE_BUCKETS] = reading(16384);
}

static void long_chains(struct both_looks *looks)
{
	looks->now.table[TABLE_BUCKETS] = reading(4096);
	looks->now.table[TABLE_ENTRIES_LIMIT] = reading(0);
	entries(looks, 40960, 40960);
}

static void drops(struct both_looks *looks)
{
	entries(looks, 262144, 262144);
	looks->now.stat[STAT_DROP] = reading(7 + 125);
	looks->now.stat[STAT_INSERT_FAILED] = reading(10);
	looks->now.stat[STAT_CHAINTOOLONG] = reading(5);
}

static void drops_with_room(struct both_looks *looks)
{
	looks->now.stat[STAT_DROP] = reading(8);
}

static void evictions(struct both_looks *looks)
{
	looks->now.stat[STAT_EARLY_DROP] = reading(61);
}

static void races(struct both_looks *looks)
{
	looks->now.stat[STAT_INSERT_FAILED] = reading(15);
	looks->now.stat[STAT_CHAINTOOLONG] = reading(5);
	looks->now.stat[STAT_DROP] = reading(17);
	looks->now.stat[STAT_CLASH_RESOLVE] = reading(20);
}

static void chains(struct both_looks *looks)
{
	looks->now.stat[STAT_INSERT_FAILED] = reading(5);
	looks->now.stat[STAT_CHAINTOOLONG] = reading(5);
	looks->now.table[TABLE_BUCKETS] = reading(65536);
}

static void nothing(struct both_looks *looks)
{
	(void)looks;
}

#define ENTRIES(n)                            \
	{                                     \
		"conntrack_entries", n, false \
	}
#define LIMIT                                            \
	{                                                \
		"conntrack_entries_limit", 262144, false \
	}
#define GROWTH(n)                            \
	{                                    \
		"conntrack_entries", n, true \
	}
#define DROP(n)                                      \
	{                                            \
		"conntrack_stat_drop_total", n, true \
	}
#define FAILED(n)                                             \
	{                                                     \
		"conntrack_stat_insert_failed_total", n, true \
	}
#define TOO_LONG(n)                                          \
	{                                                    \
		"conntrack_stat_chaintoolong_total", n, true \
	}
#define BUCKETS(n)                            \
	{                                     \
		"conntrack_buckets", n, false \
	}
#define CHAIN(n)                                                      \
	{                                                             \
		"2 * conntrack_entries / conntrack_buckets", n, false \
	}
#define REFUSED(n)                                                                    \
	{                                                                             \
		"conntrack_stat_drop_total - (insert_failed - chaintoolong)", n, true \
	}

static const struct row_case cases[] = {
	{ "table_full",
	  both_looks_full,
	  SEVERITY_CRITICAL,
	  "The conntrack table is full: 262144 of 262144 entries",
	  { ENTRIES(262144), LIMIT, GROWTH(0), REFUSED(24) },
	  { RAISE_MAX, "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=86400",
	    "nft 'add table inet notrack_lo; add chain inet notrack_lo output { type filter hook "
	    "output priority raw; }; add rule inet notrack_lo output oifname lo notrack'" } },
	{ "table_full",
	  full_without_rules,
	  SEVERITY_WARNING,
	  "The conntrack table is full: 262144 of 262144 entries",
	  { ENTRIES(262144), LIMIT, GROWTH(0), REFUSED(0) },
	  { RAISE_MAX, "sysctl -w net.netfilter.nf_conntrack_udp_timeout=15" } },
	{ "table_full",
	  full_without_counters,
	  SEVERITY_CRITICAL,
	  "The conntrack table is full: 262144 of 262144 entries",
	  { ENTRIES(262144), LIMIT, GROWTH(0) },
	  { RAISE_MAX, "sysctl -w net.netfilter.nf_conntrack_udp_timeout=15" } },
	{ "table_full",
	  drops_below_the_limit,
	  SEVERITY_CRITICAL,
	  "The conntrack table is full: 250000 of 262144 entries",
	  { ENTRIES(250000), LIMIT, GROWTH(0), REFUSED(20) },
	  { RAISE_MAX, "sysctl -w net.netfilter.nf_conntrack_udp_timeout=15" } },
	{ "table_nearly_full",
	  nearly_full,
	  SEVERITY_CRITICAL,
	  "The conntrack table is nearly full: 241000 of 262144 entries (92%)",
	  { ENTRIES(241000), LIMIT, GROWTH(200) },
	  { RAISE_MAX, "sysctl -w net.netfilter.nf_conntrack_udp_timeout=15" } },
	{ "table_nearly_full",
	  three_quarters,
	  SEVERITY_WARNING,
	  "The conntrack table is nearly full: 199000 of 262144 entries (76%)",
	  { ENTRIES(199000), LIMIT, GROWTH(-200) },
	  { RAISE_MAX, "sysctl -w net.netfilter.nf_conntrack_udp_timeout=15" } },
	{ "table_filling",
	  filling,
	  SEVERITY_WARNING,
	  "The conntrack table fills up: full in 13 min at the present growth",
	  { ENTRIES(100000), LIMIT, GROWTH(200) },
	  { RAISE_MAX, "sysctl -w net.netfilter.nf_conntrack_udp_timeout=15" } },
	{ "no_limit",
	  no_limit,
	  SEVERITY_INFO,
	  "The conntrack table has no limit: nf_conntrack_max is 0",
	  { ENTRIES(1200), { "conntrack_entries_limit", 0, false }, GROWTH(0) },
	  { 0 } },
	{ "buckets_too_few",
	  limit_without_buckets,
	  SEVERITY_WARNING,
	  "Too few hash buckets: the limit allows 16 entries for each",
	  { ENTRIES(1200), LIMIT, GROWTH(0), BUCKETS(16384), CHAIN(1200.0 / 8192) },
	  { "sysctl -w net.netfilter.nf_conntrack_buckets=262144" } },
	{ "buckets_too_few",
	  long_chains,
	  SEVERITY_WARNING,
	  "Too few hash buckets: a chain holds 20 entries on average",
	  { ENTRIES(40960),
	    { "conntrack_entries_limit", 0, false },
	    GROWTH(0),
	    BUCKETS(4096),
	    CHAIN(20) },
	  { "sysctl -w net.netfilter.nf_conntrack_buckets=81920" } },
	{ "new_flows_dropped",
	  drops,
	  SEVERITY_CRITICAL,
	  "conntrack refuses 24 packets of new flows a second",
	  { DROP(25), FAILED(2), TOO_LONG(1), ENTRIES(262144), LIMIT },
	  { RAISE_MAX } },
	{ "new_flows_dropped",
	  drops_with_room,
	  SEVERITY_WARNING,
	  "conntrack refuses 0.2 packets of new flows a second",
	  { DROP(0.2), FAILED(0), TOO_LONG(0), ENTRIES(1200), LIMIT },
	  { "dmesg | grep -i -e conntrack -e 'allocation failure'" } },
	{ "evictions",
	  evictions,
	  SEVERITY_WARNING,
	  "The full table evicts 12.2 entries a second",
	  { { "conntrack_stat_early_drop_total", 12.2, true }, ENTRIES(1200), LIMIT },
	  { RAISE_MAX } },
	{ "insert_races",
	  races,
	  SEVERITY_WARNING,
	  "2 packets of new flows a second lose a race for a place in the table",
	  { FAILED(3), TOO_LONG(1), DROP(2), { "conntrack_stat_clash_resolve_total", 4, true } },
	  { "iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE --random-fully" } },
	{ "chain_too_long",
	  chains,
	  SEVERITY_CRITICAL,
	  "conntrack refuses 1 packets of new flows a second: hash chains are too long",
	  { TOO_LONG(1), FAILED(1), BUCKETS(65536), ENTRIES(1200), LIMIT },
	  { "sysctl -w net.netfilter.nf_conntrack_buckets=262144" } },
};

/* Told of a host that is well, too. */
static const struct row_case memory_case = {
	"limit_and_memory",
	nothing,
	SEVERITY_INFO,
	"At its limit the conntrack table takes about 66 MiB",
	{ LIMIT,
	  { "conntrack_entry_size_bytes", 256, false },
	  BUCKETS(262144),
	  { "memory of the machine in bytes", 8589934592.0, false } },
	{ 0 },
};

static void each_row_says_it(_unused_ void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_row(&cases[i]);
	check_row(&memory_case);
}

static void none_when_well(_unused_ void **state)
{
	check_silent_when_well(cases, ARRAY_SIZE(cases));
}

static bool says(const struct both_looks *looks, const char *id)
{
	static struct diagnosis diagnosis;

	diagnosis_make(&looks->before, &looks->now, &diagnosis);
	return finding_of(&diagnosis, id) != NULL;
}

/* One thing is said once: full, nearly full, and filling exclude each other. */
static void one_of_full_nearly_and_filling(_unused_ void **state)
{
	for (uint64_t n = 0; n <= 300000; n += 500) {
		struct both_looks looks;

		both_looks_well(&looks);
		entries(&looks, n > 400 ? n - 400 : 0, n);
		assert_int_equal(says(&looks, "table_full"), n >= 262144);
		assert_int_equal(says(&looks, "table_nearly_full"), n >= 196608 && n < 262144);
		/* At 80/s; below a quarter, seconds tell nothing of an hour. */
		assert_int_equal(says(&looks, "table_filling"), n >= 65536 && n < 196608);
	}
}

/* drop and insert_failed as one is a lost race, insert_failed and chaintoolong as one a long chain:
 * in neither the table refused anything. */
static void other_losses_are_no_full_table(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	races(&looks);
	assert_false(says(&looks, "new_flows_dropped"));
	both_looks_well(&looks);
	chains(&looks);
	assert_false(says(&looks, "new_flows_dropped"));
	assert_false(says(&looks, "insert_races"));
	/* Linux before 5.10: insert_failed counts what was resolved, too. */
	both_looks_well(&looks);
	looks.now.stat[STAT_INSERT_FAILED] = reading(10);
	looks.now.stat[STAT_CLASH_RESOLVE].known = false;
	assert_false(says(&looks, "insert_races"));
	/* Before 5.15: no chaintoolong, the rest is judged. */
	both_looks_well(&looks);
	drops(&looks);
	looks.now.stat[STAT_CHAINTOOLONG].known = looks.before.stat[STAT_CHAINTOOLONG].known =
		false;
	assert_true(says(&looks, "new_flows_dropped"));
}

static void a_counter_that_fell_says_nothing(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	drops(&looks);
	looks.before.stat[STAT_DROP] = reading(100000);
	assert_false(says(&looks, "new_flows_dropped"));
	both_looks_well(&looks);
	chains(&looks);
	looks.before.stat[STAT_CHAINTOOLONG] = reading(6);
	assert_false(says(&looks, "chain_too_long"));
	assert_false(says(&looks, "insert_races"));
	/* No time passed. */
	both_looks_well(&looks);
	drops(&looks);
	looks.now.taken_ns = looks.before.taken_ns;
	assert_false(says(&looks, "new_flows_dropped"));
}

static const char *command_at(const struct both_looks *looks, const char *id, size_t i)
{
	static struct diagnosis diagnosis;
	const struct finding *finding;

	diagnosis_make(&looks->before, &looks->now, &diagnosis);
	finding = finding_of(&diagnosis, id);
	assert_non_null(finding);
	return i < finding->n_advice ? finding->advice[i].command : "";
}

/* Packets that memory or a tracker refused do not make a table full that has room. */
static void drops_fill_no_table_that_has_room(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	drops_with_room(&looks);
	assert_false(says(&looks, "table_full"));
	entries(&looks, 249000, 249000);
	assert_false(says(&looks, "table_full"));
	entries(&looks, 249037, 249037);
	assert_true(says(&looks, "table_full"));
}

/* A larger limit brings more buckets where these would be few, and never leaves what sysctl takes.
 */
static void proposals_keep_within_the_kernel(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	entries(&looks, 262144, 262144);
	looks.now.table[TABLE_BUCKETS] = reading(32768);
	assert_string_equal(command_at(&looks, "table_full", 1),
			    "sysctl -w net.netfilter.nf_conntrack_buckets=524288");
	looks.now.table[TABLE_BUCKETS] = reading(65536);
	assert_string_not_equal(command_at(&looks, "table_full", 1),
				"sysctl -w net.netfilter.nf_conntrack_buckets=524288");
	looks.now.table[TABLE_ENTRIES_LIMIT] = reading(1500000000);
	looks.now.table[TABLE_ENTRIES] = reading(1500000000);
	assert_string_equal(command_at(&looks, "table_full", 0),
			    "sysctl -w net.netfilter.nf_conntrack_max=2147483647");
	assert_string_equal(command_at(&looks, "table_full", 1),
			    "sysctl -w net.netfilter.nf_conntrack_buckets=67108864");
	looks.now.table[TABLE_ENTRIES_LIMIT] = looks.now.table[TABLE_ENTRIES] = reading(INT32_MAX);
	assert_string_equal(command_at(&looks, "table_full", 0),
			    "sysctl -w net.netfilter.nf_conntrack_udp_timeout=15");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_says_it),
		cmocka_unit_test(none_when_well),
		cmocka_unit_test(one_of_full_nearly_and_filling),
		cmocka_unit_test(other_losses_are_no_full_table),
		cmocka_unit_test(a_counter_that_fell_says_nothing),
		cmocka_unit_test(drops_fill_no_table_that_has_room),
		cmocka_unit_test(proposals_keep_within_the_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
