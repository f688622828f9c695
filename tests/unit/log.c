/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#include "../../exporter/log.h"

#define CAPTURE_MAX 16384

static int saved_stderr, capture_fds[2];

/*
 * A socket that keeps what each write(2) wrote apart. Between begin and end nothing may be
 * asserted: its message would be captured as well.
 */
static void capture_begin(void)
{
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, capture_fds),
		0);
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	assert_true(saved_stderr >= 0);
	assert_true(dup2(capture_fds[1], STDERR_FILENO) == STDERR_FILENO);
}

/* The text of the one write there was; empty when there was none. */
static const char *capture_end(void)
{
	static char text[CAPTURE_MAX];
	char more;
	ssize_t n, second;

	(void)dup2(saved_stderr, STDERR_FILENO);
	n = read(capture_fds[0], text, sizeof(text) - 1);
	second = read(capture_fds[0], &more, 1);
	text[n > 0 ? n : 0] = '\0';
	(void)close(saved_stderr);
	(void)close(capture_fds[0]);
	(void)close(capture_fds[1]);
	assert_int_equal(second, -1);
	return text;
}

/* True when text is like the pattern, in which 0 stands for any digit. */
static bool is_like(const char *text, const char *pattern, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pattern[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != pattern[i])
			return false;
	return true;
}

/* The whole capture is one line: before, a time, after. */
static void check_line(const char *text, const char *before, const char *after)
{
	static const char time_like[] = "0000-00-00T00:00:00.000Z";
	const size_t before_len = strlen(before), time_len = sizeof(time_like) - 1;

	assert_true(strlen(text) > before_len + time_len);
	assert_memory_equal(text, before, before_len);
	assert_true(is_like(text + before_len, time_like, time_len));
	assert_string_equal(text + before_len + time_len, after);
}

static void check_logfmt(const char *after)
{
	check_line(capture_end(), "time=", after);
}

static void check_json(const char *after)
{
	check_line(capture_end(), "{\"time\":\"", after);
}

static void logfmt_lines(_unused_ void **state)
{
	log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
	capture_begin();
	log_info("Listening on", "address", "[::]:10066");
	check_logfmt(" level=INFO msg=\"Listening on\" address=[::]:10066\n");
	capture_begin();
	log_debug("Ready");
	check_logfmt(" level=DEBUG msg=Ready\n");
	capture_begin();
	log_warn("", "empty", "", "a", "1", "b", "two words");
	check_logfmt(" level=WARN msg=\"\" empty=\"\" a=1 b=\"two words\"\n");
	capture_begin();
	log_error("a=b", "quote", "\"", "backslash", "a\\b", "newline", "a\nb", "tab", "a\tb");
	check_logfmt(
		" level=ERROR msg=\"a=b\" quote=\"\\\"\" backslash=\"a\\\\b\" "
		"newline=\"a\\nb\" tab=\"a\\u0009b\"\n");
	capture_begin();
	log_info("m", "control", "\x01\x1b[0m\x7f", "utf8", "caf\xc3\xa9", "percent", "%s%n");
	check_logfmt(
		" level=INFO msg=m control=\"\\u0001\\u001b[0m\\u007f\" "
		"utf8=\"caf\xc3\xa9\" percent=%s%n\n");
}

static void json_lines(_unused_ void **state)
{
	log_configure(LOG_LEVEL_DEBUG, LOG_FORMAT_JSON);
	capture_begin();
	log_info("Listening on", "address", "[::]:10066");
	check_json("\",\"level\":\"INFO\",\"msg\":\"Listening on\",\"address\":\"[::]:10066\"}\n");
	capture_begin();
	log_error("");
	check_json("\",\"level\":\"ERROR\",\"msg\":\"\"}\n");
	capture_begin();
	log_warn("a\"b\\c\nd\te\x7f", "k", "caf\xc3\xa9");
	check_json(
		"\",\"level\":\"WARN\",\"msg\":\"a\\\"b\\\\c\\nd\\u0009e\\u007f\","
		"\"k\":\"caf\xc3\xa9\"}\n");
}

static void lines_below_the_level_are_dropped(_unused_ void **state)
{
	for (enum log_level level = 0; level < N_LOG_LEVELS; level++) {
		for (enum log_level line = 0; line < N_LOG_LEVELS; line++) {
			const char *text;

			log_configure(level, LOG_FORMAT_LOGFMT);
			capture_begin();
			log_write(line, "m", NULL);
			text = capture_end();
			assert_true((*text != '\0') == (line >= level));
		}
	}
}

static void a_missing_value_ends_the_list(_unused_ void **state)
{
	const char *nothing = NULL;

	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	capture_begin();
	log_info("m", "a", "1", "b", nothing, "c", "3");
	check_logfmt(" level=INFO msg=m a=1\n");
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	capture_begin();
	log_info("m", "a", nothing);
	check_json("\",\"level\":\"INFO\",\"msg\":\"m\"}\n");
}

/* log.h: one line. What comes next must not stand behind the rest of it. */
static void a_line_that_is_too_long_is_still_a_line(_unused_ void **state)
{
	char value[6000];
	const char *text;

	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	for (enum log_format format = 0; format < N_LOG_FORMATS; format++) {
		log_configure(LOG_LEVEL_INFO, format);
		capture_begin();
		log_info("m", "value", value);
		text = capture_end();
		assert_true(strlen(text) > 0);
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	}
}

static void a_pair_that_is_too_long_is_left_out(_unused_ void **state)
{
	char value[6000];

	memset(value, '\n', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	capture_begin();
	log_info("m", "a", "1", "long", value, "b", "2");
	check_logfmt(" level=INFO msg=m a=1 b=2\n");
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	capture_begin();
	log_info("m", "a", "1", "long", value, "b", "2");
	check_json("\",\"level\":\"INFO\",\"msg\":\"m\",\"a\":\"1\",\"b\":\"2\"}\n");
}

static void names_of_levels_and_formats(_unused_ void **state)
{
	assert_string_equal(log_level_names[LOG_LEVEL_DEBUG], "debug");
	assert_string_equal(log_level_names[LOG_LEVEL_INFO], "info");
	assert_string_equal(log_level_names[LOG_LEVEL_WARN], "warn");
	assert_string_equal(log_level_names[LOG_LEVEL_ERROR], "error");
	assert_string_equal(log_format_names[LOG_FORMAT_LOGFMT], "logfmt");
	assert_string_equal(log_format_names[LOG_FORMAT_JSON], "json");
}

static void errno_in_both_signs(_unused_ void **state)
{
	assert_string_equal(errno_text(ENOENT), strerror(ENOENT));
	assert_string_equal(errno_text(-EPERM), strerror(EPERM));
	assert_string_equal(errno_text(-ETIMEDOUT), "The kernel did not answer in time");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logfmt_lines),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(lines_below_the_level_are_dropped),
		cmocka_unit_test(a_missing_value_ends_the_list),
		cmocka_unit_test(a_line_that_is_too_long_is_still_a_line),
		cmocka_unit_test(a_pair_that_is_too_long_is_left_out),
		cmocka_unit_test(names_of_levels_and_formats),
		cmocka_unit_test(errno_in_both_signs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
