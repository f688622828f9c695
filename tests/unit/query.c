/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>

#include "../../collectors/talkers_query.h"
#include "../../exporter/query.h"
#include "fake_registry.h"

#define ENABLED FAKE_DEFAULTS

/* Stands in for the real one: limit is 1 to 9. */
void talkers_query_init(struct talkers_query *query)
{
	*query = (struct talkers_query){ .limit = 5 };
}

int talkers_query_set(struct talkers_query *query, const char *name, const char *value, char *error)
{
	value = value ? value : "";
	if (strcmp(name, "limit") == 0 && strlen(value) == 1 && *value >= '1' && *value <= '9') {
		query->limit = (uint32_t)(*value - '0');
		return 0;
	}
	(void)snprintf(error, QUERY_ERROR_MAX, "%s=%s is wrong", name, value);
	return -EINVAL;
}

struct asked {
	struct query query;
	uint64_t mask;
	char error[QUERY_ERROR_MAX];
};

static int run(struct asked *q)
{
	q->mask = ~0ULL;
	memset(q->error, 0, sizeof(q->error));
	return query_collectors(&q->query, ENABLED, &q->mask, q->error);
}

static void check_refused(struct asked *q, const char *sentence)
{
	assert_int_equal(run(q), -EINVAL);
	assert_string_equal(q->error, sentence);
	assert_int_equal(q->mask, ~0ULL);
}

static void without_parameters_everything_that_is_on(_unused_ void **state)
{
	struct asked q = { 0 };

	assert_int_equal(run(&q), 0);
	assert_int_equal(q.mask, ENABLED);
}

static void collect_names_what_runs(_unused_ void **state)
{
	struct asked q = { 0 };

	query_values_add(&q.query.collect, "flows");
	assert_int_equal(run(&q), 0);
	assert_int_equal(q.mask, BIT(FAKE_FLOWS));
	query_values_add(&q.query.collect, "table");
	query_values_add(&q.query.collect, "flows");
	assert_int_equal(run(&q), 0);
	assert_int_equal(q.mask, BIT(FAKE_FLOWS) | BIT(FAKE_TABLE));
}

static void exclude_names_what_does_not(_unused_ void **state)
{
	struct asked q = { 0 };

	query_values_add(&q.query.exclude, "flows");
	assert_int_equal(run(&q), 0);
	assert_int_equal(q.mask, BIT(FAKE_TABLE) | BIT(FAKE_STAT));
	query_values_add(&q.query.exclude, "table");
	query_values_add(&q.query.exclude, "stat");
	assert_int_equal(run(&q), 0);
	assert_int_equal(q.mask, 0);
}

static void both_at_once(_unused_ void **state)
{
	struct asked q = { 0 };

	query_values_add(&q.query.collect, "flows");
	query_values_add(&q.query.exclude, "table");
	check_refused(&q, "Combined collect and exclude queries are not allowed.");
}

static void names_that_are_unknown_or_off(_unused_ void **state)
{
	static const struct {
		const char *name, *sentence;
	} cases[] = {
		{ "cpu", "missing collector: cpu" },   { "", "missing collector: " },
		{ NULL, "missing collector: " },       { "Flows", "missing collector: Flows" },
		{ "flow", "missing collector: flow" }, { "flowss", "missing collector: flowss" },
		{ "%s%n", "missing collector: %s%n" }, { "talkers", "disabled collector: talkers" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct asked collect = { 0 }, exclude = { 0 };

		query_values_add(&collect.query.collect, "table");
		query_values_add(&collect.query.collect, cases[i].name);
		check_refused(&collect, cases[i].sentence);
		query_values_add(&exclude.query.exclude, cases[i].name);
		check_refused(&exclude, cases[i].sentence);
	}
}

static void a_name_longer_than_the_sentence_is_cut(_unused_ void **state)
{
	static const char prefix[] = "missing collector: ";
	char name[1000], expected[QUERY_ERROR_MAX];
	struct asked q = { 0 };

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	memset(expected, 'x', sizeof(expected));
	memcpy(expected, prefix, strlen(prefix));
	expected[sizeof(expected) - 1] = '\0';
	query_values_add(&q.query.collect, name);
	check_refused(&q, expected);
}

static void values_up_to_the_bound(_unused_ void **state)
{
	struct asked q = { 0 };

	for (int i = 0; i < QUERY_VALUES_MAX; i++)
		query_values_add(&q.query.collect, "stat");
	assert_int_equal(run(&q), 0);
	assert_int_equal(q.mask, BIT(FAKE_STAT));
	query_values_add(&q.query.collect, "stat");
	assert_int_equal(q.query.collect.n, QUERY_VALUES_MAX);
	assert_int_equal(q.query.collect.dropped, 1);
	check_refused(&q, "More than 64 values of one parameter.");
}

static void values_keep_their_order(_unused_ void **state)
{
	struct query_values values = { 0 };

	query_values_add(&values, "b");
	query_values_add(&values, "a");
	query_values_add(&values, NULL);
	assert_int_equal(values.n, 3);
	assert_string_equal(values.values[0], "b");
	assert_string_equal(values.values[1], "a");
	assert_string_equal(values.values[2], "");
}

static void what_talkers_are_shown(_unused_ void **state)
{
	struct talkers_query ret = { 0 };
	char error[QUERY_ERROR_MAX] = "";
	struct query query;

	query_init(&query);
	assert_int_equal(query_talkers(&query, &ret, error), 0);
	assert_int_equal(ret.limit, 5);
	query_add(&query, "limit", "7");
	assert_int_equal(query_talkers(&query, &ret, error), 0);
	assert_int_equal(ret.limit, 7);
	assert_string_equal(error, "");
}

static void the_first_parameter_that_is_wrong_is_named(_unused_ void **state)
{
	struct talkers_query ret = { .limit = 77 };
	char error[QUERY_ERROR_MAX] = "";
	struct query query;

	query_init(&query);
	query_add(&query, "limit", "2");
	query_add(&query, "limit", NULL);
	query_add(&query, "nothing", "1");
	query_add(&query, "limit", "3");
	assert_int_equal(query_talkers(&query, &ret, error), -EINVAL);
	assert_string_equal(error, "limit= is wrong");
	assert_int_equal(ret.limit, 77);
}

static void parameters_of_a_request(_unused_ void **state)
{
	struct query query;

	query_init(&query);
	query_add(&query, "collect[]", "table");
	query_add(&query, "exclude[]", "flows");
	query_add(&query, "collect[]", NULL);
	query_add(&query, "collect", "stat");
	query_add(&query, "Collect[]", "stat");
	query_add(&query, "", "stat");
	assert_int_equal(query.collect.n, 2);
	assert_string_equal(query.collect.values[0], "table");
	assert_string_equal(query.collect.values[1], "");
	assert_int_equal(query.exclude.n, 1);
	assert_string_equal(query.exclude.values[0], "flows");
}

/* What query_parse() finds, as one text: the values of collect[], each behind a bar. */
static void check_collect(const char *text, const char *expected)
{
	char *copy = strdup(text), found[64] = "";
	struct query query;

	assert_non_null(copy);
	query_init(&query);
	query_parse(&query, copy);
	for (size_t i = 0; i < query.collect.n; i++) {
		(void)strncat(found, "|", sizeof(found) - strlen(found) - 1);
		(void)strncat(found, query.collect.values[i], sizeof(found) - strlen(found) - 1);
	}
	assert_string_equal(found, expected);
	free(copy);
}

static void a_query_is_taken_apart(_unused_ void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "collect[]=table", "|table" },
		{ "collect[]=", "|" },
		{ "collect[]", "|" },
		{ "=collect[]&collect=a&collect[]]=b", "" },
		{ "collect[]=a=b", "|a=b" },
		{ "&&collect[]=a&&&collect[]=b&", "|a|b" },
		{ "collect%5B%5D=a&collect%5b%5d=b", "|a|b" },
		{ "collect[]=%74able+x%2B%26%3D", "|table x+&=" },
		{ "collect[]%3Da&collect[]=b", "|b" },
		{ "collect[]=%", "|%" },
		{ "collect[]=%4", "|%4" },
		{ "collect[]=%4&collect[]=%%41%g1%1g", "|%4|%A%g1%1g" },
		{ "collect[]=a%00b",
		  "|a\xff"
		  "b" },
		{ "collect[]=%ff%0a%C3%A4", "|\xff\n\xc3\xa4" },
		{ "collect[]=%2541", "|%41" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_collect(cases[i][0], cases[i][1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_of_a_request),
		cmocka_unit_test(a_query_is_taken_apart),
		cmocka_unit_test(what_talkers_are_shown),
		cmocka_unit_test(the_first_parameter_that_is_wrong_is_named),
		cmocka_unit_test(without_parameters_everything_that_is_on),
		cmocka_unit_test(collect_names_what_runs),
		cmocka_unit_test(exclude_names_what_does_not),
		cmocka_unit_test(both_at_once),
		cmocka_unit_test(names_that_are_unknown_or_off),
		cmocka_unit_test(a_name_longer_than_the_sentence_is_cut),
		cmocka_unit_test(values_up_to_the_bound),
		cmocka_unit_test(values_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
