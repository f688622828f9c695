/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "reply.h"

#include "channel.h"
#include "gzip.h"
#include "negotiation.h"
#include "page.h"

#define REPLY_TEXT_MAX 1024
#define REPLY_PAGE_MAX (1U << 20)

static struct answer_head json_head(unsigned int status)
{
	return (struct answer_head){
		.status = status,
		.type = "application/json",
		.header = "Cache-Control",
		.value = "no-store",
	};
}

struct http_content *reply_text(unsigned int status, const char *sentence)
{
	const struct answer_head head = { .status = status, .type = "text/plain; charset=utf-8" };
	struct buffer body;

	buffer_init(&body, REPLY_TEXT_MAX);
	buffer_append_string(&body, sentence);
	buffer_append_char(&body, '\n');
	return http_content_create(&head, &body);
}

static struct http_content *json_error(unsigned int status, const char *sentence)
{
	const struct answer_head head = json_head(status);
	struct buffer body;

	buffer_init(&body, REPLY_TEXT_MAX);
	buffer_append_string(&body, "{\"error\": ");
	buffer_append_quoted(&body, sentence);
	buffer_append_string(&body, "}\n");
	return http_content_create(&head, &body);
}

static struct http_content *page(const char *telemetry_path, const char *verdict)
{
	const struct answer_head head = {
		.status = 200,
		.type = "text/html; charset=UTF-8",
		.header = "Content-Security-Policy",
		.value = page_csp,
	};
	struct buffer body;

	buffer_init(&body, REPLY_PAGE_MAX);
	page_write(&body, telemetry_path, verdict);
	return http_content_create(&head, &body);
}

struct http_content *reply_failure(enum request_kind kind, unsigned int status,
				   const char *sentence, const char *telemetry_path)
{
	switch (kind) {
	case REQUEST_DIAGNOSIS:
	case REQUEST_TALKERS:
		return json_error(status, sentence);
	case REQUEST_VERDICT:
		return page(telemetry_path, NULL);
	default:
		return reply_text(status, sentence);
	}
}

/* As a string; one that does not fit is no verdict. */
static struct http_content *page_with(const char *telemetry_path, const struct buffer *verdict)
{
	struct http_content *content;
	struct buffer text;

	buffer_init(&text, ANSWER_SIZE_MAX);
	buffer_append(&text, verdict->data, verdict->len);
	buffer_append_char(&text, '\0');
	content = page(telemetry_path, text.error ? NULL : text.data);
	buffer_finish(&text);
	return content;
}

/* The bytes as they are, or compressed. */
static struct http_content *bytes_with(struct answer_head head, const struct buffer *bytes,
				       bool gzip)
{
	struct buffer body;
	int r = 0;

	head.encoding = gzip ? "gzip" : NULL;
	buffer_init(&body, ANSWER_SIZE_MAX);
	if (gzip)
		r = gzip_compress(bytes->data, bytes->len, &body);
	else
		buffer_append(&body, bytes->data, bytes->len);
	if (r < 0) {
		buffer_finish(&body);
		return NULL;
	}
	return http_content_create(&head, &body);
}

struct http_content *reply_success(const struct flight_key *key, const struct buffer *bytes,
				   bool gzip, const char *telemetry_path)
{
	struct answer_head head = { .status = 200, .type = negotiation_content_type(key->format) };

	if (key->kind == REQUEST_VERDICT)
		return page_with(telemetry_path, bytes);
	if (key->kind != REQUEST_METRICS)
		head = json_head(200);
	return bytes_with(head, bytes, gzip);
}
