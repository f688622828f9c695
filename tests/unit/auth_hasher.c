/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <malloc.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include "../../exporter/auth_hasher.h"
#include "../../exporter/log.h"
#include "counted_crypt.h"

#define WAIT_MS 15000
#define COST_4 (1U << 4)

static bool may_not_be_nice;
static char logged[256];

int __wrap_setpriority(__priority_which_t which, id_t who, int nice);
int __real_setpriority(__priority_which_t which, id_t who, int nice);

int __wrap_setpriority(__priority_which_t which, id_t who, int nice)
{
	if (!may_not_be_nice)
		return __real_setpriority(which, who, nice);
	errno = EPERM;
	return -1;
}

void log_write(enum log_level level, const char *msg, ...)
{
	va_list args;

	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_string_equal(logged, "");
	va_start(args, msg);
	assert_string_equal(va_arg(args, const char *), "err");
	(void)snprintf(logged, sizeof(logged), "%s: %s", msg, va_arg(args, const char *));
	assert_null(va_arg(args, const char *));
	va_end(args);
}

const char *errno_text(int error)
{
	return strerror(error);
}

static int setup(void **state)
{
	struct auth_hasher *hasher;

	crypt_reset();
	assert_int_equal(auth_hasher_create(&hasher), 0);
	assert_int_equal(auth_hasher_start(hasher), 0);
	*state = hasher;
	return 0;
}

static int teardown(void **state)
{
	crypt_release();
	auth_hasher_destroy(*state);
	return 0;
}

static void submit(struct auth_hasher *hasher, const char *password, const char *right,
		   unsigned int cost, uint32_t costs)
{
	struct auth_hash_job job = { .costs = costs };
	char text[BCRYPT_HASH_LENGTH + 1];

	crypt_make(right, cost, text);
	assert_int_equal(bcrypt_parse(text, &job.hash), 0);
	memcpy(job.password, password, strlen(password));
	assert_true(auth_hasher_submit(hasher, &job));
}

static bool is_readable(const struct auth_hasher *hasher, int timeout_ms)
{
	struct pollfd fd = { .fd = auth_hasher_fd(hasher), .events = POLLIN };

	return poll(&fd, 1, timeout_ms) == 1;
}

static bool take(struct auth_hasher *hasher)
{
	bool matches;

	assert_true(is_readable(hasher, WAIT_MS));
	assert_true(auth_hasher_take(hasher, &matches));
	assert_false(is_readable(hasher, 0));
	return matches;
}

static void a_job_is_done_and_told(void **state)
{
	bool matches;

	assert_false(is_readable(*state, 0));
	assert_false(auth_hasher_take(*state, &matches));
	submit(*state, "secret", "secret", 4, COST_4);
	assert_true(take(*state));
	assert_false(auth_hasher_take(*state, &matches));
	submit(*state, "wrong", "secret", 4, COST_4);
	assert_false(take(*state));
	submit(*state, "", "", 4, COST_4);
	assert_true(take(*state));
	assert_int_equal(crypt_counts().done, 3);
}

static void one_at_a_time(void **state)
{
	struct auth_hash_job job = { .costs = COST_4 };
	bool matches;

	bcrypt_fake(4, &job.hash);
	crypt_hold();
	submit(*state, "secret", "secret", 4, COST_4);
	assert_false(auth_hasher_submit(*state, &job));
	crypt_wait_begun(1);
	assert_false(auth_hasher_submit(*state, &job));
	assert_false(auth_hasher_take(*state, &matches));
	crypt_release();
	assert_true(is_readable(*state, WAIT_MS));
	/* Done and not yet taken. */
	assert_false(auth_hasher_submit(*state, &job));
	assert_true(take(*state));
	assert_int_equal(crypt_counts().begun, 1);
}

static void without_a_thread_there_is_no_job(_unused_ void **state)
{
	struct auth_hash_job job = { .costs = COST_4 };
	struct auth_hasher *hasher;

	bcrypt_fake(4, &job.hash);
	assert_int_equal(auth_hasher_create(&hasher), 0);
	assert_false(auth_hasher_submit(hasher, &job));
	auth_hasher_destroy(hasher);
	auth_hasher_destroy(NULL);
}

static void no_match_is_as_much_work_for_each_cost(void **state)
{
	const uint32_t costs = COST_4 | 1U << 6 | 1U << 8;
	const uint64_t all = (1 << 4) + (1 << 6) + (1 << 8);

	for (unsigned int cost = 4; cost <= 8; cost += 2) {
		crypt_reset();
		submit(*state, "wrong", "secret", cost, costs);
		assert_false(take(*state));
		assert_int_equal(crypt_counts().begun, 3);
		assert_int_equal(crypt_counts().rounds, all);
	}
	crypt_reset();
	submit(*state, "secret", "secret", 4, costs);
	assert_true(take(*state));
	assert_int_equal(crypt_counts().rounds, 1 << 4);
}

/* After what did not match it rests as long as it worked, and else not at all. */
static void tried_passwords_get_half_of_a_core(void **state)
{
	const uint64_t cpu_ns = 200 * NSEC_PER_MSEC;
	uint64_t done_ns;

	crypt_pretend_cpu(cpu_ns);
	submit(*state, "wrong", "secret", 4, COST_4);
	assert_false(take(*state));
	done_ns = crypt_counts().last_done_ns;
	submit(*state, "secret", "secret", 4, COST_4);
	assert_true(take(*state));
	assert_true(crypt_counts().last_begun_ns - done_ns >= cpu_ns);
}

static void who_knows_the_password_makes_it_rest_not(void **state)
{
	const uint64_t cpu_ns = 3600 * NSEC_PER_SEC;

	crypt_pretend_cpu(cpu_ns);
	submit(*state, "secret", "secret", 4, COST_4);
	assert_true(take(*state));
	submit(*state, "secret", "secret", 4, COST_4);
	assert_true(take(*state));
}

static void the_end_does_not_wait_for_a_rest(void **state)
{
	crypt_pretend_cpu(3600 * NSEC_PER_SEC);
	submit(*state, "wrong", "secret", 4, COST_4);
	assert_false(take(*state));
	submit(*state, "wrong", "secret", 4, COST_4);
}

static void the_thread_is_nice_and_gets_no_signal(void **state)
{
	struct crypt_thread thread;
	char stack[64];

	submit(*state, "secret", "secret", 4, COST_4);
	assert_true(take(*state));
	thread = crypt_counts().thread;
	assert_int_not_equal(thread.tid, gettid());
	assert_int_equal(thread.nice, AUTH_HASHER_NICE);
	assert_string_equal(logged, "");
	assert_true(thread.signals_blocked);
	(void)snprintf(stack, sizeof(stack), "stack: %zu bytes", thread.stack_size);
	print_message("%s\n", stack);
	assert_true(thread.stack_size >= AUTH_HASHER_STACK_SIZE);
}

static void a_thread_that_is_not_nice_is_told(_unused_ void **state)
{
	struct auth_hasher *hasher;

	crypt_reset();
	may_not_be_nice = true;
	assert_int_equal(auth_hasher_create(&hasher), 0);
	assert_int_equal(auth_hasher_start(hasher), 0);
	may_not_be_nice = false;
	assert_string_equal(logged,
			    "The thread that hashes passwords cannot take the lowest priority, and "
			    "competes with scrapes: Operation not permitted");
	submit(hasher, "secret", "secret", 4, COST_4);
	assert_true(take(hasher));
	auth_hasher_destroy(hasher);
	logged[0] = '\0';
}

static unsigned long count_wakeups(int tid)
{
	char path[64], line[128];
	unsigned long n = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		(void)sscanf(line, "voluntary_ctxt_switches: %lu", &n);
	(void)fclose(file);
	assert_int_not_equal(n, 0);
	return n;
}

static void idle_it_sleeps(void **state)
{
	unsigned long before;
	int tid;

	submit(*state, "wrong", "secret", 4, COST_4);
	assert_false(take(*state));
	tid = crypt_counts().thread.tid;
	/* It goes to sleep once, when the result has been told. */
	(void)poll(NULL, 0, 50);
	before = count_wakeups(tid);
	(void)poll(NULL, 0, 150);
	assert_int_equal(count_wakeups(tid), before);
}

static void nothing_is_left_of_a_password(void **state)
{
	static const struct crypt_data zero;

	submit(*state, "c0rrect-h0rse", "c0rrect-h0rse", 4, COST_4);
	assert_true(take(*state));
	assert_memory_equal(crypt_counts().data, &zero, sizeof(zero));
	assert_null(memmem(*state, malloc_usable_size(*state), "c0rrect", 7));
}

/* Its thread frees what is left; a leak checker sees whether it does. */
static void a_hash_that_is_being_made_is_not_waited_for(_unused_ void **state)
{
	struct auth_hasher *hasher;

	crypt_reset();
	crypt_hold();
	assert_int_equal(auth_hasher_create(&hasher), 0);
	assert_int_equal(auth_hasher_start(hasher), 0);
	submit(hasher, "secret", "secret", 4, COST_4);
	crypt_wait_begun(1);
	auth_hasher_destroy(hasher);
	assert_int_equal(crypt_counts().done, 0);
	crypt_release();
	for (int ms = 0; ms < WAIT_MS && crypt_counts().done == 0; ms++)
		(void)poll(NULL, 0, 1);
	assert_int_equal(crypt_counts().done, 1);
	(void)poll(NULL, 0, 20);
}

#define hasher_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		hasher_test(a_job_is_done_and_told),
		hasher_test(one_at_a_time),
		cmocka_unit_test(without_a_thread_there_is_no_job),
		hasher_test(no_match_is_as_much_work_for_each_cost),
		hasher_test(tried_passwords_get_half_of_a_core),
		hasher_test(who_knows_the_password_makes_it_rest_not),
		hasher_test(the_end_does_not_wait_for_a_rest),
		hasher_test(the_thread_is_nice_and_gets_no_signal),
		cmocka_unit_test(a_thread_that_is_not_nice_is_told),
		hasher_test(idle_it_sleeps),
		hasher_test(nothing_is_left_of_a_password),
		cmocka_unit_test(a_hash_that_is_being_made_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
