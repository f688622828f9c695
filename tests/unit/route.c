/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/route.h"

static struct route_request get(const char *path)
{
	return (struct route_request){ .method = "GET",
				       .path = path,
				       .telemetry_path = "/metrics" };
}

static const struct answer_head healthy = { .status = 200, .type = "text/plain; charset=utf-8" };

/* Compares everything but the body, then the whole body. */
static void check_answer(const struct route_request *request, const struct answer_head *expected,
			 const char *body)
{
	struct route_answer answer;

	route(request, &answer);
	assert_false(answer.asks);
	assert_null(answer.head.encoding);
	assert_int_equal(answer.head.status, expected->status);
	assert_string_equal(answer.head.type, expected->type);
	assert_string_equal(answer.head.header ? answer.head.header : "none",
			    expected->header ? expected->header : "none");
	assert_string_equal(answer.head.value ? answer.head.value : "none",
			    expected->value ? expected->value : "none");
	assert_int_equal(answer.body.error, 0);
	assert_int_equal(answer.body.len, strlen(body));
	assert_memory_equal(answer.body.data, body, answer.body.len);
	buffer_finish(&answer.body);
}

/* The collector process is asked, and nothing else is decided. */
static void check_asks(const struct route_request *request, enum request_kind kind)
{
	struct route_answer answer;

	route(request, &answer);
	assert_true(answer.asks);
	assert_int_equal(answer.kind, kind);
	assert_int_equal(answer.head.status, 0);
	assert_null(answer.head.type);
	assert_null(answer.head.header);
	assert_int_equal(answer.body.len, 0);
	buffer_finish(&answer.body);
}

static const struct answer_head not_found = { .status = 404, .type = "text/plain; charset=utf-8" };

static void the_telemetry_path_is_a_scrape(_unused_ void **state)
{
	struct route_request request = get("/metrics");

	check_asks(&request, REQUEST_METRICS);
	request.method = "HEAD";
	check_asks(&request, REQUEST_METRICS);
	request.draining = true;
	check_asks(&request, REQUEST_METRICS);
	request.telemetry_path = "/other";
	check_answer(&request, &not_found, "404 page not found\n");
	request.path = "/other";
	check_asks(&request, REQUEST_METRICS);
}

static void paths_that_ask_for_something_else(_unused_ void **state)
{
	static const struct {
		const char *path;
		enum request_kind kind;
	} rows[] = {
		{ "/", REQUEST_VERDICT },
		{ "/diagnosis", REQUEST_DIAGNOSIS },
		{ "/talkers", REQUEST_TALKERS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct route_request request = get(rows[i].path);

		check_asks(&request, rows[i].kind);
		request.method = "HEAD";
		request.draining = true;
		check_asks(&request, rows[i].kind);
		request.telemetry_path = rows[i].path;
		check_asks(&request, REQUEST_METRICS);
	}
}

static void the_telemetry_path_goes_before_the_others(_unused_ void **state)
{
	struct route_request request = get("/-/healthy");

	request.telemetry_path = "/-/healthy";
	check_asks(&request, REQUEST_METRICS);
}

static void probes(_unused_ void **state)
{
	static const struct answer_head stopping = { .status = 503,
						     .type = "text/plain; charset=utf-8" };
	struct route_request request = get("/-/healthy");

	check_answer(&request, &healthy, "Healthy\n");
	request.draining = true;
	check_answer(&request, &healthy, "Healthy\n");
	request.path = "/-/ready";
	check_answer(&request, &stopping, "Stopping\n");
	request.draining = false;
	check_answer(&request, &healthy, "Ready\n");
	request.method = "HEAD";
	check_answer(&request, &healthy, "Ready\n");
}

static void other_paths_are_not_found(_unused_ void **state)
{
	static const char *const paths[] = { "",
					     "//",
					     "/metrics/",
					     "/Metrics",
					     "/metric",
					     "metrics",
					     "/-/",
					     "/-/healthy/",
					     "/-/health",
					     "/favicon.ico",
					     "/../etc/passwd",
					     "/diagnosis/",
					     "/Talkers",
					     "/talker",
					     "/-/diagnosis" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct route_request request = get(paths[i]);

		check_answer(&request, &not_found, "404 page not found\n");
	}
}

static const struct answer_head not_allowed = {
	.status = 405, .type = "text/plain; charset=utf-8", .header = "Allow", .value = "GET, HEAD"
};
static const struct answer_head bad_request = { .status = 400,
						.type = "text/plain; charset=utf-8" };

static void methods_and_bodies_are_refused_on_every_path(_unused_ void **state)
{
	static const char *const methods[] = { "POST",	  "PUT",   "DELETE", "OPTIONS", "TRACE",
					       "CONNECT", "PATCH", "get",    "GETX",	"" };
	static const char *const paths[] = { "/metrics", "/",	       "/-/healthy", "/-/ready",
					     "/none",	 "/diagnosis", "/talkers" };

	for (size_t p = 0; p < ARRAY_SIZE(paths); p++) {
		struct route_request request = get(paths[p]);

		request.has_body = true;
		check_answer(&request, &bad_request, "No request has a body here\n");
		for (size_t m = 0; m < ARRAY_SIZE(methods); m++) {
			request.method = methods[m];
			request.has_body = m % 2;
			check_answer(&request, &not_allowed, "Method Not Allowed\n");
		}
	}
}

static void headers_that_announce_a_body(_unused_ void **state)
{
	assert_true(route_is_body_header("Content-Length", "5"));
	assert_true(route_is_body_header("content-length", "00"));
	assert_true(route_is_body_header("Content-Length", ""));
	assert_true(route_is_body_header("Content-Length", NULL));
	assert_true(route_is_body_header("Transfer-Encoding", "identity"));
	assert_true(route_is_body_header("transfer-encoding", NULL));
	assert_false(route_is_body_header("Content-Length", "0"));
	assert_false(route_is_body_header("Content-Type", "5"));
	assert_false(route_is_body_header("X-Content-Length", "5"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_that_announce_a_body),
		cmocka_unit_test(the_telemetry_path_is_a_scrape),
		cmocka_unit_test(the_telemetry_path_goes_before_the_others),
		cmocka_unit_test(probes),
		cmocka_unit_test(paths_that_ask_for_something_else),
		cmocka_unit_test(other_paths_are_not_found),
		cmocka_unit_test(methods_and_bodies_are_refused_on_every_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
