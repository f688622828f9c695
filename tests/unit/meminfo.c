/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/meminfo.h"

static void totals(_unused_ void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} cases[] = {
		{ "MemTotal:        8151600 kB\nMemFree:         6113712 kB\n", 8347238400 },
		{ "MemFree:         6113712 kB\nMemTotal:              1 kB\n", 1024 },
		{ "MemTotal:              0 kB\n", 0 },
		{ "MemTotal: 18014398509481983 kB\n", UINT64_MAX - 1023 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = 42;

		assert_true(meminfo_parse_total(cases[i].text, &bytes));
		assert_int_equal(bytes, cases[i].bytes);
	}
}

static void texts_without_a_total(_unused_ void **state)
{
	static const char *const texts[] = {
		"",
		"MemTotal",
		"MemTotal:",
		"MemTotal:\nMemFree: 1 kB\n",
		"MemTotal:        8151600",
		"MemTotal:        81516",
		"MemTotal:        8151600 k",
		"MemTotal:        8151600 kB",
		"MemTotal:        8151600 MB\n",
		"MemTotal:        kB\n",
		"MemTotal:        -1 kB\n",
		"MemTotal: 18014398509481984 kB\n",
		"MemTotal: 18446744073709551616 kB\n",
		"HighMemTotal:    8151600 kB\n",
		"MemFree: 1 kB MemTotal: 1 kB\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		uint64_t bytes = 42;

		assert_false(meminfo_parse_total(texts[i], &bytes));
		assert_int_equal(bytes, 42);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(totals),
		cmocka_unit_test(texts_without_a_total),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
