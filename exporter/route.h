/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which answer a path and a method get. Pure: knows status codes, not the HTTP library. */

#include <stdbool.h>

#include "buffer.h"
#include "head.h"
#include "request.h"

struct route_request {
	const char *method;
	const char *path;
	const char *telemetry_path;
	bool has_body;
	bool draining; /* the exporter is about to end */
};

struct route_answer {
	bool asks; /* the collector process for the answer, or a part of it; only kind is set */
	enum request_kind kind;
	struct answer_head head;
	struct buffer body; /* the caller finishes it */
};

/*
 * Decides. A wrong method (405) or a body (400) is refused whatever the path is, so that it can be
 * done before the body has been read.
 */
void route(const struct route_request *request, struct route_answer *ret);

/*
 * Whether this header announces a body: any Transfer-Encoding and any Content-Length but 0. To be
 * asked of every header, since a proxy before us may go by the second of two.
 */
bool route_is_body_header(const char *name, const char *value);
