/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What an intruder would try who has taken over a process: each attempt in a child of its own that
 * stands where the server's processes stand, with all walls around it and with Landlock alone.
 */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../exporter/sandbox.h"
#include "../../exporter/util.h"
#include "attempts.h"

#define SKIP 77
#define FILES_MAX 64
#define VICTIM_S 10

enum walls {
	ALL_WALLS,
	LANDLOCK_ALONE, /* with root's rights */
	NO_WALLS,
};

static void allow_files(struct landlock *landlock, enum syscall_role role)
{
	if (role == SYSCALLS_WEB_FILES)
		landlock_allow_reading(landlock, attempts_directory);
	else if (role != SYSCALLS_WEB)
		landlock_allow_reading(landlock, "/proc");
}

/* As web.c, service.c and commands.c do it. Returns 0 or a negative errno. */
static int enter(enum walls walls, enum syscall_role role)
{
	struct landlock landlock;
	int r;

	if (walls == NO_WALLS)
		return 0;
	r = sandbox_begin(INT_MAX);
	if (r < 0)
		return r;
	/* As a change of the user id does where fs.suid_dumpable is 1. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return -errno;
	landlock_open(&landlock);
	allow_files(&landlock, role);
	if (walls == LANDLOCK_ALONE)
		return landlock_restrict(&landlock);
	r = sandbox_drop(role, &landlock);
	if (r == 0)
		sandbox_close(role, FILES_MAX, (unsigned int)targets.notify);
	return r;
}

/* The status of a child that tries it: exit code 0 when it could, else the errno. */
static int run_child(enum walls walls, enum syscall_role role, const struct attempt *attempt)
{
	int status = -1;
	const pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (enter(walls, role) < 0)
			_exit(255);
		_exit(attempt_make(attempt) < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static bool was_killed(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static bool was_refused(int status)
{
	return WIFEXITED(status) && (WEXITSTATUS(status) == EACCES || WEXITSTATUS(status) == EPERM);
}

static bool is_as_said(const struct attempt *attempt, enum syscall_role role, int status)
{
	if (attempt->done & 1U << role)
		return status == 0;
	return attempt->refused & 1U << role ? was_refused(status) : was_killed(status);
}

static void check_behind_all_walls(const struct attempt *attempt)
{
	for (int role = 0; role < N_SYSCALL_ROLES; role++) {
		const int status = run_child(ALL_WALLS, role, attempt);

		if (!is_as_said(attempt, role, status))
			fail_msg("%s as role %d: status 0x%x", attempt->name, role,
				 (unsigned int)status);
	}
}

static void check_behind_landlock(const struct attempt *attempt)
{
	const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
	int status;

	if (attempt->abi == 0 || attempt->abi > abi)
		return;
	status = run_child(LANDLOCK_ALONE, SYSCALLS_WEB, attempt);
	if (!was_refused(status))
		fail_msg("%s: status 0x%x", attempt->name, (unsigned int)status);
}

static void check_without_walls(const struct attempt *attempt)
{
	const int status = attempt->possible ? run_child(NO_WALLS, SYSCALLS_WEB, attempt) : 0;

	if (status != 0)
		fail_msg("%s: status 0x%x", attempt->name, (unsigned int)status);
}

static void check_all(void (*check)(const struct attempt *attempt))
{
	const struct attempts *const all[] = { &attempts_on_files, &attempts_on_others };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		for (size_t j = 0; j < all[i]->n; j++)
			check(&all[i]->rows[j]);
}

static void test_behind_all_walls(void **state)
{
	(void)state;
	check_all(check_behind_all_walls);
}

/* What Landlock is there for must be refused by it without any help, to root. */
static void test_behind_landlock_alone(void **state)
{
	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
		puts("skipped 'this kernel has no Landlock'");
		skip();
	}
	check_all(check_behind_landlock);
}

/* Else the attempts would show nothing. */
static void test_without_walls(void **state)
{
	(void)state;
	check_all(check_without_walls);
}

/* A process behind all walls that waits for its end. */
static pid_t start_victim(enum walls walls, enum syscall_role role)
{
	char byte = 'x';
	int fds[2];
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

		(void)setrlimit(RLIMIT_CORE, &unlimited);
		(void)signal(SIGSEGV, SIG_DFL); /* cmocka catches it */
		/* As a service manager starts it: no change of the user id makes it not dumpable.
		 */
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(255);
		if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || enter(walls, role) < 0)
			_exit(255);
		if (write(fds[1], &byte, 1) != 1)
			_exit(255);
		(void)poll(NULL, 0, VICTIM_S * 1000);
		_exit(255);
	}
	assert_int_equal(read(fds[0], &byte, 1), 1);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return child;
}

static int end_victim(pid_t victim, int number)
{
	int status = -1;

	assert_int_equal(kill(victim, number), 0);
	assert_int_equal(waitpid(victim, &status, 0), victim);
	return status;
}

/* How many of the attempts somebody with the same user id and no walls succeeds in. */
static int look_into(pid_t victim)
{
	int status = -1;
	const pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		int n = 0;

		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(255);
		for (size_t i = 0; i < n_looks; i++)
			n += looks[i](victim) >= 0;
		_exit(n);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_the_same_user_sees_nothing(void **state)
{
	pid_t victim = start_victim(NO_WALLS, SYSCALLS_WEB);
	int n = look_into(victim);

	(void)state;
	(void)end_victim(victim, SIGKILL);
	assert_int_equal(n, n_looks);
	for (int role = 0; role < SYSCALLS_COMMAND; role++) {
		victim = start_victim(ALL_WALLS, role);
		n = look_into(victim);
		(void)end_victim(victim, SIGKILL);
		assert_int_equal(n, 0);
	}
}

/* The core would hold keys and passwords. The limit is not what keeps it from a program's pipe. */
static void test_no_core(void **state)
{
	(void)state;
	assert_int_equal(chdir(attempts_directory), 0);
	for (int role = 0; role < N_SYSCALL_ROLES; role++) {
		const int status = end_victim(start_victim(ALL_WALLS, role), SIGSEGV);

		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
		assert_false(WCOREDUMP(status));
	}
	assert_int_equal(chdir("/"), 0);
}

static long call_abort(void)
{
	abort();
}

/* A bug says what it is. */
static void test_abort(void **state)
{
	const struct attempt aborting = { .call = call_abort };

	(void)state;
	for (int role = 0; role < N_SYSCALL_ROLES; role++)
		assert_int_equal(WTERMSIG(run_child(ALL_WALLS, role, &aborting)), SIGABRT);
}

/* A thread that begins between the two steps, as the one for logins does. */

struct helper {
	pthread_mutex_t lock;
	pthread_cond_t turned;
	int turn;
	attempt_fn attempt; /* NULL: to end */
};

static void set_turn(struct helper *helper, int turn)
{
	(void)pthread_mutex_lock(&helper->lock);
	helper->turn = turn;
	(void)pthread_cond_signal(&helper->turned);
	(void)pthread_mutex_unlock(&helper->lock);
}

static void await_turn(struct helper *helper, int turn)
{
	(void)pthread_mutex_lock(&helper->lock);
	while (helper->turn != turn)
		(void)pthread_cond_wait(&helper->turned, &helper->lock);
	(void)pthread_mutex_unlock(&helper->lock);
}

static void *help(void *argument)
{
	struct helper *helper = argument;
	char *volatile memory;

	set_turn(helper, 1);
	await_turn(helper, 2);
	memory = malloc(1 << 20);
	free(memory);
	if (helper->attempt)
		(void)helper->attempt();
	return NULL;
}

static int run_thread(attempt_fn attempt)
{
	struct helper helper = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, attempt };
	struct landlock nothing;
	pthread_t thread;

	landlock_open(&nothing);
	if (sandbox_begin(INT_MAX) < 0 || sandbox_drop(SYSCALLS_WEB_FILES, &nothing) < 0 ||
	    pthread_create(&thread, NULL, help, &helper) != 0)
		return 255;
	await_turn(&helper, 1);
	sandbox_close(SYSCALLS_WEB_FILES, FILES_MAX, 0);
	set_turn(&helper, 2);
	return pthread_join(thread, NULL);
}

static int run_thread_in_child(attempt_fn attempt)
{
	int status = -1;
	const pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		_exit(run_thread(attempt));
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

#ifdef __x86_64__
/* getpid of x32, and of i386, where the kernel has it: the numbers mean other calls there. */
static long call_x32(void)
{
	return syscall(0x40000000 | SYS_getpid);
}

static long call_i386(void)
{
	long number = 20;

	__asm__ volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
	return number;
}

/* The process ends with the thread, and who watches it sees that. */
static void test_a_thread_of_another_architecture(void **state)
{
	(void)state;
	assert_true(was_killed(run_thread_in_child(call_x32)));
	if (run_child(NO_WALLS, SYSCALLS_WEB, &(struct attempt){ .call = call_i386 }) == 0)
		assert_true(was_killed(run_thread_in_child(call_i386)));
	else
		puts("skipped 'this kernel has no 32-bit calls'");
}
#endif

static void test_a_thread(void **state)
{
	(void)state;
	assert_int_equal(run_thread_in_child(NULL), 0);
	assert_true(was_killed(run_thread_in_child(attempt_socket)));
	assert_true(was_killed(run_thread_in_child(attempt_thread)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_behind_all_walls),
		cmocka_unit_test(test_behind_landlock_alone),
		cmocka_unit_test(test_without_walls),
		cmocka_unit_test(test_the_same_user_sees_nothing),
		cmocka_unit_test(test_no_core),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_a_thread),
#ifdef __x86_64__
		cmocka_unit_test(test_a_thread_of_another_architecture),
#endif
	};

	if (geteuid() != 0) {
		puts("SKIP: only root has rights that can be dropped");
		return SKIP;
	}
	return cmocka_run_group_tests(tests, attempts_set_up, attempts_tear_down);
}
