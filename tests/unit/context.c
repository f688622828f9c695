/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whether conntrack is asked at all, and what is said when it may not be. */

#include "unit.h"

#include <errno.h>
#include <linux/netlink.h>

#include "directory.h"
#include "fake_procfs.h"

#include "../../collectors/entry_size.h"
#include "../../collectors/observation.h"
#include "../../collectors/table_parse.h"
#include "../../exporter/log.h"

static struct {
	int value;
	int queries, lookups, warnings, finished;
	uint64_t deadline_ns;
} kernel;

void log_write(enum log_level level, _unused_ const char *message, ...)
{
	assert_int_equal(level, LOG_LEVEL_WARN);
	kernel.warnings++;
}

void netlink_init(struct netlink *nl)
{
	nl->sequence = 99;
}

void netlink_finish(_unused_ struct netlink *nl)
{
	kernel.finished++;
}

void stat_carry_finish(_unused_ struct stat_carry *carry)
{
	kernel.finished++;
}

void survey_finish(_unused_ struct survey *survey)
{
	kernel.finished++;
}

uint64_t entry_size_read(_unused_ const char *procfs)
{
	return 320;
}

void table_parse(_unused_ const struct nlmsghdr *message, struct table_stats *ret)
{
	ret->entries = 5;
	ret->has_entries = true;
}

int netlink_query_conntrack(_unused_ struct netlink *nl, enum netlink_query query,
			    uint64_t deadline_ns, netlink_message_fn fn, void *ctx)
{
	const struct nlmsghdr message = { .nlmsg_len = sizeof(message) };

	kernel.queries++;
	kernel.deadline_ns = deadline_ns;
	if (query == NETLINK_CONNTRACK_STATS && kernel.value == 0)
		return fn(ctx, &message);
	return kernel.value;
}

int netlink_lookup(_unused_ struct netlink *nl, enum netlink_query query, size_t n,
		   _unused_ const struct netlink_lookup *lookup, uint64_t deadline_ns)
{
	assert_int_equal(query, NETLINK_FLOW_LOOKUP);
	assert_int_equal(n, 3);
	kernel.lookups++;
	kernel.deadline_ns = deadline_ns;
	return kernel.value;
}

static struct collector_context begin(struct collector_settings *settings,
				      const struct directory *d)
{
	memset(&kernel, 0, sizeof(kernel));
	return fake_context(settings, d);
}

/* This /proc shows the network, and nothing of conntrack. */
static void hide_conntrack(const struct directory *d)
{
	procfs_write(d, "sys/net/core/somaxconn", "4096\n");
}

static void where_conntrack_may_be(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = begin(&settings, *state);

	/* No /proc to speak of says nothing. */
	assert_true(collector_may_be_loaded(&ctx));
	hide_conntrack(*state);
	assert_false(collector_may_be_loaded(&ctx));
	procfs_write(*state, "net/stat/nf_conntrack", "entries\n");
	assert_true(collector_may_be_loaded(&ctx));
	procfs_remove(*state, "net/stat/nf_conntrack");
	procfs_write(*state, "sys/net/netfilter/nf_conntrack_count", "0\n");
	assert_true(collector_may_be_loaded(&ctx));
	/* What is gone cannot be read, even where it is open. */
	procfs_write(*state, "sys/net/netfilter/nf_conntrack_count", "");
	procfs_remove(*state, "sys/net/netfilter/nf_conntrack_count");
	assert_false(collector_may_be_loaded(&ctx));
	/* What fails to be read is there. */
	procfs_write(*state, "net/stat/nf_conntrack/x", "");
	assert_true(collector_may_be_loaded(&ctx));
}

static void the_question_alone_would_load_it(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = begin(&settings, *state);
	struct table_stats stats = { .entries = 77 };

	hide_conntrack(*state);
	assert_int_equal(collector_query_conntrack(&ctx, NETLINK_CONNTRACK_FLOWS, 1, NULL, NULL),
			 -ENODATA);
	assert_int_equal(collector_lookup_conntrack(&ctx, 3, NULL), -ENODATA);
	assert_int_equal(table_stats_fetch(&ctx, &stats), -ENODATA);
	assert_true(kernel.queries == 0 && kernel.lookups == 0 && kernel.warnings == 0);
	assert_int_equal(stats.entries, 77);
}

static void questions_are_passed_on(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = begin(&settings, *state);
	struct table_stats stats = { 0 };

	ctx.deadline_ns = 4711;
	assert_int_equal(table_stats_fetch(&ctx, &stats), 0);
	assert_true(stats.has_entries && stats.entries == 5);
	assert_int_equal(kernel.deadline_ns, 4711);
	assert_int_equal(collector_query_conntrack(&ctx, NETLINK_CONNTRACK_FLOWS, 12, NULL, NULL),
			 0);
	assert_int_equal(kernel.deadline_ns, 12);
	assert_int_equal(collector_lookup_conntrack(&ctx, 3, NULL), 0);
	assert_int_equal(kernel.deadline_ns, 4711);
	kernel.value = -ETIME;
	assert_int_equal(collector_lookup_conntrack(&ctx, 3, NULL), -ETIME);
	stats.entries = 77;
	assert_int_equal(table_stats_fetch(&ctx, &stats), -ETIME);
	assert_int_equal(stats.entries, 77);
	assert_int_equal(kernel.warnings, 0);
}

static void a_missing_right_is_said_once(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = begin(&settings, *state);

	kernel.value = -EPERM;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(collector_lookup_conntrack(&ctx, 3, NULL), -EPERM);
		assert_int_equal(
			collector_query_conntrack(&ctx, NETLINK_CONNTRACK_FLOWS, 1, NULL, NULL),
			-EPERM);
	}
	assert_true(kernel.queries == 3 && kernel.lookups == 3);
	assert_int_equal(kernel.warnings, 1);
	assert_true(collector_notice_once(&ctx, NOTICE_STAT_SOURCE));
	assert_false(collector_notice_once(&ctx, NOTICE_STAT_SOURCE));
}

/* Whatever it held, for the sanitizer to see that it is freed. */
static void a_context_begins_empty_and_ends(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = begin(&settings, *state);

	memset(&ctx, 0x5a, sizeof(ctx));
	collector_context_init(&ctx, &settings);
	assert_ptr_equal(ctx.settings, &settings);
	assert_int_equal(ctx.entry_size_bytes, 320);
	assert_int_equal(ctx.netlink.sequence, 99);
	assert_true(ctx.request == 0 && !ctx.survey.made && ctx.logged == 0);
	for (int i = 0; i < CONTEXT_LOOKS; i++) {
		assert_null(ctx.looks[i]);
		ctx.looks[i] = malloc(sizeof(*ctx.looks[i]));
	}
	collector_context_finish(&ctx);
	assert_int_equal(kernel.finished, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(where_conntrack_may_be),
		directory_test(the_question_alone_would_load_it),
		directory_test(questions_are_passed_on),
		directory_test(a_missing_right_is_said_once),
		directory_test(a_context_begins_empty_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
