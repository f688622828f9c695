/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "counted_crypt.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#define WAIT_S 10

/* Of the linker's --wrap. */
char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
char *__real_crypt_r(const char *phrase, const char *setting, struct crypt_data *data);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __real_clock_gettime(clockid_t clock, struct timespec *ret);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct crypt_counts counts;
static bool held, match_all;
static uint64_t pretended_ns;

void crypt_reset(void)
{
	(void)pthread_mutex_lock(&lock);
	counts = (struct crypt_counts){ 0 };
	held = match_all = false;
	pretended_ns = 0;
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&lock);
}

struct crypt_counts crypt_counts(void)
{
	struct crypt_counts copy;

	(void)pthread_mutex_lock(&lock);
	copy = counts;
	(void)pthread_mutex_unlock(&lock);
	return copy;
}

static void set(bool *flag, bool value)
{
	(void)pthread_mutex_lock(&lock);
	*flag = value;
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&lock);
}

void crypt_hold(void)
{
	set(&held, true);
}

void crypt_release(void)
{
	set(&held, false);
}

void crypt_match_all(void)
{
	set(&match_all, true);
}

void crypt_pretend_cpu(uint64_t ns)
{
	(void)pthread_mutex_lock(&lock);
	pretended_ns = ns;
	(void)pthread_mutex_unlock(&lock);
}

void crypt_wait_begun(unsigned int n)
{
	bool begun;
	int r = 0;
	struct timespec until;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	(void)pthread_mutex_lock(&lock);
	while (counts.begun < n && r == 0)
		r = pthread_cond_timedwait(&changed, &lock, &until);
	begun = counts.begun >= n;
	(void)pthread_mutex_unlock(&lock);
	assert_true(begun);
}

static struct crypt_thread look_at_thread(void)
{
	struct crypt_thread thread = { .tid = gettid(), .nice = getpriority(PRIO_PROCESS, 0) };
	pthread_attr_t attributes;
	sigset_t blocked;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	thread.signals_blocked = sigismember(&blocked, SIGTERM) == 1 &&
				 sigismember(&blocked, SIGINT) == 1 &&
				 sigismember(&blocked, SIGHUP) == 1 &&
				 sigismember(&blocked, SIGCHLD) == 1;
	if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
		(void)pthread_attr_getstacksize(&attributes, &thread.stack_size);
		(void)pthread_attr_destroy(&attributes);
	}
	return thread;
}

char *__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	const struct crypt_thread thread = look_at_thread();
	char *made;
	bool match;

	(void)pthread_mutex_lock(&lock);
	counts.begun++;
	counts.thread = thread;
	counts.data = data;
	counts.last_begun_ns = clock_monotonic_ns();
	counts.rounds += 1ULL << strtoul(setting + 4, NULL, 10);
	if (counts.begun - counts.done > counts.at_once_max)
		counts.at_once_max = counts.begun - counts.done;
	(void)pthread_cond_broadcast(&changed);
	while (held)
		(void)pthread_cond_wait(&changed, &lock);
	match = match_all;
	(void)pthread_mutex_unlock(&lock);
	made = __real_crypt_r(phrase, setting, data);
	if (match)
		(void)snprintf(made, CRYPT_OUTPUT_SIZE, "%s", setting);
	(void)pthread_mutex_lock(&lock);
	counts.done++;
	counts.last_done_ns = clock_monotonic_ns();
	(void)pthread_mutex_unlock(&lock);
	return made;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = __real_clock_gettime(clock, ret);

	/* Asked before and after a hash: it grows from call to call. */
	if (clock == CLOCK_THREAD_CPUTIME_ID) {
		uint64_t ns = (uint64_t)ret->tv_sec * NSEC_PER_SEC + (uint64_t)ret->tv_nsec;

		(void)pthread_mutex_lock(&lock);
		ns += pretended_ns * (counts.done + 1);
		(void)pthread_mutex_unlock(&lock);
		*ret = (struct timespec){ (time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC) };
	}
	return r;
}

void crypt_make(const char *password, unsigned int cost, char ret[BCRYPT_HASH_LENGTH + 1])
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	char setting[32];

	assert_non_null(data);
	(void)snprintf(setting, sizeof(setting), "$2y$%02u$abcdefghijklmnopqrstuu", cost);
	assert_non_null(__real_crypt_r(password, setting, data));
	assert_int_equal(strlen(data->output), BCRYPT_HASH_LENGTH);
	memcpy(ret, data->output, BCRYPT_HASH_LENGTH + 1);
	free(data);
}
