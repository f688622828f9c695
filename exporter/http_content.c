/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What requests are answered with: status, headers and bytes. */

#include <stdlib.h>

#include "http_internal.h"

/*
 * libmicrohttpd counts references to a response only from MHD_queue_response() on; a waiting
 * request is before that.
 */
struct http_content {
	struct MHD_Response *response;
	unsigned int status;
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

	if (content && !body->error)
		response = response_create(head, body);
	buffer_finish(body);
	if (!response) {
		free(content);
		return NULL;
	}
	*content = (struct http_content){ response, head->status, 1 };
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

enum MHD_Result http_content_queue(const struct http_content *content, struct MHD_Connection *mhd,
				   bool last)
{
	if (!content)
		return MHD_NO;
	if (last && !MHD_get_response_header(content->response, MHD_HTTP_HEADER_CONNECTION))
		(void)add_header(content->response, MHD_HTTP_HEADER_CONNECTION, "close");
	return MHD_queue_response(mhd, content->status, content->response);
}
