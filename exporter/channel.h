/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The one connection between the two processes: a SOCK_SEQPACKET pair. The web process sends
 * fixed-size requests, the collector process answers each with a header that holds the length, then
 * the bytes in chunks. The collector believes nothing it reads: a request that is not exactly right
 * ends both processes.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buffer.h"
#include "process.h"

enum request_kind {
	REQUEST_METRICS,
	REQUEST_QUIT, /* an orderly end: no answer */
	N_REQUEST_KINDS,
};

#define REQUEST_MAGIC 0x636e7471U
#define REQUEST_EXPORTER_METRICS 1U /* the only flag: add process_* and build_info */

struct request {
	uint32_t magic;
	uint32_t kind;	 /* enum request_kind */
	uint32_t format; /* enum exposition_format */
	uint32_t flags;
	uint64_t collectors;	  /* mask; a subset of those that are on */
	uint64_t deadline_ns;	  /* CLOCK_MONOTONIC */
	struct process_usage web; /* added to the collector's own */
};

#define ANSWER_CHUNK_MAX 32768U
#define ANSWER_SIZE_MAX (16U << 20)

/* An answer as it arrives. */
struct answer {
	bool has_header;
	int32_t status; /* 0 or a negative errno */
	uint64_t length;
	struct buffer body;
};

/* Creates the pair, close-on-exec. Returns 0 or a negative errno. */
int channel_create(int ret_fds[2]);

/*
 * Checks the bytes of a request. Returns 0, -EMSGSIZE for a wrong length, -EINVAL for a wrong
 * magic, kind, format, flag or collector. allowed is the mask of collectors that are on.
 */
int request_check(const void *bytes, size_t length, uint64_t allowed);

/* Web side. Returns 0 or a negative errno. */
int channel_send_request(int fd, const struct request *request);

/*
 * Collector side, blocking. Returns 1 with a checked request, 0 when the web process is gone, or a
 * negative errno.
 */
int channel_receive_request(int fd, uint64_t allowed, struct request *ret);

/* Collector side, blocking. Returns 0 or a negative errno. */
int channel_send_answer(int fd, int status, const char *bytes, size_t length);

void answer_init(struct answer *answer);
void answer_finish(struct answer *answer);

/*
 * Web side: reads what is there without waiting. Returns 1 when the answer is whole, 0 when more is
 * to come, -EPIPE when the collector process is gone, -EBADMSG when it does not keep to the
 * protocol, or another negative errno.
 */
int channel_receive_answer(int fd, struct answer *answer);
