/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What people write, on the command line or in a URL -> struct talkers_query. Pure. */

#include <stdbool.h>

#include "talkers.h"

#define TALKERS_QUERY_ERROR_MAX 256

/* All flows by destination, TALKERS_LIMIT_DEFAULT of them. */
void talkers_query_init(struct talkers_query *query);

/*
 * Takes in one parameter; a later one of the same name replaces it:
 *   by           source, destination, destination-port or pair
 *   limit        1 to TALKERS_LIMIT_MAX
 *   source       an address or ADDRESS/BITS of either family, of the original tuple
 *   destination  likewise
 *   port         0 to 65535, of the original destination
 *   state        a state as conntrack_tcp_flows has it, in letters of either case
 * Returns 0, or -EINVAL with one sentence in error, which has room for TALKERS_QUERY_ERROR_MAX
 * bytes; the query is then as it was. value may be NULL: empty.
 */
int talkers_query_set(struct talkers_query *query, const char *name, const char *value,
		      char *error);

/* For who got the query's bytes from someone else: true when talkers_query_set() can make it. */
bool talkers_query_is_valid(const struct talkers_query *query);
