/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How texts are escaped and numbers spelled. */

#include "unit.h"

#include <math.h>
#include <stdio.h>

#include "exposition_text.h"

#define REPLACEMENT "\xef\xbf\xbd"

static const struct label_set label_name = { .name = "name" };

static const struct metric_desc entries = { .name = "conntrack_entries", .help = "Entries now." };
static const struct metric_desc setting = {
	.name = "conntrack_setting",
	.help = "A setting.",
	.labels = { &label_name },
};

static void help_escapes(_unused_ void **state)
{
	static const struct metric_desc desc = { .name = "conntrack_x",
						 .help = "a\\b \"c\"\nd\tcaf\xc3\xa9 \xff" };
	struct exposition e;

	exposition_init(&e, EXPOSITION_TEXT);
	exposition_u64(&e, &desc, 1);
	check_text(&e, "# HELP conntrack_x a\\\\b \"c\"\\nd\tcaf\xc3\xa9 " REPLACEMENT
		       "\n"
		       "# TYPE conntrack_x gauge\n"
		       "conntrack_x 1\n");
	exposition_init(&e, EXPOSITION_OPENMETRICS);
	exposition_u64(&e, &desc, 1);
	check_text(&e,
		   "# TYPE conntrack_x gauge\n"
		   "# HELP conntrack_x a\\\\b \\\"c\\\"\\nd\tcaf\xc3\xa9 " REPLACEMENT
		   "\n"
		   "conntrack_x 1\n"
		   "# EOF\n");
}

/* One label value written and read back from between the quotes of the only sample. */
static void check_label(enum exposition_format format, const char *value, const char *expected)
{
	const char *const values[] = { value };
	struct exposition e;
	char text[256];

	(void)snprintf(text, sizeof(text),
		       format == EXPOSITION_TEXT ? "# HELP conntrack_setting A setting.\n"
						   "# TYPE conntrack_setting gauge\n"
						   "conntrack_setting{name=\"%s\"} 1\n"
						 : "# TYPE conntrack_setting gauge\n"
						   "# HELP conntrack_setting A setting.\n"
						   "conntrack_setting{name=\"%s\"} 1\n"
						   "# EOF\n",
		       expected);
	exposition_init(&e, format);
	exposition_labelled_u64(&e, &setting, values, 1);
	check_text(&e, text);
}

static void label_values(_unused_ void **state)
{
	static const struct {
		const char *value, *expected;
	} cases[] = {
		{ "", "" },
		{ "acct", "acct" },
		{ "a\\b", "a\\\\b" },
		{ "a\"b", "a\\\"b" },
		{ "a\nb\n", "a\\nb\\n" },
		{ "\\\"\n", "\\\\\\\"\\n" },
		{ "{a=b,c} #", "{a=b,c} #" },
		/* Well-formed, at the edges of each length. */
		{ "\x7f", "\x7f" },
		{ "\xc2\x80 \xdf\xbf", "\xc2\x80 \xdf\xbf" },
		{ "\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80",
		  "\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80" },
		{ "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf" },
		/* Cut off at the end of the string. */
		{ "a\xc3", "a" REPLACEMENT },
		{ "a\xe2\x82", "a" REPLACEMENT REPLACEMENT },
		{ "a\xf0\x9f\x98", "a" REPLACEMENT REPLACEMENT REPLACEMENT },
		/* Cut off by what follows, which is kept. */
		{ "\xc3(", REPLACEMENT "(" },
		{ "\xe2\x82\"", REPLACEMENT REPLACEMENT "\\\"" },
		{ "\xf0\x9f\x98\\", REPLACEMENT REPLACEMENT REPLACEMENT "\\\\" },
		{ "\xc3\xc3\xa9", REPLACEMENT "\xc3\xa9" },
		/* Longer than needed. */
		{ "\xc0\xaf", REPLACEMENT REPLACEMENT },
		{ "\xc1\xbf", REPLACEMENT REPLACEMENT },
		{ "\xe0\x80\xaf", REPLACEMENT REPLACEMENT REPLACEMENT },
		{ "\xe0\x9f\xbf", REPLACEMENT REPLACEMENT REPLACEMENT },
		{ "\xf0\x80\x80\xaf", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT },
		{ "\xf0\x8f\xbf\xbf", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT },
		/* Surrogates. */
		{ "\xed\xa0\x80", REPLACEMENT REPLACEMENT REPLACEMENT },
		{ "\xed\xbf\xbf", REPLACEMENT REPLACEMENT REPLACEMENT },
		/* Above U+10FFFF, and bytes that begin nothing. */
		{ "\xf4\x90\x80\x80", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT },
		{ "\xf5\x80\x80\x80", REPLACEMENT REPLACEMENT REPLACEMENT REPLACEMENT },
		{ "\x80", REPLACEMENT },
		{ "\xbf\xfe\xff", REPLACEMENT REPLACEMENT REPLACEMENT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		check_label(EXPOSITION_TEXT, cases[i].value, cases[i].expected);
		check_label(EXPOSITION_OPENMETRICS, cases[i].value, cases[i].expected);
	}
}

static void check_double(double value, const char *expected)
{
	struct exposition e;
	char text[160];

	(void)snprintf(text, sizeof(text),
		       "# HELP conntrack_entries Entries now.\n# TYPE conntrack_entries gauge\n"
		       "conntrack_entries %s\n",
		       expected);
	exposition_init(&e, EXPOSITION_TEXT);
	exposition_double(&e, &entries, value);
	check_text(&e, text);
}

static void doubles(_unused_ void **state)
{
	check_double(0.1, "0.1");
	check_double(0.5, "0.5");
	check_double(1.0 / 3, "0.3333333333333333");
	check_double(0.1 + 0.2, "0.30000000000000004");
	check_double(1e300, "1e+300");
	check_double(5e-324, "4.94065645841247e-324");
	check_double(1.7976931348623157e308, "1.7976931348623157e+308");
	check_double(0, "0");
	check_double(-0.0, "-0");
	check_double(-2.5, "-2.5");
	check_double(3, "3");
	check_double(1792224000, "1792224000");
	check_double(1792224000.123, "1792224000.123");
	check_double(9007199254740992.0, "9007199254740992");
	check_double((double)NAN, "NaN");
	check_double(-(double)NAN, "NaN");
	check_double((double)INFINITY, "+Inf");
	check_double(-(double)INFINITY, "-Inf");
}

static void check_reads_back(double value)
{
	static const char before[] =
		"# HELP conntrack_entries Entries now.\n"
		"# TYPE conntrack_entries gauge\nconntrack_entries ";
	struct exposition e;
	char *end;
	double read;

	exposition_init(&e, EXPOSITION_TEXT);
	exposition_double(&e, &entries, value);
	assert_int_equal(exposition_finish(&e), 0);
	buffer_append_char(&e.out, '\0');
	assert_memory_equal(e.out.data, before, strlen(before));
	read = strtod(e.out.data + strlen(before), &end);
	assert_memory_equal(&read, &value, sizeof(value));
	assert_string_equal(end, "\n");
	exposition_destroy(&e);
}

static void every_double_reads_back_the_same(_unused_ void **state)
{
	struct dice dice = dice_start();

	for (int i = 0; i < 20000; i++) {
		uint64_t bits = dice_next(&dice);
		double value;

		memcpy(&value, &bits, sizeof(value));
		if (isfinite(value))
			check_reads_back(value);
		check_reads_back((double)(bits >> 12) / 1e6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_escapes),
		cmocka_unit_test(label_values),
		cmocka_unit_test(doubles),
		cmocka_unit_test(every_double_reads_back_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
