/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What clients may take, and the names of what stops those that want more. */

/* Request line and headers of one request, with what libmicrohttpd notes of each header. */
#define HTTP_REQUEST_SIZE_MAX 16384
/* Beyond it a connection is closed to make room for the new one. */
#define HTTP_CONNECTIONS_MAX 512
/* Likewise of one IPv4 address, or of one /64 of IPv6, which is what one machine is given. */
#define HTTP_CONNECTIONS_PER_ADDRESS_MAX 64
/*
 * Of so many connections, all or those of an address, this many may be newcomers, which have not
 * brought a request yet that was served: who holds the places by requests does not keep them out.
 */
#define HTTP_NEWCOMERS(connections) ((connections) / 4)
/* From the connection, or from the end of the request line, to the end of the headers. */
#define HTTP_REQUEST_TIMEOUT_S 10
/* For the client to take an answer. */
#define HTTP_ANSWER_TIMEOUT_S 10
/*
 * From an answer to the end of the next request line, whatever bytes come meanwhile. Prometheus
 * keeps a connection for 5 minutes, and it is for the scraper to end it: a new one begins with a
 * packet that a full table drops.
 */
#define HTTP_IDLE_TIMEOUT_S 310

enum http_limit {
	HTTP_LIMIT_HEADER_SIZE,
	HTTP_LIMIT_BODY,
	HTTP_LIMIT_CONNECTIONS,
	HTTP_LIMIT_CONNECTIONS_PER_ADDRESS,
	HTTP_LIMIT_IDLE_TIME,
	HTTP_LIMIT_REQUEST_TIME, /* to send a request or to take an answer */
	HTTP_LIMIT_REQUESTS,	 /* --web.max-requests */
	HTTP_LIMIT_RATE,
	HTTP_LIMIT_LOGIN,
	N_HTTP_LIMITS,
};
