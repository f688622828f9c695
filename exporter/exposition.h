/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The one write path for metrics: Prometheus text 0.0.4 and OpenMetrics 1.0. It escapes, spells
 * numbers, prints HELP and TYPE once per family and refuses a family that is opened twice. Errors
 * stick; exposition_finish() reports them once.
 */

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "metric.h"

enum exposition_format {
	EXPOSITION_TEXT,
	EXPOSITION_OPENMETRICS,
	N_EXPOSITION_FORMATS,
};

#define EXPOSITION_FAMILIES_MAX 128
#define EXPOSITION_SIZE_MAX (8U << 20)

struct exposition {
	enum exposition_format format;
	struct buffer out;
	/* All opened so far; the last one is open. */
	const struct metric_desc *families[EXPOSITION_FAMILIES_MAX];
	size_t n_families;
};

void exposition_init(struct exposition *e, enum exposition_format format);

/*
 * Ends the text ("# EOF" in OpenMetrics). Returns 0, or the first error as a negative errno;
 * -EEXIST: family reopened.
 */
int exposition_finish(struct exposition *e);

/* Frees the text. */
void exposition_destroy(struct exposition *e);

/* The only sample of a family without labels. */
void exposition_u64(struct exposition *e, const struct metric_desc *desc, uint64_t value);
void exposition_double(struct exposition *e, const struct metric_desc *desc, double value);

/*
 * One sample; values[] has one string for each label of the family. NULL: without the labels (a sum
 * over them).
 */
void exposition_labelled_u64(struct exposition *e, const struct metric_desc *desc,
			     const char *const *values, uint64_t value);
void exposition_labelled_double(struct exposition *e, const struct metric_desc *desc,
				const char *const *values, double value);

/*
 * Every sample of a family whose labels (one or two) are fixed sets, zeros included; counts is
 * row-major in the order of the family's labels.
 */
void exposition_grid(struct exposition *e, const struct metric_desc *desc, const uint64_t *counts);

/* As exposition_grid() for the one row of the first label that row names. */
void exposition_grid_row(struct exposition *e, const struct metric_desc *desc, size_t row,
			 const uint64_t *counts);

/*
 * 0, or -EINVAL when the name, the label names or the help break the naming rules of the formats.
 */
int metric_desc_check(const struct metric_desc *desc);
