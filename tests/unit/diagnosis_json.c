/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <jansson.h>

#include "../../exporter/buffer.h"
#include "observation_well.h"

static const char well[] =
	"{\"verdict\":{\"severity\":\"ok\",\"title\":\"All is well: the conntrack table "
	"holds 1200 of 262144 entries (0.46%)\"},\"interval_seconds\":5.0,\"findings\":[{"
	"\"id\":\"all_well\",\"severity\":\"ok\",\"title\":\"All is well: the conntrack "
	"table holds 1200 of 262144 entries (0.46%)\",\"detail\":\"conntrack dropped "
	"nothing in the last 5 s. drop stands at 7 since conntrack began to count here. Of "
	"the ESTABLISHED sockets the table holds 20 over loopback and 280 to other "
	"hosts.\",\"evidence\":[{\"name\":\"conntrack_entries\",\"value\":1200,"
	"\"per_second\":false},{\"name\":\"conntrack_entries_limit\",\"value\":262144,"
	"\"per_second\":false},{\"name\":\"conntrack_stat_drop_total\",\"value\":7,"
	"\"per_second\":false}],\"advice\":[]},{\"id\":\"limit_and_memory\","
	"\"severity\":\"info\",\"title\":\"At its limit the conntrack table takes about "
	"66 MiB\",\"detail\":\"Doubling the limit allows 64 MiB more, which are taken "
	"only as entries are made. 256 bytes an entry, and 2 MiB for the buckets, which "
	"are there already. The limit is one number for the host; each network namespace "
	"counts for itself against it.\",\"evidence\":[{"
	"\"name\":\"conntrack_entries_limit\",\"value\":262144,\"per_second\":false},{"
	"\"name\":\"conntrack_entry_size_bytes\",\"value\":256,\"per_second\":false},{"
	"\"name\":\"conntrack_buckets\",\"value\":262144,\"per_second\":false},{"
	"\"name\":\"memory of the machine in bytes\",\"value\":8589934592,"
	"\"per_second\":false}],\"advice\":[]},{\"id\":\"tcp_be_liberal\","
	"\"severity\":\"info\",\"title\":\"nf_conntrack_tcp_be_liberal is 0\","
	"\"detail\":\"Packets outside a connection's TCP window can be INVALID: "
	"conntrack lets them pass, rules on ctstate INVALID may drop them, and NAT does "
	"not translate them.\",\"evidence\":[{\"name\":\"conntrack_setting{"
	"name=\\\"tcp_be_liberal\\\"}\",\"value\":0,\"per_second\":false}],\"advice\":["
	"]},{\"id\":\"tcp_loose\",\"severity\":\"info\","
	"\"title\":\"nf_conntrack_tcp_loose is 1\",\"detail\":\"A data or ACK packet of "
	"a connection that the table does not hold makes a new entry, and matches "
	"ctstate NEW.\",\"evidence\":[{\"name\":\"conntrack_setting{"
	"name=\\\"tcp_loose\\\"}\",\"value\":1,\"per_second\":false}],\"advice\":[]}],"
	"\"overview\":{\"entries\":1200,\"entries_limit\":262144,\"buckets\":262144,"
	"\"entry_size_bytes\":256,\"growth_per_second\":0.0,\"drops_total\":7,"
	"\"drops_per_second\":0.0,\"early_drops_per_second\":0.0,"
	"\"insert_failed_per_second\":0.0,\"tracking_active\":{\"ipv4\":1,\"ipv6\":1},"
	"\"tcp_sockets_established\":300,\"established_sockets\":{\"tracked\":{"
	"\"loopback\":20,\"remote\":280},\"mismatched\":{\"loopback\":0,\"remote\":0},"
	"\"untracked\":{\"loopback\":0,\"remote\":0}},\"established_flows\":{"
	"\"present\":298,\"absent\":2,\"forwarded\":0},\"flows\":{\"tcp\":600,"
	"\"udp\":600,\"icmp\":0,\"icmpv6\":0,\"sctp\":0,\"gre\":0,\"dccp\":0,"
	"\"udplite\":0,\"other\":0},\"tcp_flows\":{\"none\":0,\"syn_sent\":0,"
	"\"syn_recv\":0,\"established\":300,\"fin_wait\":0,\"close_wait\":0,"
	"\"last_ack\":0,\"time_wait\":300,\"close\":0,\"syn_sent2\":0,\"offloaded\":0},"
	"\"flows_by_path\":{\"inbound\":0,\"outbound\":1100,\"loopback\":100,"
	"\"forwarded\":0},\"flows_by_reply\":{\"unreplied\":100,\"replied\":500,"
	"\"assured\":600},\"walk\":{\"flows\":1200,\"complete\":true,"
	"\"duration_seconds\":0.003},\"talkers\":{\"source\":[{\"value\":\"192.0.2.1\","
	"\"flows\":200}],\"destination\":[{\"value\":\"2001:db8::2\",\"flows\":200}],"
	"\"destination-port\":[{\"value\":\"443\",\"flows\":200}],\"pair\":[{"
	"\"value\":\"192.0.2.1 2001:db8::2\",\"flows\":200}]}}}\n";

static void write_json(const struct both_looks *looks, struct buffer *out)
{
	static struct diagnosis diagnosis;

	buffer_init(out, 1 << 20);
	diagnosis_make(&looks->before, &looks->now, &diagnosis);
	assert_int_equal(diagnosis_write_json(&diagnosis, &looks->now, out), 0);
	buffer_append_char(out, '\0');
	assert_int_equal(out->error, 0);
}

static void all_well(_unused_ void **state)
{
	struct both_looks looks;
	struct buffer out;

	both_looks_well(&looks);
	write_json(&looks, &out);
	assert_string_equal(out.data, well);
	buffer_finish(&out);
}

static const json_t *at(const json_t *json, const char *first, const char *second)
{
	const json_t *value = json_object_get(json, first);

	return second ? json_object_get(value, second) : value;
}

/* Whole objects are null, not empty and not 0. */
static void what_was_not_read_is_null(_unused_ void **state)
{
	static const char *const names[] = {
		"entries",
		"entries_limit",
		"buckets",
		"entry_size_bytes",
		"growth_per_second",
		"drops_total",
		"drops_per_second",
		"early_drops_per_second",
		"insert_failed_per_second",
		"tcp_sockets_established",
		"established_sockets",
		"established_flows",
		"flows",
		"tcp_flows",
		"flows_by_path",
		"flows_by_reply",
		"walk",
		"talkers",
	};
	static const struct both_looks looks;
	struct buffer out;
	const json_t *overview;
	json_t *json;

	write_json(&looks, &out);
	json = json_loads(out.data, 0, NULL);
	assert_non_null(json);
	overview = at(json, "overview", NULL);
	assert_int_equal(json_object_size(overview), ARRAY_SIZE(names) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_true(json_is_null(at(overview, names[i], NULL)));
	assert_true(json_is_null(at(overview, "tracking_active", "ipv4")));
	assert_true(json_is_null(at(overview, "tracking_active", "ipv6")));
	assert_true(json_real_value(at(json, "interval_seconds", NULL)) == 0);
	json_decref(json);
	buffer_finish(&out);
}

/* A breakdown that some flow is missing from would lie. */
static void a_breakdown_with_a_gap_is_null(_unused_ void **state)
{
	static const struct {
		uint32_t missing;
		bool flows, tcp_flows, path, reply;
	} cases[] = {
		{ 0, true, true, true, true },
		{ FLOW_HAS_PROTOCOL, false, false, true, false },
		{ FLOW_HAS_TCP_STATE, true, false, true, true },
		{ FLOW_HAS_INITIATOR, true, true, false, true },
		{ FLOW_HAS_STATUS, true, true, true, false },
		{ FLOW_HAS_TIMEOUT, true, true, true, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct both_looks looks;
		struct buffer out;
		json_t *json;

		both_looks_well(&looks);
		looks.now.flows.missing = cases[i].missing;
		write_json(&looks, &out);
		json = json_loads(out.data, 0, NULL);
		assert_int_equal(json_is_object(at(json, "overview", "flows")), cases[i].flows);
		assert_int_equal(json_is_object(at(json, "overview", "tcp_flows")),
				 cases[i].tcp_flows);
		assert_int_equal(json_is_object(at(json, "overview", "flows_by_path")),
				 cases[i].path);
		assert_int_equal(json_is_object(at(json, "overview", "flows_by_reply")),
				 cases[i].reply);
		json_decref(json);
		buffer_finish(&out);
	}
}

/* Quotes of labels are escaped, whole numbers have no fraction, others read back the same. */
static void evidence_reads_back(_unused_ void **state)
{
	static const char *const expected[] = {
		"{\"name\":\"conntrack_stat_early_drop_total\",\"value\":12.2,\"per_second\":true}",
		("{\"name\":\"conntrack_established_sockets{tracking=\\\"untracked\\\","
		 "path=\\\"loopback\\\"}\",\"value\":6,\"per_second\":false}"),
		"\"tracking_active\":{\"ipv4\":1,\"ipv6\":0}",
		"\"early_drops_per_second\":12.2,",
		"{\"command\":\"sysctl -w net.netfilter.nf_conntrack_max=524288\",\"cost\":\"Up to ",
	};
	struct both_looks looks;
	struct buffer out;

	both_looks_well(&looks);
	looks.now.stat[STAT_EARLY_DROP] = reading(61);
	looks.now.join.sockets[JOIN_UNTRACKED][JOIN_LOOPBACK] = 6;
	looks.now.tracking[FLOW_IPV6] = TRACKING_INACTIVE;
	write_json(&looks, &out);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		assert_non_null(strstr(out.data, expected[i]));
	buffer_finish(&out);
}

/* The buffer says so; nothing is written beyond its bound. */
static void a_buffer_that_is_too_small(_unused_ void **state)
{
	static struct diagnosis diagnosis;
	struct both_looks looks;
	struct buffer out;

	both_looks_well(&looks);
	buffer_init(&out, 100);
	diagnosis_make(&looks.before, &looks.now, &diagnosis);
	assert_int_equal(diagnosis_write_json(&diagnosis, &looks.now, &out), 0);
	assert_int_equal(out.error, -EFBIG);
	assert_true(out.len <= 100);
	buffer_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_well),
		cmocka_unit_test(what_was_not_read_is_null),
		cmocka_unit_test(a_breakdown_with_a_gap_is_null),
		cmocka_unit_test(evidence_reads_back),
		cmocka_unit_test(a_buffer_that_is_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
