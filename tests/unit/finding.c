/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/finding.h"

static void numbers(_unused_ void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 262144, "262144" },
		{ 4294967296.0, "4294967296" },
		{ 12.5, "12.5" },
		{ 12.3456, "12.3" },
		{ 0.2, "0.2" },
		{ 0.00167, "0.00167" },
		{ 123.7, "124" },
		{ -200, "-200" },
		{ -0.25, "-0.25" },
		{ 18446744073709551616.0, "1.84e+19" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(text_number(cases[i].value).s, cases[i].text);
}

static void durations(_unused_ void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },	     { 5, "5 s" },	 { 119.9, "119 s" }, { 120, "2 min" },
		{ 7199, "119 min" }, { 7200, "2 h" },	 { 86400, "24 h" },  { 172799, "47 h" },
		{ 172800, "2 d" },   { 432000, "5 d" },	 { 0.4, "0.4 s" },   { 9.96, "10 s" },
		{ 10.9, "10 s" },    { 0.218, "0.2 s" }, { 2.9, "2.9 s" },   { 9000, "2.5 h" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(text_duration(cases[i].seconds).s, cases[i].text);
}

static void sizes_and_shares(_unused_ void **state)
{
	assert_string_equal(text_mebibytes(64 * 1048576.0).s, "64 MiB");
	assert_string_equal(text_mebibytes(0.5 * 1048576.0).s, "0.5 MiB");
	assert_string_equal(text_mebibytes(12.4 * 1048576.0).s, "12 MiB");
	assert_string_equal(text_mebibytes(0).s, "0 MiB");
	assert_string_equal(text_share(1, 2).s, "50%");
	assert_string_equal(text_share(2, 2).s, "100%");
	assert_string_equal(text_share(1, 1000).s, "0.1%");
	assert_string_equal(text_share(0, 5).s, "0%");
	assert_string_equal(text_share(5, 0).s, "0%");
	/* Not all of it is never 100%. */
	assert_string_equal(text_share(99999, 100000).s, "99.9%");
	assert_string_equal(text_share(995, 1000).s, "99.5%");
}

static void what_does_not_fit_is_cut(_unused_ void **state)
{
	struct finding f = { .id = "x" };

	for (int i = 0; i < 1000; i++) {
		finding_detail(&f, "word %d ", i);
		finding_evidence(&f, "a name", i);
	}
	finding_title(&f, SEVERITY_INFO, "%0500d", 1);
	assert_int_equal(strlen(f.title), FINDING_TITLE_MAX - 1);
	assert_int_equal(strlen(f.detail), FINDING_DETAIL_MAX - 1);
	assert_int_equal(f.n_evidence, FINDING_EVIDENCE_MAX);
	assert_true(f.evidence[FINDING_EVIDENCE_MAX - 1].value == FINDING_EVIDENCE_MAX - 1);
	for (int i = 0; i < FINDING_ADVICE_MAX; i++) {
		finding_command(&f, "%0500d", i);
		finding_cost(&f, "%0500d", 1);
		finding_cost(&f, "more");
		assert_int_equal(strlen(f.advice[i].command), FINDING_COMMAND_MAX - 1);
		assert_int_equal(strlen(f.advice[i].cost), FINDING_COST_MAX - 1);
	}
	assert_int_equal(f.n_advice, FINDING_ADVICE_MAX);
	assert_string_equal(f.id, "x");
}

static void only_what_was_read_is_evidence(_unused_ void **state)
{
	struct finding f = { 0 };

	finding_reading(&f, "unknown", (struct reading){ .value = 5 });
	finding_reading(&f, "known", reading(7));
	finding_rate(&f, "grows", 1.5);
	assert_int_equal(f.n_evidence, 2);
	assert_string_equal(f.evidence[0].name, "known");
	assert_true(f.evidence[0].value == 7 && !f.evidence[0].per_second);
	assert_true(f.evidence[1].value == 1.5 && f.evidence[1].per_second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes_and_shares),
		cmocka_unit_test(what_does_not_fit_is_cut),
		cmocka_unit_test(only_what_was_read_is_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
