/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/page.h"
#include "../../exporter/route.h"

static struct route_request get(const char *path)
{
	return (struct route_request){ .method = "GET",
				       .path = path,
				       .telemetry_path = "/metrics" };
}

static const struct route_answer healthy = { .status = 200, .type = "text/plain; charset=utf-8" };

/* Compares everything but the body, then the whole body. */
static void check_answer(const struct route_request *request, const struct route_answer *expected,
			 const char *body)
{
	struct route_answer answer;

	route(request, &answer);
	assert_false(answer.scrape);
	assert_int_equal(answer.status, expected->status);
	assert_string_equal(answer.type, expected->type);
	assert_string_equal(answer.header ? answer.header : "none",
			    expected->header ? expected->header : "none");
	assert_string_equal(answer.value ? answer.value : "none",
			    expected->value ? expected->value : "none");
	assert_int_equal(answer.body.error, 0);
	assert_int_equal(answer.body.len, strlen(body));
	assert_memory_equal(answer.body.data, body, answer.body.len);
	buffer_finish(&answer.body);
}

static void check_scrape(const struct route_request *request, bool expected)
{
	struct route_answer answer;

	route(request, &answer);
	assert_true(answer.scrape == expected);
	if (expected) {
		assert_int_equal(answer.status, 0);
		assert_null(answer.type);
		assert_null(answer.header);
		assert_int_equal(answer.body.len, 0);
	}
	buffer_finish(&answer.body);
}

static void the_telemetry_path_is_a_scrape(_unused_ void **state)
{
	struct route_request request = get("/metrics");

	check_scrape(&request, true);
	request.method = "HEAD";
	check_scrape(&request, true);
	request.draining = true;
	check_scrape(&request, true);
	request.telemetry_path = "/other";
	check_scrape(&request, false);
	request.path = "/other";
	check_scrape(&request, true);
}

static void the_telemetry_path_goes_before_the_others(_unused_ void **state)
{
	struct route_request request = get("/");

	request.telemetry_path = "/";
	check_scrape(&request, true);
	request.path = request.telemetry_path = "/-/healthy";
	check_scrape(&request, true);
}

static void probes(_unused_ void **state)
{
	static const struct route_answer stopping = { .status = 503,
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

static void check_page(const char *telemetry_path)
{
	const struct route_answer expected = { .status = 200,
					       .type = "text/html; charset=UTF-8",
					       .header = "Content-Security-Policy",
					       .value = page_csp };
	struct route_request request = get("/");
	struct buffer body;

	buffer_init(&body, 1U << 20);
	page_write(&body, telemetry_path, NULL);
	buffer_append_char(&body, '\0');
	assert_int_equal(body.error, 0);
	request.telemetry_path = telemetry_path;
	check_answer(&request, &expected, body.data);
	buffer_finish(&body);
}

static void the_page_links_to_the_metrics(_unused_ void **state)
{
	check_page("/metrics");
	check_page("/a&b\"<i>'");
}

static void other_paths_are_not_found(_unused_ void **state)
{
	static const struct route_answer not_found = { .status = 404,
						       .type = "text/plain; charset=utf-8" };
	static const char *const paths[] = {
		"",    "//",	      "/metrics/", "/Metrics",	   "/metric",	    "metrics",
		"/-/", "/-/healthy/", "/-/health", "/favicon.ico", "/../etc/passwd"
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct route_request request = get(paths[i]);

		check_answer(&request, &not_found, "404 page not found\n");
	}
}

static const struct route_answer not_allowed = {
	.status = 405, .type = "text/plain; charset=utf-8", .header = "Allow", .value = "GET, HEAD"
};
static const struct route_answer bad_request = { .status = 400,
						 .type = "text/plain; charset=utf-8" };

static void methods_and_bodies_are_refused_on_every_path(_unused_ void **state)
{
	static const char *const methods[] = { "POST",	  "PUT",   "DELETE", "OPTIONS", "TRACE",
					       "CONNECT", "PATCH", "get",    "GETX",	"" };
	static const char *const paths[] = { "/metrics", "/", "/-/healthy", "/-/ready", "/none" };

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
		cmocka_unit_test(the_page_links_to_the_metrics),
		cmocka_unit_test(other_paths_are_not_found),
		cmocka_unit_test(methods_and_bodies_are_refused_on_every_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
