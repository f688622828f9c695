/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The diagnosis for people: three lines that say it all, then every finding. */

#include <stdio.h>
#include <string.h>

#include "../exporter/buffer.h"
#include "../exporter/util.h"
#include "finding.h"

#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static const char *const severity_colours[N_SEVERITIES] = {
	[SEVERITY_OK] = "\033[32m",
	[SEVERITY_INFO] = "\033[36m",
	[SEVERITY_WARNING] = "\033[33m",
	[SEVERITY_CRITICAL] = "\033[31m",
};

/* Breaks lines between words. */
struct writer {
	struct buffer *out;
	bool colour;
	unsigned int width; /* 0: never */
	size_t indent;	    /* of lines that go on */
	size_t column;	    /* of the present line */
	bool begun;	    /* it has a word */
};

static void write_spaces(struct writer *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buffer_append_char(w->out, ' ');
	w->column += n;
}

/* Ends the line that was begun, and begins one whose words stand behind n spaces. */
static void write_line(struct writer *w, size_t n)
{
	if (w->column > 0)
		buffer_append_char(w->out, '\n');
	w->column = 0;
	w->begun = false;
	w->indent = n;
	write_spaces(w, n);
}

static void write_word(struct writer *w, const char *word, size_t len)
{
	if (w->begun && w->width && w->column + 1 + len > w->width)
		write_line(w, w->indent);
	if (w->begun)
		write_spaces(w, 1);
	buffer_append(w->out, word, len);
	w->column += len;
	w->begun = true;
}

static void write_words(struct writer *w, const char *text, size_t len)
{
	while (len > 0) {
		const char *space = memchr(text, ' ', len);
		const size_t word = space ? (size_t)(space - text) : len;
		const size_t taken = space ? word + 1 : word;

		if (word > 0)
			write_word(w, text, word);
		text += taken;
		len -= taken;
	}
}

static void write_text(struct writer *w, const char *text)
{
	write_words(w, text, strlen(text));
}

/* Two texts that no line breaks between. */
static void write_joined(struct writer *w, const char *text, const char *end)
{
	char word[64];
	const int len = snprintf(word, sizeof(word), "%s%s", text, end);

	assert(len >= 0 && (size_t)len < sizeof(word));
	write_word(w, word, (size_t)len);
}

/* Escapes take no columns. */
static void write_escape(struct writer *w, const char *escape)
{
	if (w->colour)
		buffer_append_string(w->out, escape);
}

static void write_end(struct writer *w)
{
	if (w->column > 0)
		buffer_append_char(w->out, '\n');
	w->column = 0;
	w->begun = false;
}

static void write_title(struct writer *w, const struct finding *finding)
{
	write_escape(w, severity_colours[finding->severity]);
	write_joined(w, severity_names[finding->severity], ":");
	write_escape(w, PLAIN BOLD);
	write_text(w, finding->title);
	write_escape(w, PLAIN);
	write_end(w);
}

static void write_command(struct writer *w, size_t indent, const char *command)
{
	write_line(w, indent);
	buffer_append_string(w->out, "$ ");
	buffer_append_string(w->out, command);
	buffer_append_char(w->out, '\n');
	w->column = 0;
}

static void write_first_command(struct writer *w, const struct diagnosis *diagnosis)
{
	const struct finding *first = &diagnosis->findings[0];

	if (first->n_advice > 0 && first->advice[0].command[0]) {
		write_command(w, 0, first->advice[0].command);
		return;
	}
	write_line(w, 0);
	write_text(w, first->severity < SEVERITY_WARNING ? "There is nothing to do."
							 : "What to do is said below.");
	write_end(w);
}

/* Title, what it means, and what to type. */
static void write_head(struct writer *w, const struct diagnosis *diagnosis)
{
	const char *detail = diagnosis->findings[0].detail;
	const char *end = strstr(detail, ". ");

	write_line(w, 0);
	write_title(w, &diagnosis->findings[0]);
	write_words(w, detail, end ? (size_t)(end - detail) + 1 : strlen(detail));
	write_end(w);
	write_first_command(w, diagnosis);
}

static void write_evidence(struct writer *w, const struct finding *finding)
{
	for (size_t i = 0; i < finding->n_evidence; i++) {
		const struct finding_evidence *evidence = &finding->evidence[i];

		write_line(w, 2);
		w->indent = 4;
		write_text(w, evidence->name);
		write_joined(w, text_number(evidence->value).s, evidence->per_second ? "/s" : "");
	}
	write_end(w);
}

static void write_advice(struct writer *w, const struct finding *finding)
{
	for (size_t i = 0; i < finding->n_advice; i++) {
		const struct finding_advice *advice = &finding->advice[i];

		if (advice->command[0])
			write_command(w, 2, advice->command);
		write_line(w, 4);
		write_text(w, advice->cost);
		write_end(w);
	}
}

static void write_finding(struct writer *w, size_t number, const struct finding *finding)
{
	buffer_append_char(w->out, '\n');
	write_line(w, 0);
	w->indent = 2;
	write_joined(w, text_number((double)number).s, ".");
	/* The space before the title's colour. */
	write_spaces(w, 1);
	w->begun = false;
	write_title(w, finding);
	write_line(w, 2);
	write_text(w, finding->detail);
	write_end(w);
	write_evidence(w, finding);
	write_advice(w, finding);
}

static void write_footer(struct writer *w, const struct diagnosis *diagnosis)
{
	buffer_append_char(w->out, '\n');
	write_line(w, 0);
	if (diagnosis->interval_s > 0) {
		write_text(w, "Two looks");
		write_text(w, text_number(diagnosis->interval_s).s);
		write_text(w, "s apart. Nothing was changed.");
	} else {
		write_text(w, "One look: what grows was not judged. Nothing was changed.");
	}
	write_end(w);
}

void diagnosis_write_text(const struct diagnosis *diagnosis, bool colour, unsigned int width,
			  struct buffer *out)
{
	struct writer w = { .out = out, .colour = colour, .width = width };

	write_head(&w, diagnosis);
	for (size_t i = 0; i < diagnosis->n; i++)
		write_finding(&w, i + 1, &diagnosis->findings[i]);
	write_footer(&w, diagnosis);
}
