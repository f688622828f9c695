/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <errno.h>

#include "directory.h"
#include "fake_procfs.h"

#include "../../collectors/settings.h"

/* Nothing here asks whether packets are tracked. */
void tracking_read(_unused_ struct collector_context *ctx, enum tracking ret[N_FLOW_FAMILIES])
{
	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		ret[family] = TRACKING_UNKNOWN;
}

/* As the kernel calls them (nf_conntrack_standalone.c). */
static const char *const setting_files[N_SETTINGS] = {
	[SETTING_ACCT] = "nf_conntrack_acct",
	[SETTING_CHECKSUM] = "nf_conntrack_checksum",
	[SETTING_DCCP_LOOSE] = "nf_conntrack_dccp_loose",
	[SETTING_EVENTS] = "nf_conntrack_events",
	[SETTING_HELPER] = "nf_conntrack_helper",
	[SETTING_LOG_INVALID] = "nf_conntrack_log_invalid",
	[SETTING_TCP_BE_LIBERAL] = "nf_conntrack_tcp_be_liberal",
	[SETTING_TCP_IGNORE_INVALID_RST] = "nf_conntrack_tcp_ignore_invalid_rst",
	[SETTING_TCP_LOOSE] = "nf_conntrack_tcp_loose",
	[SETTING_TCP_MAX_RETRANS] = "nf_conntrack_tcp_max_retrans",
	[SETTING_TIMESTAMP] = "nf_conntrack_timestamp",
};

static void write_number(const struct directory *d, const char *file, unsigned int value)
{
	char path[256], text[32];

	(void)snprintf(path, sizeof(path), "sys/net/netfilter/%s", file);
	(void)snprintf(text, sizeof(text), "%u\n", value);
	procfs_write(d, path, text);
}

static void check(const struct directory *d, int value, const struct settings *expected)
{
	struct settings have;
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, d);

	memset(&have, 0x5a, sizeof(have));
	assert_int_equal(settings_read(&ctx, &have), value);
	readings_check(have.timeout_s, expected->timeout_s, N_TIMEOUT_SETTINGS);
	readings_check(have.setting, expected->setting, N_SETTINGS);
}

/* Each has a name of its own; written with a number of its own, it is read. */
static void every_file(void **state)
{
	struct settings expected = { 0 };

	for (int i = 0; i < N_TIMEOUT_SETTINGS; i++) {
		write_number(*state, timeout_setting_file(i), 1000U + (unsigned int)i);
		expected.timeout_s[i] = reading(1000U + (unsigned int)i);
	}
	for (int i = 0; i < N_SETTINGS; i++) {
		write_number(*state, setting_files[i], (unsigned int)i);
		expected.setting[i] = reading((unsigned int)i);
	}
	check(*state, 0, &expected);
}

static void a_kernel_that_has_one_only(void **state)
{
	struct settings expected = { 0 };

	write_number(*state, timeout_setting_file(TIMEOUT_GENERIC), 600);
	expected.timeout_s[TIMEOUT_GENERIC] = reading(600);
	check(*state, 0, &expected);
	procfs_remove(*state, "sys/net/netfilter/nf_conntrack_generic_timeout");
	expected.timeout_s[TIMEOUT_GENERIC].known = false;
	write_number(*state, setting_files[SETTING_ACCT], 0);
	expected.setting[SETTING_ACCT] = reading(0);
	check(*state, 0, &expected);
}

static void no_conntrack(void **state)
{
	const struct settings nothing = { 0 };

	check(*state, -ENODATA, &nothing);
	/* Another module's, in the same directory. */
	write_number(*state, "nf_log_all_netns", 0);
	check(*state, -ENODATA, &nothing);
}

static void files_that_hold_no_number(void **state)
{
	static const char *const texts[] = {
		"", "\n", "x\n", "-1\n", "1 2\n", "1.5\n", "18446744073709551616\n"
	};
	struct settings expected = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		procfs_write(*state, "sys/net/netfilter/nf_conntrack_tcp_loose", texts[i]);
		expected.setting[SETTING_TCP_BE_LIBERAL].known = false;
		check(*state, -EBADMSG, &expected);
		write_number(*state, "nf_conntrack_tcp_be_liberal", 1);
		expected.setting[SETTING_TCP_BE_LIBERAL] = reading(1);
		check(*state, -EBADMSG, &expected);
		procfs_remove(*state, "sys/net/netfilter/nf_conntrack_tcp_be_liberal");
	}
}

static void the_first_error_is_returned(void **state)
{
	const struct settings nothing = { 0 };

	procfs_write(*state, "sys/net/netfilter/nf_conntrack_timestamp", "x\n");
	procfs_write(*state, "sys/net/netfilter/nf_conntrack_acct/x", "1\n");
	check(*state, -EISDIR, &nothing);
}

/* The samples of an exposition, without HELP and TYPE. */
static void check_samples(const struct directory *d, const char *expected)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, d);
	char samples[4096] = "";
	struct exposition e;
	char *rest, *line;

	exposition_init(&e, EXPOSITION_TEXT);
	assert_int_equal(settings_collector.collect(&ctx, &e), 0);
	assert_int_equal(exposition_finish(&e), 0);
	buffer_append_char(&e.out, '\0');
	rest = e.out.data;
	while ((line = strsep(&rest, "\n")))
		if (*line && *line != '#')
			(void)snprintf(samples + strlen(samples), sizeof(samples) - strlen(samples),
				       "%s\n", line);
	assert_string_equal(samples, expected);
	exposition_destroy(&e);
}

static void what_is_told_of_them(void **state)
{
	static const char *const files[] = {
		"nf_conntrack_tcp_timeout_syn_sent",	 "nf_conntrack_udp_timeout",
		"nf_conntrack_udp_timeout_stream",	 "nf_conntrack_icmp_timeout",
		"nf_conntrack_icmpv6_timeout",		 "nf_conntrack_gre_timeout",
		"nf_conntrack_gre_timeout_stream",	 "nf_conntrack_generic_timeout",
		"nf_conntrack_sctp_timeout_cookie_wait", "nf_conntrack_dccp_timeout_timewait",
		"nf_conntrack_udplite_timeout",		 "nf_conntrack_acct",
		"nf_conntrack_tcp_max_retrans",		 "nf_conntrack_dccp_loose",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++)
		write_number(*state, files[i], i);
	check_samples(*state,
		      "conntrack_timeout_seconds{protocol=\"tcp\",state=\"syn_sent\"} 0\n"
		      "conntrack_timeout_seconds{protocol=\"udp\",state=\"unreplied\"} 1\n"
		      "conntrack_timeout_seconds{protocol=\"udp\",state=\"stream\"} 2\n"
		      "conntrack_timeout_seconds{protocol=\"udplite\",state=\"unreplied\"} 10\n"
		      "conntrack_timeout_seconds{protocol=\"icmp\",state=\"any\"} 3\n"
		      "conntrack_timeout_seconds{protocol=\"icmpv6\",state=\"any\"} 4\n"
		      "conntrack_timeout_seconds{protocol=\"sctp\",state=\"cookie_wait\"} 8\n"
		      "conntrack_timeout_seconds{protocol=\"gre\",state=\"unreplied\"} 5\n"
		      "conntrack_timeout_seconds{protocol=\"gre\",state=\"stream\"} 6\n"
		      "conntrack_timeout_seconds{protocol=\"dccp\",state=\"timewait\"} 9\n"
		      "conntrack_timeout_seconds{protocol=\"other\",state=\"any\"} 7\n"
		      "conntrack_setting{name=\"acct\"} 11\n"
		      "conntrack_setting{name=\"dccp_loose\"} 13\n"
		      "conntrack_setting{name=\"tcp_max_retrans\"} 12\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(every_file),
		directory_test(a_kernel_that_has_one_only),
		directory_test(no_conntrack),
		directory_test(files_that_hold_no_number),
		directory_test(the_first_error_is_returned),
		directory_test(what_is_told_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
