/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>

#include "../../exporter/buffer.h"
#include "observation_well.h"

#define OUTPUT_MAX (1 << 20)
#define UNREAD "Whether conntrack is well could not be told: its table was not read"

static void write_verdict(const struct both_looks *looks, struct buffer *out)
{
	static struct diagnosis diagnosis;

	diagnosis_make(&looks->before, &looks->now, &diagnosis);
	diagnosis_write_verdict(&diagnosis, out);
	buffer_append_char(out, '\0');
	assert_int_equal(out->error, 0);
}

static void check_verdict(const struct both_looks *looks, const char *expected)
{
	struct buffer out;

	buffer_init(&out, OUTPUT_MAX);
	write_verdict(looks, &out);
	assert_string_equal(out.data, expected);
	buffer_finish(&out);
}

static void verdicts(_unused_ void **state)
{
	struct both_looks looks;

	both_looks_well(&looks);
	check_verdict(&looks,
		      "ok\tAll is well: the conntrack table holds 1200 of 262144 entries "
		      "(0.46%)\n");
	both_looks_full(&looks);
	check_verdict(&looks,
		      "critical\tThe conntrack table is full: 262144 of 262144 entries\n"
		      "critical\tconntrack refuses 24 packets of new flows a second\n"
		      "warning\t76% of the table are TCP flows in state ESTABLISHED (200000 "
		      "of 262000)\n");
}

/* Whatever comes first in the table of rows, the worst is told first. */
static void worst_first_and_stable(_unused_ void **state)
{
	static const char *const expected[] = {
		"table_full",	"new_flows_dropped",	"other_file_handles",
		"evictions",	"what_fills_the_table", "other_accept_queue",
		"walk_sampled", "limit_and_memory",	"tcp_be_liberal",
		"tcp_loose",
	};
	struct both_looks looks;
	static struct diagnosis diagnosis;

	both_looks_full(&looks);
	looks.now.stat[STAT_EARLY_DROP] = reading(5);
	looks.now.limits[LIMIT_FILES] = reading(799999);
	looks.now.sockets.listeners_full = 1;
	looks.now.walk_complete = false;
	diagnosis_make(&looks.before, &looks.now, &diagnosis);
	assert_int_equal(diagnosis.n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < diagnosis.n; i++)
		assert_string_equal(diagnosis.findings[i].id, expected[i]);
	assert_int_equal(diagnosis.worst, SEVERITY_CRITICAL);
}

/* What is only worth knowing does not make a host unwell. */
static void infos_follow_all_well(_unused_ void **state)
{
	static const char *const expected[] = { "all_well", "walk_sampled", "limit_and_memory",
						"tcp_be_liberal", "tcp_loose" };
	struct both_looks looks;
	static struct diagnosis diagnosis;

	both_looks_well(&looks);
	looks.now.walk_complete = false;
	diagnosis_make(&looks.before, &looks.now, &diagnosis);
	assert_int_equal(diagnosis.n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < diagnosis.n; i++)
		assert_string_equal(diagnosis.findings[i].id, expected[i]);
	assert_int_equal(diagnosis.worst, SEVERITY_OK);
}

/* Nothing is said of a host of which nothing is known, not even that its table is well. */
static void nothing_read_nothing_judged(_unused_ void **state)
{
	static const struct observation nothing;
	static struct diagnosis diagnosis;

	diagnosis_make(&nothing, &nothing, &diagnosis);
	assert_true(diagnosis.interval_s == 0);
	assert_false(diagnosis.growth.known || diagnosis.drops.known ||
		     diagnosis.early_drops.known || diagnosis.insert_failed.known);
	assert_string_equal(diagnosis.findings[0].id, "table_unread");
	assert_string_equal(diagnosis.findings[0].title, UNREAD);
	assert_int_equal(diagnosis.worst, SEVERITY_INFO);
	assert_int_equal(diagnosis.n, 1);
	assert_int_equal(diagnosis.findings[0].n_evidence, 0);
}

/* All else may be in order: that does not make an unknown table a good one. */
static void no_table_no_all_well(_unused_ void **state)
{
	static const struct {
		int error;
		bool has_entries;
		const char *verdict;
	} rows[] = {
		{ -EPERM, false, "info\t" UNREAD "\n" },
		{ -EIO, false, "info\t" UNREAD "\n" },
		{ -ENODATA, false, "ok\tNothing wrong found; nf_conntrack is not loaded\n" },
		/* Another file of the table's could not be read. */
		{ -EACCES, true,
		  "ok\tAll is well: the conntrack table holds 1200 of 262144 entries (0.46%)\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct both_looks looks;

		both_looks_well(&looks);
		looks.now.table_error = rows[i].error;
		if (!rows[i].has_entries)
			memset(looks.now.table, 0, sizeof(looks.now.table));
		check_verdict(&looks, rows[i].verdict);
	}
}

/* What is wrong is said first. */
static void trouble_beside_an_unread_table(_unused_ void **state)
{
	static struct diagnosis diagnosis;
	struct both_looks looks;

	both_looks_well(&looks);
	looks.now.table_error = -EPERM;
	memset(looks.now.table, 0, sizeof(looks.now.table));
	looks.now.limits[LIMIT_FILES] = reading(799999);
	diagnosis_make(&looks.before, &looks.now, &diagnosis);
	assert_string_equal(diagnosis.findings[0].id, "other_file_handles");
	assert_string_equal(diagnosis.findings[1].id, "table_unread");
	assert_null(finding_of(&diagnosis, "all_well"));
}

static void rates_of_two_looks(_unused_ void **state)
{
	struct both_looks looks;
	static struct diagnosis diagnosis;

	both_looks_full(&looks);
	looks.before.table[TABLE_ENTRIES] = reading(262154);
	looks.before.stat[STAT_EARLY_DROP] = reading(1);
	looks.now.stat[STAT_INSERT_FAILED].known = false;
	diagnosis_make(&looks.before, &looks.now, &diagnosis);
	assert_true(diagnosis.interval_s == 5);
	assert_true(diagnosis.growth.known && diagnosis.growth.per_second == -2);
	assert_true(diagnosis.drops.known && diagnosis.drops.per_second == 24);
	assert_false(diagnosis.early_drops.known || diagnosis.insert_failed.known);
}

static uint64_t random_value(struct dice *dice)
{
	const uint64_t value = dice_next(dice) >> dice_below(dice, 64);

	return dice_one_in(dice, 8) ? 0 : value;
}

static void random_readings(struct dice *dice, struct reading *readings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		readings[i] = (struct reading){ .known = !dice_one_in(dice, 4),
						.value = random_value(dice) };
}

static void random_counts(struct dice *dice, uint64_t *counts, size_t n)
{
	/* As many as a kernel can hold, so that their sums are no nonsense. */
	for (size_t i = 0; i < n; i++)
		counts[i] = random_value(dice) & UINT32_MAX;
}

static void random_flows(struct dice *dice, struct observation *o)
{
	struct flow_counts *flows = &o->flows;

	o->has_walk = !dice_one_in(dice, 4);
	o->walk_error = (int[]){ 0, -EPERM, -ENODATA, -ETIMEDOUT }[dice_below(dice, 4)];
	o->walk_complete = dice_one_in(dice, 2);
	o->walk_visited = random_value(dice);
	random_counts(dice, (uint64_t *)flows, sizeof(*flows) / sizeof(uint64_t));
	flows->missing = dice_one_in(dice, 2) ? 0 : 1U << dice_below(dice, 9);
	o->join.has_sockets = dice_one_in(dice, 2);
	o->join.has_flows = dice_one_in(dice, 2);
	random_counts(dice, o->join.sockets[0], N_JOIN_TRACKINGS * N_JOIN_PATHS);
	random_counts(dice, o->join.flows, N_JOIN_SOCKETS);
	for (int by = 0; by < N_TALKERS_BYS; by++) {
		o->talkers[by].n = dice_below(dice, OBSERVATION_TALKERS + 1);
		o->talkers[by].flows = random_value(dice);
		for (size_t i = 0; i < o->talkers[by].n; i++) {
			struct talker *talker = &o->talkers[by].talkers[i];

			for (size_t j = 0; j < sizeof(talker->source); j++)
				talker->source.bytes[j] = talker->destination.bytes[j] =
					(uint8_t)dice_next(dice);
			talker->flows = random_value(dice);
			talker->error = dice_one_in(dice, 2) ? 0 : random_value(dice);
		}
	}
}

static void random_look(struct dice *dice, struct observation *o)
{
	*o = (struct observation){ .taken_ns = random_value(dice) };
	o->table_error = (int[]){ 0, 0, -ENODATA, -EPERM }[dice_below(dice, 4)];
	random_readings(dice, o->table, N_TABLE_VALUES);
	random_readings(dice, o->stat, N_STAT_COUNTERS);
	random_readings(dice, o->netstat, N_NETSTAT_COUNTERS);
	random_readings(dice, o->limits, N_SOCKET_LIMITS);
	random_readings(dice, o->settings.timeout_s, N_TIMEOUT_SETTINGS);
	random_readings(dice, o->settings.setting, N_SETTINGS);
	o->memory_bytes = random_value(dice);
	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		o->tracking[family] = (enum tracking)dice_below(dice, N_TRACKINGS);
	o->has_sockets = dice_one_in(dice, 2);
	random_counts(dice, o->sockets.tcp[0], N_FLOW_FAMILIES * N_TCP_SOCKET_STATES);
	o->sockets.listeners = random_value(dice);
	o->sockets.listeners_full = random_value(dice);
	o->sockets.accept_queue_max_ratio = (double)dice_below(dice, 100) / 10;
	random_readings(dice, &o->ports.range, 1);
	random_readings(dice, &o->ports.in_use_max, 1);
	random_flows(dice, o);
}

static void check_finding(const struct finding *finding)
{
	assert_true(finding->severity < N_SEVERITIES);
	assert_true(finding->n_evidence <= FINDING_EVIDENCE_MAX);
	assert_true(finding->n_advice <= FINDING_ADVICE_MAX);
	assert_int_not_equal(finding->title[0], '\0');
	assert_int_not_equal(finding->detail[0], '\0');
	assert_null(strstr(finding->title, "nan"));
	assert_null(strstr(finding->detail, "inf "));
	for (size_t i = 0; i < finding->n_evidence; i++)
		assert_true(isfinite(finding->evidence[i].value));
	for (size_t i = 0; i < finding->n_advice; i++)
		assert_int_not_equal(finding->advice[i].cost[0], '\0');
}

static void check_order(const struct diagnosis *diagnosis)
{
	const bool well = strcmp(diagnosis->findings[0].id, "all_well") == 0;
	const bool unread = strcmp(diagnosis->findings[0].id, "table_unread") == 0;

	assert_in_range(diagnosis->n, 1, DIAGNOSIS_FINDINGS_MAX);
	assert_int_equal(diagnosis->worst, diagnosis->findings[0].severity);
	assert_int_equal(well, diagnosis->worst == SEVERITY_OK);
	assert_int_equal(unread, diagnosis->worst == SEVERITY_INFO);
	for (size_t i = 1; i < diagnosis->n; i++) {
		assert_true(well ? diagnosis->findings[i].severity == SEVERITY_INFO
				 : diagnosis->findings[i].severity <=
					    diagnosis->findings[i - 1].severity);
		assert_string_not_equal(diagnosis->findings[i].id, "all_well");
	}
}

static void check_json(const struct diagnosis *diagnosis, const struct observation *now)
{
	struct buffer out;
	json_t *json;

	buffer_init(&out, OUTPUT_MAX);
	assert_int_equal(diagnosis_write_json(diagnosis, now, &out), 0);
	assert_int_equal(out.error, 0);
	json = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	assert_int_equal(json_array_size(json_object_get(json, "findings")), diagnosis->n);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "verdict"), "title")),
		diagnosis->findings[0].title);
	json_decref(json);
	buffer_finish(&out);
}

/* Longer than width only for one word that is, or a command, which must be copied whole. */
static void check_line(const char *line, size_t len, unsigned int width)
{
	size_t indent = 0;

	while (indent < len && line[indent] == ' ')
		indent++;
	assert_true(len == 0 || line[len - 1] != ' ');
	if (len > width && strncmp(line + indent, "$ ", 2) != 0)
		assert_null(memchr(line + indent, ' ', len - indent));
}

static void check_text(const struct diagnosis *diagnosis, unsigned int width)
{
	struct buffer out;

	buffer_init(&out, OUTPUT_MAX);
	diagnosis_write_text(diagnosis, false, width, &out);
	buffer_append_char(&out, '\0');
	assert_int_equal(out.error, 0);
	for (const char *line = out.data; *line;) {
		const char *end = strchr(line, '\n');

		assert_non_null(end);
		check_line(line, (size_t)(end - line), width);
		line = end + 1;
	}
	buffer_finish(&out);
}

static void any_two_looks_make_a_diagnosis(_unused_ void **state)
{
	struct dice dice = dice_start();
	static struct diagnosis diagnosis;

	for (int i = 0; i < 3000; i++) {
		struct both_looks looks;

		both_looks_well(&looks);
		random_look(&dice, &looks.now);
		if (dice_one_in(&dice, 2))
			random_look(&dice, &looks.before);
		diagnosis_make(&looks.before, &looks.now, &diagnosis);
		check_order(&diagnosis);
		for (size_t j = 0; j < diagnosis.n; j++)
			check_finding(&diagnosis.findings[j]);
		check_json(&diagnosis, &looks.now);
		check_text(&diagnosis, 20 + (unsigned int)dice_below(&dice, 120));
	}
}

static void forget(struct dice *dice, struct reading *readings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!readings[i].known)
			readings[i].value = dice_next(dice);
}

/* Equal looks but for what is unknown: the same diagnosis, word for word. */
static void what_is_unknown_changes_nothing(_unused_ void **state)
{
	struct dice dice = dice_start();
	static struct diagnosis one, other;

	for (int i = 0; i < 1000; i++) {
		struct both_looks looks;

		random_look(&dice, &looks.before);
		random_look(&dice, &looks.now);
		memset(&one, 0, sizeof(one));
		memset(&other, 0, sizeof(other));
		diagnosis_make(&looks.before, &looks.now, &one);
		forget(&dice, looks.now.table, N_TABLE_VALUES);
		forget(&dice, looks.before.table, N_TABLE_VALUES);
		forget(&dice, looks.now.stat, N_STAT_COUNTERS);
		forget(&dice, looks.before.stat, N_STAT_COUNTERS);
		forget(&dice, looks.now.netstat, N_NETSTAT_COUNTERS);
		forget(&dice, looks.now.limits, N_SOCKET_LIMITS);
		forget(&dice, looks.now.settings.timeout_s, N_TIMEOUT_SETTINGS);
		forget(&dice, looks.now.settings.setting, N_SETTINGS);
		forget(&dice, &looks.now.ports.range, 1);
		forget(&dice, &looks.now.ports.in_use_max, 1);
		if (!looks.now.has_walk)
			random_counts(&dice, (uint64_t *)&looks.now.flows,
				      sizeof(looks.now.flows) / sizeof(uint64_t));
		if (!looks.now.has_sockets)
			looks.now.sockets.listeners_full = dice_next(&dice);
		diagnosis_make(&looks.before, &looks.now, &other);
		assert_memory_equal(&one, &other, sizeof(one));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(worst_first_and_stable),
		cmocka_unit_test(infos_follow_all_well),
		cmocka_unit_test(nothing_read_nothing_judged),
		cmocka_unit_test(no_table_no_all_well),
		cmocka_unit_test(trouble_beside_an_unread_table),
		cmocka_unit_test(rates_of_two_looks),
		cmocka_unit_test(any_two_looks_make_a_diagnosis),
		cmocka_unit_test(what_is_unknown_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
