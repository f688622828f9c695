/* SPDX-License-Identifier: GPL-2.0-or-later */

/* UDP packets of 64 bytes on an Ethernet wire, a few at a time by each of many sockets in turn. */

#include "traffic.h"

#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PAYLOAD 18
#define BATCH 16

struct worker {
	int *sockets;
	size_t n_sockets;
	uint64_t end_ns, sent, failed;
	pthread_t thread;
};

static int open_socket(struct sockaddr_in source, unsigned int port, struct sockaddr_in server)
{
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	source.sin_port = htons((uint16_t)port);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&source, sizeof(source)) < 0 ||
	    connect(fd, (const struct sockaddr *)&server, sizeof(server)) < 0)
		err(1, "socket of port %u", port);
	return fd;
}

static void *work(void *data)
{
	static char payload[PAYLOAD];
	struct worker *worker = data;
	struct iovec iov = { .iov_base = payload, .iov_len = sizeof(payload) };
	struct mmsghdr batch[BATCH] = { 0 };

	for (size_t i = 0; i < BATCH; i++) {
		batch[i].msg_hdr.msg_iov = &iov;
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	for (size_t i = 0; clock_ns() < worker->end_ns; i = (i + 1) % worker->n_sockets) {
		const int sent = sendmmsg(worker->sockets[i], batch, BATCH, 0);

		if (sent < 0)
			worker->failed++;
		else
			worker->sent += (uint64_t)sent;
	}
	return NULL;
}

int packets_send(char **argv)
{
	const struct sockaddr_in source = endpoint(argv[0], "0");
	const struct sockaddr_in server = endpoint(argv[3], argv[4]);
	const unsigned int first = (unsigned int)number(argv[1], UINT16_MAX);
	const size_t flows = number(argv[2], 1000), n = number(argv[5], WORKERS_MAX);
	struct worker workers[WORKERS_MAX];
	uint64_t sent = 0, failed = 0, start_ns;
	int sockets[1000];

	if (n == 0 || flows < n)
		errx(2, "a worker needs a flow");
	for (size_t i = 0; i < flows; i++)
		sockets[i] = open_socket(source, first + (unsigned int)i, server);
	start_ns = clock_ns();
	for (size_t i = 0; i < n; i++) {
		workers[i] = (struct worker){
			.sockets = sockets + i * (flows / n),
			.n_sockets = flows / n,
			.end_ns = start_ns + number(argv[6], 3600000) * 1000000,
		};
		errno = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
		if (errno)
			err(1, "thread");
	}
	for (size_t i = 0; i < n; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		sent += workers[i].sent;
		failed += workers[i].failed;
	}
	printf("{\"sent\": %llu, \"failed\": %llu, \"seconds\": %.4f}\n", (unsigned long long)sent,
	       (unsigned long long)failed, (double)(clock_ns() - start_ns) / 1e9);
	return 0;
}
