/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "exposition_text.h"

static const char *const families[] = { "ipv4", "ipv6" };
static const char *const states[] = { "none", "established", "close" };
static const struct label_set label_family = LABEL_SET("family", families);
static const struct label_set label_state = LABEL_SET("state", states);
static const struct label_set label_cpu = { .name = "cpu" };
static const struct label_set label_name = { .name = "name" };

static const struct metric_desc entries = { .name = "conntrack_entries", .help = "Entries now." };
static const struct metric_desc limit = { .name = "conntrack_entries_limit", .help = "Limit." };
static const struct metric_desc drop = {
	.name = "conntrack_stat_drop",
	.help = "Dropped packets.",
	.type = METRIC_COUNTER,
	.labels = { &label_cpu },
};
static const struct metric_desc setting = {
	.name = "conntrack_setting",
	.help = "A setting.",
	.labels = { &label_name },
};
static const struct metric_desc tcp_flows = {
	.name = "conntrack_tcp_flows",
	.help = "TCP flows.",
	.labels = { &label_family, &label_state },
};

static void nothing_at_all(_unused_ void **state)
{
	struct exposition e;

	exposition_init(&e, EXPOSITION_TEXT);
	check_text(&e, "");
	exposition_init(&e, EXPOSITION_OPENMETRICS);
	check_text(&e, "# EOF\n");
}

static void emit_gauges(struct exposition *e, enum exposition_format format)
{
	exposition_init(e, format);
	exposition_u64(e, &entries, 0);
	exposition_u64(e, &limit, UINT64_MAX);
}

static void gauges(_unused_ void **state)
{
	struct exposition e;

	emit_gauges(&e, EXPOSITION_TEXT);
	check_text(&e,
		   "# HELP conntrack_entries Entries now.\n"
		   "# TYPE conntrack_entries gauge\n"
		   "conntrack_entries 0\n"
		   "# HELP conntrack_entries_limit Limit.\n"
		   "# TYPE conntrack_entries_limit gauge\n"
		   "conntrack_entries_limit 18446744073709551615\n");
	emit_gauges(&e, EXPOSITION_OPENMETRICS);
	check_text(&e,
		   "# TYPE conntrack_entries gauge\n"
		   "# HELP conntrack_entries Entries now.\n"
		   "conntrack_entries 0\n"
		   "# TYPE conntrack_entries_limit gauge\n"
		   "# HELP conntrack_entries_limit Limit.\n"
		   "conntrack_entries_limit 18446744073709551615\n"
		   "# EOF\n");
}

static void emit_counter(struct exposition *e, enum exposition_format format)
{
	static const char *const first[] = { "0" }, *const second[] = { "1" };

	exposition_init(e, format);
	exposition_labelled_u64(e, &drop, first, 18);
	exposition_labelled_u64(e, &drop, second, 4294967296);
}

static void the_place_of_total_in_counters(_unused_ void **state)
{
	struct exposition e;

	emit_counter(&e, EXPOSITION_TEXT);
	check_text(&e,
		   "# HELP conntrack_stat_drop_total Dropped packets.\n"
		   "# TYPE conntrack_stat_drop_total counter\n"
		   "conntrack_stat_drop_total{cpu=\"0\"} 18\n"
		   "conntrack_stat_drop_total{cpu=\"1\"} 4294967296\n");
	emit_counter(&e, EXPOSITION_OPENMETRICS);
	check_text(&e,
		   "# TYPE conntrack_stat_drop counter\n"
		   "# HELP conntrack_stat_drop Dropped packets.\n"
		   "conntrack_stat_drop_total{cpu=\"0\"} 18\n"
		   "conntrack_stat_drop_total{cpu=\"1\"} 4294967296\n"
		   "# EOF\n");
}

static void a_sum_stands_without_the_labels(_unused_ void **state)
{
	struct exposition e;

	exposition_init(&e, EXPOSITION_TEXT);
	exposition_labelled_u64(&e, &drop, NULL, 5);
	check_text(&e,
		   "# HELP conntrack_stat_drop_total Dropped packets.\n"
		   "# TYPE conntrack_stat_drop_total counter\n"
		   "conntrack_stat_drop_total 5\n");
}

static void emit_units(struct exposition *e, enum exposition_format format)
{
	static const struct metric_desc cpu = { .name = "process_cpu_seconds",
						.help = "CPU time.",
						.type = METRIC_COUNTER };
	static const struct metric_desc memory = { .name = "conntrack_tcp_memory_bytes",
						   .help = "Memory." };
	static const struct metric_desc memory_limit = { .name = "conntrack_tcp_memory_bytes_limit",
							 .help = "Limit." };
	static const struct metric_desc ratio = { .name = "conntrack_queue_max_ratio",
						  .help = "Ratio." };
	static const struct metric_desc bytes = { .name = "bytes", .help = "No unit of anything." };

	exposition_init(e, format);
	exposition_double(e, &cpu, 1.5);
	exposition_u64(e, &memory, 4096);
	exposition_u64(e, &memory_limit, 8192);
	exposition_double(e, &ratio, 0.5);
	exposition_u64(e, &bytes, 1);
}

static void units_are_said_in_openmetrics_only(_unused_ void **state)
{
	struct exposition e;

	emit_units(&e, EXPOSITION_OPENMETRICS);
	check_text(&e,
		   "# TYPE process_cpu_seconds counter\n"
		   "# UNIT process_cpu_seconds seconds\n"
		   "# HELP process_cpu_seconds CPU time.\n"
		   "process_cpu_seconds_total 1.5\n"
		   "# TYPE conntrack_tcp_memory_bytes gauge\n"
		   "# UNIT conntrack_tcp_memory_bytes bytes\n"
		   "# HELP conntrack_tcp_memory_bytes Memory.\n"
		   "conntrack_tcp_memory_bytes 4096\n"
		   "# TYPE conntrack_tcp_memory_bytes_limit gauge\n"
		   "# HELP conntrack_tcp_memory_bytes_limit Limit.\n"
		   "conntrack_tcp_memory_bytes_limit 8192\n"
		   "# TYPE conntrack_queue_max_ratio gauge\n"
		   "# UNIT conntrack_queue_max_ratio ratio\n"
		   "# HELP conntrack_queue_max_ratio Ratio.\n"
		   "conntrack_queue_max_ratio 0.5\n"
		   "# TYPE bytes gauge\n"
		   "# HELP bytes No unit of anything.\n"
		   "bytes 1\n"
		   "# EOF\n");
	emit_units(&e, EXPOSITION_TEXT);
	check_text(&e,
		   "# HELP process_cpu_seconds_total CPU time.\n"
		   "# TYPE process_cpu_seconds_total counter\n"
		   "process_cpu_seconds_total 1.5\n"
		   "# HELP conntrack_tcp_memory_bytes Memory.\n"
		   "# TYPE conntrack_tcp_memory_bytes gauge\n"
		   "conntrack_tcp_memory_bytes 4096\n"
		   "# HELP conntrack_tcp_memory_bytes_limit Limit.\n"
		   "# TYPE conntrack_tcp_memory_bytes_limit gauge\n"
		   "conntrack_tcp_memory_bytes_limit 8192\n"
		   "# HELP conntrack_queue_max_ratio Ratio.\n"
		   "# TYPE conntrack_queue_max_ratio gauge\n"
		   "conntrack_queue_max_ratio 0.5\n"
		   "# HELP bytes No unit of anything.\n"
		   "# TYPE bytes gauge\n"
		   "bytes 1\n");
}

static void grids_in_the_order_of_the_labels(_unused_ void **state)
{
	static const struct metric_desc by_state = { .name = "conntrack_flows_by_state",
						     .help = "Flows.",
						     .labels = { &label_state } };
	static const uint64_t counts[] = { 1, 0, 3, 0, 5, 6 }, three[] = { 7, 0, 9 };
	struct exposition e;

	exposition_init(&e, EXPOSITION_TEXT);
	exposition_grid(&e, &tcp_flows, counts);
	exposition_grid(&e, &by_state, three);
	check_text(&e,
		   "# HELP conntrack_tcp_flows TCP flows.\n"
		   "# TYPE conntrack_tcp_flows gauge\n"
		   "conntrack_tcp_flows{family=\"ipv4\",state=\"none\"} 1\n"
		   "conntrack_tcp_flows{family=\"ipv4\",state=\"established\"} 0\n"
		   "conntrack_tcp_flows{family=\"ipv4\",state=\"close\"} 3\n"
		   "conntrack_tcp_flows{family=\"ipv6\",state=\"none\"} 0\n"
		   "conntrack_tcp_flows{family=\"ipv6\",state=\"established\"} 5\n"
		   "conntrack_tcp_flows{family=\"ipv6\",state=\"close\"} 6\n"
		   "# HELP conntrack_flows_by_state Flows.\n"
		   "# TYPE conntrack_flows_by_state gauge\n"
		   "conntrack_flows_by_state{state=\"none\"} 7\n"
		   "conntrack_flows_by_state{state=\"established\"} 0\n"
		   "conntrack_flows_by_state{state=\"close\"} 9\n");
}

static void one_row_of_a_grid(_unused_ void **state)
{
	static const uint64_t counts[] = { 1, 2, 3, 4, 0, 6 };
	struct exposition e;

	exposition_init(&e, EXPOSITION_OPENMETRICS);
	exposition_grid_row(&e, &tcp_flows, 1, counts);
	check_text(&e,
		   "# TYPE conntrack_tcp_flows gauge\n"
		   "# HELP conntrack_tcp_flows TCP flows.\n"
		   "conntrack_tcp_flows{family=\"ipv6\",state=\"none\"} 4\n"
		   "conntrack_tcp_flows{family=\"ipv6\",state=\"established\"} 0\n"
		   "conntrack_tcp_flows{family=\"ipv6\",state=\"close\"} 6\n"
		   "# EOF\n");
}

static void a_closed_family_cannot_be_reopened(_unused_ void **state)
{
	struct exposition e;

	exposition_init(&e, EXPOSITION_TEXT);
	exposition_u64(&e, &entries, 1);
	exposition_u64(&e, &limit, 2);
	assert_int_equal(e.out.error, 0);
	exposition_u64(&e, &entries, 3);
	exposition_u64(&e, &limit, 4);
	assert_int_equal(exposition_finish(&e), -EEXIST);
	exposition_destroy(&e);
}

static void more_families_than_the_bound(_unused_ void **state)
{
	static struct metric_desc descs[EXPOSITION_FAMILIES_MAX + 1];
	struct exposition e;

	exposition_init(&e, EXPOSITION_TEXT);
	for (size_t i = 0; i < ARRAY_SIZE(descs); i++) {
		assert_int_equal(e.out.error, 0);
		descs[i] = entries;
		exposition_u64(&e, &descs[i], i);
	}
	assert_int_equal(exposition_finish(&e), -EFBIG);
	exposition_destroy(&e);
}

static void more_text_than_the_bound(_unused_ void **state)
{
	static char long_value[65536];
	const char *const values[] = { long_value };
	struct exposition e;

	memset(long_value, 'x', sizeof(long_value) - 1);
	exposition_init(&e, EXPOSITION_TEXT);
	for (size_t i = 0; i < EXPOSITION_SIZE_MAX / sizeof(long_value) - 1; i++)
		exposition_labelled_u64(&e, &setting, values, i);
	assert_int_equal(e.out.error, 0);
	exposition_labelled_u64(&e, &setting, values, 1);
	exposition_labelled_u64(&e, &setting, values, 2);
	assert_int_equal(exposition_finish(&e), -EFBIG);
	assert_true(e.out.len <= EXPOSITION_SIZE_MAX);
	exposition_destroy(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(gauges),
		cmocka_unit_test(the_place_of_total_in_counters),
		cmocka_unit_test(a_sum_stands_without_the_labels),
		cmocka_unit_test(units_are_said_in_openmetrics_only),
		cmocka_unit_test(grids_in_the_order_of_the_labels),
		cmocka_unit_test(one_row_of_a_grid),
		cmocka_unit_test(a_closed_family_cannot_be_reopened),
		cmocka_unit_test(more_families_than_the_bound),
		cmocka_unit_test(more_text_than_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
