/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Completion scripts of shells: the code of completion.*, and the words that the tables make. */

#include <string.h>

#include "../collectors/registry.h"
#include "help.h"
#include "help_template.h"
#include "options.h"
#include "text.h"
#include "util.h"

/* What a shell completes the value of a flag with, which its placeholder says. */
enum value_kind {
	VALUE_NONE, /* there is no value */
	VALUE_ANY,
	VALUE_CHOICE,
	VALUE_FILE,
	VALUE_DIRECTORY,
};

static enum value_kind value_kind(const struct option_desc *desc)
{
	if (desc->type == OPTION_BOOL)
		return VALUE_NONE;
	if (desc->n_choices)
		return VALUE_CHOICE;
	if (strcmp(desc->placeholder, "FILE") == 0)
		return VALUE_FILE;
	return strcmp(desc->placeholder, "DIR") == 0 ? VALUE_DIRECTORY : VALUE_ANY;
}

/* Those that all commands have, or those of one; hidden ones are for packagers, not for fingers. */
static bool belongs(const struct option_desc *desc, uint32_t command)
{
	return !desc->hidden && (command ? desc->commands & command : !desc->commands);
}

static void print_command_names(FILE *out)
{
	for (int i = 0; i < N_COMMANDS; i++)
		if (commands[i].name)
			fprintf(out, "%s%s", i > 1 ? " " : "", commands[i].name);
}

static void print_choices(FILE *out, const struct option_desc *desc)
{
	for (size_t i = 0; i < desc->n_choices; i++)
		fprintf(out, "%s%s", i ? " " : "", desc->choices[i]);
}

static void print_bash_flags(FILE *out, uint32_t command)
{
	const char *space = command ? " " : "";

	for (size_t i = 0; i < n_option_descs; i++) {
		const char *name = option_descs[i].name;

		if (!belongs(&option_descs[i], command))
			continue;
		if (value_kind(&option_descs[i]) == VALUE_NONE)
			fprintf(out, "%s--%s --no-%s", space, name, name);
		else
			fprintf(out, "%s--%s=", space, name);
		space = " ";
	}
}

static void print_bash_common_flags(FILE *out)
{
	fputs("-h ", out);
	print_bash_flags(out, 0);
	for (size_t i = 0; i < n_collectors; i++)
		fprintf(out, " --collector.%s --no-collector.%s", collectors[i]->name,
			collectors[i]->name);
}

static void print_bash_command_flags(FILE *out)
{
	for (int i = 0; i < N_COMMANDS; i++) {
		if (!commands[i].name)
			continue;
		fprintf(out, "\t%s) flags+='", commands[i].name);
		print_bash_flags(out, 1U << i);
		fputs("' ;;\n", out);
	}
}

static void print_bash_valued(FILE *out)
{
	const char *space = "";

	for (size_t i = 0; i < n_option_descs; i++) {
		if (value_kind(&option_descs[i]) == VALUE_NONE)
			continue;
		fprintf(out, "%s--%s", space, option_descs[i].name);
		space = " ";
	}
}

static void print_bash_values(FILE *out)
{
	for (size_t i = 0; i < n_option_descs; i++) {
		const enum value_kind kind = value_kind(&option_descs[i]);

		if (kind == VALUE_NONE || kind == VALUE_ANY)
			continue;
		fprintf(out, "\t--%s) ", option_descs[i].name);
		if (kind == VALUE_CHOICE) {
			fputs("words='", out);
			print_choices(out, &option_descs[i]);
		} else {
			fprintf(out, "action='%s", kind == VALUE_FILE ? "file" : "directory");
		}
		fputs("' ;;\n", out);
	}
}

void help_print_completion_bash(FILE *out)
{
	static const struct help_slot slots[] = {
		{ "program", help_print_program },    { "commands", print_command_names },
		{ "flags", print_bash_common_flags }, { "command_flags", print_bash_command_flags },
		{ "valued", print_bash_valued },      { "values", print_bash_values },
	};

	help_fill(out, text_completion_bash, slots, ARRAY_SIZE(slots));
}

/* Inside '' and, there, inside [] or behind a colon. */
static void print_zsh_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", out);
		else if (strchr("[]:\\", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void print_zsh_value(FILE *out, const struct option_desc *desc)
{
	const enum value_kind kind = value_kind(desc);

	fprintf(out, ":%s:", desc->placeholder);
	if (kind == VALUE_CHOICE) {
		fputc('(', out);
		print_choices(out, desc);
		fputc(')', out);
	} else if (kind != VALUE_ANY) {
		fputs(kind == VALUE_FILE ? "_files" : "_files -/", out);
	} else {
		fputc(' ', out);
	}
}

static void print_zsh_switch(FILE *out, const char *prefix, const char *name, const char *help)
{
	fprintf(out, "\t\t'(--%s%s --no-%s%s)'{--%s%s,--no-%s%s}'[", prefix, name, prefix, name,
		prefix, name, prefix, name);
	print_zsh_text(out, help);
	fputs("]'\n", out);
}

static void print_zsh_flags(FILE *out, uint32_t command)
{
	for (size_t i = 0; i < n_option_descs; i++) {
		const struct option_desc *desc = &option_descs[i];

		if (!belongs(desc, command))
			continue;
		if (value_kind(desc) == VALUE_NONE) {
			print_zsh_switch(out, "", desc->name, desc->help);
			continue;
		}
		fprintf(out, "\t\t'%s--%s=[", desc->type == OPTION_STRINGS ? "*" : "", desc->name);
		print_zsh_text(out, desc->help);
		fputc(']', out);
		print_zsh_value(out, desc);
		fputs("'\n", out);
	}
}

static void print_zsh_common_flags(FILE *out)
{
	fputs("\t\t'-h[Show this help.]'\n", out);
	print_zsh_flags(out, 0);
	for (size_t i = 0; i < n_collectors; i++)
		print_zsh_switch(out, "collector.", collectors[i]->name, collectors[i]->help);
}

static void print_zsh_command_flags(FILE *out)
{
	for (int i = 0; i < N_COMMANDS; i++) {
		if (!commands[i].name)
			continue;
		fprintf(out, "\t\t%s)\n\t\t\tflags+=(\n", commands[i].name);
		print_zsh_flags(out, 1U << i);
		fputs("\t\t\t)\n\t\t\t;;\n", out);
	}
}

static void print_zsh_commands(FILE *out)
{
	for (int i = 0; i < N_COMMANDS; i++) {
		if (!commands[i].name)
			continue;
		fprintf(out, "\t\t'%s:", commands[i].name);
		print_zsh_text(out, commands[i].help);
		fputs("'\n", out);
	}
}

void help_print_completion_zsh(FILE *out)
{
	static const struct help_slot slots[] = {
		{ "program", help_print_program },
		{ "commands", print_zsh_commands },
		{ "flags", print_zsh_common_flags },
		{ "command_flags", print_zsh_command_flags },
	};

	help_fill(out, text_completion_zsh, slots, ARRAY_SIZE(slots));
}
