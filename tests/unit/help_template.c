/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../exporter/help_template.h"
#include "../../exporter/util.h"

static void print_word(FILE *out)
{
	fputs("word", out);
}

static void print_lines(FILE *out)
{
	fputs("one\ntwo\n", out);
}

static void print_nothing(_unused_ FILE *out)
{
}

static void assert_filled(const char *text, const char *expected)
{
	static const struct help_slot slots[] = {
		{ "word", print_word },
		{ "lines", print_lines },
		{ "nothing", print_nothing },
	};
	char *made = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&made, &size);

	assert_non_null(out);
	help_fill(out, text, slots, ARRAY_SIZE(slots));
	assert_int_equal(fclose(out), 0);
	assert_string_equal(made, expected);
	free(made);
}

static void names_become_what_they_stand_for(_unused_ void **state)
{
	assert_filled("", "");
	assert_filled("no name\n", "no name\n");
	assert_filled("a {{word}} b\n", "a word b\n");
	assert_filled("{{word}}{{word}}", "wordword");
	assert_filled("_{{word}}() {{word}}", "_word() word");
	assert_filled("{{word}} begins a line\n", "word begins a line\n");
	assert_filled("a line ends with {{word}}\n\n", "a line ends with word\n\n");
}

static void a_line_of_its_own_becomes_lines(_unused_ void **state)
{
	assert_filled("a\n{{lines}}\nb\n", "a\none\ntwo\nb\n");
	assert_filled("{{lines}}\n{{lines}}\n", "one\ntwo\none\ntwo\n");
	assert_filled("a\n{{nothing}}\nb\n", "a\nb\n");
	assert_filled("{{nothing}}{{word}}\n", "word\n");
}

static void what_is_no_name_stays(_unused_ void **state)
{
	assert_filled("{{other}} {word} {{word} {{words}} {{",
		      "{{other}} {word} {{word} {{words}} {{");
	assert_filled("{{{word}}}", "{word}");
	assert_filled("{{wor", "{{wor");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_what_they_stand_for),
		cmocka_unit_test(a_line_of_its_own_becomes_lines),
		cmocka_unit_test(what_is_no_name_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
