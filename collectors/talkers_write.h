/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The heaviest talkers as text: the answer to a query, of which top is what talkers_top() gave. */

#include <stdbool.h>

#include "talkers.h"
#include "walk.h"

struct buffer;

/* One who talks as people write it: an address, a port, or two addresses with a space between. */
#define TALKER_TEXT_MAX 96
void talker_format(const struct talker *talker, enum talkers_by by, char ret[TALKER_TEXT_MAX]);

/* An address or, unless it is a single one, ADDRESS/BITS; bits are those of the family. */
#define TALKERS_PREFIX_TEXT_MAX 52
void talkers_prefix_format(const struct talkers_prefix *prefix, char ret[TALKERS_PREFIX_TEXT_MAX]);

#define TALKERS_FILTERS_MAX 4
struct talkers_filter_text {
	const char *name; /* a constant */
	bool is_number;
	char value[TALKERS_PREFIX_TEXT_MAX];
};

/* The filters of the query that count, in a fixed order. Returns how many. */
size_t talkers_filters_format(const struct talkers_query *query,
			      struct talkers_filter_text ret[TALKERS_FILTERS_MAX]);

/* A table for people. Errors stick in the buffer. */
void talkers_write_text(const struct talkers_query *query, const struct talkers_top *top,
			const struct walk_summary *walk, struct buffer *out);

/*
 * One object for programs, and a newline; pretty: on many lines. What is not known is null. Returns
 * 0, -ENOMEM or the buffer's error.
 */
int talkers_write_json(const struct talkers_query *query, const struct talkers_top *top,
		       const struct walk_summary *walk, bool pretty, struct buffer *out);
