/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A look at the host whose parts fail, one by one. All that reads is stood in for: what fails gives
 * its errno, what works its number.
 */

#include "unit.h"

#include <errno.h>

#include "directory.h"
#include "fake_procfs.h"

#include "../../collectors/observation.h"
#include "../../collectors/stat.h"

static struct {
	int table, stat, netstat, limits, settings, survey;
	char order[16]; /* who was read: n(umbers), w(alk), s(ockets), t(racking) */
	size_t n_order;
	uint64_t request;
	struct survey walked;
	struct socket_dump dump;
} host;

static void note(char who)
{
	assert_in_range(host.n_order, 0, sizeof(host.order) - 2);
	host.order[host.n_order++] = who;
}

int table_read(_unused_ struct collector_context *ctx, struct reading ret[N_TABLE_VALUES])
{
	note('n');
	if (host.table == 0)
		ret[TABLE_ENTRIES] = reading(11);
	return host.table;
}

int stat_read(_unused_ struct collector_context *ctx)
{
	return host.stat;
}

void stat_sums(_unused_ const struct stat_carry *carry, struct reading ret[N_STAT_COUNTERS])
{
	ret[STAT_DROP] = reading(12);
}

int netstat_read(_unused_ struct collector_context *ctx, struct reading ret[N_NETSTAT_COUNTERS])
{
	if (host.netstat == 0)
		ret[NETSTAT_LISTEN_DROPS] = reading(13);
	return host.netstat;
}

int socket_limits_read(_unused_ struct collector_context *ctx, struct reading ret[N_SOCKET_LIMITS])
{
	if (host.limits == 0)
		ret[LIMIT_FILES] = reading(14);
	return host.limits;
}

int settings_read(_unused_ struct collector_context *ctx, struct settings *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (host.settings == 0)
		ret->setting[SETTING_ACCT] = reading(15);
	return host.settings;
}

void tracking_read(_unused_ struct collector_context *ctx, enum tracking ret[N_FLOW_FAMILIES])
{
	note('t');
	ret[FLOW_IPV4] = TRACKING_ACTIVE;
	ret[FLOW_IPV6] = TRACKING_UNKNOWN;
}

int survey_get(struct collector_context *ctx, uint32_t parts, const struct survey **ret)
{
	note('w');
	assert_int_equal(parts, SURVEY_JOIN | SURVEY_TALKERS);
	host.request = ctx->request;
	if (host.survey == 0)
		*ret = &host.walked;
	return host.survey;
}

void socket_dump_get(struct collector_context *ctx, bool ports, const struct socket_dump **ret)
{
	note('s');
	assert_true(ports);
	assert_true(ctx->wants_ports);
	assert_int_equal(ctx->request, host.request);
	*ret = &host.dump;
}

/* As many as are asked for, of each kind a different number of flows. */
void talkers_top(const struct talkers *talkers, enum talkers_by by, size_t limit,
		 const struct walk_summary *walk, struct talkers_top *ret)
{
	assert_ptr_equal(talkers, &host.walked.talkers);
	assert_ptr_equal(walk, &host.walked.walk);
	assert_int_equal(limit, OBSERVATION_TALKERS);
	memset(ret, 0, sizeof(*ret));
	ret->n = by == TALKERS_BY_PAIR ? 0 : OBSERVATION_TALKERS;
	ret->flows = 1000U * (by + 1U);
	for (size_t i = 0; i < ret->n; i++)
		ret->talkers[i].flows = 100U * (by + 1U) - i;
}

static void set_host(void)
{
	memset(&host, 0, sizeof(host));
	host.walked.walk.complete = true;
	host.walked.walk.visited = 21;
	host.walked.walk.duration_ns = 1500 * NSEC_PER_MSEC;
	host.walked.counts.visited = 21;
	host.walked.join.has_flows = true;
	host.dump.counts.listeners = 31;
	host.dump.ports.in_use_max = reading(32);
}

static void take(const struct directory *d, bool cheap, struct observation *ret)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, d);
	const uint64_t before_ns = clock_monotonic_ns();

	ctx.request = 6;
	memset(ret, 0x5a, sizeof(*ret));
	if (cheap)
		observation_take_cheap(&ctx, ret);
	else
		observation_take(&ctx, ret);
	assert_int_equal(ctx.request, cheap ? 6 : 7);
	assert_in_range(ret->taken_ns, before_ns, clock_monotonic_ns());
	assert_int_equal(ret->tracking[FLOW_IPV4], TRACKING_ACTIVE);
	assert_int_equal(ret->tracking[FLOW_IPV6], TRACKING_UNKNOWN);
}

static void check_numbers(const struct observation *seen, bool known)
{
	struct reading table[N_TABLE_VALUES] = { 0 }, stat[N_STAT_COUNTERS] = { 0 };
	struct reading netstat[N_NETSTAT_COUNTERS] = { 0 }, limits[N_SOCKET_LIMITS] = { 0 };
	struct reading settings[N_SETTINGS] = { 0 };

	if (known) {
		table[TABLE_ENTRIES] = reading(11);
		stat[STAT_DROP] = reading(12);
		netstat[NETSTAT_LISTEN_DROPS] = reading(13);
		limits[LIMIT_FILES] = reading(14);
		settings[SETTING_ACCT] = reading(15);
	}
	readings_check(seen->table, table, N_TABLE_VALUES);
	readings_check(seen->stat, stat, N_STAT_COUNTERS);
	readings_check(seen->netstat, netstat, N_NETSTAT_COUNTERS);
	readings_check(seen->limits, limits, N_SOCKET_LIMITS);
	readings_check(seen->settings.setting, settings, N_SETTINGS);
}

static void a_whole_look(void **state)
{
	struct observation seen;

	set_host();
	procfs_write(*state, "meminfo", "MemTotal:        16384 kB\nMemFree:    1 kB\n");
	take(*state, false, &seen);
	assert_string_equal(host.order, "nwst");
	check_numbers(&seen, true);
	assert_int_equal(seen.memory_bytes, 16384 * 1024);
	assert_int_equal(seen.table_error, 0);
	assert_true(seen.has_walk && seen.walk_complete && seen.walk_error == 0);
	assert_int_equal(seen.walk_visited, 21);
	assert_true(seen.walk_duration_s > 1.49 && seen.walk_duration_s < 1.51);
	assert_int_equal(seen.flows.visited, 21);
	assert_true(seen.join.has_flows);
	assert_true(seen.has_sockets);
	assert_int_equal(seen.sockets.listeners, 31);
	assert_int_equal(seen.ports.in_use_max.value, 32);
	for (unsigned int by = 0; by < N_TALKERS_BYS; by++) {
		assert_int_equal(seen.talkers[by].n, by == TALKERS_BY_PAIR ? 0 : 10);
		assert_int_equal(seen.talkers[by].flows, 1000 * (by + 1));
		for (size_t i = 0; i < seen.talkers[by].n; i++)
			assert_int_equal(seen.talkers[by].talkers[i].flows, 100 * (by + 1) - i);
	}
}

static void a_cheap_look(void **state)
{
	struct observation seen;

	set_host();
	take(*state, true, &seen);
	assert_string_equal(host.order, "nt");
	check_numbers(&seen, true);
	assert_false(seen.has_walk || seen.has_sockets || seen.join.has_sockets);
	assert_int_equal(seen.walk_error, -ENODATA);
	assert_false(seen.ports.range.known || seen.ports.in_use_max.known);
	assert_int_equal(seen.memory_bytes, 0);
}

static void nothing_can_be_read(void **state)
{
	struct observation seen;

	set_host();
	host.table = host.netstat = host.limits = host.settings = host.survey = -EPERM;
	host.stat = -EIO;
	host.dump = (struct socket_dump){ .error = -EPERM };
	take(*state, false, &seen);
	assert_string_equal(host.order, "nwst");
	check_numbers(&seen, false);
	assert_int_equal(seen.table_error, -EPERM);
	assert_int_equal(seen.walk_error, -EPERM);
	assert_false(seen.has_walk || seen.has_sockets);
	assert_false(seen.join.has_sockets || seen.join.has_flows);
	assert_false(seen.ports.range.known || seen.ports.in_use_max.known);
	for (int by = 0; by < N_TALKERS_BYS; by++)
		assert_int_equal(seen.talkers[by].n, 0);
}

static void memory_that_is_not_told(void **state)
{
	static const char *const files[] = { "", "MemFree: 5 kB\n", "MemTotal:", "MemTotal: x kB\n",
					     "MemTotal: 99999999999999999999 kB\n" };
	struct observation seen;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		set_host();
		procfs_write(*state, "meminfo", files[i]);
		take(*state, true, &seen);
		assert_int_equal(seen.memory_bytes, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(a_whole_look),
		directory_test(a_cheap_look),
		directory_test(nothing_can_be_read),
		directory_test(memory_that_is_not_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
