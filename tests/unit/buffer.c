/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/buffer.h"

static void check_bytes(const struct buffer *b, const char *expected)
{
	assert_int_equal(b->error, 0);
	assert_int_equal(b->len, strlen(expected));
	assert_memory_equal(b->data, expected, b->len);
}

static void appends_join(_unused_ void **state)
{
	struct buffer b;

	buffer_init(&b, 1024);
	assert_int_equal(b.len, 0);
	buffer_append(&b, "conn", 4);
	buffer_append(&b, NULL, 0);
	buffer_append_string(&b, "");
	assert_int_equal(buffer_take("track ", 6, &b), 0);
	buffer_append_char(&b, '<');
	buffer_printf(&b, "%d %s", 42, "x");
	buffer_printf(&b, "%s", "");
	buffer_append_char(&b, '\n');
	check_bytes(&b, "conntrack <42 x\n");
	buffer_finish(&b);
}

static void growth_keeps_every_byte(_unused_ void **state)
{
	const size_t n = 1000000;
	struct buffer b;

	buffer_init(&b, n);
	for (size_t i = 0; i < n; i++)
		buffer_append_char(&b, (char)(i % 251));
	assert_int_equal(b.error, 0);
	assert_int_equal(b.len, n);
	for (size_t i = 0; i < n; i++)
		assert_true(b.data[i] == (char)(i % 251));
	buffer_finish(&b);
}

static void the_bound_is_reached_and_not_passed(_unused_ void **state)
{
	struct buffer b;

	buffer_init(&b, 10);
	buffer_append(&b, "0123456789", 10);
	check_bytes(&b, "0123456789");
	buffer_append_char(&b, 'x');
	assert_int_equal(b.error, -EFBIG);
	assert_int_equal(b.len, 10);
	buffer_finish(&b);
	buffer_init(&b, 10);
	buffer_append(&b, "0123456789x", 11);
	assert_int_equal(b.error, -EFBIG);
	assert_int_equal(b.len, 0);
	buffer_finish(&b);
}

static void a_length_that_would_overflow(_unused_ void **state)
{
	struct buffer b;

	buffer_init(&b, 100);
	buffer_append(&b, "12345", 5);
	buffer_append(&b, "x", SIZE_MAX);
	assert_int_equal(b.error, -EFBIG);
	assert_int_equal(b.len, 5);
	buffer_finish(&b);
}

/* buffer.h: max bounds the heap block in bytes. */
static void the_heap_block_is_not_larger_than_the_bound(_unused_ void **state)
{
	static const size_t bounds[] = { 1, 100, 4096, 5000, 10000 };

	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
		struct buffer b;
		size_t capacity;

		buffer_init(&b, bounds[i]);
		for (size_t n = 0; n < bounds[i]; n++)
			buffer_append_char(&b, 'x');
		assert_int_equal(b.error, 0);
		capacity = b.capacity;
		buffer_finish(&b);
		assert_true(capacity <= bounds[i]);
	}
}

static void the_first_error_stays(_unused_ void **state)
{
	struct buffer b;

	buffer_init(&b, 4);
	buffer_append(&b, "abc", 3);
	buffer_append(&b, "de", 2);
	assert_int_equal(b.error, -EFBIG);
	/* It would fit, but what comes after a gap is worth nothing. */
	buffer_append_char(&b, 'd');
	buffer_append_string(&b, "d");
	buffer_printf(&b, "d");
	buffer_printf(&b, "%300s", "");
	assert_int_equal(b.error, -EFBIG);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "abc", 3);
	buffer_finish(&b);
}

static void printf_up_to_its_limit(_unused_ void **state)
{
	struct buffer b;

	buffer_init(&b, 4096);
	buffer_printf(&b, "%255s", "end");
	assert_int_equal(b.error, 0);
	assert_int_equal(b.len, 255);
	assert_memory_equal(b.data + 252, "end", 3);
	buffer_printf(&b, "%256s", "end");
	assert_int_equal(b.error, -EOVERFLOW);
	assert_int_equal(b.len, 255);
	buffer_append_char(&b, 'x');
	assert_int_equal(b.error, -EOVERFLOW);
	assert_int_equal(b.len, 255);
	buffer_finish(&b);
}

static void truncate_then_go_on(_unused_ void **state)
{
	struct buffer b;

	buffer_init(&b, 8);
	buffer_append_string(&b, "12345678");
	buffer_truncate(&b, 8);
	buffer_truncate(&b, 3);
	buffer_append_string(&b, "abcde");
	check_bytes(&b, "123abcde");
	buffer_truncate(&b, 0);
	check_bytes(&b, "");
	buffer_finish(&b);
}

static void finish_of_what_was_never_used(_unused_ void **state)
{
	struct buffer b = { 0 };

	buffer_finish(&b);
	buffer_finish(&b);
	buffer_init(&b, 3);
	buffer_append_string(&b, "abcd");
	assert_int_equal(b.error, -EFBIG);
	buffer_finish(&b);
	/* Finished, it is as new, with the bound it had. */
	assert_int_equal(b.error, 0);
	buffer_append_string(&b, "abc");
	check_bytes(&b, "abc");
	buffer_append_char(&b, 'd');
	assert_int_equal(b.error, -EFBIG);
	buffer_finish(&b);
	buffer_finish(&b);
	assert_null(b.data);
}

static void quoted_texts_are_json_strings(_unused_ void **state)
{
	static const char expected[] = "\"a\\\"b\\\\c\\nd\\u0009\\u001f\\u007f\xc3\xa9\"\"\"";
	struct buffer b;

	buffer_init(&b, 1024);
	buffer_append_quoted(&b, "a\"b\\c\nd\t\x1f\x7f\xc3\xa9");
	buffer_append_quoted(&b, "");
	assert_int_equal(b.error, 0);
	assert_int_equal(b.len, sizeof(expected) - 1);
	assert_memory_equal(b.data, expected, b.len);
	buffer_finish(&b);
}

/* A text may have been cut within a character. */
static void quoted_texts_are_utf_8(_unused_ void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7",
		  "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\xa7\"" },
		{ "caf\xc3", "\"caf\xef\xbf\xbd\"" },
		{ "\xc3\"", "\"\xef\xbf\xbd\\\"\"" },
		{ "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xff\n", "\"\xef\xbf\xbd\\n\"" },
		{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buffer b;

		buffer_init(&b, 1024);
		buffer_append_quoted(&b, cases[i].text);
		check_bytes(&b, cases[i].expected);
		buffer_finish(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_join),
		cmocka_unit_test(growth_keeps_every_byte),
		cmocka_unit_test(the_bound_is_reached_and_not_passed),
		cmocka_unit_test(a_length_that_would_overflow),
		cmocka_unit_test(the_heap_block_is_not_larger_than_the_bound),
		cmocka_unit_test(the_first_error_stays),
		cmocka_unit_test(printf_up_to_its_limit),
		cmocka_unit_test(truncate_then_go_on),
		cmocka_unit_test(quoted_texts_are_json_strings),
		cmocka_unit_test(quoted_texts_are_utf_8),
		cmocka_unit_test(finish_of_what_was_never_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
