/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the walk makes of dumps that end early, are interrupted, or see the hash table resized. The
 * query is replaced by the linker (--wrap) with one that plays a script; /proc is a directory of
 * the test.
 */

#include "unit.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../collectors/collector.h"
#include "../../collectors/table_parse.h"
#include "../../exporter/util.h"

#define ATTEMPTS_MAX 8

/* One dump: so many flows, then the value; buckets are what the sysctl says behind it. */
struct attempt {
	int flows;
	int value;
	int buckets_after;
	int takes_ms; /* at least */
};

static struct {
	struct attempt attempts[ATTEMPTS_MAX];
	int n, at;
	int left_ms; /* for a walk: three quarters of what its request has */
	uint32_t entries;
	int stats_error;
	char procfs[64];
} script = { .entries = 100, .left_ms = 45000 };

int __wrap_collector_query_conntrack(struct collector_context *ctx, enum netlink_query query,
				     uint64_t deadline_ns, netlink_message_fn fn, void *fn_ctx);
int __wrap_table_stats_fetch(struct collector_context *ctx, struct table_stats *ret);
int __wrap_address_set_fetch(struct address_set *set, struct netlink *nl, uint64_t deadline_ns);

/* No test here asks for the join, or for what proves that packets pass. */
int settings_read(_unused_ struct collector_context *ctx, _unused_ struct settings *ret)
{
	return -ENODATA;
}

static void reset_nothing(_unused_ void *state)
{
}

static void add_nothing(_unused_ void *state, _unused_ const struct flow *flow,
			_unused_ const struct walk_view *view)
{
}

struct walk_consumer tracking_consumer(struct tracking_watch *watch)
{
	return (struct walk_consumer){ reset_nothing, add_nothing, watch };
}

int join_create(_unused_ struct collector_context *ctx, _unused_ struct join **ret)
{
	return -ENOTSUP;
}

void join_destroy(_unused_ struct join *join)
{
}

struct walk_consumer join_consumer(_unused_ struct join *join)
{
	return (struct walk_consumer){ 0 };
}

int join_finish(_unused_ struct collector_context *ctx, _unused_ struct join *join,
		_unused_ uint64_t established, _unused_ struct join_counts *ret)
{
	return -ENOTSUP;
}

static void write_setting(const char *name, int value)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/sys/net/netfilter/%s", script.procfs, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "%d\n", value);
	assert_int_equal(fclose(file), 0);
}

int __wrap_address_set_fetch(_unused_ struct address_set *set, _unused_ struct netlink *nl,
			     _unused_ uint64_t deadline_ns)
{
	return 0;
}

int __wrap_table_stats_fetch(_unused_ struct collector_context *ctx, struct table_stats *ret)
{
	*ret = (struct table_stats){ .has_entries = true, .entries = script.entries };
	return script.stats_error;
}

/* A flow of which nothing is known; the walk counts it as visited. */
static int answer_flows(const struct attempt *attempt, netlink_message_fn fn, void *fn_ctx)
{
	const struct {
		struct nlmsghdr header;
		struct nfgenmsg family;
	} message = {
		.header = { .nlmsg_len = sizeof(message) },
		.family = { .nfgen_family = AF_INET },
	};
	int r;

	(void)poll(NULL, 0, attempt->takes_ms);
	for (int i = 0; i < attempt->flows; i++)
		if ((r = fn(fn_ctx, &message.header)) != 0)
			return r;
	if (attempt->buckets_after)
		write_setting("nf_conntrack_buckets", attempt->buckets_after);
	return attempt->value;
}

int __wrap_collector_query_conntrack(_unused_ struct collector_context *ctx,
				     enum netlink_query query, _unused_ uint64_t deadline_ns,
				     netlink_message_fn fn, void *fn_ctx)
{
	assert_int_equal(query, NETLINK_CONNTRACK_FLOWS);
	assert_true(script.at < script.n);
	return answer_flows(&script.attempts[script.at++], fn, fn_ctx);
}

struct expectation {
	int value;
	int attempts;
	uint64_t visited;
	bool complete;
};

static void walk(const struct attempt *attempts, int n, uint64_t limit, struct expectation expect)
{
	const struct collector_settings settings = { .procfs = script.procfs,
						     .flows_limit = limit };
	struct collector_context ctx = { .settings = &settings };
	const struct survey *result = NULL;

	memcpy(script.attempts, attempts, (size_t)n * sizeof(*attempts));
	script.n = n;
	script.at = 0;
	write_setting("nf_conntrack_buckets", 1024);
	ctx.deadline_ns = clock_monotonic_ns() + (uint64_t)script.left_ms * 4 / 3 * NSEC_PER_MSEC;
	assert_int_equal(survey_get(&ctx, 0, &result), expect.value);
	sysctls_finish(&ctx.sysctls);
	assert_int_equal(script.at, expect.attempts);
	if (expect.value < 0) {
		assert_null(result);
		return;
	}
	assert_int_equal(result->counts.visited, expect.visited);
	assert_int_equal(result->walk.complete, expect.complete);
}

#define WALK(limit, want, ...)                                                              \
	do {                                                                                \
		const struct attempt attempts[] = { __VA_ARGS__ };                          \
		walk(attempts, (int)ARRAY_SIZE(attempts), limit, (struct expectation)want); \
	} while (0)
#define EXPECT(...)         \
	{                   \
		__VA_ARGS__ \
	}

static void test_complete(_unused_ void **state)
{
	WALK(0, EXPECT(0, 1, 100, true), { 100, 0, 0 });
	WALK(100, EXPECT(0, 1, 100, true), { 100, 0, 0 });
}

static void test_limit(_unused_ void **state)
{
	WALK(99, EXPECT(0, 1, 99, false), { 100, 0, 0 });
}

static void test_interruptions_are_retried(_unused_ void **state)
{
	WALK(0, EXPECT(0, 2, 100, true), { 30, -EINTR, 0 }, { 100, 0, 0 });
	WALK(0, EXPECT(0, 3, 100, true), { 30, -ENOBUFS, 0 }, { 20, -EINTR, 0 }, { 100, 0, 0 });
	WALK(0, EXPECT(0, 3, 10, false), { 30, -EINTR, 0 }, { 20, -EINTR, 0 }, { 10, -EINTR, 0 });
}

static void test_resizes_are_retried(_unused_ void **state)
{
	WALK(0, EXPECT(0, 2, 100, true), { 80, 0, 2048 }, { 100, 0, 0 });
	WALK(0, EXPECT(0, 3, 70, false), { 90, 0, 2048 }, { 80, 0, 4096 }, { 70, 0, 8192 });
}

/* A second pass as long as the first would be cut: the first, marked, is worth more. */
static void test_no_retry_that_has_less_time(_unused_ void **state)
{
	script.left_ms = 300;
	WALK(0, EXPECT(0, 1, 80, false), { 80, 0, 2048, .takes_ms = 160 });
	WALK(0, EXPECT(0, 1, 30, false), { 30, -ENOBUFS, 0, .takes_ms = 160 });
	WALK(0, EXPECT(-EINTR, 1, 0, false), { 0, -EINTR, 0, .takes_ms = 160 });
	script.left_ms = 45000;
	WALK(0, EXPECT(0, 2, 100, true), { 80, 0, 2048, .takes_ms = 160 }, { 100, 0, 0 });
}

static void test_failures(_unused_ void **state)
{
	WALK(0, EXPECT(-EPERM, 1, 0, false), { 0, -EPERM, 0 });
	WALK(0, EXPECT(-ENODATA, 1, 0, false), { 0, -ENODATA, 0 });
	WALK(0, EXPECT(-EINTR, 3, 0, false), { 0, -EINTR, 0 }, { 0, -EINTR, 0 }, { 0, -EINTR, 0 });
	WALK(0, EXPECT(0, 1, 50, false), { 50, -ETIME, 0 });
	/* A dump that was lost is none that its deadline ended. */
	WALK(0, EXPECT(-ETIMEDOUT, 1, 0, false), { 50, -ETIMEDOUT, 0 });
}

static void test_an_empty_namespace_is_not_dumped(_unused_ void **state)
{
	script.entries = 0;
	WALK(0, EXPECT(0, 0, 0, true), { 0, 0, 0 });
	script.entries = 100;
}

/* Also where there is nothing to dump, so that a missing right does not look like an empty table.
 */
static void test_the_right_to_ask_is_asked_for_first(_unused_ void **state)
{
	script.entries = 0;
	script.stats_error = -EPERM;
	WALK(0, EXPECT(-EPERM, 0, 0, false), { 0, 0, 0 });
	script.stats_error = -ENODATA;
	WALK(0, EXPECT(-ENODATA, 0, 0, false), { 0, 0, 0 });
	script.stats_error = 0;
	script.entries = 100;
}

static int make_procfs(_unused_ void **state)
{
	char path[128];

	(void)snprintf(script.procfs, sizeof(script.procfs), "/tmp/test_walk.XXXXXX");
	assert_non_null(mkdtemp(script.procfs));
	for (const char *const *dir =
		     (const char *const[]){ "sys", "sys/net", "sys/net/netfilter", NULL };
	     *dir; dir++) {
		(void)snprintf(path, sizeof(path), "%s/%s", script.procfs, *dir);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	return 0;
}

static int remove_procfs(_unused_ void **state)
{
	static const char *const paths[] = { "sys/net/netfilter/nf_conntrack_buckets",
					     "sys/net/netfilter", "sys/net", "sys", "" };
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", script.procfs, paths[i]);
		assert_int_equal(remove(path), 0);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_interruptions_are_retried),
		cmocka_unit_test(test_resizes_are_retried),
		cmocka_unit_test(test_no_retry_that_has_less_time),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_an_empty_namespace_is_not_dumped),
		cmocka_unit_test(test_the_right_to_ask_is_asked_for_first),
	};

	return cmocka_run_group_tests(tests, make_procfs, remove_procfs);
}
