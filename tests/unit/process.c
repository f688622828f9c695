/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../../exporter/process.h"

#define ALL ((1U << N_PROCESS_VALUES) - 1)

static void two_processes_are_added(_unused_ void **state)
{
	struct process_usage sum = { .has = ALL, .value = { 1, 2, 3, 4, 5, 6, 700 } };
	const struct process_usage other = { .has = ALL, .value = { 10, 20, 30, 40, 50, 60, 600 } };
	static const uint64_t expected[N_PROCESS_VALUES] = { 11, 22, 33, 44, 55, 66, 600 };

	process_usage_add(&sum, &other);
	assert_int_equal(sum.has, ALL);
	assert_memory_equal(sum.value, expected, sizeof(expected));
	/* The earlier start is the program's, whichever process it is of. */
	sum.value[PROCESS_START_USEC] = 500;
	process_usage_add(&sum, &other);
	assert_int_equal(sum.value[PROCESS_START_USEC], 500);
}

static void what_one_lacks_is_absent(_unused_ void **state)
{
	for (int i = 0; i < N_PROCESS_VALUES; i++) {
		struct process_usage whole = { .has = ALL }, part = { .has = ALL & ~(1U << i) };
		struct process_usage sum = whole;

		process_usage_add(&sum, &part);
		assert_int_equal(sum.has, part.has);
		sum = part;
		process_usage_add(&sum, &whole);
		assert_int_equal(sum.has, part.has);
	}
}

/* The number of open descriptors as another interface tells it. */
static uint64_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	uint64_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	(void)closedir(dir);
	return n - 1;
}

static bool open_self(struct process_self *self)
{
	process_self_open(self);
	if (self->stat_fd >= 0 && self->fds)
		return true;
	process_self_close(self);
	return false;
}

static void open_fds_of_this_process(_unused_ void **state)
{
	enum { N_PIPES = 200 };
	struct process_usage before, after;
	struct process_self self;
	int pipes[N_PIPES][2], n = 0;

	if (!open_self(&self))
		skip();
	process_usage_read(&self, &before);
	assert_true(before.has & 1U << PROCESS_OPEN_FDS);
	assert_int_equal(before.value[PROCESS_OPEN_FDS], count_fds());
	/* More than one read of the directory lists. */
	while (n < N_PIPES && pipe(pipes[n]) == 0)
		n++;
	assert_true(n > 0);
	process_usage_read(&self, &after);
	assert_int_equal(after.value[PROCESS_OPEN_FDS],
			 before.value[PROCESS_OPEN_FDS] + 2 * (uint64_t)n);
	for (int i = 0; i < n; i++) {
		(void)close(pipes[i][0]);
		(void)close(pipes[i][1]);
	}
	process_usage_read(&self, &after);
	assert_int_equal(after.value[PROCESS_OPEN_FDS], before.value[PROCESS_OPEN_FDS]);
	process_self_close(&self);
}

/* What the kernel tells as the size where it tells one (Linux 6.2) is what a listing counts. */
static void the_size_is_what_a_listing_counts(_unused_ void **state)
{
	struct stat status;
	DIR *dir = opendir("/proc/self/fd");

	if (!dir)
		skip();
	assert_int_equal(fstat(dirfd(dir), &status), 0);
	(void)closedir(dir);
	if (status.st_size == 0)
		skip();
	/* The listing has the directory open, too, and leaves it out. */
	assert_int_equal(status.st_size, count_fds() + 1);
}

/* A directory without a size, as /proc/self/fd was before Linux 6.2: this has an entry a thread. */
static void entries_are_listed_where_no_size_tells_them(_unused_ void **state)
{
	struct process_usage usage;
	struct process_self self;

	if (!open_self(&self))
		skip();
	assert_int_equal(closedir(self.fds), 0);
	self.fds = opendir("/proc/self/task");
	assert_non_null(self.fds);
	process_usage_read(&self, &usage);
	assert_true(usage.has & 1U << PROCESS_OPEN_FDS);
	assert_int_equal(usage.value[PROCESS_OPEN_FDS], usage.value[PROCESS_THREADS]);
	process_self_close(&self);
}

static uint64_t now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void plausible_values_of_this_process(_unused_ void **state)
{
	const uint64_t before = now_usec();
	struct process_self self;
	struct process_usage usage;
	struct rlimit files;

	if (!open_self(&self))
		skip();
	process_usage_read(&self, &usage);
	assert_int_equal(usage.has, ALL);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	assert_int_equal(usage.value[PROCESS_MAX_FDS], files.rlim_cur);
	assert_true(usage.value[PROCESS_START_USEC] >= before);
	assert_true(usage.value[PROCESS_START_USEC] <= now_usec());
	assert_true(usage.value[PROCESS_VIRTUAL_BYTES] > 100000);
	assert_true(usage.value[PROCESS_VIRTUAL_BYTES] > usage.value[PROCESS_RESIDENT_BYTES]);
	assert_true(usage.value[PROCESS_THREADS] >= 1 && usage.value[PROCESS_THREADS] < 100);
	process_self_close(&self);
}

/* By half at least: the kernel's own count of resident pages is not exact. */
static void memory_and_time_that_are_used_show(_unused_ void **state)
{
	const size_t size = 64U << 20;
	struct process_self self;
	struct process_usage before, after;
	char *block;

	if (!open_self(&self))
		skip();
	process_usage_read(&self, &before);
	block = malloc(size);
	assert_non_null(block);
	memset(block, 1, size);
	do {
		process_usage_read(&self, &after);
	} while (after.value[PROCESS_CPU_USEC] < before.value[PROCESS_CPU_USEC] + 1000);
	assert_true(after.value[PROCESS_RESIDENT_BYTES] >=
		    before.value[PROCESS_RESIDENT_BYTES] + size / 2);
	assert_true(after.value[PROCESS_VIRTUAL_BYTES] >=
		    before.value[PROCESS_VIRTUAL_BYTES] + size / 2);
	assert_int_equal(after.value[PROCESS_START_USEC], before.value[PROCESS_START_USEC]);
	assert_int_equal(block[size - 1], 1);
	free(block);
	process_self_close(&self);
}

static void without_proc_its_values_are_absent(_unused_ void **state)
{
	const struct process_self self = { .stat_fd = -1, .fds = NULL, .start_usec = 42 };
	struct process_usage usage;

	process_usage_read(&self, &usage);
	assert_int_equal(usage.has,
			 1U << PROCESS_CPU_USEC | 1U << PROCESS_MAX_FDS | 1U << PROCESS_START_USEC);
	assert_int_equal(usage.value[PROCESS_START_USEC], 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_processes_are_added),
		cmocka_unit_test(what_one_lacks_is_absent),
		cmocka_unit_test(open_fds_of_this_process),
		cmocka_unit_test(the_size_is_what_a_listing_counts),
		cmocka_unit_test(entries_are_listed_where_no_size_tells_them),
		cmocka_unit_test(plausible_values_of_this_process),
		cmocka_unit_test(memory_and_time_that_are_used_show),
		cmocka_unit_test(without_proc_its_values_are_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
