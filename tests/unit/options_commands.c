/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The commands and the flags that only they have. */

#include "unit.h"

#include "../../collectors/talkers_query.h"
#include "../../exporter/log.h"
#include "fake_registry.h"
#include "options_parse.h"

/* What --help gives as the default is what a query without parameters has. */
static void defaults_of_the_talkers(_unused_ void **state)
{
	struct talkers_query query;
	struct parse p;

	talkers_query_init(&query);
	assert_int_equal(PARSE(&p, "talkers"), 0);
	assert_int_equal(p.options.command, COMMAND_TALKERS);
	assert_memory_equal(&p.options.talkers, &query, sizeof(query));
}

static void commands_and_their_flags(_unused_ void **state)
{
	struct parse p;

	assert_int_equal(PARSE(&p, "metrics"), 0);
	assert_int_equal(p.options.command, COMMAND_METRICS);
	assert_null(p.options.output);
	assert_int_equal(PARSE(&p, "metrics", "--output=a.prom"), 0);
	assert_string_equal(p.options.output, "a.prom");
	assert_int_equal(PARSE(&p, "--output", "b.prom", "metrics", "--log.level=warn"), 0);
	assert_int_equal(p.options.command, COMMAND_METRICS);
	assert_string_equal(p.options.output, "b.prom");
	assert_int_equal(p.options.log_level, LOG_LEVEL_WARN);
}

static void flags_of_the_commands_that_report(_unused_ void **state)
{
	struct parse p;

	assert_int_equal(PARSE(&p, "diagnose", "--interval=1m", "--format", "json"), 0);
	assert_int_equal(p.options.command, COMMAND_DIAGNOSE);
	assert_int_equal(p.options.interval_ns, 60000000000);
	assert_int_equal(p.options.report_format, REPORT_JSON);
	assert_int_equal(PARSE(&p, "--format=json", "talkers", "--by=pair", "--limit", "7",
			       "--source=10.0.0.0/8", "--destination=::1", "--port=443",
			       "--state=established"),
			 0);
	assert_int_equal(p.options.command, COMMAND_TALKERS);
	assert_int_equal(p.options.report_format, REPORT_JSON);
	assert_int_equal(p.options.talkers.by, TALKERS_BY_PAIR);
	assert_int_equal(p.options.talkers.limit, 7);
	assert_int_equal(p.options.talkers.filter, TALKERS_FILTERS_ALL);
	assert_int_equal(p.options.talkers.source.bits, 104);
	assert_int_equal(p.options.talkers.destination.bits, 128);
	assert_int_equal(p.options.talkers.port, 443);
	assert_int_equal(p.options.talkers.state, FLOW_TCP_ESTABLISHED);
	assert_int_equal(PARSE(&p, "--collector.correlation.lookups=0"), 0);
	assert_int_equal(p.options.collector.correlation_lookups, 0);
}

/* The same sentence as /talkers has. */
static void a_wrong_value_for_the_talkers(_unused_ void **state)
{
	char error[OPTIONS_ERROR_MAX];
	struct talkers_query query;
	struct parse p;

	talkers_query_init(&query);
	assert_int_equal(talkers_query_set(&query, "limit", "0", error), -EINVAL);
	assert_int_equal(PARSE(&p, "talkers", "--limit=0"), -EINVAL);
	assert_string_equal(p.error, error);
	assert_true(*error);
}

static const struct {
	const char *args[3];
	const char *sentence;
} refused[] = {
	{ { "diagnose", "--output=x.prom" },
	  "flag '--output' goes with the command metrics, try --help" },
	{ { "talkers", "--interval=1s" },
	  "flag '--interval' goes with the command diagnose, try --help" },
	{ { "--format=json" },
	  "flag '--format' goes with the command diagnose or talkers, try --help" },
	{ { "metrics", "--format=json" },
	  "flag '--format' goes with the command diagnose or talkers, try --help" },
	{ { "diagnose", "--limit=5" }, "flag '--limit' goes with the command talkers, try --help" },
	{ { "diagnose", "talkers" }, "unexpected talkers, try --help" },
	{ { "diagnose", "--format=xml" }, "invalid value 'xml' for flag '--format', try --help" },
	{ { "diagnose", "--interval=5" }, "invalid value '5' for flag '--interval', try --help" },
};

static void every_refusal_is_one_sentence(_unused_ void **state)
{
	struct parse p;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		assert_int_equal(parse(&p, refused[i].args), -EINVAL);
		assert_string_equal(p.error, refused[i].sentence);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_of_the_talkers),
		cmocka_unit_test(commands_and_their_flags),
		cmocka_unit_test(flags_of_the_commands_that_report),
		cmocka_unit_test(a_wrong_value_for_the_talkers),
		cmocka_unit_test(every_refusal_is_one_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
