/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The one connection between the two processes: a SOCK_SEQPACKET pair. The web process sends
 * fixed-size requests, the collector process answers each with a header that holds the length, then
 * the bytes in chunks, the first of them in the header's packet: each packet may wake up the web
 * process. The collector believes nothing it reads: a request that is not exactly right ends both
 * processes.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buffer.h"
#include "request.h"

#define ANSWER_CHUNK_MAX 32768U /* of a packet, header included */
#define ANSWER_SIZE_MAX (16U << 20)

/* An answer as it arrives. */
struct answer {
	bool has_header;
	int32_t status; /* 0 or a negative errno */
	uint64_t length;
	uint64_t received;
	struct buffer body;
};

/* Creates the pair, close-on-exec. Returns 0 or a negative errno. */
int channel_create(int ret_fds[2]);

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
 * Web side: reads what is there without waiting. Returns 1 when the answer is whole (for one that
 * memory did not suffice for, status says so), 0 when more is to come, -EPIPE when the collector
 * process is gone, -EBADMSG when it does not keep to the protocol, or another negative errno.
 */
int channel_receive_answer(int fd, struct answer *answer);
