/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Shared by the files behind http.h and included by no others, because it has the library's types.
 */

#include <microhttpd.h>

#include "connection.h"
#include "http.h"
#include "stall.h"

struct http {
	struct MHD_Daemon *daemon;
	const char *telemetry_path;
	uint64_t *limit_hits;
	struct gate *gate;
	http_ask_fn ask;
	void *ctx;
	struct connections connections;
	struct stall stall;
	size_t n_silent;     /* connections that have brought no request */
	size_t accepts_left; /* until the next turn, of all listeners */
	size_t n_active;
	bool secure; /* TLS */
	bool draining;
};

struct http_request;

/* The library's context of a connection. */
struct http_connection {
	struct connection connection; /* first, so that it leads to the whole */
	struct http_request *request; /* NULL: none has begun */
	struct tls *tls;	      /* one reference; NULL without TLS */
	bool is_known;		      /* it has brought a request */
};

/* Callbacks of libmicrohttpd over the life of one request (http_request.c); ctx: struct http. */

/* The request line is there and has not been taken apart. Returns what on_request is given. */
void *http_on_target(void *ctx, const char *target, struct MHD_Connection *mhd);
/* A part of the request line is to be unescaped. */
size_t http_on_unescape(void *ctx, struct MHD_Connection *mhd, char *text);
enum MHD_Result http_on_request(void *ctx, struct MHD_Connection *mhd, const char *url,
				const char *method, const char *version, const char *body,
				size_t *body_size, void **request_context);
/* It was answered, or its connection ends. */
void http_on_completed(void *ctx, struct MHD_Connection *mhd, void **request_context,
		       enum MHD_RequestTerminationCode code);

/* Accepts NULL. */
void http_request_destroy(struct http_request *request);

/*
 * Queues the answer; last: the connection is closed behind it. NULL closes it at once. headers as
 * gate_headers() has them: in the place of our own, for all who get this content.
 */
enum MHD_Result http_content_queue(struct http_content *content, struct MHD_Connection *mhd,
				   char *const *headers, bool last);
/* One more http_content_release() is due. Accepts NULL. */
struct http_content *http_content_ref(struct http_content *content);
