/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Method, path, telemetry path, and one header's name and value, a line each. */

#include "fuzz.h"

#include "../../exporter/route.h"

static void check(const struct route_request *request)
{
	struct route_answer answer;

	route(request, &answer);
	HOLDS(answer.asks ? answer.kind < REQUEST_QUIT && answer.body.len == 0
			  : answer.head.status >= 200 && answer.body.len > 0);
	HOLDS(answer.body.error == 0);
	HOLDS(!answer.asks || !request->has_body);
	if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
		HOLDS(answer.head.status == 405);
	buffer_finish(&answer.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	const uint8_t how = input_byte(&input);
	char *method = input_text(&input, '\n'), *path = input_text(&input, '\n'),
	     *telemetry = input_text(&input, '\n'), *name = input_text(&input, '\n'),
	     *value = input_text(&input, '\n');
	const struct route_request request = {
		.method = method,
		.path = path,
		.telemetry_path = telemetry && *telemetry ? telemetry : "/metrics",
		.has_body = name && route_is_body_header(name, value),
		.draining = how & 1,
	};

	if (method && path)
		check(&request);
	free(method);
	free(path);
	free(telemetry);
	free(name);
	free(value);
	return 0;
}
