/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/duration.h"

static void durations(_unused_ void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "1ns", 1 },
		{ "1us", 1000 },
		{ "500ms", 500000000 },
		{ "5s", 5000000000 },
		{ "1m", 60000000000 },
		{ "1h", 3600000000000 },
		{ "1m30s", 90000000000 },
		{ "1h1m1s1ms1us1ns", 3661001001001 },
		{ "1s1s", 2000000000 },
		{ "007s", 7000000000 },
		{ "5124095h", 18446742000000000000U },
	};
	uint64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(duration_parse(cases[i].text, &ns));
		assert_int_equal(ns, cases[i].ns);
	}
}

static void what_is_no_duration(_unused_ void **state)
{
	static const char *const cases[] = {
		"",
		"s",
		"5",
		"1m30",
		"-5s",
		"+5s",
		" 5s",
		"5s ",
		"5 s",
		"5S",
		"5d",
		"5sec",
		"5ss",
		"1,5s",
		"00",
		"0x5s",
		"infinity",
		"5s,",
		"5124096h",
		"18446744073709551616ns",
		"18446744073s18446744073s",
	};
	uint64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ns = 42;
		if (duration_parse(cases[i], &ns))
			fail_msg("'%s' is taken for %llu ns", cases[i], (unsigned long long)ns);
		assert_int_equal(ns, 42);
	}
}

/* Go's form has fractions; what is less than a nanosecond is cut. */
static void durations_with_fractions(_unused_ void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} cases[] = {
		{ "1.5s", 1500000000 },
		{ "0.25h", 900000000000 },
		{ "0.1s", 100000000 },
		{ "0.001ms", 1000 },
		{ "1.000000001s", 1000000001 },
		{ "1.5h30.5m", 7230000000000 },
		{ ".5s", 500000000 },
		{ "5.s", 5000000000 },
		{ "0.9ns", 0 },
		{ "0.0s", 0 },
	};
	uint64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(duration_parse(cases[i].text, &ns));
		assert_int_equal(ns, cases[i].ns);
	}
}

static void fractions_that_are_none(_unused_ void **state)
{
	static const char *const cases[] = { ".",
					     ".s",
					     "1.5",
					     "1.5.5s",
					     "1..5s",
					     "1.-5s",
					     "1. 5s",
					     "1,5s",
					     "1.5x",
					     "s.5",
					     "18446744073.999999999s" };
	uint64_t ns;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ns = 42;
		if (duration_parse(cases[i], &ns))
			fail_msg("'%s' is taken for %llu ns", cases[i], (unsigned long long)ns);
		assert_int_equal(ns, 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(what_is_no_duration),
		cmocka_unit_test(durations_with_fractions),
		cmocka_unit_test(fractions_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
