/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../collectors/registry.h"
#include "../../collectors/scrape.h"

static void the_tables_keep_the_rules(_unused_ void **state)
{
	const char *name = NULL;

	if (registry_check(&name) != 0)
		fail_msg("%s", name);
}

static void every_collector_is_whole(_unused_ void **state)
{
	assert_true(n_collectors > 0 && n_collectors <= COLLECTORS_MAX);
	for (size_t i = 0; i < n_collectors; i++) {
		const struct collector *c = collectors[i];

		assert_true(c->name && *c->name);
		assert_true(c->help && *c->help);
		assert_true(c->descs && c->n_descs > 0);
		assert_true(c->collect != NULL);
		assert_int_equal(registry_find(c->name), i);
		assert_int_equal(registry_defaults() >> i & 1, c->enabled_by_default);
	}
	assert_int_equal(n_collectors < 64 ? registry_defaults() >> n_collectors : 0, 0);
}

static void names_that_are_no_collector(_unused_ void **state)
{
	assert_int_equal(registry_find(""), -ENOENT);
	assert_int_equal(registry_find("none"), -ENOENT);
	assert_int_equal(registry_find("tabl"), -ENOENT);
	assert_int_equal(registry_find("tables"), -ENOENT);
	assert_int_equal(registry_find("Table"), -ENOENT);
}

static bool is_prefixed(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void families_carry_the_prefix(_unused_ void **state)
{
	for (size_t i = 0; i < n_collectors; i++)
		for (size_t j = 0; j < collectors[i]->n_descs; j++)
			assert_true(is_prefixed(collectors[i]->descs[j].name, "conntrack_"));
	for (size_t j = 0; j < n_scrape_descs; j++)
		assert_true(is_prefixed(scrape_descs[j].name, "conntrack_") ||
			    is_prefixed(scrape_descs[j].name, "process_"));
}

static void check_labels(const struct metric_desc *desc)
{
	const size_t n = metric_label_count(desc);

	for (size_t i = n; i < METRIC_LABELS_MAX; i++)
		assert_null(desc->labels[i]);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(desc->labels[i]->name, desc->labels[j]->name);
		for (size_t j = 0; j < desc->labels[i]->n_values; j++)
			assert_true(desc->labels[i]->values[j] && *desc->labels[i]->values[j]);
	}
}

/* A label value that an enum has and its array lacks would be a NULL. */
static void labels_have_all_their_values_once(_unused_ void **state)
{
	for (size_t i = 0; i < n_collectors; i++)
		for (size_t j = 0; j < collectors[i]->n_descs; j++)
			check_labels(&collectors[i]->descs[j]);
	for (size_t j = 0; j < n_scrape_descs; j++)
		check_labels(&scrape_descs[j]);
}

/* An answer must have room for all families at once. */
static void all_families_fit_in_an_exposition(_unused_ void **state)
{
	size_t n = n_scrape_descs;

	for (size_t i = 0; i < n_collectors; i++)
		n += collectors[i]->n_descs;
	assert_true(n <= EXPOSITION_FAMILIES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tables_keep_the_rules),
		cmocka_unit_test(every_collector_is_whole),
		cmocka_unit_test(names_that_are_no_collector),
		cmocka_unit_test(families_carry_the_prefix),
		cmocka_unit_test(labels_have_all_their_values_once),
		cmocka_unit_test(all_families_fit_in_an_exposition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
