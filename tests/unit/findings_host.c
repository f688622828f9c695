/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rows about what is not conntrack, and about what could be seen and how it is set. */

#include "unit.h"

#include "observation_well.h"

static void grow(struct both_looks *looks, enum netstat_counter counter, uint64_t growth)
{
	looks->now.netstat[counter] = reading(looks->before.netstat[counter].value + growth);
}

static void overflow(struct both_looks *looks)
{
	grow(looks, NETSTAT_LISTEN_OVERFLOWS, 8);
	grow(looks, NETSTAT_LISTEN_DROPS, 10);
}

static void full_listener(struct both_looks *looks)
{
	looks->now.sockets.listeners_full = 2;
	looks->now.sockets.accept_queue_max_ratio = 1.25;
}

static void overflow_now(struct both_looks *looks)
{
	overflow(looks);
	full_listener(looks);
}

static void syn_drops(struct both_looks *looks)
{
	grow(looks, NETSTAT_REQUEST_QUEUE_FULL_DROPS, 100);
}

static void syn_cookies(struct both_looks *looks)
{
	grow(looks, NETSTAT_REQUEST_QUEUE_FULL_COOKIES, 100);
}

static void ports(struct both_looks *looks)
{
	looks->now.ports.in_use_max = reading(24000);
}

/* As many as there could be: nothing to widen. */
static void no_ports(struct both_looks *looks)
{
	looks->now.ports.range = looks->now.ports.in_use_max = reading(64512);
	looks->now.ports.remote = looks->now.talkers[0].talkers[0].destination;
}

static void memory(struct both_looks *looks)
{
	looks->now.limits[LIMIT_MEMORY_BYTES] = reading(900000000);
}

static void files(struct both_looks *looks)
{
	looks->now.limits[LIMIT_FILES] = reading(790000);
}

static void orphans(struct both_looks *looks)
{
	looks->now.limits[LIMIT_ORPHANED] = reading(32768);
}

static void syn_retransmits(struct both_looks *looks)
{
	grow(looks, NETSTAT_SYN_RETRANSMITS, 50);
	grow(looks, NETSTAT_ACTIVE_OPENS, 25);
}

static void not_loaded(struct both_looks *looks)
{
	looks->now.table_error = -ENODATA;
	looks->now.has_walk = false;
	looks->now.walk_error = -ENODATA;
	memset(looks->now.table, 0, sizeof(looks->now.table));
}

static void ipv6_inactive(struct both_looks *looks)
{
	looks->now.tracking[FLOW_IPV6] = TRACKING_INACTIVE;
}

static void all_inactive(struct both_looks *looks)
{
	looks->now.tracking[FLOW_IPV4] = looks->now.tracking[FLOW_IPV6] = TRACKING_INACTIVE;
}

static void not_permitted(struct both_looks *looks)
{
	looks->now.has_walk = false;
	looks->now.walk_error = -EPERM;
}

static void not_permitted_and_half_full(struct both_looks *looks)
{
	not_permitted(looks);
	looks->now.table[TABLE_ENTRIES] = reading(131072);
}

static void walk_failed(struct both_looks *looks)
{
	looks->now.has_walk = false;
	looks->now.walk_error = -ETIMEDOUT;
}

static void sampled(struct both_looks *looks)
{
	looks->now.walk_complete = false;
	looks->now.walk_visited = 1000;
}

static void liberal(struct both_looks *looks)
{
	looks->now.settings.setting[SETTING_TCP_BE_LIBERAL] = reading(1);
}

static void strict(struct both_looks *looks)
{
	looks->now.settings.setting[SETTING_TCP_LOOSE] = reading(0);
}

static void nothing(struct both_looks *looks)
{
	(void)looks;
}

#define ACTIVE(family, n)                                                    \
	{                                                                    \
		"conntrack_tracking_active{family=\"" family "\"}", n, false \
	}
#define SETTING(name, n)                                         \
	{                                                        \
		"conntrack_setting{name=\"" name "\"}", n, false \
	}
#define BACKLOG "ss -lnt", "sysctl -w net.core.somaxconn=8192"
#define PERMISSIONS                                                             \
	"sudo conntrack_exporter diagnose",                                     \
		"setcap cap_net_admin+ep \"$(command -v conntrack_exporter)\"", \
		"docker run --network=host --cap-add=NET_ADMIN ..."

static const struct row_case cases[] = {
	{ "other_listen_overflow",
	  overflow,
	  SEVERITY_WARNING,
	  "Not conntrack: 1.6 connections a second find a full accept queue",
	  { { "conntrack_tcp_listen_overflows_total", 1.6, true },
	    { "conntrack_tcp_listen_drops_total", 2, true },
	    { "conntrack_tcp_listeners_full", 0, false } },
	  { BACKLOG } },
	{ "other_listen_overflow",
	  overflow_now,
	  SEVERITY_CRITICAL,
	  "Not conntrack: 1.6 connections a second find a full accept queue",
	  { { "conntrack_tcp_listen_overflows_total", 1.6, true },
	    { "conntrack_tcp_listen_drops_total", 2, true },
	    { "conntrack_tcp_listeners_full", 2, false } },
	  { BACKLOG } },
	{ "other_accept_queue",
	  full_listener,
	  SEVERITY_WARNING,
	  "Not conntrack: the accept queue of 2 of 12 listeners is full",
	  { { "conntrack_tcp_listeners_full", 2, false },
	    { "conntrack_tcp_accept_queue_max_ratio", 1.25, false } },
	  { BACKLOG } },
	{ "other_syn_queue",
	  syn_drops,
	  SEVERITY_CRITICAL,
	  "Not conntrack: 20 SYNs a second find a full SYN queue, 100% of them are dropped",
	  { { "conntrack_tcp_request_queue_full_drops_total", 20, true },
	    { "conntrack_tcp_request_queue_full_cookies_total", 0, true } },
	  { "sysctl -w net.ipv4.tcp_syncookies=1", "ss -nt state syn-recv" } },
	{ "other_syn_queue",
	  syn_cookies,
	  SEVERITY_WARNING,
	  "Not conntrack: 20 SYNs a second find a full SYN queue, none of them are dropped",
	  { { "conntrack_tcp_request_queue_full_drops_total", 0, true },
	    { "conntrack_tcp_request_queue_full_cookies_total", 20, true } },
	  { "ss -nt state syn-recv" } },
	{ "other_ephemeral_ports",
	  ports,
	  SEVERITY_WARNING,
	  "Not conntrack: 85% of the local ports towards 198.51.100.2 port 5432 are in use",
	  { { "conntrack_ephemeral_ports_in_use_max", 24000, false },
	    { "conntrack_ephemeral_ports", 28232, false } },
	  { "sysctl -w net.ipv4.ip_local_port_range=\"10240 65535\"",
	    "ss -antp dst \"198.51.100.2\" dport = :5432" } },
	{ "other_ephemeral_ports",
	  no_ports,
	  SEVERITY_CRITICAL,
	  "Not conntrack: 100% of the local ports towards 2001:db8::2 port 5432 are in use",
	  { { "conntrack_ephemeral_ports_in_use_max", 64512, false },
	    { "conntrack_ephemeral_ports", 64512, false } },
	  { "ss -antp dst \"[2001:db8::2]\" dport = :5432" } },
	{ "other_tcp_memory",
	  memory,
	  SEVERITY_WARNING,
	  "Not conntrack: TCP buffers use 84% of their memory limit",
	  { { "conntrack_tcp_memory_bytes", 900000000, false },
	    { "conntrack_tcp_memory_bytes_limit", 1073741824, false } },
	  { "ss -ntm" } },
	{ "other_file_handles",
	  files,
	  SEVERITY_CRITICAL,
	  "Not conntrack: 99% of the system's file handles are in use",
	  { { "conntrack_file_handles", 790000, false },
	    { "conntrack_file_handles_limit", 800000, false } },
	  { "sysctl -w fs.file-max=1600000" } },
	{ "other_orphans",
	  orphans,
	  SEVERITY_WARNING,
	  "Not conntrack: 32768 orphaned TCP sockets, 100% of the limit",
	  { { "conntrack_tcp_sockets_orphaned", 32768, false },
	    { "conntrack_tcp_sockets_orphaned_limit", 32768, false } },
	  { "ss -nt state fin-wait-1 state last-ack state closing" } },
	{ "other_syn_retransmits",
	  syn_retransmits,
	  SEVERITY_WARNING,
	  "Not conntrack: 10 SYNs or SYN-ACKs a second are sent again",
	  { { "conntrack_tcp_syn_retransmits_total", 10, true },
	    { "conntrack_tcp_active_opens_total", 5, true },
	    { "conntrack_stat_drop_total", 0, true },
	    { "conntrack_stat_insert_failed_total", 0, true } },
	  { "ss -nto state syn-sent" } },
	{ "tracking_inactive",
	  not_loaded,
	  SEVERITY_INFO,
	  "nf_conntrack is not loaded: nothing is tracked",
	  { { { 0 }, 0, false } },
	  { 0 } },
	{ "tracking_inactive",
	  ipv6_inactive,
	  SEVERITY_INFO,
	  "IPv6 packets of this network namespace do not pass through conntrack",
	  { ACTIVE("ipv4", 1), ACTIVE("ipv6", 0) },
	  { "nft list ruleset" } },
	{ "tracking_inactive",
	  all_inactive,
	  SEVERITY_WARNING,
	  "IPv4 and IPv6 packets of this network namespace do not pass through conntrack",
	  { ACTIVE("ipv4", 0),
	    ACTIVE("ipv6", 0),
	    { "flows of the family in the table", 1200, false } },
	  { "nft list ruleset" } },
	{ "not_permitted",
	  not_permitted,
	  SEVERITY_INFO,
	  "The flows could not be read: CAP_NET_ADMIN is missing",
	  { { { 0 }, 0, false } },
	  { PERMISSIONS } },
	{ "not_permitted",
	  not_permitted_and_half_full,
	  SEVERITY_WARNING,
	  "The flows could not be read: CAP_NET_ADMIN is missing",
	  { { { 0 }, 0, false } },
	  { PERMISSIONS } },
	{ "walk_failed",
	  walk_failed,
	  SEVERITY_INFO,
	  "The flows could not be read: Connection timed out",
	  { { { 0 }, 0, false } },
	  { 0 } },
	{ "walk_sampled",
	  sampled,
	  SEVERITY_INFO,
	  "Counts of flows are scaled from a sample of 1000",
	  { { "conntrack_walk_flows", 1000, false },
	    { "conntrack_entries", 1200, false },
	    { "conntrack_walk_duration_seconds", 0.003, false } },
	  { 0 } },
};

/* Told as they are set, whatever it is. */
static const struct row_case settings[] = {
	{ "tcp_be_liberal",
	  nothing,
	  SEVERITY_INFO,
	  "nf_conntrack_tcp_be_liberal is 0",
	  { SETTING("tcp_be_liberal", 0) },
	  { 0 } },
	{ "tcp_be_liberal",
	  liberal,
	  SEVERITY_INFO,
	  "nf_conntrack_tcp_be_liberal is 1",
	  { SETTING("tcp_be_liberal", 1) },
	  { 0 } },
	{ "tcp_loose",
	  nothing,
	  SEVERITY_INFO,
	  "nf_conntrack_tcp_loose is 1",
	  { SETTING("tcp_loose", 1) },
	  { 0 } },
	{ "tcp_loose",
	  strict,
	  SEVERITY_INFO,
	  "nf_conntrack_tcp_loose is 0",
	  { SETTING("tcp_loose", 0) },
	  { 0 } },
};

static void each_row_says_it(_unused_ void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_row(&cases[i]);
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
		check_row(&settings[i]);
}

static void none_when_well(_unused_ void **state)
{
	check_silent_when_well(cases, ARRAY_SIZE(cases));
}

static const struct finding *found(const struct both_looks *looks, const char *id)
{
	static struct diagnosis diagnosis;

	diagnosis_make(&looks->before, &looks->now, &diagnosis);
	return finding_of(&diagnosis, id);
}

/* Whoever reads one of these must not go and raise conntrack's limit. */
static void other_causes_clear_conntrack(_unused_ void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct both_looks looks;
		const struct finding *finding;

		if (strncmp(cases[i].id, "other_", 6) != 0)
			continue;
		both_looks_well(&looks);
		cases[i].provoke(&looks);
		finding = found(&looks, cases[i].id);
		assert_non_null(strstr(finding->detail, "This is not conntrack."));
		for (size_t j = 0; j < finding->n_advice; j++)
			assert_null(strstr(finding->advice[j].command, "nf_conntrack"));
	}
}

/* Retransmits are laid at conntrack's door where its counters moved or were not read. */
static void retransmits_with_drops_are_not_cleared(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	syn_retransmits(&looks);
	looks.now.stat[STAT_DROP] = reading(8);
	assert_null(found(&looks, "other_syn_retransmits"));
	looks.now.stat[STAT_DROP].known = false;
	assert_null(found(&looks, "other_syn_retransmits"));
	both_looks_well(&looks);
	syn_retransmits(&looks);
	looks.now.stat[STAT_INSERT_FAILED] = reading(1);
	assert_null(found(&looks, "other_syn_retransmits"));
	/* A few among many opens are everyday life. */
	both_looks_well(&looks);
	grow(&looks, NETSTAT_SYN_RETRANSMITS, 50);
	grow(&looks, NETSTAT_ACTIVE_OPENS, 501);
	assert_null(found(&looks, "other_syn_retransmits"));
}

static void limits_that_were_not_read_are_not_judged(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	files(&looks);
	memory(&looks);
	orphans(&looks);
	no_ports(&looks);
	looks.now.limits[LIMIT_FILES_LIMIT].known = false;
	looks.now.limits[LIMIT_MEMORY_BYTES].known = false;
	looks.now.limits[LIMIT_ORPHANED_LIMIT] = reading(0);
	looks.now.ports.range.known = false;
	assert_null(found(&looks, "other_file_handles"));
	assert_null(found(&looks, "other_tcp_memory"));
	assert_null(found(&looks, "other_orphans"));
	assert_null(found(&looks, "other_ephemeral_ports"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_says_it),
		cmocka_unit_test(none_when_well),
		cmocka_unit_test(other_causes_clear_conntrack),
		cmocka_unit_test(retransmits_with_drops_are_not_cleared),
		cmocka_unit_test(limits_that_were_not_read_are_not_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
