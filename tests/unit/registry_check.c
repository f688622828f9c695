/* SPDX-License-Identifier: GPL-2.0-or-later */

/* registry_check() on tables that break its rules: these stand in for one collector's and scrape's.
 */

#include "unit.h"

#include "../../collectors/registry.h"
#include "../../collectors/scrape.h"

#define N_DESCS 3

static struct metric_desc table_descs[N_DESCS];

static int collect(_unused_ struct collector_context *ctx, _unused_ struct exposition *e)
{
	return 0;
}

const struct collector table_collector = {
	.name = "table",
	.help = "stands in",
	.descs = table_descs,
	.n_descs = N_DESCS,
	.collect = collect,
};

const struct metric_desc scrape_descs[] = {
	{ .name = "unit_scrape", .help = "Help." },
	{ .name = "unit_scrape_duration_seconds", .help = "Help." },
};
const size_t n_scrape_descs = ARRAY_SIZE(scrape_descs);

static int setup(_unused_ void **state)
{
	static const char *const names[N_DESCS] = { "unit_a", "unit_b", "unit_c" };

	for (size_t i = 0; i < N_DESCS; i++)
		table_descs[i] = (struct metric_desc){ .name = names[i], .help = "Help." };
	return 0;
}

static void check_refused(const char *expected)
{
	const char *name = NULL;

	assert_int_equal(registry_check(&name), -EINVAL);
	assert_string_equal(name, expected);
}

static void good_tables_pass(_unused_ void **state)
{
	const char *name = NULL;

	assert_int_equal(registry_check(&name), 0);
}

static void a_name_twice_in_one_collector(_unused_ void **state)
{
	table_descs[2].name = "unit_a";
	check_refused("unit_a");
}

static void a_name_in_two_collectors(_unused_ void **state)
{
	const struct collector *last = collectors[n_collectors - 1];

	assert_ptr_not_equal(last, &table_collector);
	table_descs[0].name = last->descs[last->n_descs - 1].name;
	check_refused(table_descs[0].name);
}

static void a_name_the_scrape_has_as_well(_unused_ void **state)
{
	table_descs[1].name = "unit_scrape_duration_seconds";
	check_refused("unit_scrape_duration_seconds");
}

static void a_name_against_the_rules(_unused_ void **state)
{
	table_descs[1].name = "unit_b_total";
	check_refused("unit_b_total");
	table_descs[1].name = NULL;
	check_refused("(no name)");
	table_descs[1].name = "unit_b";
	table_descs[1].help = "";
	check_refused("unit_b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(good_tables_pass, setup),
		cmocka_unit_test_setup(a_name_twice_in_one_collector, setup),
		cmocka_unit_test_setup(a_name_in_two_collectors, setup),
		cmocka_unit_test_setup(a_name_the_scrape_has_as_well, setup),
		cmocka_unit_test_setup(a_name_against_the_rules, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
