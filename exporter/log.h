/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Log lines on stderr, logfmt or JSON, in the shape exporters share: time, level, msg, then pairs.
 */

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
	N_LOG_LEVELS,
};

enum log_format {
	LOG_FORMAT_LOGFMT,
	LOG_FORMAT_JSON,
	N_LOG_FORMATS,
};

/* The values of --log.level and --log.format, indexed by the enums. */
extern const char *const log_level_names[N_LOG_LEVELS];
extern const char *const log_format_names[N_LOG_FORMATS];

/* What is logged and how, from now on. */
void log_configure(enum log_level level, enum log_format format);

/*
 * Writes one line with one write(2); lines below the level are dropped. After msg come pairs of
 * strings, key and value, ended by NULL. A NULL value ends the list too.
 */
void log_write(enum log_level level, const char *msg, ...) __attribute__((sentinel));

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__, NULL)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__, NULL)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__, NULL)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__, NULL)

/* The text for a negative or positive errno; valid until the next call. */
const char *errno_text(int error);
