/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rows about what the entries are, whose they are, and whether sockets own them. */

#include "unit.h"

#include "address_text.h"
#include "observation_well.h"

static void established(struct both_looks *looks)
{
	struct flow_counts *flows = &looks->now.flows;

	flows->by_protocol[FLOW_IPV6][FLOW_TCP] = 8400;
	flows->by_tcp_state[FLOW_IPV6][FLOW_TCP_ESTABLISHED] = 8400;
	flows->by_reply[FLOW_TCP][FLOW_ASSURED] = 9000;
	flows->by_path[FLOW_FORWARDED] = 8400;
	flows->established_hours_left[0] = 4000;
	flows->established_hours_left[95] = 900;
	flows->established_hours_left[96] = 500;
	flows->established_hours_left[116] = 200;
	flows->established_hours_left[117] = 2500;
}

static void half_used(struct both_looks *looks)
{
	established(looks);
	looks->now.table[TABLE_ENTRIES] = looks->before.table[TABLE_ENTRIES] = reading(131072);
}

static void time_wait(struct both_looks *looks)
{
	struct flow_counts *flows = &looks->now.flows;

	flows->by_protocol[FLOW_IPV4][FLOW_TCP] = 3300;
	flows->by_tcp_state[FLOW_IPV4][FLOW_TCP_TIME_WAIT] = 3000;
	flows->by_reply[FLOW_TCP][FLOW_ASSURED] = 3300;
}

static void unanswered(struct both_looks *looks)
{
	struct flow_counts *flows = &looks->now.flows;

	flows->by_protocol[FLOW_IPV4][FLOW_TCP] = 3400;
	flows->by_tcp_state[FLOW_IPV4][FLOW_TCP_SYN_SENT] = 800;
	flows->by_tcp_state[FLOW_IPV4][FLOW_TCP_SYN_RECV] = 2000;
	flows->by_reply[FLOW_TCP][FLOW_UNREPLIED] = 800;
	flows->by_reply[FLOW_TCP][FLOW_REPLIED] = 2000;
}

static void heavy(struct both_looks *looks, enum talkers_by by, uint64_t entries)
{
	for (int i = 0; i < N_TALKERS_BYS; i++)
		looks->now.talkers[i].flows = 100000;
	looks->now.talkers[by].talkers[0].flows = 40000;
	looks->now.table[TABLE_ENTRIES] = looks->before.table[TABLE_ENTRIES] = reading(entries);
}

static void heavy_source(struct both_looks *looks)
{
	heavy(looks, TALKERS_BY_SOURCE, 100000);
}

/* Its sketch may have counted 4000 flows of others as its own. */
static void heavy_destination(struct both_looks *looks)
{
	heavy(looks, TALKERS_BY_DESTINATION, 100000);
	looks->now.talkers[TALKERS_BY_DESTINATION].talkers[0].error = 4000;
}

/* Half of the flows are of protocols without ports. */
static void heavy_port_with_room(struct both_looks *looks)
{
	heavy(looks, TALKERS_BY_DESTINATION_PORT, 40000);
	looks->now.talkers[TALKERS_BY_DESTINATION_PORT].flows = 50000;
}

static void heavy_pair(struct both_looks *looks)
{
	heavy(looks, TALKERS_BY_PAIR, 100000);
}

static void dead(struct both_looks *looks)
{
	looks->now.join.flows[JOIN_PRESENT] = 2500;
	looks->now.join.flows[JOIN_ABSENT] = 2000;
	looks->now.join.flows[JOIN_FORWARDED] = 500;
	looks->now.flows.established_hours_left[20] = 500;
}

static void untracked_remote(struct both_looks *looks)
{
	looks->now.join.sockets[JOIN_UNTRACKED][JOIN_REMOTE] = 12;
}

static void untracked_remote_strict(struct both_looks *looks)
{
	untracked_remote(looks);
	looks->now.settings.setting[SETTING_TCP_LOOSE] = reading(0);
}

static void untracked_loopback(struct both_looks *looks)
{
	looks->now.join.sockets[JOIN_UNTRACKED][JOIN_LOOPBACK] = 6;
}

static void mismatched(struct both_looks *looks)
{
	looks->now.join.sockets[JOIN_MISMATCHED][JOIN_LOOPBACK] = 1;
	looks->now.join.sockets[JOIN_MISMATCHED][JOIN_REMOTE] = 2;
}

static void crowded(struct both_looks *looks)
{
	looks->now.table[TABLE_ENTRIES] = looks->before.table[TABLE_ENTRIES] = reading(65536);
}

static void dead_and_crowded(struct both_looks *looks)
{
	dead(looks);
	crowded(looks);
}

static void unanswered_and_crowded(struct both_looks *looks)
{
	unanswered(looks);
	crowded(looks);
}

#define TOTAL(n)                               \
	{                                      \
		"flows of the table", n, false \
	}
#define TIMEOUT_IS(name, n)                                  \
	{                                                    \
		"net.netfilter.nf_conntrack_" name, n, false \
	}
#define SOCKETS(tracking, path, n)                                                               \
	{                                                                                        \
		"conntrack_established_sockets{tracking=\"" tracking "\",path=\"" path "\"}", n, \
			false                                                                    \
	}
#define FLOWS(socket, n)                                                       \
	{                                                                      \
		"conntrack_established_flows{socket=\"" socket "\"}", n, false \
	}
#define ESTABLISHED_AT(n) "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_established=" n

static const struct row_case cases[] = {
	/* 900 idle for a day are less than a tenth; 3 h are exceeded by those and 700 more. */
	{ "what_fills_the_table",
	  established,
	  SEVERITY_INFO,
	  "91% of the table are TCP flows in state ESTABLISHED (8700 of 9600)",
	  { TIMEOUT_IS("tcp_timeout_established", 432000),
	    { "TCP flows in state ESTABLISHED", 8700, false },
	    TOTAL(9600) },
	  { ESTABLISHED_AT("10800") } },
	{ "what_fills_the_table",
	  half_used,
	  SEVERITY_WARNING,
	  "91% of the table are TCP flows in state ESTABLISHED (8700 of 9600)",
	  { TIMEOUT_IS("tcp_timeout_established", 432000),
	    { "TCP flows in state ESTABLISHED", 8700, false },
	    TOTAL(9600) },
	  { ESTABLISHED_AT("10800"), "conntrack_exporter talkers --by=pair" } },
	{ "what_fills_the_table",
	  time_wait,
	  SEVERITY_INFO,
	  "77% of the table are TCP flows in state TIME_WAIT (3000 of 3900)",
	  { TIMEOUT_IS("tcp_timeout_time_wait", 120),
	    { "TCP flows in state TIME_WAIT", 3000, false },
	    TOTAL(3900) },
	  { "sysctl -w net.netfilter.nf_conntrack_tcp_timeout_time_wait=30" } },
	{ "syn_flood_or_unreplied",
	  unanswered_and_crowded,
	  SEVERITY_WARNING,
	  "72% of the flows were never answered or never completed (2900 of 4000)",
	  { { "conntrack_flows_by_reply{reply=\"unreplied\"}", 900, false },
	    { "conntrack_tcp_flows{state=\"syn_sent\"}", 800, false },
	    { "conntrack_tcp_flows{state=\"syn_recv\"}", 2000, false },
	    TOTAL(4000) },
	  { "conntrack_exporter talkers --by=source --state=syn_recv" } },
	{ "heavy_source",
	  heavy_source,
	  SEVERITY_WARNING,
	  "source 192.0.2.1 has 40000 flows, 40% of the table",
	  { { "source 192.0.2.1", 40000, false }, TOTAL(100000) },
	  { "conntrack_exporter talkers --by=destination --source=192.0.2.1" } },
	{ "heavy_destination",
	  heavy_destination,
	  SEVERITY_WARNING,
	  "destination 2001:db8::2 has at least 36000 flows, 36% of the table",
	  { { "destination 2001:db8::2", 36000, false }, TOTAL(100000) },
	  { "conntrack_exporter talkers --by=source --destination=2001:db8::2" } },
	{ "heavy_destination_port",
	  heavy_port_with_room,
	  SEVERITY_INFO,
	  "destination port 443 has 40000 flows, 40% of the table",
	  { { "destination port 443", 40000, false }, TOTAL(100000) },
	  { "conntrack_exporter talkers --by=pair --port=443",
	    "iptables -t raw -A PREROUTING -p tcp --dport 443 -j CT --notrack" } },
	{ "heavy_pair",
	  heavy_pair,
	  SEVERITY_WARNING,
	  "192.0.2.1 to 2001:db8::2 has 40000 flows, 40% of the table",
	  { { "192.0.2.1 to 2001:db8::2", 40000, false }, TOTAL(100000) },
	  { "conntrack_exporter talkers --by=destination-port --source=192.0.2.1 "
	    "--destination=2001:db8::2" } },
	{ "dead_weight",
	  dead,
	  SEVERITY_INFO,
	  "2000 ESTABLISHED entries have no socket (40% of them)",
	  { FLOWS("absent", 2000), FLOWS("present", 2500), FLOWS("forwarded", 500),
	    TIMEOUT_IS("tcp_timeout_established", 432000) },
	  { ESTABLISHED_AT("86400") } },
	{ "dead_weight",
	  dead_and_crowded,
	  SEVERITY_WARNING,
	  "2000 ESTABLISHED entries have no socket (40% of them)",
	  { FLOWS("absent", 2000), FLOWS("present", 2500), FLOWS("forwarded", 500),
	    TIMEOUT_IS("tcp_timeout_established", 432000) },
	  { ESTABLISHED_AT("86400") } },
	{ "sockets_untracked_remote",
	  untracked_remote,
	  SEVERITY_INFO,
	  "12 ESTABLISHED sockets to other hosts have no entry in the table",
	  { SOCKETS("untracked", "remote", 12),
	    SOCKETS("tracked", "remote", 280),
	    { "conntrack_setting{name=\"tcp_loose\"}", 1, false } },
	  { 0 } },
	{ "sockets_untracked_remote",
	  untracked_remote_strict,
	  SEVERITY_WARNING,
	  "12 ESTABLISHED sockets to other hosts have no entry in the table",
	  { SOCKETS("untracked", "remote", 12),
	    SOCKETS("tracked", "remote", 280),
	    { "conntrack_setting{name=\"tcp_loose\"}", 0, false } },
	  { "sysctl -w net.netfilter.nf_conntrack_tcp_loose=1" } },
	{ "sockets_untracked_loopback",
	  untracked_loopback,
	  SEVERITY_INFO,
	  "6 ESTABLISHED sockets over loopback have no entry in the table",
	  { SOCKETS("untracked", "loopback", 6), SOCKETS("tracked", "loopback", 20) },
	  { 0 } },
	{ "sockets_mismatched",
	  mismatched,
	  SEVERITY_INFO,
	  "3 ESTABLISHED sockets have an entry in another state",
	  { SOCKETS("mismatched", "loopback", 1), SOCKETS("mismatched", "remote", 2) },
	  { 0 } },
};

static void each_row_says_it(_unused_ void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_row(&cases[i]);
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

/* What the words say of idle flows is what was counted, those within the last hour left out. */
static void idle_flows_are_told_as_counted(_unused_ void **state)
{
	struct both_looks looks;
	const struct finding *finding;

	both_looks_well(&looks);
	established(&looks);
	finding = found(&looks, "what_fills_the_table");
	assert_string_equal(
		finding->detail,
		"Each stays up to 432000 s after its last packet. At least 900 of them have been "
		"idle for more than 24 h, judged by the time they have left. If no more packets came, "
		"9.4% of all flows would be gone within 10 minutes and 9.4% within a day. By path "
		"most of the table is forwarded (88%).");
	assert_string_equal(
		finding->advice[0].cost,
		"With it, at least 1600 ESTABLISHED entries would be gone already: idle for longer, "
		"judged by the time they have left. Cost: a connection idle for longer is forgotten; "
		"behind NAT it then breaks. It applies to an entry from its next packet on: idle ones "
		"keep the time they have left.");
	/* A timeout that is short already leaves nothing to propose. */
	looks.now.settings.timeout_s[TIMEOUT_TCP_ESTABLISHED] = reading(10800);
	assert_int_equal(found(&looks, "what_fills_the_table")->n_advice, 0);
	looks.now.settings.timeout_s[TIMEOUT_TCP_ESTABLISHED].known = false;
	assert_int_equal(found(&looks, "what_fills_the_table")->n_advice, 0);
	/* Nor do busy connections. */
	both_looks_well(&looks);
	established(&looks);
	memset(looks.now.flows.established_hours_left, 0,
	       sizeof(looks.now.flows.established_hours_left));
	looks.now.flows.established_hours_left[0] = 4000;
	looks.now.flows.established_hours_left[119] = 4700;
	assert_int_equal(found(&looks, "what_fills_the_table")->n_advice, 0);
}

static void what_flows_lacked_is_not_judged(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	established(&looks);
	looks.now.flows.missing = FLOW_HAS_TIMEOUT;
	assert_null(strstr(found(&looks, "what_fills_the_table")->detail, "gone within"));
	assert_null(strstr(found(&looks, "what_fills_the_table")->detail, "idle for"));
	assert_int_equal(found(&looks, "what_fills_the_table")->n_advice, 0);
	looks.now.flows.missing = FLOW_HAS_RESPONDER;
	assert_null(strstr(found(&looks, "what_fills_the_table")->detail, "By path"));
	looks.now.flows.missing = FLOW_HAS_STATUS;
	assert_null(found(&looks, "what_fills_the_table"));
	unanswered(&looks);
	assert_null(found(&looks, "syn_flood_or_unreplied"));
	looks.now.flows.missing = 0;
	looks.now.has_walk = false;
	assert_null(found(&looks, "what_fills_the_table"));
}

/* A heavy pair is told once, unless an end has much more than the pair. */
static void a_pair_speaks_for_its_ends(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	heavy_pair(&looks);
	heavy_source(&looks);
	heavy(&looks, TALKERS_BY_DESTINATION, 100000);
	assert_non_null(found(&looks, "heavy_pair"));
	assert_null(found(&looks, "heavy_source"));
	assert_null(found(&looks, "heavy_destination"));
	looks.now.talkers[TALKERS_BY_SOURCE].talkers[0].flows = 50000;
	looks.now.talkers[TALKERS_BY_DESTINATION].talkers[0].destination = address_of("192.0.2.9");
	assert_non_null(found(&looks, "heavy_source"));
	assert_non_null(found(&looks, "heavy_destination"));
}

/* Only what it surely has: the sketch's error is taken off. */
static void a_doubtful_talker_is_not_named(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	heavy_source(&looks);
	looks.now.talkers[TALKERS_BY_SOURCE].talkers[0].error = 15001;
	assert_null(found(&looks, "heavy_source"));
	looks.now.talkers[TALKERS_BY_SOURCE].talkers[0].error = 15000;
	assert_non_null(found(&looks, "heavy_source"));
	looks.now.talkers[TALKERS_BY_SOURCE].n = 0;
	assert_null(found(&looks, "heavy_source"));
}

static void untracked_says_nothing_new_where_nothing_is_tracked(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	untracked_remote(&looks);
	looks.now.tracking[FLOW_IPV4] = TRACKING_INACTIVE;
	assert_non_null(found(&looks, "sockets_untracked_remote"));
	looks.now.tracking[FLOW_IPV6] = TRACKING_INACTIVE;
	assert_null(found(&looks, "sockets_untracked_remote"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_says_it),
		cmocka_unit_test(none_when_well),
		cmocka_unit_test(idle_flows_are_told_as_counted),
		cmocka_unit_test(what_flows_lacked_is_not_judged),
		cmocka_unit_test(a_pair_speaks_for_its_ends),
		cmocka_unit_test(a_doubtful_talker_is_not_named),
		cmocka_unit_test(untracked_says_nothing_new_where_nothing_is_tracked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
