/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Holds TCP sockets on loopback, both ends of each connection, until its input ends. Children hold
 * them, for one process may not open that many. A line of input opens as many as miss in TIME_WAIT,
 * which last a minute; a line of output says that all are there.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS_PER_CHILD 7500
#define FILES (2 * PAIRS_PER_CHILD + 100)
#define FIRST_PORT 1000
#define TIME_WAIT_SHARE 5    /* one socket in so many */
#define HALF_CLOSED_SHARE 20 /* one pair in so many: FIN_WAIT2 and CLOSE_WAIT */
#define DESTINATIONS 5000

enum kind { KIND_IPV4, KIND_IPV6, KIND_MAPPED, N_KINDS }; /* mapped: IPv4 to an IPv6 listener */

static const int port_steps[N_KINDS] = { 0, 1000, 2000 };

struct end {
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	} address;
	socklen_t len;
};

static void fail(const char *what)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
	_exit(EXIT_FAILURE);
}

static struct end ipv4_end(uint32_t address, int port)
{
	return (struct end){
		.address.ipv4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(address),
				  .sin_port = htons((uint16_t)port) },
		.len = sizeof(struct sockaddr_in),
	};
}

static struct end ipv6_end(struct in6_addr address, int port)
{
	return (struct end){
		.address.ipv6 = { .sin6_family = AF_INET6,
				  .sin6_addr = address,
				  .sin6_port = htons((uint16_t)port) },
		.len = sizeof(struct sockaddr_in6),
	};
}

static int listen_at(enum kind kind, int port)
{
	const struct end end = kind == KIND_IPV4 ? ipv4_end(INADDR_ANY, port)
						 : ipv6_end(in6addr_any, port);
	const int on = 1, only = kind == KIND_IPV6;
	int fd = socket(end.address.any.sa_family, SOCK_STREAM, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		fail("socket");
	if (kind != KIND_IPV4 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)) < 0)
		fail("IPV6_V6ONLY");
	if (bind(fd, &end.address.any, end.len) < 0 || listen(fd, 16) < 0)
		fail("listen");
	return fd;
}

/* Many destinations, so that no local port runs short, and none is the only one. */
static struct end destination(enum kind kind, int port, unsigned int i)
{
	if (kind == KIND_IPV6)
		return ipv6_end(in6addr_loopback, port);
	return ipv4_end(INADDR_LOOPBACK + (i % DESTINATIONS << 8), port);
}

/* The i-th of every four pairs is, in turn, IPv4, IPv4, IPv6, and IPv4 accepted by an IPv6 socket.
 */
static void connect_pair(const int listeners[N_KINDS], int first_port, unsigned int i, int ret[2])
{
	static const enum kind kinds[] = { KIND_IPV4, KIND_IPV4, KIND_IPV6, KIND_MAPPED };
	const enum kind kind = kinds[i % 4];
	const struct end end = destination(kind, first_port + port_steps[kind], i);

	ret[0] = socket(end.address.any.sa_family, SOCK_STREAM, 0);
	if (ret[0] < 0 || connect(ret[0], &end.address.any, end.len) < 0)
		fail("connect");
	ret[1] = accept(listeners[kind], NULL, NULL);
	if (ret[1] < 0)
		fail("accept");
}

static void listen_all(int first_port, int ret[N_KINDS])
{
	for (int kind = 0; kind < N_KINDS; kind++)
		ret[kind] = listen_at(kind, first_port + port_steps[kind]);
}

/* A child: says by a byte that it holds its pairs, and ends with its parent. */
static void hold_pairs(int first_port, unsigned int n, int ready)
{
	int listeners[N_KINDS], pair[2];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	listen_all(first_port, listeners);
	for (unsigned int i = 0; i < n; i++) {
		connect_pair(listeners, first_port, i, pair);
		if (i % HALF_CLOSED_SHARE == 0 && shutdown(pair[0], SHUT_WR) < 0)
			fail("shutdown");
	}
	if (write(ready, "", 1) != 1)
		fail("write");
	pause();
	_exit(EXIT_SUCCESS);
}

static unsigned int count_time_wait(void)
{
	FILE *file = fopen("/proc/self/net/sockstat", "re");
	unsigned int n = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "TCP: %*s %*s %*s %*s tw %u", &n) == 1)
			break;
	if (!file)
		fail("sockstat");
	(void)fclose(file);
	return n;
}

static void fill_time_wait(const int listeners[N_KINDS], unsigned int wanted)
{
	static unsigned int opened;
	int pair[2];

	for (unsigned int n = count_time_wait(); n < wanted; n++) {
		connect_pair(listeners, FIRST_PORT, opened++, pair);
		(void)close(pair[0]);
		(void)close(pair[1]);
	}
}

static void start_children(unsigned int pairs)
{
	int ready[2], children = 0;
	char byte;

	if (pipe(ready) < 0)
		fail("pipe");
	for (; pairs; children++) {
		const unsigned int n = pairs < PAIRS_PER_CHILD ? pairs : PAIRS_PER_CHILD;
		const pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0)
			hold_pairs(FIRST_PORT + 1 + children, n, ready[1]);
		pairs -= n;
	}
	(void)close(ready[1]);
	for (int i = 0; i < children; i++)
		if (read(ready[0], &byte, 1) != 1)
			fail("a child");
}

int main(int argc, char **argv)
{
	const struct rlimit files = { FILES, FILES };
	unsigned int sockets = argc == 2 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	int listeners[N_KINDS];
	char line[16];

	if (sockets == 0) {
		fprintf(stderr, "usage: bench_hold SOCKETS\n");
		return EXIT_FAILURE;
	}
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		fail("RLIMIT_NOFILE");
	start_children((sockets - sockets / TIME_WAIT_SHARE) / 2);
	listen_all(FIRST_PORT, listeners);
	while (fgets(line, sizeof(line), stdin)) {
		fill_time_wait(listeners, sockets / TIME_WAIT_SHARE);
		printf("held\n");
		(void)fflush(stdout);
	}
	return EXIT_SUCCESS; /* and the children with it */
}
