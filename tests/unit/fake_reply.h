/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Clients and answers that only write down what they were given. */

#include <stdio.h>
#include <string.h>

#include "../../exporter/reply.h"

/* What was answered, one line each. */
static char fake_replies[512];

static void note(const char *what, int number, const char *text)
{
	const size_t length = strlen(fake_replies);

	(void)snprintf(fake_replies + length, sizeof(fake_replies) - length, "%s %d %s\n", what,
		       number, text);
}

void http_answer(struct http_waiter *waiter, _unused_ struct http_content *content)
{
	note("answer", (int)waiter->kind, waiter->gzip ? "gzip" : "plain");
}

void http_content_release(_unused_ struct http_content *content)
{
}

static char content;

struct http_content *reply_text(unsigned int status, const char *sentence)
{
	note("text", (int)status, sentence);
	return (struct http_content *)(void *)&content;
}

struct http_content *reply_failure(_unused_ enum request_kind kind, unsigned int status,
				   const char *sentence, const char *telemetry_path)
{
	assert_string_equal(telemetry_path, "/m");
	note("failure", (int)status, sentence);
	return (struct http_content *)(void *)&content;
}

struct http_content *reply_success(const struct flight_key *key, const struct buffer *bytes,
				   bool gzip, const char *telemetry_path)
{
	assert_string_equal(telemetry_path, "/m");
	assert_int_equal(bytes->len, 5);
	note("success", (int)key->kind, gzip ? "gzip" : "plain");
	return (struct http_content *)(void *)&content;
}
