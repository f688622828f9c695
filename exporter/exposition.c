/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Formats: Prometheus text exposition 0.0.4 and OpenMetrics 1.0. They differ in the order and
 * wording of the metadata, in where a counter's "_total" stands, in the escapes of HELP and in the
 * closing "# EOF". Numbers are printed for the C locale; the program never calls setlocale().
 */

#include "exposition.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"
#include "util.h"

static const char *const type_names[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
};

/*
 * OpenMetrics wants UNIT to be the last part of the family's name; these are the base units in use.
 */
static const char *const units[] = { "bytes", "ratio", "seconds" };

static const char *metric_unit(const char *name)
{
	const char *last = strrchr(name, '_');

	for (size_t i = 0; last && i < ARRAY_SIZE(units); i++)
		if (strcmp(last + 1, units[i]) == 0)
			return units[i];
	return NULL;
}

void exposition_init(struct exposition *e, enum exposition_format format)
{
	e->format = format;
	e->n_families = 0;
	buffer_init(&e->out, EXPOSITION_SIZE_MAX);
}

int exposition_finish(struct exposition *e)
{
	if (e->format == EXPOSITION_OPENMETRICS)
		buffer_append_string(&e->out, "# EOF\n");
	return e->out.error;
}

void exposition_destroy(struct exposition *e)
{
	buffer_finish(&e->out);
}

/* How many bytes from s on are ASCII that is written as it is everywhere. */
static size_t plain_length(const unsigned char *s)
{
	size_t n = 0;

	while (s[n] > '"' ? s[n] < 0x80 && s[n] != '\\' : s[n] == ' ' || s[n] == '!')
		n++;
	return n;
}

/* Writes the character at s, which is not the end, and returns its length. */
static size_t write_character(struct buffer *out, const unsigned char *s, bool escape_quote)
{
	const size_t n = utf8_length(s);

	if (n == 0)
		buffer_append_string(out, UTF8_REPLACEMENT);
	else if (*s == '\\')
		buffer_append_string(out, "\\\\");
	else if (*s == '\n')
		buffer_append_string(out, "\\n");
	else if (*s == '"' && escape_quote)
		buffer_append_string(out, "\\\"");
	else
		buffer_append(out, s, n);
	return n ? n : 1;
}

/*
 * Backslash and newline are escaped everywhere, the double quote where the caller says so. One byte
 * of invalid UTF-8 makes a scraper refuse the whole answer, so such bytes become U+FFFD.
 */
static void write_escaped(struct buffer *out, const char *text, bool escape_quote)
{
	const unsigned char *s = (const unsigned char *)text;

	for (;;) {
		const size_t n = plain_length(s);

		buffer_append(out, s, n);
		s += n;
		if (!*s)
			return;
		s += write_character(out, s, escape_quote);
	}
}

static void write_name(struct exposition *e, const struct metric_desc *desc, bool with_total)
{
	buffer_append_string(&e->out, desc->name);
	if (with_total && desc->type == METRIC_COUNTER)
		buffer_append_string(&e->out, "_total");
}

static void write_metadata(struct exposition *e, const struct metric_desc *desc,
			   const char *keyword, const char *value)
{
	buffer_append_string(&e->out, keyword);
	write_name(e, desc, e->format == EXPOSITION_TEXT);
	buffer_append_char(&e->out, ' ');
	write_escaped(&e->out, value, e->format == EXPOSITION_OPENMETRICS);
	buffer_append_char(&e->out, '\n');
}

static void write_header(struct exposition *e, const struct metric_desc *desc)
{
	const char *unit = metric_unit(desc->name);

	if (e->format == EXPOSITION_TEXT) {
		write_metadata(e, desc, "# HELP ", desc->help);
		write_metadata(e, desc, "# TYPE ", type_names[desc->type]);
		return;
	}
	write_metadata(e, desc, "# TYPE ", type_names[desc->type]);
	if (unit)
		write_metadata(e, desc, "# UNIT ", unit);
	write_metadata(e, desc, "# HELP ", desc->help);
}

/*
 * Both formats want all lines of a family in one group: a family that was closed by another one
 * stays closed.
 */
static void open_family(struct exposition *e, const struct metric_desc *desc)
{
	if (e->n_families && e->families[e->n_families - 1] == desc)
		return;
	for (size_t i = 0; i < e->n_families; i++) {
		if (e->families[i] == desc && !e->out.error)
			e->out.error = -EEXIST;
	}
	if (e->n_families == EXPOSITION_FAMILIES_MAX && !e->out.error)
		e->out.error = -EFBIG;
	if (e->out.error)
		return;
	e->families[e->n_families++] = desc;
	write_header(e, desc);
}

static void write_labels(struct exposition *e, const struct metric_desc *desc,
			 const char *const *values)
{
	char separator = '{';

	for (size_t i = 0; values && i < metric_label_count(desc); i++) {
		buffer_append_char(&e->out, separator);
		buffer_append_string(&e->out, desc->labels[i]->name);
		buffer_append_string(&e->out, "=\"");
		write_escaped(&e->out, values[i], true);
		buffer_append_char(&e->out, '"');
		separator = ',';
	}
	if (separator == ',')
		buffer_append_char(&e->out, '}');
}

static void write_sample(struct exposition *e, const struct metric_desc *desc,
			 const char *const *values, const char *number)
{
	open_family(e, desc);
	write_name(e, desc, true);
	write_labels(e, desc, values);
	buffer_append_char(&e->out, ' ');
	buffer_append_string(&e->out, number);
	buffer_append_char(&e->out, '\n');
}

/* The shortest of 15 to 17 digits that reads back as the same double. */
static void format_double(char *text, size_t size, double value)
{
	if (isnan(value)) {
		(void)snprintf(text, size, "NaN");
		return;
	}
	if (isinf(value)) {
		(void)snprintf(text, size, value > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, size, "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			return;
	}
}

void exposition_labelled_u64(struct exposition *e, const struct metric_desc *desc,
			     const char *const *values, uint64_t value)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%" PRIu64, value);
	write_sample(e, desc, values, number);
}

void exposition_labelled_double(struct exposition *e, const struct metric_desc *desc,
				const char *const *values, double value)
{
	char number[40];

	format_double(number, sizeof(number), value);
	write_sample(e, desc, values, number);
}

void exposition_u64(struct exposition *e, const struct metric_desc *desc, uint64_t value)
{
	exposition_labelled_u64(e, desc, NULL, value);
}

void exposition_double(struct exposition *e, const struct metric_desc *desc, double value)
{
	exposition_labelled_double(e, desc, NULL, value);
}

void exposition_grid_row(struct exposition *e, const struct metric_desc *desc, size_t row,
			 const uint64_t *counts)
{
	const struct label_set *first = desc->labels[0], *second = desc->labels[1];
	const char *values[METRIC_LABELS_MAX] = { first->values[row] };
	size_t columns = second ? second->n_values : 1;

	for (size_t i = 0; i < columns; i++) {
		if (second)
			values[1] = second->values[i];
		exposition_labelled_u64(e, desc, values, counts[row * columns + i]);
	}
}

void exposition_grid(struct exposition *e, const struct metric_desc *desc, const uint64_t *counts)
{
	for (size_t row = 0; row < desc->labels[0]->n_values; row++)
		exposition_grid_row(e, desc, row, counts);
}

static bool is_name(const char *s)
{
	if (!s || !*s || (*s >= '0' && *s <= '9'))
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s) && *s != '_';
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && strcmp(s + n - m, suffix) == 0;
}

int metric_desc_check(const struct metric_desc *desc)
{
	static const char *const reserved[] = { "_total", "_sum", "_count", "_bucket", "_created" };

	if (!is_name(desc->name) || !desc->help || !*desc->help || strchr(desc->help, '\n'))
		return -EINVAL;
	if ((size_t)desc->type >= ARRAY_SIZE(type_names))
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (has_suffix(desc->name, reserved[i]))
			return -EINVAL;
	for (size_t i = 0; i < metric_label_count(desc); i++) {
		const char *label = desc->labels[i]->name;

		if (!is_name(label) || strcmp(label, "le") == 0 || strcmp(label, "quantile") == 0)
			return -EINVAL;
	}
	return 0;
}
