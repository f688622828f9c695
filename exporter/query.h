/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The parameters of a request -> mask of collectors, or what /talkers is to show. Pure. */

#include <stddef.h>
#include <stdint.h>

#include "../collectors/talkers.h"

#define QUERY_VALUES_MAX 64
#define QUERY_ERROR_MAX 256

/* The values of one repeatable parameter, in the request's order. */
struct query_values {
	const char *values[QUERY_VALUES_MAX];
	size_t n;
	size_t dropped; /* values beyond the bound */
};

void query_values_add(struct query_values *values, const char *value);

/* One request's parameters, read both ways: which of them it needs is known by its path. */
struct query {
	struct query_values collect;
	struct query_values exclude;
	struct talkers_query talkers;
	char talkers_error[QUERY_ERROR_MAX]; /* of the first one refused; empty: none was */
};

void query_init(struct query *query);

/*
 * Takes in what is behind the '?' of a request. text is taken apart in place and must live as long
 * as query.
 */
void query_parse(struct query *query, char *text);

/* Takes in one parameter of the request; value may be NULL, which is as good as empty. */
void query_add(struct query *query, const char *name, const char *value);

/*
 * What /metrics goes by, which ignores parameters it does not know: the collectors to run out of
 * those that are on. Returns 0, or -EINVAL with a sentence in error: both parameters at once, too
 * many values, an unknown collector or one that is off.
 */
int query_collectors(const struct query *query, uint64_t enabled, uint64_t *ret,
		     char error[QUERY_ERROR_MAX]);

/*
 * What /talkers goes by. Returns 0, or -EINVAL with a sentence in error: a parameter it does not
 * know, or a bad value.
 */
int query_talkers(const struct query *query, struct talkers_query *ret,
		  char error[QUERY_ERROR_MAX]);
