/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the traffic makers share: numbers, the clock, times and their percentiles. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NSEC_PER_SEC 1000000000ULL
#define WORKERS_MAX 8

/* Durations; those above TIMES_MAX are not kept. */
#define TIMES_MAX (1U << 20)

struct times {
	uint32_t *ns;
	size_t n;
};

uint64_t clock_ns(void);
/* A decimal number of at most max; ends the program when text is none. */
uint64_t number(const char *text, uint64_t max);
/* ADDRESS, PORT; ends the program when they are none. */
struct sockaddr_in endpoint(const char *address, const char *port);
/* The address that many above it. */
struct sockaddr_in endpoint_plus(struct sockaddr_in base, uint32_t n);

void times_init(struct times *times);
void times_add(struct times *times, uint64_t ns);
void times_append(struct times *times, const struct times *more);
/* A JSON object in microseconds; sorts. */
void times_print(struct times *times);

int connections_serve(char **argv);
int connections_make(char **argv);
int packets_send(char **argv);
int dump_run(char **argv);
