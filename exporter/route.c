/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "route.h"

#include <string.h>
#include <strings.h>

#include "util.h"

#define ROUTE_BODY_MAX (1U << 20)

static void set_text(struct route_answer *answer, unsigned int status, const char *text)
{
	answer->head.status = status;
	answer->head.type = "text/plain; charset=utf-8";
	buffer_append_string(&answer->body, text);
}

static void serve_healthy(const struct route_request *request, struct route_answer *answer)
{
	(void)request;
	set_text(answer, 200, "Healthy\n");
}

static void serve_ready(const struct route_request *request, struct route_answer *answer)
{
	if (request->draining)
		set_text(answer, 503, "Stopping\n");
	else
		set_text(answer, 200, "Ready\n");
}

/* serve is NULL where the collector process is asked. */
static const struct {
	const char *path;
	void (*serve)(const struct route_request *request, struct route_answer *answer);
	enum request_kind kind;
} routes[] = {
	{ "/", NULL, REQUEST_VERDICT },	       { "/diagnosis", NULL, REQUEST_DIAGNOSIS },
	{ "/talkers", NULL, REQUEST_TALKERS }, { "/-/healthy", serve_healthy, 0 },
	{ "/-/ready", serve_ready, 0 },
};

static void ask(enum request_kind kind, struct route_answer *answer)
{
	answer->asks = true;
	answer->kind = kind;
}

static void serve_path(const struct route_request *request, struct route_answer *answer)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (strcmp(request->path, routes[i].path) != 0)
			continue;
		if (routes[i].serve)
			routes[i].serve(request, answer);
		else
			ask(routes[i].kind, answer);
		return;
	}
	set_text(answer, 404, "404 page not found\n");
}

void route(const struct route_request *request, struct route_answer *ret)
{
	*ret = (struct route_answer){ .asks = false };
	buffer_init(&ret->body, ROUTE_BODY_MAX);
	if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
		ret->head.header = "Allow";
		ret->head.value = "GET, HEAD";
		set_text(ret, 405, "Method Not Allowed\n");
	} else if (request->has_body) {
		set_text(ret, 400, "No request has a body here\n");
	} else if (strcmp(request->path, request->telemetry_path) == 0) {
		ask(REQUEST_METRICS, ret);
	} else {
		serve_path(request, ret);
	}
}

bool route_is_body_header(const char *name, const char *value)
{
	if (strcasecmp(name, "Content-Length") == 0)
		return !value || strcmp(value, "0") != 0;
	return strcasecmp(name, "Transfer-Encoding") == 0;
}
