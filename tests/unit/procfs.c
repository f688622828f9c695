/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/procfs.h"
#include "directory.h"

static int read_file(const struct directory *d, const char *name, size_t max, struct buffer *ret)
{
	buffer_init(ret, max);
	return procfs_read(d->path, name, ret);
}

static void check_content(const struct directory *d, const char *bytes, size_t len)
{
	struct buffer file;

	directory_write(d, "file", bytes, len);
	assert_int_equal(read_file(d, "file", PROCFS_FILE_MAX, &file), 0);
	assert_int_equal(file.len, len);
	assert_memory_equal(file.data, bytes, len);
	assert_int_equal(file.data[len], '\0');
	buffer_finish(&file);
}

static void the_whole_file_ended_by_nul(void **state)
{
	static char large[100000];

	check_content(*state, "", 0);
	check_content(*state, "262144\n", 7);
	check_content(*state, "a\0b", 3);
	memset(large, 'x', sizeof(large));
	check_content(*state, large, sizeof(large));
	check_content(*state, large, 8192);
}

static void files_that_cannot_be_read(void **state)
{
	const struct directory *d = *state;
	struct buffer file;

	assert_int_equal(read_file(d, "none", 100, &file), -ENOENT);
	assert_int_equal(read_file(d, "none/none", 100, &file), -ENOENT);
	directory_write(d, "file", "x", 1);
	assert_int_equal(read_file(d, "file/none", 100, &file), -ENOTDIR);
	assert_int_equal(read_file(d, ".", 100, &file), -EISDIR);
	buffer_finish(&file);
}

static void a_file_larger_than_the_bound(void **state)
{
	static const char bytes[20000];
	const struct directory *d = *state;
	struct buffer file;

	directory_write(d, "file", bytes, sizeof(bytes));
	assert_int_equal(read_file(d, "file", sizeof(bytes) + 1, &file), 0);
	assert_int_equal(file.len, sizeof(bytes));
	buffer_finish(&file);
	assert_int_equal(read_file(d, "file", sizeof(bytes) - 1, &file), -EFBIG);
	buffer_finish(&file);
	assert_int_equal(read_file(d, "file", 10, &file), -EFBIG);
	buffer_finish(&file);
}

static void a_path_that_is_too_long(void **state)
{
	const struct directory *d = *state;
	static char name[5000];
	struct buffer file;

	memset(name, 'x', sizeof(name) - 1);
	assert_int_equal(read_file(d, name, 100, &file), -ENAMETOOLONG);
	buffer_finish(&file);
}

static void a_directory_with_blanks_in_its_name(void **state)
{
	const struct directory *d = *state;
	uint64_t value;

	assert_int_equal(mkdir(directory_file(d, "two words"), 0700), 0);
	directory_write(d, "two words/the file", "7\n", 2);
	assert_int_equal(procfs_read_u64(d->path, "two words/the file", &value), 0);
	assert_int_equal(value, 7);
}

/* By its path, and from its open directory: that is the same. */
static int read_both_ways(const struct directory *d, const char *name, uint64_t *ret)
{
	const int directory = procfs_open_directory(d->path, ".");
	uint64_t other = *ret;
	int r = procfs_read_u64(d->path, name, ret);

	assert_in_range(directory, 0, 1000);
	assert_int_equal(procfs_read_u64_at(directory, name, &other), r);
	assert_int_equal(other, *ret);
	assert_int_equal(close(directory), 0);
	return r;
}

static int read_number(const struct directory *d, const char *text, uint64_t *ret)
{
	directory_write(d, "number", text, strlen(text));
	return read_both_ways(d, "number", ret);
}

static void files_with_one_number(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} cases[] = {
		{ "0\n", 0 },	{ "262144\n", 262144 }, { "  5\n", 5 },
		{ "\t5\n", 5 }, { "007\n", 7 },		{ "18446744073709551615\n", UINT64_MAX },
	};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(read_number(*state, cases[i].text, &value), 0);
		assert_int_equal(value, cases[i].value);
	}
}

static void files_with_something_else(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"x\n",
		"abc\n",
		"-1\n",
		"+1\n",
		"1x\n",
		"1 2\n",
		"1\t2\n",
		"0x10\n",
		"1.5\n",
		"1,000\n",
		"\n1\n",
		"18446744073709551616\n",
		/* What a short read leaves of a number. */
		"262144",
		"2",
	};
	uint64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (read_number(*state, texts[i], &value) != -EBADMSG)
			fail_msg("'%s' is taken for a number", texts[i]);
}

static void a_file_with_two_lines_is_not_one_number(void **state)
{
	uint64_t value;

	assert_int_equal(read_number(*state, "1\n2\n", &value), -EBADMSG);
}

static void a_failed_read_leaves_the_value(void **state)
{
	const struct directory *d = *state;
	uint64_t value = 42;

	assert_int_equal(read_both_ways(d, "none", &value), -ENOENT);
	assert_int_equal(value, 42);
	assert_int_equal(read_number(d, "x\n", &value), -EBADMSG);
	assert_int_equal(value, 42);
	assert_int_equal(read_number(d, "1x\n", &value), -EBADMSG);
	assert_int_equal(value, 42);
}

static void check_number(const struct directory *d, struct procfs_number *number, int expected,
			 uint64_t value)
{
	uint64_t have = 42;

	assert_int_equal(procfs_number_read(number, d->path, "number", &have), expected);
	assert_int_equal(have, value);
}

/* Each time as it is now; its file is opened once. */
static void a_number_whose_file_stays_open(void **state)
{
	const struct directory *d = *state;
	struct procfs_number number = { 0 };
	char moved[512];

	(void)snprintf(moved, sizeof(moved), "%s/moved", d->path);
	check_number(d, &number, -ENOENT, 42);
	assert_false(number.is_open);
	directory_write(d, "number", "5\n", 2);
	check_number(d, &number, 0, 5);
	directory_write(d, "number", "678\n", 4);
	assert_int_equal(rename(directory_file(d, "number"), moved), 0);
	check_number(d, &number, 0, 678);
	procfs_number_close(&number);
	check_number(d, &number, -ENOENT, 42);
}

/* As with a module that was unloaded and loaded again. */
static void a_number_whose_file_went_and_came_again(void **state)
{
	const struct directory *d = *state;
	struct procfs_number number = { 0 };

	directory_write(d, "number", "5\n", 2);
	check_number(d, &number, 0, 5);
	/* What is gone cannot be read, even where it is open. */
	directory_write(d, "number", "", 0);
	assert_int_equal(remove(directory_file(d, "number")), 0);
	check_number(d, &number, -ENOENT, 42);
	assert_false(number.is_open);
	directory_write(d, "number", "6\n", 2);
	check_number(d, &number, 0, 6);
	directory_write(d, "number", "x\n", 2);
	check_number(d, &number, -EBADMSG, 42);
	assert_false(number.is_open);
}

static void what_is_no_directory(void **state)
{
	const struct directory *d = *state;

	directory_write(d, "number", "5\n", 2);
	assert_int_equal(procfs_open_directory(d->path, "none"), -ENOENT);
	assert_int_equal(procfs_open_directory(d->path, "number"), -ENOTDIR);
}

static void check_parse(const char *text, int base, uint64_t expected, const char *rest)
{
	uint64_t value;

	assert_true(parse_u64(&text, base, &value));
	assert_int_equal(value, expected);
	assert_string_equal(text, rest);
}

static void check_no_parse(const char *text, int base)
{
	const char *at = text;
	uint64_t value = 42;

	assert_false(parse_u64(&at, base, &value));
	assert_ptr_equal(at, text);
	assert_int_equal(value, 42);
}

static void numbers_in_a_text(_unused_ void **state)
{
	check_parse("12 34", 10, 12, " 34");
	check_parse(" \t 12", 10, 12, "");
	check_parse("12x", 10, 12, "x");
	check_parse("ffffffff 1", 16, UINT32_MAX, " 1");
	check_parse("0000001F\n", 16, 31, "\n");
	check_no_parse("", 10);
	check_no_parse("   ", 10);
	check_no_parse("\n1", 10);
	check_no_parse("-1", 10);
	check_no_parse("+1", 10);
	check_no_parse("f", 10);
	check_no_parse("g", 16);
	check_no_parse("  x", 16);
	check_no_parse("18446744073709551616", 10);
	check_no_parse("10000000000000000", 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(the_whole_file_ended_by_nul),
		directory_test(files_that_cannot_be_read),
		directory_test(a_file_larger_than_the_bound),
		directory_test(a_path_that_is_too_long),
		directory_test(a_directory_with_blanks_in_its_name),
		directory_test(files_with_one_number),
		directory_test(files_with_something_else),
		directory_test(a_file_with_two_lines_is_not_one_number),
		directory_test(a_failed_read_leaves_the_value),
		directory_test(a_number_whose_file_stays_open),
		directory_test(a_number_whose_file_went_and_came_again),
		directory_test(what_is_no_directory),
		cmocka_unit_test(numbers_in_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
