/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/exposition.h"

static const char *const families[] = { "ipv4", "ipv6" };
static const struct label_set label_family = LABEL_SET("family", families);

static void a_table_row_as_collectors_have_it(_unused_ void **state)
{
	static const struct metric_desc drop = {
		.name = "conntrack_stat_drop",
		.help = "Dropped packets.",
		.type = METRIC_COUNTER,
		.labels = { &label_family },
	};

	assert_int_equal(metric_desc_check(&drop), 0);
	assert_int_equal(metric_label_count(&drop), 1);
}

static int check_name(const char *name)
{
	const struct metric_desc desc = { .name = name, .help = "Help." };

	return metric_desc_check(&desc);
}

static void metric_names(_unused_ void **state)
{
	static const char *const good[] = { "x",
					    "conntrack_entries",
					    "conntrack_tcp4_flows",
					    "conntrack_exporter_build_info",
					    "total",
					    "discount",
					    "conntrack_totals" };
	static const char *const bad[] = {
		NULL,	  "",	     "_x",    "4x",	 "Conntrack", "conntrack:x", "conn-x",
		"conn x", "x_total", "x_sum", "x_count", "x_bucket",  "x_created",   "conn\xc3\xa9",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(check_name(good[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(check_name(bad[i]), -EINVAL);
}

static int check_help(const char *help)
{
	const struct metric_desc desc = { .name = "x", .help = help };

	return metric_desc_check(&desc);
}

static int check_label_name(const char *name)
{
	const struct label_set label = { .name = name };
	const struct metric_desc desc = { .name = "x",
					  .help = "Help.",
					  .labels = { &label_family, &label } };

	return metric_desc_check(&desc);
}

static void helps_label_names_and_types(_unused_ void **state)
{
	const struct metric_desc type = { .name = "x",
					  .help = "Help.",
					  .type = METRIC_COUNTER + 1 };

	assert_int_equal(check_help("Help."), 0);
	assert_int_equal(check_help("\"Quotes\" and \\."), 0);
	assert_int_equal(check_help(NULL), -EINVAL);
	assert_int_equal(check_help(""), -EINVAL);
	assert_int_equal(check_help("Two\nlines."), -EINVAL);
	assert_int_equal(check_label_name("state"), 0);
	assert_int_equal(check_label_name("le"), -EINVAL);
	assert_int_equal(check_label_name("quantile"), -EINVAL);
	assert_int_equal(check_label_name("__name"), -EINVAL);
	assert_int_equal(check_label_name("a-b"), -EINVAL);
	assert_int_equal(check_label_name(""), -EINVAL);
	assert_int_equal(check_label_name(NULL), -EINVAL);
	assert_int_equal(metric_desc_check(&type), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_row_as_collectors_have_it),
		cmocka_unit_test(metric_names),
		cmocka_unit_test(helps_label_names_and_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
