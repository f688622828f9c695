/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * HTTP: connections, routes, status codes, headers. libmicrohttpd is used by what is behind this
 * header and nowhere else, without a thread of its own: the caller waits on http_fd() and calls
 * http_run(). A request that needs the collector process is handed to the caller, and its
 * connection stands still until http_answer(). A connection has one request at a time: what a
 * client sends ahead is read when the one before has its answer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "flight.h"
#include "gate.h"
#include "head.h"
#include "http_limits.h"
#include "query.h"
#include "web_state.h"

struct http;
struct http_content;

/* One request as the caller sees it: for its list of those who wait, and what it remembers. */
struct http_waiter {
	struct waiter waiter; /* first, so that it leads back to the whole */
	enum request_kind kind;
	bool gzip;
};

/* What is asked for; the strings live until the callback returns. NULL: header not sent. */
struct http_question {
	enum request_kind kind;
	const char *accept;
	const char *accept_encoding;
	const char *timeout;
	struct query query;
	uint64_t client; /* client_key() of its address */
	int fd;		 /* of the connection; -1: not known */
};

/* Must call http_answer() for the waiter, now or later. */
typedef void (*http_ask_fn)(void *ctx, struct http_waiter *waiter,
			    const struct http_question *question);

/*
 * Returns 0 or a negative errno. telemetry_path, limit_hits, in which it counts by enum http_limit,
 * and gate, whose callback is http_admit(), must outlive it. It speaks TLS if the gate has one.
 */
int http_create(const char *telemetry_path, uint64_t limit_hits[N_HTTP_LIMITS], struct gate *gate,
		http_ask_fn fn, void *ctx, struct http **ret);

/* Ends all connections. Every question must have been answered, and the gate stopped. Accepts NULL.
 */
void http_destroy(struct http *http);

/*
 * http_run() does what can be done without waiting. It is due when http_fd() becomes readable,
 * behind http_answer() and http_admit(), and at http_next_turn() (CLOCK_MONOTONIC; UINT64_MAX:
 * never as things are). http_stir() tells that http_fd() was readable.
 */
void http_run(struct http *http);
void http_stir(struct http *http);
int http_fd(const struct http *http);
uint64_t http_next_turn(const struct http *http);

/*
 * Accepts what waits on a listening socket: on all of them a bounded number until http_run().
 * Returns 0, or the negative errno of an accept that failed for want of resources.
 */
int http_accept(struct http *http, int listener);

/*
 * Requests being answered or waiting for the collector process, and connections that may yet bring
 * one if these are wanted too.
 */
size_t http_active(const struct http *http, bool connections_too);

/* From now on every answer closes its connection, and /-/ready says no. */
void http_drain(struct http *http);

/*
 * An answer that several requests may get, or NULL out of memory. Takes over the bytes of body,
 * which is empty afterwards. To be released behind the last http_answer().
 */
struct http_content *http_content_create(const struct answer_head *head, struct buffer *body);
void http_content_release(struct http_content *content);

/*
 * Answers a question; the waiter must not be used any more. Without content, which is what is left
 * when memory is not, the connection is closed.
 */
void http_answer(struct http_waiter *waiter, struct http_content *content);

/* A gate_fn. */
void http_admit(struct auth_waiter *waiter, enum gate_verdict verdict);
