/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Command line -> struct options. Pure. One table feeds the parser and the help. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../collectors/collector.h"
#include "../collectors/talkers.h"

#define OPTIONS_STRINGS_MAX 16
#define OPTIONS_ERROR_MAX 256

enum command {
	COMMAND_SERVE, /* no argument */
	COMMAND_METRICS,
	COMMAND_DIAGNOSE,
	COMMAND_TALKERS,
	N_COMMANDS,
};

struct command_desc {
	const char *name; /* NULL: what happens without a command */
	const char *help;
};

extern const struct command_desc commands[N_COMMANDS];

enum report_format {
	REPORT_TEXT, /* for people */
	REPORT_JSON,
	N_REPORT_FORMATS,
};

/* The values of a repeatable flag. */
struct string_list {
	const char *values[OPTIONS_STRINGS_MAX];
	size_t n;
};

struct options {
	enum command command;
	bool help, help_metrics, help_man, version; /* print this instead */
	bool completion_bash, completion_zsh;
	struct string_list listen;
	bool systemd_socket; /* listen on sockets that were passed, not on these addresses */
	const char *telemetry_path;
	const char *web_config; /* NULL: plain HTTP for everybody */
	uint64_t max_requests;	/* 0: no limit of its own */
	bool disable_exporter_metrics;
	bool disable_defaults;
	uint64_t switched_on; /* masks of collectors named by a flag */
	uint64_t switched_off;
	struct collector_settings collector;
	uint64_t log_level;  /* enum log_level */
	uint64_t log_format; /* enum log_format */
	const char *output;  /* NULL: stdout */
	uint64_t interval_ns;
	uint64_t report_format; /* enum report_format */
	struct talkers_query talkers;
};

enum option_type {
	OPTION_BOOL,
	OPTION_STRING,
	OPTION_STRINGS,	 /* repeatable */
	OPTION_COUNT,	 /* decimal, not negative */
	OPTION_DURATION, /* Go's form: 1m30s, 500ms, 0; kept in nanoseconds */
	OPTION_CHOICE,	 /* one of choices, kept as its index */
	OPTION_TALKERS,	 /* a parameter of struct talkers_query, with the option's name */
};

struct option_desc {
	const char *name;
	enum option_type type;
	size_t offset;	      /* in struct options */
	const char *fallback; /* the default, in the form a user would write; NULL: none */
	const char *placeholder;
	const char *const *choices;
	size_t n_choices;
	bool hidden;
	uint32_t commands; /* mask of those that have it; 0: all do */
	const char *help;
};

extern const struct option_desc option_descs[];
extern const size_t n_option_descs;

/*
 * Parses argv. The strings in *ret are argv's own or constants. Returns 0, or -EINVAL with one
 * sentence in error, which has room for OPTIONS_ERROR_MAX bytes.
 */
int options_parse(int argc, char **argv, struct options *ret, char *error);

/* The mask of collectors that the flags leave on. */
uint64_t options_collectors(const struct options *options);
