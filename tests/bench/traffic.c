/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Traffic for tests/bench/part_traffic.py, and what disturbs it. A tool for tests: it shares no
 * code with the exporter.
 */

#include "traffic.h"

#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <time.h>

static const char usage[] =
	"usage: traffic serve ADDRESS PORT\n"
	"       traffic connect SOURCE ADDRESS PORT WORKERS PER-SECOND MILLISECONDS\n"
	"       traffic packets SOURCE FIRST-PORT FLOWS ADDRESS PORT WORKERS MILLISECONDS\n"
	"       traffic dump BUFFER-BYTES\n"
	"       traffic burn CPU-MILLISECONDS\n"
	"All but the first print a line of JSON.\n"
	"  serve    accepts connections, says a byte to each and closes it, until it is ended\n"
	"  connect  connects, waits for the byte, resets; worker n is SOURCE + n. PER-SECOND is of\n"
	"           each worker, which times them from when they are due; 0 as fast as it goes\n"
	"  packets  UDP from FLOWS ports as fast as it goes\n"
	"  dump     receives the conntrack table and throws it away\n"
	"  burn     uses so much CPU\n";

uint64_t clock_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t number(const char *text, uint64_t max)
{
	char *end;
	const uint64_t n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n > max)
		errx(2, "%s is not a number up to %" PRIu64, text, max);
	return n;
}

struct sockaddr_in endpoint(const char *address, const char *port)
{
	struct sockaddr_in end = { .sin_family = AF_INET,
				   .sin_port = htons((uint16_t)number(port, UINT16_MAX)) };

	if (inet_pton(AF_INET, address, &end.sin_addr) != 1)
		errx(2, "%s is not an address", address);
	return end;
}

struct sockaddr_in endpoint_plus(struct sockaddr_in base, uint32_t n)
{
	base.sin_addr.s_addr = htonl(ntohl(base.sin_addr.s_addr) + n);
	return base;
}

void times_init(struct times *times)
{
	times->n = 0;
	times->ns = malloc(TIMES_MAX * sizeof(*times->ns));
	if (!times->ns)
		err(1, "times");
}

void times_add(struct times *times, uint64_t ns)
{
	if (times->n < TIMES_MAX)
		times->ns[times->n++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

void times_append(struct times *times, const struct times *more)
{
	for (size_t i = 0; i < more->n; i++)
		times_add(times, more->ns[i]);
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double microseconds(const struct times *times, unsigned int per_mille)
{
	return times->n ? times->ns[(times->n - 1) * per_mille / 1000] / 1e3 : 0;
}

void times_print(struct times *times)
{
	qsort(times->ns, times->n, sizeof(*times->ns), compare);
	printf("{\"n\": %zu, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}",
	       times->n, microseconds(times, 500), microseconds(times, 990),
	       microseconds(times, 999), microseconds(times, 1000));
}

static uint64_t cpu_ns(void)
{
	struct timespec used;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * NSEC_PER_SEC + (uint64_t)used.tv_nsec;
}

static int burn(char **argv)
{
	const uint64_t end_ns = cpu_ns() + number(argv[0], 100000) * 1000000;

	while (cpu_ns() < end_ns) {
	}
	printf("{\"cpu\": %.3f}\n", (double)cpu_ns() / 1e9);
	return 0;
}

static const struct {
	const char *name;
	int argc;
	int (*run)(char **argv);
} modes[] = {
	{ "serve", 2, connections_serve },
	{ "connect", 6, connections_make },
	{ "packets", 7, packets_send },
	{ "dump", 1, dump_run },
	{ "burn", 1, burn },
};

int main(int argc, char **argv)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (argc == modes[i].argc + 2 && strcmp(argv[1], modes[i].name) == 0)
			return modes[i].run(argv + 2);
	fputs(usage, stderr);
	return 2;
}
