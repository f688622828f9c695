/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "query.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../collectors/registry.h"
#include "../collectors/talkers_query.h"
#include "util.h"

static_assert(QUERY_ERROR_MAX >= TALKERS_QUERY_ERROR_MAX, "its sentence has room");

void query_values_add(struct query_values *values, const char *value)
{
	if (values->n == QUERY_VALUES_MAX)
		values->dropped++;
	else
		values->values[values->n++] = value ? value : "";
}

void query_init(struct query *query)
{
	*query = (struct query){ .talkers_error = "" };
	talkers_query_init(&query->talkers);
}

void query_add(struct query *query, const char *name, const char *value)
{
	if (!*query->talkers_error)
		(void)talkers_query_set(&query->talkers, name, value, query->talkers_error);
	if (strcmp(name, "collect[]") == 0)
		query_values_add(&query->collect, value);
	else if (strcmp(name, "exclude[]") == 0)
		query_values_add(&query->exclude, value);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * As forms write it: "+" is a space. What is no escape stays. "%00" would end the text for us and
 * not for a proxy before us; no name has 0xff.
 */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		int high = *text == '%' ? hex_digit(text[1]) : -1;
		int low = high >= 0 ? hex_digit(text[2]) : -1;

		if (low >= 0) {
			*to++ = (char)(high | low ? high << 4 | low : 0xff);
			text += 2;
		} else {
			*to++ = *text == '+' ? ' ' : *text;
		}
	}
	*to = '\0';
}

void query_parse(struct query *query, char *text)
{
	char *name;

	while ((name = strsep(&text, "&"))) {
		char *value = strchr(name, '=');

		if (!*name)
			continue;
		if (value) {
			*value++ = '\0';
			unescape(value);
		}
		unescape(name);
		query_add(query, name, value);
	}
}

static int names_to_mask(const struct query_values *names, uint64_t enabled, uint64_t *ret,
			 char error[QUERY_ERROR_MAX])
{
	uint64_t mask = 0;

	for (size_t i = 0; i < names->n; i++) {
		int index = registry_find(names->values[i]);

		if (index < 0 || !(enabled & 1ULL << index)) {
			(void)snprintf(error, QUERY_ERROR_MAX, "%s collector: %s",
				       index < 0 ? "missing" : "disabled", names->values[i]);
			return -EINVAL;
		}
		mask |= 1ULL << index;
	}
	*ret = mask;
	return 0;
}

int query_collectors(const struct query *query, uint64_t enabled, uint64_t *ret,
		     char error[QUERY_ERROR_MAX])
{
	const struct query_values *collect = &query->collect, *exclude = &query->exclude;
	uint64_t mask;

	if (collect->n && exclude->n) {
		(void)snprintf(error, QUERY_ERROR_MAX,
			       "Combined collect and exclude queries are not allowed.");
		return -EINVAL;
	}
	if (collect->dropped || exclude->dropped) {
		(void)snprintf(error, QUERY_ERROR_MAX, "More than %d values of one parameter.",
			       QUERY_VALUES_MAX);
		return -EINVAL;
	}
	if (names_to_mask(collect->n ? collect : exclude, enabled, &mask, error) < 0)
		return -EINVAL;
	*ret = collect->n ? mask : enabled & ~mask;
	return 0;
}

int query_talkers(const struct query *query, struct talkers_query *ret, char error[QUERY_ERROR_MAX])
{
	if (*query->talkers_error) {
		memcpy(error, query->talkers_error, QUERY_ERROR_MAX);
		return -EINVAL;
	}
	*ret = query->talkers;
	return 0;
}
