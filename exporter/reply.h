/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a request that needed the collector process is answered, in the form its path has. */

#include <stdbool.h>

#include "buffer.h"
#include "flight.h"
#include "http.h"

/* All return content that the caller releases, or NULL out of memory. */

/* A sentence and a line feed, as plain text. */
struct http_content *reply_text(unsigned int status, const char *sentence);

/*
 * Why there is no answer: text for metrics, an object with the member "error" where JSON was asked
 * for, and for the status page the page without a verdict, with status 200: who only wants to know
 * whether the exporter lives asks for it too.
 */
struct http_content *reply_failure(enum request_kind kind, unsigned int status,
				   const char *sentence, const char *telemetry_path);

/* The collector process' bytes, compressed if gzip; the status page is made of them. */
struct http_content *reply_success(const struct flight_key *key, const struct buffer *bytes,
				   bool gzip, const char *telemetry_path);
