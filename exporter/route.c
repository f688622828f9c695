/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "route.h"

#include <string.h>
#include <strings.h>

#include "page.h"
#include "util.h"

#define ROUTE_BODY_MAX (1U << 20)

static void set_text(struct route_answer *answer, unsigned int status, const char *text)
{
	answer->status = status;
	answer->type = "text/plain; charset=utf-8";
	buffer_append_string(&answer->body, text);
}

static void serve_page(const struct route_request *request, struct route_answer *answer)
{
	answer->status = 200;
	answer->type = "text/html; charset=UTF-8";
	answer->header = "Content-Security-Policy";
	answer->value = page_csp;
	page_write(&answer->body, request->telemetry_path, NULL);
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

static const struct {
	const char *path;
	void (*serve)(const struct route_request *request, struct route_answer *answer);
} routes[] = {
	{ "/", serve_page },
	{ "/-/healthy", serve_healthy },
	{ "/-/ready", serve_ready },
};

static void serve_path(const struct route_request *request, struct route_answer *answer)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (strcmp(request->path, routes[i].path) == 0) {
			routes[i].serve(request, answer);
			return;
		}
	}
	set_text(answer, 404, "404 page not found\n");
}

void route(const struct route_request *request, struct route_answer *ret)
{
	*ret = (struct route_answer){ .scrape = false };
	buffer_init(&ret->body, ROUTE_BODY_MAX);
	if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
		ret->header = "Allow";
		ret->value = "GET, HEAD";
		set_text(ret, 405, "Method Not Allowed\n");
	} else if (request->has_body) {
		set_text(ret, 400, "No request has a body here\n");
	} else if (strcmp(request->path, request->telemetry_path) == 0) {
		ret->scrape = true;
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
