/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The manual page, in mdoc(7): the prose of manual.1, and the lists that the tables make. */

#include <ctype.h>
#include <string.h>

#include "../collectors/registry.h"
#include "help.h"
#include "help_template.h"
#include "options.h"
#include "text.h"
#include "util.h"
#include "version.h"

#define LINE_WIDTH 78

/* A word as text: nothing in it is a request, an escape or, in a flag, a hyphen. */
static void print_word(FILE *out, const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (i == 0 && (word[i] == '.' || word[i] == '\''))
			fputs("\\&", out);
		if (word[i] == '\\')
			fputs("\\e", out);
		else if (word[i] == '-' && word[0] == '-')
			fputs("\\-", out);
		else
			fputc(word[i], out);
	}
}

/* Sentences begin on lines of their own, and lines are short, as the format wants it. */
static void print_text(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		const size_t length = strcspn(text, " ");
		const bool ends = length && text[length - 1] == '.';

		if (column && column + 1 + length > LINE_WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s", column ? " " : "") + length;
		print_word(out, text, length);
		text += length + strspn(text + length, " ");
		if (ends && *text) {
			fputc('\n', out);
			column = 0;
		}
	}
	fputc('\n', out);
}

static void print_flag(FILE *out, const struct option_desc *desc)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "%s", desc->help);

	fprintf(out, ".It %sFl -%s%s", strcmp(desc->name, "help") == 0 ? "Fl h , " : "",
		desc->type == OPTION_BOOL ? "[no-]" : "", desc->name);
	if (desc->type != OPTION_BOOL)
		fprintf(out, " Ns = Ns Ar %s", desc->placeholder);
	fputc('\n', out);
	for (size_t i = 0; i < desc->n_choices && (size_t)n < sizeof(text); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %s%s", desc->choices[i],
			      i + 1 < desc->n_choices ? "," : ".");
	if (desc->fallback && (size_t)n < sizeof(text))
		(void)snprintf(text + n, sizeof(text) - (size_t)n, " Default: %s.", desc->fallback);
	print_text(out, text);
}

static void print_options(FILE *out)
{
	for (size_t i = 0; i < n_option_descs; i++)
		if (!option_descs[i].commands)
			print_flag(out, &option_descs[i]);
	fputs(".It Fl -[no-]collector.NAME\n"
	      "Switch a collector on or off, see\n"
	      ".Sx COLLECTORS .\n",
	      out);
}

static void print_command_flags(FILE *out, uint32_t command)
{
	bool any = false;

	for (size_t i = 0; i < n_option_descs; i++) {
		if (!(option_descs[i].commands & command))
			continue;
		if (!any)
			fputs(".Bl -tag -width Ds\n", out);
		any = true;
		print_flag(out, &option_descs[i]);
	}
	if (any)
		fputs(".El\n", out);
}

static void print_commands(FILE *out)
{
	for (int i = 0; i < N_COMMANDS; i++) {
		if (commands[i].name) {
			fprintf(out, ".It Cm %s\n", commands[i].name);
			print_text(out, commands[i].help);
			print_command_flags(out, 1U << i);
		}
	}
}

static void print_synopsis(FILE *out)
{
	for (int i = 0; i < N_COMMANDS; i++) {
		fputs(".Nm\n.Op Ar flag ...\n", out);
		if (commands[i].name)
			fprintf(out, ".Cm %s\n", commands[i].name);
	}
}

static void print_collectors(FILE *out)
{
	for (size_t i = 0; i < n_collectors; i++) {
		char text[512];

		fprintf(out, ".It Fl -[no-]collector.%s\n", collectors[i]->name);
		(void)snprintf(text, sizeof(text), "%s. %s by default.", collectors[i]->help,
			       collectors[i]->enabled_by_default ? "Enabled" : "Disabled");
		text[0] = (char)toupper((unsigned char)text[0]);
		print_text(out, text);
	}
}

static void print_title(FILE *out)
{
	for (const char *c = EXPORTER_PROGRAM; *c; c++)
		fputc(toupper((unsigned char)*c), out);
}

void help_print_manual(FILE *out)
{
	static const struct help_slot slots[] = {
		{ "PROGRAM", print_title },	{ "program", help_print_program },
		{ "synopsis", print_synopsis }, { "commands", print_commands },
		{ "options", print_options },	{ "collectors", print_collectors },
	};

	help_fill(out, text_manual_1, slots, ARRAY_SIZE(slots));
}
