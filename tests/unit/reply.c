/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>
#include <zlib.h>

#include "../../exporter/page.h"
#include "../../exporter/reply.h"

/* What http_content_create() was last given. */
static struct {
	struct answer_head head;
	char body[256];
	size_t length;
	int error;
} made;

const char *const page_csp = "the policy";

struct http_content *http_content_create(const struct answer_head *head, struct buffer *body)
{
	static char content;

	made.head = *head;
	made.error = body->error;
	made.length = body->len;
	assert_true(body->len < sizeof(made.body));
	memset(made.body, 0, sizeof(made.body));
	if (body->len)
		memcpy(made.body, body->data, body->len);
	buffer_finish(body);
	return made.error ? NULL : (struct http_content *)(void *)&content;
}

void page_write(struct buffer *out, const char *telemetry_path, const char *verdict)
{
	buffer_printf(out, "page of %s: %s", telemetry_path, verdict ? verdict : "(none)");
}

static const struct answer_head text = { .type = "text/plain; charset=utf-8" };
static const struct answer_head json = { .type = "application/json",
					 .header = "Cache-Control",
					 .value = "no-store" };
static const struct answer_head html = { .type = "text/html; charset=UTF-8",
					 .header = "Content-Security-Policy",
					 .value = "the policy" };

static const char *or_none(const char *text_or_null)
{
	return text_or_null ? text_or_null : "none";
}

static void check_head(const struct http_content *content, unsigned int status,
		       const struct answer_head *expected, const char *encoding)
{
	assert_non_null(content);
	assert_int_equal(made.head.status, status);
	assert_string_equal(made.head.type, expected->type);
	assert_string_equal(or_none(made.head.header), or_none(expected->header));
	assert_string_equal(or_none(made.head.value), or_none(expected->value));
	assert_string_equal(or_none(made.head.encoding), or_none(encoding));
}

static void check_body(const char *expected)
{
	assert_string_equal(made.body, expected);
	assert_int_equal(made.length, strlen(expected));
}

static void a_sentence(_unused_ void **state)
{
	check_head(reply_text(400, "No such thing."), 400, &text, NULL);
	check_body("No such thing.\n");
}

static void a_failure_has_the_form_of_its_path(_unused_ void **state)
{
	check_head(reply_failure(REQUEST_METRICS, 503, "Busy.", "/m"), 503, &text, NULL);
	check_body("Busy.\n");
	check_head(reply_failure(REQUEST_DIAGNOSIS, 503, "Busy.", "/m"), 503, &json, NULL);
	check_body("{\"error\": \"Busy.\"}\n");
	check_head(reply_failure(REQUEST_TALKERS, 500, "a\"b\\c\n", "/m"), 500, &json, NULL);
	check_body("{\"error\": \"a\\\"b\\\\c\\n\"}\n");
	check_head(reply_failure(REQUEST_VERDICT, 503, "Busy.", "/m"), 200, &html, NULL);
	check_body("page of /m: (none)");
}

static struct buffer bytes_of(const char *bytes)
{
	struct buffer b;

	buffer_init(&b, 1024);
	buffer_append_string(&b, bytes);
	return b;
}

static void check_success(struct flight_key key, const struct answer_head *expected,
			  const char *bytes, const char *body)
{
	struct buffer b = bytes_of(bytes);

	check_head(reply_success(&key, &b, false, "/m"), 200, expected, NULL);
	check_body(body);
	buffer_finish(&b);
}

static void bytes_are_handed_on(_unused_ void **state)
{
	static const struct answer_head openmetrics = {
		.type = "application/openmetrics-text; version=1.0.0; charset=utf-8"
	};
	static const struct answer_head exposition = {
		.type = "text/plain; version=0.0.4; charset=utf-8"
	};

	check_success((struct flight_key){ .kind = REQUEST_METRICS }, &exposition, "a 1\n",
		      "a 1\n");
	check_success((struct flight_key){ .format = EXPOSITION_OPENMETRICS }, &openmetrics, "",
		      "");
	check_success((struct flight_key){ .kind = REQUEST_DIAGNOSIS }, &json, "{}\n", "{}\n");
	check_success((struct flight_key){ .kind = REQUEST_TALKERS }, &json, "{}\n", "{}\n");
}

static void the_page_is_made_with_the_verdict(_unused_ void **state)
{
	const struct flight_key key = { .kind = REQUEST_VERDICT };
	struct buffer b = bytes_of("ok\tAll well\n");

	check_success(key, &html, "ok\tAll well\n", "page of /m: ok\tAll well\n");
	check_success(key, &html, "", "page of /m: ");
	check_head(reply_success(&key, &b, true, "/m"), 200, &html, NULL);
	check_body("page of /m: ok\tAll well\n");
	buffer_finish(&b);
}

static void json_is_compressed_when_accepted(_unused_ void **state)
{
	const struct flight_key key = { .kind = REQUEST_TALKERS };
	struct buffer b = bytes_of("{\"talkers\": []}\n");
	char out[64] = "";
	z_stream z = { .next_in = (Bytef *)made.body,
		       .next_out = (Bytef *)out,
		       .avail_out = sizeof(out) };

	check_head(reply_success(&key, &b, true, "/m"), 200, &json, "gzip");
	z.avail_in = (uInt)made.length;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	(void)inflateEnd(&z);
	assert_string_equal(out, "{\"talkers\": []}\n");
	buffer_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sentence),
		cmocka_unit_test(a_failure_has_the_form_of_its_path),
		cmocka_unit_test(bytes_are_handed_on),
		cmocka_unit_test(the_page_is_made_with_the_verdict),
		cmocka_unit_test(json_is_compressed_when_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
