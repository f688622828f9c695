/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The query of a URL, for /metrics and for /talkers. */

#include "fuzz.h"

#include "../../collectors/talkers_query.h"
#include "../../collectors/talkers_write.h"
#include "../../exporter/query.h"
#include "../unit/fake_registry.h"

/* Another decoder of what forms write, which has no place for a zero byte. */
static void decode(char *text)
{
	char *to = text;
	unsigned int byte;
	char digits[3];

	for (; *text; text++, to++) {
		*to = *text == '+' ? ' ' : *text;
		if (*text == '%' && sscanf(text + 1, "%2[0-9a-fA-F]", digits) == 1 && digits[1]) {
			(void)sscanf(digits, "%x", &byte);
			*to = byte ? (char)byte : (char)0xff;
			text += 2;
		}
	}
	*to = '\0';
}

static void check_sentence(const char *error)
{
	HOLDS(memchr(error, '\0', QUERY_ERROR_MAX) && *error);
}

static void set(struct talkers_query *query, const char *name, const char *value)
{
	char error[QUERY_ERROR_MAX];

	HOLDS(talkers_query_set(query, name, value, error) == 0);
}

/* What was understood, written as it is shown, is understood the same. */
static void repeat(const struct talkers_query *query)
{
	struct talkers_filter_text filters[TALKERS_FILTERS_MAX];
	const size_t n = talkers_filters_format(query, filters);
	struct talkers_query again;
	char limit[16];

	talkers_query_init(&again);
	(void)snprintf(limit, sizeof(limit), "%u", query->limit);
	set(&again, "by", talkers_by_names[query->by]);
	set(&again, "limit", limit);
	for (size_t i = 0; i < n; i++)
		set(&again, filters[i].name, filters[i].value);
	HOLDS(memcmp(&again, query, sizeof(again)) == 0);
}

static void check(const struct query *query)
{
	char error[QUERY_ERROR_MAX] = "";
	struct talkers_query talkers, untouched;
	uint64_t mask = 4711;

	memset(&untouched, 0xa5, sizeof(untouched));
	talkers = untouched;
	if (query_collectors(query, FAKE_DEFAULTS, &mask, error) == 0) {
		HOLDS((mask & ~FAKE_DEFAULTS) == 0);
	} else {
		HOLDS(mask == 4711);
		check_sentence(error);
	}
	if (query_talkers(query, &talkers, error) == 0) {
		HOLDS(talkers_query_is_valid(&talkers));
		repeat(&talkers);
	} else {
		HOLDS(memcmp(&talkers, &untouched, sizeof(talkers)) == 0);
		check_sentence(error);
	}
}

static bool is_same(const struct query_values *a, const struct query_values *b)
{
	bool same = a->n == b->n && a->dropped == b->dropped;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->values[i], b->values[i]) == 0;
	return same;
}

/* Every parameter that has a name, one after the other. */
static void add_all(struct query *query, char *text)
{
	while (text) {
		char *name = text, *end = strchrnul(text, '&');
		char *value = memchr(name, '=', (size_t)(end - name));

		text = *end ? end + 1 : NULL;
		*end = '\0';
		if (!*name)
			continue;
		if (value) {
			*value++ = '\0';
			decode(value);
		}
		decode(name);
		query_add(query, name, value);
		HOLDS(talkers_query_is_valid(&query->talkers));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct query query, again;
	char *text = input_all(data, size), *copy = input_all(data, size);

	query_init(&query);
	query_init(&again);
	query_parse(&query, text);
	add_all(&again, copy);
	HOLDS(is_same(&query.collect, &again.collect) && is_same(&query.exclude, &again.exclude));
	HOLDS(strcmp(query.talkers_error, again.talkers_error) == 0);
	HOLDS(memcmp(&query.talkers, &again.talkers, sizeof(query.talkers)) == 0);
	check(&query);
	free(text);
	free(copy);
	return 0;
}
