/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* collect[] and exclude[] of a request -> mask of collectors. Pure. */

#include <stddef.h>
#include <stdint.h>

#define QUERY_VALUES_MAX 64
#define QUERY_ERROR_MAX 256

/* The values of one repeatable parameter, in the request's order. */
struct query_values {
	const char *values[QUERY_VALUES_MAX];
	size_t n;
	size_t dropped; /* values beyond the bound */
};

void query_values_add(struct query_values *values, const char *value);

struct query {
	struct query_values collect;
	struct query_values exclude;
};

/* Takes in one parameter of the request; those that mean nothing here are ignored. */
void query_add(struct query *query, const char *name, const char *value);

/*
 * The collectors to run out of those that are on. Returns 0, or -EINVAL with a sentence in error:
 * both parameters at once, too many values, an unknown collector or one that is off.
 */
int query_collectors(const struct query *query, uint64_t enabled, uint64_t *ret,
		     char error[QUERY_ERROR_MAX]);
