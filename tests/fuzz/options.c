/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A command line, a line for each argument. What was understood, written out in full, is understood
 * the same.
 */

#include "fuzz.h"

#include <errno.h>

#include "../../collectors/talkers_query.h"
#include "../../collectors/talkers_write.h"
#include "../../exporter/options.h"
#include "../unit/fake_registry.h"

#define ARGS_MAX 128

/* Arguments written out; its strings are its own. */
struct command_line {
	char *argv[ARGS_MAX];
	int argc;
};

static void __attribute__((format(printf, 2, 3)))
command_line_add(struct command_line *line, const char *format, ...)
{
	va_list args;

	HOLDS(line->argc < ARGS_MAX);
	va_start(args, format);
	HOLDS(vasprintf(&line->argv[line->argc++], format, args) >= 0);
	va_end(args);
}

static void command_line_finish(struct command_line *line)
{
	while (line->argc > 0)
		free(line->argv[--line->argc]);
}

static void write_talkers(struct command_line *line, const struct talkers_query *query,
			  const char *name)
{
	struct talkers_filter_text filters[TALKERS_FILTERS_MAX];
	const size_t n = talkers_filters_format(query, filters);

	if (strcmp(name, "by") == 0)
		command_line_add(line, "--by=%s", talkers_by_names[query->by]);
	if (strcmp(name, "limit") == 0)
		command_line_add(line, "--limit=%u", query->limit);
	for (size_t i = 0; i < n; i++)
		if (strcmp(filters[i].name, name) == 0)
			command_line_add(line, "--%s=%s", name, filters[i].value);
}

static void write_option(struct command_line *line, const struct option_desc *desc,
			 const struct options *options)
{
	const void *at = (const char *)options + desc->offset;
	const struct string_list *list = at;
	const char *const *string = at;
	const uint64_t *number = at;

	switch (desc->type) {
	case OPTION_BOOL:
		command_line_add(line, "--%s%s", *(const bool *)at ? "" : "no-", desc->name);
		break;
	case OPTION_STRING:
		if (*string)
			command_line_add(line, "--%s=%s", desc->name, *string);
		break;
	case OPTION_STRINGS:
		for (size_t i = 0; i < list->n; i++)
			command_line_add(line, "--%s=%s", desc->name, list->values[i]);
		break;
	case OPTION_COUNT:
		command_line_add(line, "--%s=%llu", desc->name, (unsigned long long)*number);
		break;
	case OPTION_DURATION:
		command_line_add(line, "--%s=%llus%lluns", desc->name,
				 (unsigned long long)(*number / NSEC_PER_SEC),
				 (unsigned long long)(*number % NSEC_PER_SEC));
		break;
	case OPTION_CHOICE:
		HOLDS(*number < desc->n_choices);
		command_line_add(line, "--%s=%s", desc->name, desc->choices[*number]);
		break;
	case OPTION_TALKERS:
		write_talkers(line, at, desc->name);
		break;
	}
}

static void write_collectors(struct command_line *line, const struct options *options)
{
	static const char *const names[] = { "table", "stat", "flows", "talkers" };

	HOLDS((options->switched_on & options->switched_off) == 0);
	HOLDS((options->switched_on | options->switched_off) >> N_FAKE_COLLECTORS == 0);
	for (int i = 0; i < N_FAKE_COLLECTORS; i++) {
		if (options->switched_on & BIT(i))
			command_line_add(line, "--collector.%s", names[i]);
		if (options->switched_off & BIT(i))
			command_line_add(line, "--no-collector.%s", names[i]);
	}
}

static void write_all(struct command_line *line, const struct options *options)
{
	command_line_add(line, "conntrack_exporter");
	for (size_t i = 0; i < n_option_descs; i++)
		if (!option_descs[i].commands || option_descs[i].commands & 1U << options->command)
			write_option(line, &option_descs[i], options);
	write_collectors(line, options);
	if (commands[options->command].name)
		command_line_add(line, "%s", commands[options->command].name);
}

static void repeat(const struct options *options)
{
	struct command_line line = { .argc = 0 }, again = { .argc = 0 };
	struct options parsed;
	char error[OPTIONS_ERROR_MAX];

	HOLDS(options->command < N_COMMANDS && talkers_query_is_valid(&options->talkers));
	HOLDS((options_collectors(options) & ~(BIT(N_FAKE_COLLECTORS) - 1)) == 0);
	write_all(&line, options);
	HOLDS(options_parse(line.argc, line.argv, &parsed, error) == 0);
	write_all(&again, &parsed);
	HOLDS(line.argc == again.argc);
	for (int i = 0; i < line.argc; i++)
		HOLDS(strcmp(line.argv[i], again.argv[i]) == 0);
	HOLDS(options_collectors(options) == options_collectors(&parsed));
	command_line_finish(&line);
	command_line_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct options *options = malloc(sizeof(*options)), untouched;
	char *error = malloc(OPTIONS_ERROR_MAX);
	struct command_line line = { .argv = { strdup("conntrack_exporter") }, .argc = 1 };

	HOLDS(options && error && line.argv[0]);
	*error = '\0';
	while (line.argc < 64 && (line.argv[line.argc] = input_text(&input, '\n')))
		line.argc++;
	memset(options, 0xa5, sizeof(*options));
	memcpy(&untouched, options, sizeof(untouched));
	if (options_parse(line.argc, line.argv, options, error) == 0) {
		repeat(options);
	} else {
		HOLDS(memcmp(options, &untouched, sizeof(untouched)) == 0);
		HOLDS(*error && memchr(error, '\0', OPTIONS_ERROR_MAX));
	}
	command_line_finish(&line);
	free(options);
	free(error);
	return 0;
}
