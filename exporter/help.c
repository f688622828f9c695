/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "help.h"

#include <string.h>

#include "../collectors/registry.h"
#include "../collectors/scrape.h"
#include "options.h"
#include "util.h"
#include "version.h"

#define HELP_WIDTH 100

/* Prints words from column indent on, broken at HELP_WIDTH; column is where the line stands now. */
static void print_wrapped(FILE *out, size_t column, size_t indent, const char *text)
{
	bool starts_line = true;

	fprintf(out, "%*s", (int)(indent > column ? indent - column : 1), "");
	column = indent;
	while (*text) {
		size_t length = strcspn(text, " ");

		if (!starts_line && column + 1 + length > HELP_WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			starts_line = true;
		}
		fprintf(out, "%s%.*s", starts_line ? "" : " ", (int)length, text);
		column += length + !starts_line;
		starts_line = false;
		text += length + strspn(text + length, " ");
	}
	fputc('\n', out);
}

static size_t print_flag(FILE *out, const struct option_desc *desc)
{
	const char *value = desc->fallback ? desc->fallback : desc->placeholder;

	if (desc->type == OPTION_BOOL)
		return (size_t)fprintf(out, "  --[no-]%s", desc->name);
	return (size_t)fprintf(out, "  --%s=%s", desc->name, value);
}

static void print_flag_help(FILE *out, const struct option_desc *desc)
{
	char text[512];
	size_t column = strcmp(desc->name, "help") == 0 ? (size_t)fprintf(out, "  -h, --[no-]help")
							: print_flag(out, desc);
	int n = snprintf(text, sizeof(text), "%s", desc->help);

	for (size_t i = 0; i < desc->n_choices && (size_t)n < sizeof(text); i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, " %s%s", desc->choices[i],
			      i + 1 < desc->n_choices ? "," : ".");
	if (column >= 40) {
		fputc('\n', out);
		column = 0;
	}
	print_wrapped(out, column, 40, text);
}

/* Those that all have, or those that this command has. */
static void print_flags(FILE *out, uint32_t command)
{
	for (size_t i = 0; i < n_option_descs; i++)
		if (!option_descs[i].hidden &&
		    (command ? option_descs[i].commands & command : !option_descs[i].commands))
			print_flag_help(out, &option_descs[i]);
}

static void print_collector_flags(FILE *out)
{
	for (size_t i = 0; i < n_collectors; i++) {
		size_t column = (size_t)fprintf(out, "  --[no-]collector.%s", collectors[i]->name);
		char text[512];

		(void)snprintf(text, sizeof(text), "Enable the %s collector (default: %s): %s.",
			       collectors[i]->name,
			       collectors[i]->enabled_by_default ? "enabled" : "disabled",
			       collectors[i]->help);
		print_wrapped(out, column, 40, text);
	}
}

static void print_metric_name(FILE *out, const struct metric_desc *desc)
{
	fprintf(out, "%s%s", desc->name, desc->type == METRIC_COUNTER ? "_total" : "");
	for (size_t i = 0; i < metric_label_count(desc); i++)
		fprintf(out, "%s%s", i ? "," : "{", desc->labels[i]->name);
	fputs(metric_label_count(desc) ? "}" : "", out);
	if (metric_label_count(desc) && desc->labels[0]->when)
		fprintf(out, " (%s %s)", desc->labels[0]->name, desc->labels[0]->when);
}

static void print_names(FILE *out, const char *title, const struct metric_desc *descs, size_t n)
{
	fprintf(out, "  %s\n", title);
	for (size_t i = 0; i < n; i++) {
		fputs("    ", out);
		print_metric_name(out, &descs[i]);
		fputc('\n', out);
	}
}

void help_print(FILE *out)
{
	fputs("usage: " EXPORTER_PROGRAM
	      " [<flags>] [<command>]\n\n"
	      "Prometheus exporter for the kernel's connection tracking table and this host's "
	      "sockets.\n\nFlags:\n",
	      out);
	print_flags(out, 0);
	print_collector_flags(out);
	fputs("\nCommands:\n", out);
	for (int i = 0; i < N_COMMANDS; i++) {
		size_t column = (size_t)fprintf(out, "  %s",
						commands[i].name ? commands[i].name : "(none)");

		print_wrapped(out, column, 40, commands[i].help);
		print_flags(out, 1U << i);
	}
	fputs("\nMetrics, by collector:\n", out);
	for (size_t i = 0; i < n_collectors; i++)
		print_names(out, collectors[i]->name, collectors[i]->descs, collectors[i]->n_descs);
	print_names(out, "(always)", scrape_descs, n_scrape_descs);
}

/* Fixed label values are listed; the others are described by the label's name. */
static void print_label_values(FILE *out, const struct metric_desc *desc)
{
	for (size_t i = 0; i < metric_label_count(desc); i++) {
		const struct label_set *set = desc->labels[i];

		fprintf(out, "%s`%s`", i ? "<br>" : "", set->name);
		if (set->when)
			fprintf(out, " (%s)", set->when);
		for (size_t j = 0; j < set->n_values; j++)
			fprintf(out, "%s %s", j ? "" : ":", set->values[j]);
	}
}

static void print_rows(FILE *out, const char *collector, const struct metric_desc *descs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "| %s | `%s%s` | %s | ", collector, descs[i].name,
			descs[i].type == METRIC_COUNTER ? "_total" : "",
			descs[i].type == METRIC_COUNTER ? "counter" : "gauge");
		print_label_values(out, &descs[i]);
		fprintf(out, " | %s |\n", descs[i].help);
	}
}

void help_print_metrics(FILE *out)
{
	fputs("| collector | metric | type | labels | meaning |\n|---|---|---|---|---|\n", out);
	for (size_t i = 0; i < n_collectors; i++)
		print_rows(out, collectors[i]->name, collectors[i]->descs, collectors[i]->n_descs);
	print_rows(out, "(always)", scrape_descs, n_scrape_descs);
}

void help_print_version(FILE *out)
{
	fprintf(out,
		"conntrack_exporter, version %s (branch: %s, revision: %s)\n"
		"  compiler: %s\n  platform: %s\n",
		EXPORTER_VERSION, EXPORTER_BRANCH, EXPORTER_REVISION, EXPORTER_COMPILER,
		EXPORTER_PLATFORM);
}
