/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "util.h"

#define LOG_LINE_END 2 /* "}\n" */
#define LOG_LINE_MAX (PIPE_BUF - LOG_LINE_END)

const char *const log_level_names[N_LOG_LEVELS] = {
	[LOG_LEVEL_DEBUG] = "debug",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_ERROR] = "error",
};

const char *const log_format_names[N_LOG_FORMATS] = {
	[LOG_FORMAT_LOGFMT] = "logfmt",
	[LOG_FORMAT_JSON] = "json",
};

static const char *const level_labels[N_LOG_LEVELS] = { "DEBUG", "INFO", "WARN", "ERROR" };

static struct {
	enum log_level level;
	enum log_format format;
} log_settings = { .level = LOG_LEVEL_INFO };

void log_configure(enum log_level level, enum log_format format)
{
	log_settings.level = level;
	log_settings.format = format;
}

const char *errno_text(int error)
{
	/* strerror() calls it a connection's, which sends its reader to the network. */
	if (error == -ETIMEDOUT || error == ETIMEDOUT)
		return "The kernel did not answer in time";
	return strerror(error < 0 ? -error : error);
}

static bool is_bare_word(const char *text)
{
	for (const unsigned char *s = (const unsigned char *)text; *s; s++)
		if (*s <= 0x20 || *s >= 0x7f || *s == '"' || *s == '=' || *s == '\\')
			return false;
	return *text != '\0';
}

static void append_pair(struct buffer *line, const char *key, const char *value)
{
	if (log_settings.format == LOG_FORMAT_JSON) {
		buffer_append_char(line, line->len ? ',' : '{');
		buffer_append_quoted(line, key);
		buffer_append_char(line, ':');
		buffer_append_quoted(line, value);
		return;
	}
	if (line->len)
		buffer_append_char(line, ' ');
	buffer_append_string(line, key);
	buffer_append_char(line, '=');
	if (is_bare_word(value))
		buffer_append_string(line, value);
	else
		buffer_append_quoted(line, value);
}

/* A pair that makes the line too long is left out: what comes behind the line must not suffer. */
static void write_pair(struct buffer *line, const char *key, const char *value)
{
	const size_t before = line->len;

	append_pair(line, key, value);
	if (line->error || line->len > LOG_LINE_MAX) {
		line->error = 0;
		buffer_truncate(line, before);
	}
}

static void format_time(char *text, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text + n, size - n, ".%03ldZ", now.tv_nsec / 1000000);
}

/*
 * A pipe that nobody reads must not hold up the process, so its lines are dropped. poll()
 * says that a pipe is writable when it has room for PIPE_BUF bytes, which is more than a line. That
 * a line cannot be written at all has nobody left to be reported to.
 */
static void emit(const struct buffer *line)
{
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (poll(&out, 1, 0) == 1 && out.revents & POLLOUT &&
	    write(STDERR_FILENO, line->data, line->len) < 0)
		errno = 0;
}

void log_write(enum log_level level, const char *msg, ...)
{
	struct buffer line;
	char time_text[40];
	const char *key, *value;
	va_list args;

	if (level < log_settings.level)
		return;
	buffer_init(&line, LOG_LINE_MAX + LOG_LINE_END);
	format_time(time_text, sizeof(time_text));
	write_pair(&line, "time", time_text);
	write_pair(&line, "level", level_labels[level]);
	write_pair(&line, "msg", msg);
	va_start(args, msg);
	while ((key = va_arg(args, const char *)) && (value = va_arg(args, const char *)))
		write_pair(&line, key, value);
	va_end(args);
	buffer_append_string(&line, log_settings.format == LOG_FORMAT_JSON ? "}\n" : "\n");
	emit(&line);
	buffer_finish(&line);
}
