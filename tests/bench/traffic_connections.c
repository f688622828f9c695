/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Short TCP connections. The server speaks first and closes, the client resets: neither side keeps
 * a socket in TIME_WAIT, and its source port is free again at once.
 */

#include "traffic.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 4096
/* The flows a worker leaves in a table are as many at most. */
#define FIRST_PORT 10000
#define PORTS 20000
#define PATIENCE_S 5

struct worker {
	struct sockaddr_in source, server;
	uint64_t end_ns, every_ns;
	uint64_t made, failed;
	struct times connect, first_byte;
	pthread_t thread;
};

int connections_serve(char **argv)
{
	const struct sockaddr_in here = endpoint(argv[0], argv[1]);
	const int listener = socket(AF_INET, SOCK_STREAM, 0);
	const int yes = 1;

	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    bind(listener, (const struct sockaddr *)&here, sizeof(here)) < 0 ||
	    listen(listener, BACKLOG) < 0)
		err(1, "listen");
	for (;;) {
		const int fd = accept(listener, NULL, NULL);

		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			err(1, "accept");
		if (fd < 0)
			continue;
		(void)send(fd, "!", 1, MSG_NOSIGNAL);
		(void)close(fd);
	}
}

/* A socket that a close() resets, with this source. */
static int open_socket(struct sockaddr_in source, unsigned int port)
{
	const struct linger reset = { .l_onoff = 1 };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	const int yes = 1;
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	source.sin_port = htons((uint16_t)port);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    bind(fd, (const struct sockaddr *)&source, sizeof(source)) < 0)
		err(1, "socket of port %u", port);
	return fd;
}

/*
 * begin_ns is when it was due: a connection that waits makes those behind it late, and they have
 * waited, too.
 */
static void make(struct worker *worker, unsigned int port, uint64_t begin_ns)
{
	const int fd = open_socket(worker->source, port);
	uint64_t connected_ns;
	char byte;

	if (connect(fd, (const struct sockaddr *)&worker->server, sizeof(worker->server)) == 0) {
		connected_ns = clock_ns();
		if (recv(fd, &byte, 1, 0) == 1) {
			times_add(&worker->connect, connected_ns - begin_ns);
			times_add(&worker->first_byte, clock_ns() - begin_ns);
			worker->made++;
		} else {
			worker->failed++;
		}
	} else {
		worker->failed++;
	}
	(void)close(fd);
}

static void wait_until(uint64_t at_ns)
{
	const struct timespec at = { .tv_sec = (time_t)(at_ns / NSEC_PER_SEC),
				     .tv_nsec = (long)(at_ns % NSEC_PER_SEC) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void *work(void *data)
{
	struct worker *worker = data;
	uint64_t next_ns = clock_ns();
	/* Where the last run stopped is not known: begin at an age that differs. */
	unsigned int turn = (unsigned int)(next_ns / 1000 % PORTS);

	/* Else each sleep ends some 50 us late, which would count. */
	(void)prctl(PR_SET_TIMERSLACK, 1);
	while (clock_ns() < worker->end_ns) {
		if (worker->every_ns)
			wait_until(next_ns);
		make(worker, FIRST_PORT + turn++ % PORTS, worker->every_ns ? next_ns : clock_ns());
		next_ns += worker->every_ns;
	}
	return NULL;
}

int connections_make(char **argv)
{
	struct worker workers[WORKERS_MAX];
	const size_t n = number(argv[3], WORKERS_MAX);
	const uint64_t per_second = number(argv[4], 1000000);
	const uint64_t start_ns = clock_ns(),
		       end_ns = start_ns + number(argv[5], 3600000) * 1000000;
	struct worker all = { 0 };

	for (size_t i = 0; i < n; i++) {
		workers[i] = (struct worker){
			.source = endpoint_plus(endpoint(argv[0], "0"), (uint32_t)i),
			.server = endpoint(argv[1], argv[2]),
			.end_ns = end_ns,
			.every_ns = per_second ? NSEC_PER_SEC / per_second : 0,
		};
		times_init(&workers[i].connect);
		times_init(&workers[i].first_byte);
		errno = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (errno)
			err(1, "thread");
	}
	times_init(&all.connect);
	times_init(&all.first_byte);
	for (size_t i = 0; i < n; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		all.made += workers[i].made;
		all.failed += workers[i].failed;
		times_append(&all.connect, &workers[i].connect);
		times_append(&all.first_byte, &workers[i].first_byte);
	}
	printf("{\"made\": %llu, \"failed\": %llu, \"seconds\": %.4f, \"connect\": ",
	       (unsigned long long)all.made, (unsigned long long)all.failed,
	       (double)(clock_ns() - start_ns) / 1e9);
	times_print(&all.connect);
	printf(", \"first_byte\": ");
	times_print(&all.first_byte);
	printf("}\n");
	return 0;
}
