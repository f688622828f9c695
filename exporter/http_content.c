/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What requests are answered with: status, headers and bytes. */

#include <stdlib.h>
#include <string.h>

#include "http_internal.h"
#include "util.h"

/*
 * libmicrohttpd counts references to a response only from MHD_queue_response() on; a waiting
 * request is before that.
 */
struct http_content {
	struct MHD_Response *response;
	const void *body; /* the response's */
	size_t length;
	unsigned int status;
	bool dressed; /* the configured headers are there */
	size_t references;
};

static bool add_header(struct MHD_Response *response, const char *name, const char *value)
{
	return !value || MHD_add_response_header(response, name, value) == MHD_YES;
}

/* Takes over the bytes of body when it succeeds. */
static struct MHD_Response *response_create(const struct answer_head *head, struct buffer *body)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		body->len, body->len ? (void *)body->data : (void *)"",
		body->len ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

	if (!response)
		return NULL;
	body->data = body->len ? NULL : body->data;
	if (add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, head->type) &&
	    add_header(response, "X-Content-Type-Options", "nosniff") &&
	    add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, head->encoding) &&
	    add_header(response, head->header, head->value))
		return response;
	MHD_destroy_response(response);
	return NULL;
}

struct http_content *http_content_create(const struct answer_head *head, struct buffer *body)
{
	struct http_content *content = malloc(sizeof(*content));
	struct MHD_Response *response = NULL;
	const void *bytes = body->data;
	const size_t length = body->len;

	if (content && !body->error)
		response = response_create(head, body);
	buffer_finish(body);
	if (!response) {
		free(content);
		return NULL;
	}
	*content = (struct http_content){ .response = response,
					  .body = bytes,
					  .length = length,
					  .status = head->status,
					  .references = 1 };
	return content;
}

struct http_content *http_content_ref(struct http_content *content)
{
	if (content)
		content->references++;
	return content;
}

void http_content_release(struct http_content *content)
{
	if (!content || --content->references > 0)
		return;
	MHD_destroy_response(content->response);
	free(content);
}

static bool replace_header(struct MHD_Response *response, const char *name, const char *value)
{
	const char *ours = MHD_get_response_header(response, name);

	if (ours && MHD_del_response_header(response, name, ours) != MHD_YES)
		return false;
	/* libmicrohttpd adds no header without a value: ours is not there then, and that is all. */
	return value[strspn(value, " ")] == '\0' || add_header(response, name, value);
}

static bool dress(struct http_content *content, char *const *headers)
{
	for (size_t i = 0; headers && !content->dressed && i < N_WEB_HEADERS; i++)
		if (headers[i] &&
		    !replace_header(content->response, web_header_names[i], headers[i]))
			return false;
	content->dressed = true;
	return true;
}

static void let_go(void *ctx)
{
	http_content_release(ctx);
}

static enum MHD_Result copy_header(void *ctx, _unused_ enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	return MHD_add_response_header(ctx, name, value);
}

/* The same bytes with one header more, for one connection: the others that get them may stay. */
static struct MHD_Response *last_create(struct http_content *content)
{
	struct MHD_Response *last = MHD_create_response_from_buffer_with_free_callback_cls(
		content->length, content->length ? (void *)content->body : (void *)"", let_go,
		content);

	if (!last)
		return NULL;
	(void)http_content_ref(content);
	(void)MHD_get_response_headers(content->response, copy_header, last);
	if (add_header(last, MHD_HTTP_HEADER_CONNECTION, "close"))
		return last;
	MHD_destroy_response(last);
	return NULL;
}

static enum MHD_Result queue_last(struct http_content *content, struct MHD_Connection *mhd)
{
	struct MHD_Response *last = last_create(content);
	enum MHD_Result result;

	if (!last)
		return MHD_NO;
	result = MHD_queue_response(mhd, content->status, last);
	MHD_destroy_response(last);
	return result;
}

enum MHD_Result http_content_queue(struct http_content *content, struct MHD_Connection *mhd,
				   char *const *headers, bool last)
{
	if (!content || !dress(content, headers))
		return MHD_NO;
	return last ? queue_last(content, mhd)
		    : MHD_queue_response(mhd, content->status, content->response);
}
