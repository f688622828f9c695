/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How a collector describes its metric families: const tables, no code. */

#include <stddef.h>

enum metric_type {
	METRIC_GAUGE,
	METRIC_COUNTER,
};

/*
 * A label and, when its values are a fixed set, all of them in the order they are emitted. A set
 * without values is filled at emission (a CPU number, a collector's name).
 */
struct label_set {
	const char *name;
	const char *const *values;
	size_t n_values;
	const char *when; /* the flag that adds the label, in words; NULL: always there */
};

#define LABEL_SET(label, array)                                                   \
	{                                                                         \
		.name = (label), .values = (array), .n_values = ARRAY_SIZE(array) \
	}
#define METRIC_LABELS_MAX 5

/*
 * One metric family. A counter's name is written without "_total": the writer appends it, so that a
 * counter cannot be misnamed. help is one line and names the kernel source.
 */
struct metric_desc {
	const char *name;
	const char *help;
	enum metric_type type;
	const struct label_set *labels[METRIC_LABELS_MAX]; /* filled from the front */
};

/* Number of labels the family has. */
static inline size_t metric_label_count(const struct metric_desc *desc)
{
	size_t n = 0;

	while (n < METRIC_LABELS_MAX && desc->labels[n])
		n++;
	return n;
}
