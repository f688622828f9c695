/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "auth_hasher.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

enum hasher_state {
	HASHER_NO_THREAD,
	HASHER_IDLE,
	HASHER_ASKED,
	HASHER_HASHING,
	HASHER_DONE,
};

struct auth_hasher {
	pthread_mutex_t lock; /* of all below; not held while a hash is made */
	pthread_cond_t changed;
	enum hasher_state state;
	int nice_error; /* 0: the thread has the least weight */
	bool stopping;
	struct auth_hash_job job;
	bool matches;
	uint64_t rest_until_ns;
	/* Set before the thread starts. */
	int fd;
	pthread_t thread;
	struct bcrypt *bcrypt;
};

static uint64_t thread_cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static bool make_hash(struct bcrypt *bcrypt, const struct auth_hash_job *job)
{
	const bool matches = bcrypt_matches(bcrypt, job->password, &job->hash);
	struct bcrypt_hash fake;

	for (unsigned int cost = BCRYPT_COST_MIN; !matches && cost <= BCRYPT_COST_MAX; cost++) {
		if (cost == job->hash.cost || !(job->costs & 1U << cost))
			continue;
		bcrypt_fake(cost, &fake);
		(void)bcrypt_matches(bcrypt, job->password, &fake);
	}
	return matches;
}

/* With the lock held. False when the end has come. */
static bool wait_for_job(struct auth_hasher *hasher)
{
	const struct timespec *until;

	while (!hasher->stopping && hasher->state != HASHER_ASKED)
		(void)pthread_cond_wait(&hasher->changed, &hasher->lock);
	until = &(struct timespec){
		.tv_sec = (time_t)(hasher->rest_until_ns / NSEC_PER_SEC),
		.tv_nsec = (long)(hasher->rest_until_ns % NSEC_PER_SEC),
	};
	while (!hasher->stopping && clock_monotonic_ns() < hasher->rest_until_ns)
		(void)pthread_cond_timedwait(&hasher->changed, &hasher->lock, until);
	return !hasher->stopping;
}

/* With the lock held, which is given back meanwhile. */
static void run_job(struct auth_hasher *hasher)
{
	struct auth_hash_job job = hasher->job;
	uint64_t cpu_ns;
	bool matches;

	explicit_bzero(&hasher->job, sizeof(hasher->job));
	hasher->state = HASHER_HASHING;
	(void)pthread_mutex_unlock(&hasher->lock);
	cpu_ns = thread_cpu_ns();
	matches = make_hash(hasher->bcrypt, &job);
	cpu_ns = thread_cpu_ns() - cpu_ns;
	explicit_bzero(&job, sizeof(job));
	(void)pthread_mutex_lock(&hasher->lock);
	hasher->matches = matches;
	if (!matches)
		hasher->rest_until_ns = clock_monotonic_ns() + cpu_ns;
}

static void hasher_free(struct auth_hasher *hasher)
{
	bcrypt_destroy(hasher->bcrypt);
	(void)pthread_cond_destroy(&hasher->changed);
	(void)pthread_mutex_destroy(&hasher->lock);
	explicit_bzero(hasher, sizeof(*hasher));
	free(hasher);
}

/* Never fails: a counter that is full would need 2^64 results that nobody took. */
static void tell(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
}

static void *run(void *arg)
{
	struct auth_hasher *hasher = arg;
	bool abandoned = false;

	/* Of this thread: to Linux, who 0 is the one that calls. */
	const int nice_error = setpriority(PRIO_PROCESS, 0, AUTH_HASHER_NICE) < 0 ? errno : 0;

	(void)pthread_mutex_lock(&hasher->lock);
	hasher->nice_error = nice_error;
	hasher->state = HASHER_IDLE;
	(void)pthread_cond_broadcast(&hasher->changed);
	while (!abandoned && wait_for_job(hasher)) {
		run_job(hasher);
		/* The descriptor is closed then, or already another one's. */
		abandoned = hasher->stopping;
		if (!abandoned) {
			hasher->state = HASHER_DONE;
			tell(hasher->fd);
		}
	}
	(void)pthread_mutex_unlock(&hasher->lock);
	if (abandoned)
		hasher_free(hasher);
	return NULL;
}

static int init_changed(pthread_cond_t *changed)
{
	pthread_condattr_t attributes;
	int r = pthread_condattr_init(&attributes);

	if (r)
		return -r;
	r = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (r == 0)
		r = pthread_cond_init(changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	return -r;
}

int auth_hasher_create(struct auth_hasher **ret)
{
	struct auth_hasher *hasher = calloc(1, sizeof(*hasher));
	struct bcrypt *bcrypt = bcrypt_create();
	_cleanup_fd_ int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = fd < 0 ? -errno : hasher && bcrypt ? 0 : -ENOMEM;

	if (r == 0)
		r = -pthread_mutex_init(&hasher->lock, NULL);
	if (r == 0) {
		r = init_changed(&hasher->changed);
		if (r < 0)
			(void)pthread_mutex_destroy(&hasher->lock);
	}
	if (r < 0) {
		bcrypt_destroy(bcrypt);
		free(hasher);
		return r;
	}
	hasher->bcrypt = bcrypt;
	hasher->fd = fd_take(&fd);
	*ret = hasher;
	return 0;
}

/* Signals are for the thread that reads the signalfd. */
static int create_thread(struct auth_hasher *hasher, const pthread_attr_t *attributes)
{
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r)
		return -r;
	r = pthread_create(&hasher->thread, attributes, run, hasher);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}

int auth_hasher_start(struct auth_hasher *hasher)
{
	pthread_attr_t attributes;
	int r = -pthread_attr_init(&attributes);

	if (r < 0)
		return r;
	r = -pthread_attr_setstacksize(&attributes, AUTH_HASHER_STACK_SIZE);
	if (r == 0)
		r = create_thread(hasher, &attributes);
	(void)pthread_attr_destroy(&attributes);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&hasher->lock);
	while (hasher->state == HASHER_NO_THREAD)
		(void)pthread_cond_wait(&hasher->changed, &hasher->lock);
	if (hasher->nice_error)
		log_warn(
			"The thread that hashes passwords cannot take the lowest priority, and competes with scrapes",
			"err", errno_text(hasher->nice_error));
	(void)pthread_mutex_unlock(&hasher->lock);
	return 0;
}

void auth_hasher_destroy(struct auth_hasher *hasher)
{
	enum hasher_state state;
	pthread_t thread;

	if (!hasher)
		return;
	(void)pthread_mutex_lock(&hasher->lock);
	state = hasher->state;
	thread = hasher->thread;
	hasher->stopping = true;
	(void)close(hasher->fd);
	(void)pthread_cond_broadcast(&hasher->changed);
	(void)pthread_mutex_unlock(&hasher->lock);
	if (state == HASHER_HASHING) {
		(void)pthread_detach(thread);
		return;
	}
	if (state != HASHER_NO_THREAD)
		(void)pthread_join(thread, NULL);
	hasher_free(hasher);
}

bool auth_hasher_submit(struct auth_hasher *hasher, const struct auth_hash_job *job)
{
	bool idle;

	(void)pthread_mutex_lock(&hasher->lock);
	idle = hasher->state == HASHER_IDLE;
	if (idle) {
		hasher->job = *job;
		hasher->state = HASHER_ASKED;
		(void)pthread_cond_signal(&hasher->changed);
	}
	(void)pthread_mutex_unlock(&hasher->lock);
	return idle;
}

int auth_hasher_fd(const struct auth_hasher *hasher)
{
	return hasher->fd;
}

bool auth_hasher_take(struct auth_hasher *hasher, bool *ret_matches)
{
	uint64_t count;
	ssize_t n;
	bool done;

	(void)pthread_mutex_lock(&hasher->lock);
	done = hasher->state == HASHER_DONE;
	if (done) {
		*ret_matches = hasher->matches;
		hasher->state = HASHER_IDLE;
		/* Written before the lock was given back. */
		n = read(hasher->fd, &count, sizeof(count));
		(void)n;
	}
	(void)pthread_mutex_unlock(&hasher->lock);
	return done;
}
