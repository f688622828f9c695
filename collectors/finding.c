/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "finding.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../exporter/util.h"

static void FINDING_FORMAT(3, 0) append(char *text, size_t size, const char *format, va_list args)
{
	const size_t len = strlen(text);

	(void)vsnprintf(text + len, size - len, format, args);
}

void finding_title(struct finding *f, enum severity severity, const char *format, ...)
{
	va_list args;

	f->severity = severity;
	va_start(args, format);
	append(f->title, sizeof(f->title), format, args);
	va_end(args);
}

void finding_detail(struct finding *f, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(f->detail, sizeof(f->detail), format, args);
	va_end(args);
}

static void add_evidence(struct finding *f, const char *name, double value, bool per_second)
{
	struct finding_evidence *evidence = &f->evidence[f->n_evidence];

	if (f->n_evidence == FINDING_EVIDENCE_MAX)
		return;
	(void)snprintf(evidence->name, sizeof(evidence->name), "%s", name);
	evidence->value = value;
	evidence->per_second = per_second;
	f->n_evidence++;
}

void finding_evidence(struct finding *f, const char *name, double value)
{
	add_evidence(f, name, value, false);
}

void finding_rate(struct finding *f, const char *name, double per_second)
{
	add_evidence(f, name, per_second, true);
}

void finding_reading(struct finding *f, const char *name, struct reading value)
{
	if (value.known)
		add_evidence(f, name, (double)value.value, false);
}

void finding_command(struct finding *f, const char *format, ...)
{
	va_list args;

	assert(f->n_advice < FINDING_ADVICE_MAX);
	f->n_advice++;
	va_start(args, format);
	append(f->advice[f->n_advice - 1].command, FINDING_COMMAND_MAX, format, args);
	va_end(args);
}

void finding_cost(struct finding *f, const char *format, ...)
{
	va_list args;

	assert(f->n_advice > 0);
	va_start(args, format);
	append(f->advice[f->n_advice - 1].cost, FINDING_COST_MAX, format, args);
	va_end(args);
}

struct short_text text_number(double value)
{
	struct short_text text;
	const bool whole = value == floor(value) || fabs(value) >= 100;

	if (fabs(value) >= 1e18)
		(void)snprintf(text.s, sizeof(text.s), "%.3g", value);
	else
		(void)snprintf(text.s, sizeof(text.s), whole ? "%.0f" : "%.3g", value);
	return text;
}

struct short_text text_duration(double seconds)
{
	static const struct {
		double from_s, unit_s;
		const char *name;
	} units[] = {
		{ 172800, 86400, "d" },
		{ 7200, 3600, "h" },
		{ 120, 60, "min" },
		{ 0, 1, "s" },
	};
	struct short_text text;
	size_t i = 0;
	double value;

	while (i + 1 < ARRAY_SIZE(units) && seconds < units[i].from_s)
		i++;
	value = seconds / units[i].unit_s;
	/* Of a few seconds a tenth is told; of more, what is over. */
	value = value < 10 ? round(value * 10) / 10 : floor(value);
	(void)snprintf(text.s, sizeof(text.s), "%.30s %s", text_number(value).s, units[i].name);
	return text;
}

struct short_text text_mebibytes(double bytes)
{
	const double mebibytes = bytes / (1024.0 * 1024.0);
	struct short_text text;

	(void)snprintf(text.s, sizeof(text.s), "%.30s MiB",
		       text_number(mebibytes < 10 ? mebibytes : round(mebibytes)).s);
	return text;
}

struct short_text text_share(double part, double of)
{
	const double percent = of > 0 ? 100 * part / of : 0;
	struct short_text text;

	if (percent > 99 && percent < 100)
		(void)snprintf(text.s, sizeof(text.s), "%.1f%%", floor(percent * 10) / 10);
	else
		(void)snprintf(text.s, sizeof(text.s), percent < 10 ? "%.2g%%" : "%.0f%%", percent);
	return text;
}
