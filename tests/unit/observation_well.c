/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "observation_well.h"

#include "address_text.h"

const char *const talkers_by_names[N_TALKERS_BYS] = {
	[TALKERS_BY_SOURCE] = "source",
	[TALKERS_BY_DESTINATION] = "destination",
	[TALKERS_BY_DESTINATION_PORT] = "destination-port",
	[TALKERS_BY_PAIR] = "pair",
};

const char *timeout_setting_file(enum timeout_setting timeout)
{
	switch (timeout) {
	case TIMEOUT_TCP_ESTABLISHED:
		return "nf_conntrack_tcp_timeout_established";
	case TIMEOUT_TCP_SYN_SENT:
		return "nf_conntrack_tcp_timeout_syn_sent";
	case TIMEOUT_TCP_TIME_WAIT:
		return "nf_conntrack_tcp_timeout_time_wait";
	case TIMEOUT_UDP_UNREPLIED:
		return "nf_conntrack_udp_timeout";
	case TIMEOUT_UDP_STREAM:
		return "nf_conntrack_udp_timeout_stream";
	default:
		return "nf_conntrack_a_timeout";
	}
}

static void well_cheap(struct observation *o)
{
	o->table[TABLE_ENTRIES] = reading(1200);
	o->table[TABLE_ENTRIES_LIMIT] = reading(262144);
	o->table[TABLE_BUCKETS] = reading(262144);
	o->table[TABLE_ENTRY_SIZE_BYTES] = reading(256);
	for (int i = 0; i < N_STAT_COUNTERS; i++)
		o->stat[i] = reading(0);
	o->stat[STAT_DROP] = reading(7);
	for (int i = 0; i < N_NETSTAT_COUNTERS; i++)
		o->netstat[i] = reading(1000);
	o->limits[LIMIT_ORPHANED] = reading(3);
	o->limits[LIMIT_ORPHANED_LIMIT] = reading(32768);
	o->limits[LIMIT_MEMORY_BYTES] = reading(4096);
	o->limits[LIMIT_MEMORY_BYTES_LIMIT] = reading(1 << 30);
	o->limits[LIMIT_FILES] = reading(2000);
	o->limits[LIMIT_FILES_LIMIT] = reading(800000);
	o->settings.timeout_s[TIMEOUT_TCP_ESTABLISHED] = reading(432000);
	o->settings.timeout_s[TIMEOUT_TCP_SYN_SENT] = reading(120);
	o->settings.timeout_s[TIMEOUT_TCP_TIME_WAIT] = reading(120);
	o->settings.timeout_s[TIMEOUT_UDP_UNREPLIED] = reading(30);
	o->settings.timeout_s[TIMEOUT_UDP_STREAM] = reading(120);
	o->settings.setting[SETTING_TCP_BE_LIBERAL] = reading(0);
	o->settings.setting[SETTING_TCP_LOOSE] = reading(1);
	o->memory_bytes = 8ULL << 30;
	o->tracking[FLOW_IPV4] = o->tracking[FLOW_IPV6] = TRACKING_ACTIVE;
}

static void well_sockets(struct observation *o)
{
	o->has_sockets = true;
	o->sockets.tcp[FLOW_IPV4][TCP_SOCKET_ESTABLISHED] = 300;
	o->sockets.listeners = 12;
	o->sockets.accept_queue_max_ratio = 0.25;
	o->ports.range = reading(28232);
	o->ports.in_use_max = reading(40);
	o->ports.local = address_of("192.0.2.1");
	o->ports.remote = address_of("198.51.100.2");
	o->ports.remote_port = 5432;
}

static void well_flows(struct observation *o)
{
	struct flow_counts *flows = &o->flows;

	o->has_walk = o->walk_complete = true;
	o->walk_visited = flows->visited = 1200;
	o->walk_duration_s = 0.003;
	flows->by_protocol[FLOW_IPV4][FLOW_TCP] = 600;
	flows->by_protocol[FLOW_IPV4][FLOW_UDP] = 600;
	flows->by_tcp_state[FLOW_IPV4][FLOW_TCP_ESTABLISHED] = 300;
	flows->by_tcp_state[FLOW_IPV4][FLOW_TCP_TIME_WAIT] = 300;
	flows->by_reply[FLOW_TCP][FLOW_ASSURED] = 600;
	flows->by_reply[FLOW_UDP][FLOW_UNREPLIED] = 100;
	flows->by_reply[FLOW_UDP][FLOW_REPLIED] = 500;
	flows->by_path[FLOW_OUTBOUND] = 1100;
	flows->by_path[FLOW_LOOPBACK] = 100;
	flows->expiring[2] = flows->expiring[3] = flows->expiring[4] = 900;
	flows->established_hours_left[119] = 300;
}

static void well_join(struct observation *o)
{
	o->join = (struct join_counts){ .has_sockets = true, .has_flows = true, .lookups = 300 };
	o->join.sockets[JOIN_TRACKED][JOIN_LOOPBACK] = 20;
	o->join.sockets[JOIN_TRACKED][JOIN_REMOTE] = 280;
	o->join.flows[JOIN_PRESENT] = 298;
	o->join.flows[JOIN_ABSENT] = 2;
	for (int by = 0; by < N_TALKERS_BYS; by++)
		o->talkers[by] = (struct observation_talkers){
			.n = 1,
			.flows = 1200,
			.talkers = { { .source = address_of("192.0.2.1"),
				       .destination = address_of("2001:db8::2"),
				       .port = 443,
				       .flows = 200 } },
		};
}

void both_looks_well(struct both_looks *ret)
{
	*ret = (struct both_looks){ .now.taken_ns = 6 * NSEC_PER_SEC };
	well_cheap(&ret->now);
	well_sockets(&ret->now);
	well_flows(&ret->now);
	well_join(&ret->now);
	ret->before = ret->now;
	ret->before.taken_ns = 1 * NSEC_PER_SEC;
}

void both_looks_full(struct both_looks *ret)
{
	struct flow_counts *flows = &ret->now.flows;

	both_looks_well(ret);
	ret->now.table[TABLE_ENTRIES] = ret->before.table[TABLE_ENTRIES] = reading(262144);
	ret->now.stat[STAT_DROP] = reading(127);
	ret->now.walk_visited = flows->visited = 262000;
	flows->by_protocol[FLOW_IPV4][FLOW_TCP] = 202000;
	flows->by_protocol[FLOW_IPV4][FLOW_UDP] = 60000;
	flows->by_tcp_state[FLOW_IPV4][FLOW_TCP_ESTABLISHED] = 200000;
	flows->by_tcp_state[FLOW_IPV4][FLOW_TCP_TIME_WAIT] = 2000;
	flows->by_reply[FLOW_TCP][FLOW_ASSURED] = 202000;
	flows->by_reply[FLOW_UDP][FLOW_REPLIED] = 60000;
	flows->by_reply[FLOW_UDP][FLOW_UNREPLIED] = 0;
	flows->by_path[FLOW_FORWARDED] = 220000;
	flows->by_path[FLOW_OUTBOUND] = 12000;
	flows->by_path[FLOW_LOOPBACK] = 30000;
	flows->expiring[2] = flows->expiring[3] = 62000;
	flows->expiring[4] = 82000;
	flows->established_hours_left[10] = 20000;
	flows->established_hours_left[60] = 100000;
	flows->established_hours_left[119] = 80000;
}

const struct finding *finding_of(const struct diagnosis *diagnosis, const char *id)
{
	for (size_t i = 0; i < diagnosis->n; i++)
		if (strcmp(diagnosis->findings[i].id, id) == 0)
			return &diagnosis->findings[i];
	return NULL;
}

static void check_evidence(const struct row_case *row, const struct finding *finding)
{
	for (size_t i = 0; i < finding->n_evidence; i++) {
		assert_string_equal(finding->evidence[i].name, row->evidence[i].name);
		assert_true(finding->evidence[i].value == row->evidence[i].value);
		assert_int_equal(finding->evidence[i].per_second, row->evidence[i].per_second);
	}
	assert_true(finding->n_evidence == FINDING_EVIDENCE_MAX ||
		    row->evidence[finding->n_evidence].name[0] == '\0');
}

static void check_advice(const struct row_case *row, const struct finding *finding)
{
	for (size_t i = 0; i < finding->n_advice; i++) {
		assert_non_null(row->commands[i]);
		assert_string_equal(finding->advice[i].command, row->commands[i]);
		assert_true(strlen(finding->advice[i].cost) < FINDING_COST_MAX - 1);
		assert_int_not_equal(strlen(finding->advice[i].cost), 0);
	}
	assert_true(finding->n_advice == FINDING_ADVICE_MAX || !row->commands[finding->n_advice]);
}

/* Nothing was cut, and the first sentence of what is to be acted on stands in one line. */
static void check_words(const struct finding *finding)
{
	const char *end = strstr(finding->detail, ". ");
	const size_t len = end ? (size_t)(end - finding->detail) + 1 : strlen(finding->detail);

	assert_true(strlen(finding->title) < 100);
	assert_true(strlen(finding->detail) < FINDING_DETAIL_MAX - 1);
	assert_true(finding->severity < SEVERITY_WARNING || (len > 10 && len <= 100));
}

void check_row(const struct row_case *row)
{
	struct both_looks looks;
	static struct diagnosis diagnosis;
	const struct finding *finding;

	print_message("%s\n", row->id);
	both_looks_well(&looks);
	row->provoke(&looks);
	diagnosis_make(&looks.before, &looks.now, &diagnosis);
	finding = finding_of(&diagnosis, row->id);
	assert_non_null(finding);
	assert_string_equal(finding->title, row->title);
	assert_int_equal(finding->severity, row->severity);
	check_evidence(row, finding);
	check_advice(row, finding);
	check_words(finding);
}

void check_silent_when_well(const struct row_case *rows, size_t n)
{
	struct both_looks looks;
	static struct diagnosis diagnosis;

	both_looks_well(&looks);
	diagnosis_make(&looks.before, &looks.now, &diagnosis);
	for (size_t i = 0; i < n; i++)
		assert_null(finding_of(&diagnosis, rows[i].id));
}
