/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>

#include "../../exporter/log.h"
#include "fake_registry.h"
#include "options_parse.h"

static void defaults(_unused_ void **state)
{
	struct parse p;

	assert_int_equal(parse(&p, (const char *const[]){ NULL }), 0);
	assert_int_equal(p.options.command, COMMAND_SERVE);
	assert_false(p.options.help || p.options.help_metrics || p.options.version);
	assert_int_equal(p.options.listen.n, 1);
	assert_string_equal(p.options.listen.values[0], ":10066");
	assert_string_equal(p.options.telemetry_path, "/metrics");
	assert_int_equal(p.options.max_requests, 40);
	assert_false(p.options.disable_exporter_metrics || p.options.disable_defaults);
	assert_int_equal(p.options.switched_on | p.options.switched_off, 0);
	assert_int_equal(p.options.collector.flows_limit, 262144);
	assert_int_equal(p.options.collector.flows_min_interval_ns, 5000000000);
	assert_int_equal(p.options.collector.talkers_limit, 10);
	assert_false(p.options.collector.stat_per_cpu);
	assert_string_equal(p.options.collector.procfs, "/proc");
	assert_int_equal(p.options.log_level, LOG_LEVEL_INFO);
	assert_int_equal(p.options.log_format, LOG_FORMAT_LOGFMT);
	assert_null(p.options.output);
	assert_int_equal(p.options.collector.correlation_lookups, 10000);
	assert_int_equal(p.options.interval_ns, 5000000000);
	assert_int_equal(p.options.report_format, REPORT_TEXT);
}

/* Both forms a flag with a value has. */
static void parse_both(struct parse *p, const char *flag, const char *value, bool joined)
{
	char one[256];

	(void)snprintf(one, sizeof(one), "%s=%s", flag, value);
	if (joined)
		assert_int_equal(PARSE(p, one), 0);
	else
		assert_int_equal(PARSE(p, flag, value), 0);
}

static void numbers_in_both_forms(_unused_ void **state)
{
	struct parse p;

	for (int joined = 0; joined < 2; joined++) {
		parse_both(&p, "--web.max-requests", "7", joined);
		assert_int_equal(p.options.max_requests, 7);
		parse_both(&p, "--web.max-requests", "0", joined);
		assert_int_equal(p.options.max_requests, 0);
		parse_both(&p, "--collector.flows.limit", "18446744073709551615", joined);
		assert_int_equal(p.options.collector.flows_limit, UINT64_MAX);
		parse_both(&p, "--collector.talkers.limit", "1", joined);
		assert_int_equal(p.options.collector.talkers_limit, 1);
		parse_both(&p, "--collector.talkers.limit", "1000", joined);
		assert_int_equal(p.options.collector.talkers_limit, 1000);
		parse_both(&p, "--collector.flows.min-interval", "1m30s", joined);
		assert_int_equal(p.options.collector.flows_min_interval_ns, 90000000000);
		parse_both(&p, "--collector.flows.min-interval", "0", joined);
		assert_int_equal(p.options.collector.flows_min_interval_ns, 0);
		for (uint64_t level = 0; level < N_LOG_LEVELS; level++) {
			parse_both(&p, "--log.level", log_level_names[level], joined);
			assert_int_equal(p.options.log_level, level);
		}
		for (uint64_t format = 0; format < N_LOG_FORMATS; format++) {
			parse_both(&p, "--log.format", log_format_names[format], joined);
			assert_int_equal(p.options.log_format, format);
		}
	}
}

static void strings_in_both_forms(_unused_ void **state)
{
	static const char path[] = "/host/proc", value[] = "a=b=";
	struct parse p;

	assert_int_equal(PARSE(&p, "--path.procfs", path), 0);
	assert_ptr_equal(p.options.collector.procfs, path);
	assert_int_equal(PARSE(&p, "--path.procfs=a=b="), 0);
	assert_string_equal(p.options.collector.procfs, value);
	assert_int_equal(PARSE(&p, "--web.telemetry-path=/conntrack/metrics"), 0);
	assert_string_equal(p.options.telemetry_path, "/conntrack/metrics");
	assert_int_equal(PARSE(&p, "--web.telemetry-path", "/"), 0);
	assert_string_equal(p.options.telemetry_path, "/");
	assert_int_equal(PARSE(&p, "--web.config.file=/etc/web.yml"), 0);
	assert_string_equal(p.options.web_config, "/etc/web.yml");
	assert_int_equal(PARSE(&p, "--web.telemetry-path", "/a", "--web.telemetry-path", "/b"), 0);
	assert_string_equal(p.options.telemetry_path, "/b");
}

static void switches_on_and_off(_unused_ void **state)
{
	static const struct {
		const char *name;
		size_t offset;
	} switches[] = {
		{ "help", offsetof(struct options, help) },
		{ "help-long", offsetof(struct options, help) },
		{ "help-metrics", offsetof(struct options, help_metrics) },
		{ "help-man", offsetof(struct options, help_man) },
		{ "completion-script-bash", offsetof(struct options, completion_bash) },
		{ "completion-script-zsh", offsetof(struct options, completion_zsh) },
		{ "version", offsetof(struct options, version) },
		{ "web.systemd-socket", offsetof(struct options, systemd_socket) },
		{ "web.disable-exporter-metrics",
		  offsetof(struct options, disable_exporter_metrics) },
		{ "collector.disable-defaults", offsetof(struct options, disable_defaults) },
		{ "collector.stat.per-cpu", offsetof(struct options, collector.stat_per_cpu) },
	};
	struct parse p;

	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		const bool *at = (const bool *)((const char *)&p.options + switches[i].offset);
		char on[64], off[64];

		(void)snprintf(on, sizeof(on), "--%s", switches[i].name);
		(void)snprintf(off, sizeof(off), "--no-%s", switches[i].name);
		assert_int_equal(PARSE(&p, on), 0);
		assert_true(*at);
		assert_int_equal(PARSE(&p, on, off), 0);
		assert_false(*at);
		assert_int_equal(PARSE(&p, off, on), 0);
		assert_true(*at);
	}
	assert_int_equal(PARSE(&p, "-h"), 0);
	assert_true(p.options.help);
}

static void every_option_is_known_to_these_tests(_unused_ void **state)
{
	static const char *const names[] = {
		"help",
		"help-long",
		"help-metrics",
		"help-man",
		"completion-script-bash",
		"completion-script-zsh",
		"version",
		"web.listen-address",
		"web.config.file",
		"web.telemetry-path",
		"web.max-requests",
		"web.systemd-socket",
		"web.disable-exporter-metrics",
		"collector.disable-defaults",
		"collector.flows.limit",
		"collector.flows.min-interval",
		"collector.stat.per-cpu",
		"collector.correlation.lookups",
		"collector.talkers.limit",
		"interval",
		"format",
		"by",
		"limit",
		"source",
		"destination",
		"port",
		"state",
		"path.procfs",
		"log.level",
		"log.format",
		"output",
	};

	for (size_t i = 0; i < n_option_descs; i++) {
		bool known = false;

		for (size_t j = 0; j < ARRAY_SIZE(names); j++)
			known |= strcmp(names[j], option_descs[i].name) == 0;
		if (!known)
			fail_msg("--%s has no test", option_descs[i].name);
		assert_true(option_descs[i].help && *option_descs[i].help);
	}
}

static void listen_addresses_take_the_place_of_the_default(_unused_ void **state)
{
	struct parse p;

	assert_int_equal(PARSE(&p, "--web.listen-address=:9100", "--web.listen-address",
			       "[::1]:9101", "--web.listen-address=:9100"),
			 0);
	assert_int_equal(p.options.listen.n, 3);
	assert_string_equal(p.options.listen.values[0], ":9100");
	assert_string_equal(p.options.listen.values[1], "[::1]:9101");
	assert_string_equal(p.options.listen.values[2], ":9100");
}

static void as_many_listen_addresses_as_the_bound(_unused_ void **state)
{
	const char *args[ARGS_MAX] = { NULL };
	struct parse p;

	for (int i = 0; i < OPTIONS_STRINGS_MAX; i++)
		args[i] = "--web.listen-address=:9100";
	assert_int_equal(parse(&p, args), 0);
	assert_int_equal(p.options.listen.n, OPTIONS_STRINGS_MAX);
}

static void one_listen_address_beyond_the_bound(_unused_ void **state)
{
	const char *args[ARGS_MAX] = { NULL };
	struct parse p;

	for (int i = 0; i <= OPTIONS_STRINGS_MAX; i++)
		args[i] = "--web.listen-address=:9100";
	assert_int_equal(parse(&p, args), -EINVAL);
	assert_string_equal(p.error,
			    "invalid value ':9100' for flag '--web.listen-address', try --help");
}

static void the_last_of_a_repeated_flag_holds(_unused_ void **state)
{
	struct parse p;

	assert_int_equal(PARSE(&p, "--web.max-requests=1", "--log.level=warn",
			       "--web.max-requests=2", "--log.level=error"),
			 0);
	assert_int_equal(p.options.max_requests, 2);
	assert_int_equal(p.options.log_level, LOG_LEVEL_ERROR);
}

static const struct {
	const char *args[4];
	uint64_t mask;
} masks[] = {
	{ { NULL }, FAKE_DEFAULTS },
	{ { "--collector.table" }, FAKE_DEFAULTS },
	{ { "--no-collector.table" }, BIT(FAKE_STAT) | BIT(FAKE_FLOWS) },
	{ { "--collector.talkers" }, FAKE_DEFAULTS | BIT(FAKE_TALKERS) },
	{ { "--no-collector.talkers" }, FAKE_DEFAULTS },
	{ { "--collector.disable-defaults" }, 0 },
	{ { "--collector.disable-defaults", "--collector.flows", "--collector.talkers" },
	  BIT(FAKE_FLOWS) | BIT(FAKE_TALKERS) },
	{ { "--collector.flows", "--collector.disable-defaults" }, BIT(FAKE_FLOWS) },
	{ { "--collector.disable-defaults", "--no-collector.disable-defaults" }, FAKE_DEFAULTS },
	/* The last of contrary flags holds. */
	{ { "--no-collector.stat", "--collector.stat" }, FAKE_DEFAULTS },
	{ { "--collector.stat", "--no-collector.stat" }, BIT(FAKE_TABLE) | BIT(FAKE_FLOWS) },
};

static void collector_switches(_unused_ void **state)
{
	struct parse p;

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		assert_int_equal(parse(&p, masks[i].args), 0);
		assert_int_equal(options_collectors(&p.options), masks[i].mask);
	}
}

static const struct {
	const char *args[4];
	const char *sentence;
} refused[] = {
	{ { "--none" }, "unknown long flag '--none', try --help" },
	{ { "--" }, "unknown long flag '--', try --help" },
	{ { "--no-none" }, "unknown long flag '--no-none', try --help" },
	{ { "--web.max-request", "4" }, "unknown long flag '--web.max-request', try --help" },
	{ { "--web.max-requestss", "4" }, "unknown long flag '--web.max-requestss', try --help" },
	{ { "--no-web.max-requests" }, "unknown long flag '--no-web.max-requests', try --help" },
	{ { "--collector.none" }, "unknown long flag '--collector.none', try --help" },
	{ { "--collector.tabl" }, "unknown long flag '--collector.tabl', try --help" },
	{ { "--no-collector." }, "unknown long flag '--no-collector.', try --help" },
	{ { "--collector.flows.none=1" },
	  "unknown long flag '--collector.flows.none=1', try --help" },
	{ { "--version=true" }, "unknown long flag '--version=true', try --help" },
	{ { "--collector.table=1" }, "unknown long flag '--collector.table=1', try --help" },
	{ { "-x" }, "unknown short flag '-x', try --help" },
	{ { "-" }, "unknown short flag '-', try --help" },
	{ { "-help" }, "unknown short flag '-help', try --help" },
	{ { "diagnos" }, "unexpected diagnos, try --help" },
	{ { "" }, "unexpected , try --help" },
	{ { "metrics", "metrics" }, "unexpected metrics, try --help" },
	{ { "--web.listen-address" },
	  "expected argument for flag '--web.listen-address', try --help" },
	{ { "--log.level" }, "expected argument for flag '--log.level', try --help" },
	{ { "metrics", "--output" }, "expected argument for flag '--output', try --help" },
	{ { "--web.max-requests=-1" },
	  "invalid value '-1' for flag '--web.max-requests', try --help" },
	{ { "--web.max-requests=+1" },
	  "invalid value '+1' for flag '--web.max-requests', try --help" },
	{ { "--web.max-requests= 1" },
	  "invalid value ' 1' for flag '--web.max-requests', try --help" },
	{ { "--web.max-requests=1k" },
	  "invalid value '1k' for flag '--web.max-requests', try --help" },
	{ { "--web.max-requests=" }, "invalid value '' for flag '--web.max-requests', try --help" },
	{ { "--collector.flows.limit=18446744073709551616" },
	  "invalid value '18446744073709551616' for flag '--collector.flows.limit', try --help" },
	{ { "--collector.flows.limit", "0x10" },
	  "invalid value '0x10' for flag '--collector.flows.limit', try --help" },
	{ { "--collector.flows.min-interval=5" },
	  "invalid value '5' for flag '--collector.flows.min-interval', try --help" },
	{ { "--collector.talkers.limit=0" },
	  "invalid value '0' for flag '--collector.talkers.limit', it must be from 1 to 1000" },
	{ { "--collector.talkers.limit", "1001" },
	  "invalid value '1001' for flag '--collector.talkers.limit', it must be from 1 to 1000" },
	{ { "--log.level=INFO" }, "invalid value 'INFO' for flag '--log.level', try --help" },
	{ { "--log.level", "warning" },
	  "invalid value 'warning' for flag '--log.level', try --help" },
	{ { "--log.format=xml" }, "invalid value 'xml' for flag '--log.format', try --help" },
	{ { "--path.procfs=" }, "invalid value '' for flag '--path.procfs', try --help" },
	{ { "metrics", "--output=" }, "invalid value '' for flag '--output', try --help" },
	{ { "--web.telemetry-path=" },
	  "invalid value '' for flag '--web.telemetry-path', try --help" },
	{ { "--web.telemetry-path=metrics" },
	  "invalid value 'metrics' for flag '--web.telemetry-path', it must be a plain path that "
	  "starts with /" },
	{ { "--web.telemetry-path=/m?x" },
	  "invalid value '/m?x' for flag '--web.telemetry-path', it must be a plain path that "
	  "starts with /" },
	{ { "--web.telemetry-path=/m#x" },
	  "invalid value '/m#x' for flag '--web.telemetry-path', it must be a plain path that "
	  "starts with /" },
	{ { "--web.telemetry-path=/m%20" },
	  "invalid value '/m%20' for flag '--web.telemetry-path', it must be a plain path that "
	  "starts with /" },
	{ { "--web.telemetry-path=/m x" },
	  "invalid value '/m x' for flag '--web.telemetry-path', it must be a plain path that "
	  "starts with /" },
	{ { "--output=x.prom" }, "flag '--output' goes with the command metrics, try --help" },
};

static void every_refusal_is_one_sentence(_unused_ void **state)
{
	static const struct parse untouched;
	struct parse p;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		assert_int_equal(parse(&p, refused[i].args), -EINVAL);
		assert_string_equal(p.error, refused[i].sentence);
		assert_memory_equal(&p.options, &untouched.options, sizeof(p.options));
	}
}

static void a_sentence_longer_than_its_room_is_cut(_unused_ void **state)
{
	char flag[1000], expected[OPTIONS_ERROR_MAX];
	struct parse p;

	memset(flag, '-', sizeof(flag));
	flag[sizeof(flag) - 1] = '\0';
	memset(expected, '-', sizeof(expected));
	memcpy(expected, "unknown long flag '", 19);
	expected[sizeof(expected) - 1] = '\0';
	assert_int_equal(PARSE(&p, flag), -EINVAL);
	assert_string_equal(p.error, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(numbers_in_both_forms),
		cmocka_unit_test(strings_in_both_forms),
		cmocka_unit_test(switches_on_and_off),
		cmocka_unit_test(every_option_is_known_to_these_tests),
		cmocka_unit_test(listen_addresses_take_the_place_of_the_default),
		cmocka_unit_test(as_many_listen_addresses_as_the_bound),
		cmocka_unit_test(one_listen_address_beyond_the_bound),
		cmocka_unit_test(the_last_of_a_repeated_flag_holds),
		cmocka_unit_test(collector_switches),
		cmocka_unit_test(every_refusal_is_one_sentence),
		cmocka_unit_test(a_sentence_longer_than_its_room_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
