/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * HTTP: connections, routes, status codes, headers. libmicrohttpd is used here and nowhere else,
 * without a thread of its own: the caller waits on http_fd() and calls http_run(). A request that
 * needs the collector process is handed to the caller, and its connection stands still until
 * http_answer().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "flight.h"
#include "head.h"
#include "query.h"

/* Beyond it the connection that has been without a request for longest makes room. */
#define HTTP_CONNECTIONS_MAX 512
/* Above the interval of any usual scrape, so that a scraper keeps its connection. */
#define HTTP_IDLE_TIMEOUT_S 150
/* Without a byte on a connection that has not yet brought a whole request. */
#define HTTP_FIRST_REQUEST_TIMEOUT_S 10
/* Request line and headers of one request. */
#define HTTP_REQUEST_SIZE_MAX 16384

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
	int fd; /* of the connection; -1: not known */
};

/* Must call http_answer() for the waiter, now or later. */
typedef void (*http_ask_fn)(void *ctx, struct http_waiter *waiter,
			    const struct http_question *question);

/* Returns 0 or a negative errno. telemetry_path must outlive it. */
int http_create(const char *telemetry_path, http_ask_fn fn, void *ctx, struct http **ret);

/* Ends all connections. Every question must have been answered. Accepts NULL. */
void http_destroy(struct http *http);

/*
 * http_run() does what can be done without waiting. It is due when http_fd() becomes readable,
 * behind http_answer(), and after http_timeout_ms() (-1: no limit).
 */
void http_run(struct http *http);
int http_fd(const struct http *http);
int http_timeout_ms(const struct http *http);

/*
 * Accepts what waits on a listening socket, a bounded number at a time. Returns 0, or the negative
 * errno of an accept that failed for want of resources.
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
