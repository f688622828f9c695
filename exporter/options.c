/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../collectors/registry.h"
#include "../collectors/talkers_query.h"
#include "decimal.h"
#include "duration.h"
#include "util.h"

static_assert(OPTIONS_ERROR_MAX >= TALKERS_QUERY_ERROR_MAX, "its sentence has room");

static bool choice_parse(const struct option_desc *desc, const char *text, uint64_t *ret)
{
	for (size_t i = 0; i < desc->n_choices; i++) {
		if (strcmp(desc->choices[i], text) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool strings_add(struct string_list *list, const char *value)
{
	if (list->n == OPTIONS_STRINGS_MAX)
		return false;
	list->values[list->n++] = value;
	return true;
}

/*
 * Stores value where the option keeps it; false when it is not of the option's type. error is empty
 * before, and after unless there is more to say.
 */
static bool option_set(const struct option_desc *desc, struct options *options, const char *value,
		       char *error)
{
	void *at = (char *)options + desc->offset;

	switch (desc->type) {
	case OPTION_STRING:
		*(const char **)at = value;
		return *value != '\0';
	case OPTION_STRINGS:
		return strings_add(at, value);
	case OPTION_COUNT:
		return decimal_parse(value, at);
	case OPTION_DURATION:
		return duration_parse(value, at);
	case OPTION_CHOICE:
		return choice_parse(desc, value, at);
	case OPTION_TALKERS:
		return talkers_query_set(at, desc->name, value, error) == 0;
	case OPTION_BOOL:
		break;
	}
	return false;
}

static const struct option_desc *option_find(const char *name, size_t length)
{
	for (size_t i = 0; i < n_option_descs; i++)
		if (strlen(option_descs[i].name) == length &&
		    strncmp(option_descs[i].name, name, length) == 0)
			return &option_descs[i];
	return NULL;
}

/* --collector.NAME and --no-collector.NAME; false when there is no such collector. */
static bool collector_switch(struct options *options, const char *name, bool on)
{
	int index = strncmp(name, "collector.", 10) == 0 ? registry_find(name + 10) : -1;

	if (index < 0)
		return false;
	options->switched_on &= ~(1ULL << index);
	options->switched_off &= ~(1ULL << index);
	*(on ? &options->switched_on : &options->switched_off) |= 1ULL << index;
	return true;
}

/* The flags without a value, in both their forms; false when name is none of them. */
static bool bool_option(struct options *options, const char *name)
{
	const bool on = strncmp(name, "no-", 3) != 0;
	const struct option_desc *desc;

	name += on ? 0 : 3;
	desc = option_find(name, strlen(name));
	if (desc && desc->type == OPTION_BOOL) {
		*(bool *)((char *)options + desc->offset) = on;
		return true;
	}
	return collector_switch(options, name, on);
}

static int __attribute__((format(printf, 2, 3))) refuse(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, OPTIONS_ERROR_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

struct parser {
	struct options options;
	uint64_t given; /* rows of option_descs with a value */
	char *error;
};

/*
 * One long flag; next is the following argument or NULL. Returns how many arguments it took, or
 * -EINVAL.
 */
static int parse_flag(struct parser *parser, const char *name, const char *next)
{
	const size_t length = strcspn(name, "=");
	const struct option_desc *desc = option_find(name, length);
	const char *value = name[length] == '=' ? name + length + 1 : next;

	if (name[length] != '=' && bool_option(&parser->options, name))
		return 1;
	if (!desc || desc->type == OPTION_BOOL)
		return refuse(parser->error, "unknown long flag '--%s', try --help", name);
	if (!value)
		return refuse(parser->error, "expected argument for flag '--%s', try --help",
			      desc->name);
	*parser->error = '\0';
	if (!option_set(desc, &parser->options, value, parser->error))
		return *parser->error ? -EINVAL
				      : refuse(parser->error,
					       "invalid value '%s' for flag '--%s', try --help",
					       value, desc->name);
	parser->given |= 1ULL << (desc - option_descs);
	return name[length] == '=' ? 1 : 2;
}

static int parse_command(struct options *options, const char *name, char *error)
{
	for (int i = 0; options->command == COMMAND_SERVE && i < N_COMMANDS; i++) {
		if (commands[i].name && strcmp(commands[i].name, name) == 0) {
			options->command = i;
			return 1;
		}
	}
	return refuse(error, "unexpected %s, try --help", name);
}

/* Gives every option that was not given what it has then. given is a mask of rows of the table. */
static void set_fallbacks(struct options *options, uint64_t given)
{
	for (size_t i = 0; i < n_option_descs; i++) {
		const struct option_desc *desc = &option_descs[i];
		char error[OPTIONS_ERROR_MAX];
		bool set = given & 1ULL << i || !desc->fallback ||
			   option_set(desc, options, desc->fallback, error);

		assert(set);
		(void)set;
	}
}

/* A flag that only some commands have. */
static int refuse_elsewhere(const struct option_desc *desc, char *error)
{
	char names[64] = "";
	size_t n = 0;

	for (int i = 0; i < N_COMMANDS && n < sizeof(names); i++)
		if (desc->commands & 1U << i)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? " or " : "",
					      commands[i].name);
	return refuse(error, "flag '--%s' goes with the command %s, try --help", desc->name, names);
}

/* What the types cannot say. */
static int check(const struct options *options, uint64_t given, char *error)
{
	if (strncmp(options->telemetry_path, "/-/", 3) == 0)
		return refuse(error,
			      "invalid value '%s' for flag '--web.telemetry-path', /-/ is taken",
			      options->telemetry_path);
	if (options->telemetry_path[0] != '/' || strpbrk(options->telemetry_path, "?#% "))
		return refuse(
			error,
			"invalid value '%s' for flag '--web.telemetry-path', it must be a plain "
			"path that starts with /",
			options->telemetry_path);
	if (options->collector.talkers_limit < 1 ||
	    options->collector.talkers_limit > TALKERS_LIMIT_MAX)
		return refuse(error,
			      "invalid value '%llu' for flag '--collector.talkers.limit', it must "
			      "be from 1 to %d",
			      (unsigned long long)options->collector.talkers_limit,
			      TALKERS_LIMIT_MAX);
	for (size_t i = 0; i < n_option_descs; i++) {
		const struct option_desc *desc = &option_descs[i];

		if (given & 1ULL << i && desc->commands &&
		    !(desc->commands & 1U << options->command))
			return refuse_elsewhere(desc, error);
	}
	return 0;
}

/* One argument or two. Returns how many, or -EINVAL. */
static int parse_argument(struct parser *parser, const char *argument, const char *next)
{
	if (strcmp(argument, "-h") == 0)
		return parse_flag(parser, "help", NULL);
	if (strncmp(argument, "--", 2) == 0)
		return parse_flag(parser, argument + 2, next);
	if (argument[0] == '-')
		return refuse(parser->error, "unknown short flag '%s', try --help", argument);
	return parse_command(&parser->options, argument, parser->error);
}

int options_parse(int argc, char **argv, struct options *ret, char *error)
{
	struct parser parser = { .options = { .command = COMMAND_SERVE }, .error = error };

	talkers_query_init(&parser.options.talkers);
	for (int i = 1, used; i < argc; i += used) {
		used = parse_argument(&parser, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
		if (used < 0)
			return used;
	}
	set_fallbacks(&parser.options, parser.given);
	if (check(&parser.options, parser.given, error) < 0)
		return -EINVAL;
	*ret = parser.options;
	return 0;
}

uint64_t options_collectors(const struct options *options)
{
	uint64_t mask = options->disable_defaults ? 0 : registry_defaults();

	return (mask | options->switched_on) & ~options->switched_off;
}
