/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "listener.h"
#include "log.h"
#include "route.h"
#include "util.h"

#define ACCEPTS_PER_TURN 64
/* Connections that were shut down to make room count until libmicrohttpd has seen it. */
#define CONNECTIONS_SLACK (2 * ACCEPTS_PER_TURN)

struct http {
	struct MHD_Daemon *daemon;
	const char *telemetry_path;
	http_ask_fn ask;
	void *ctx;
	struct connections connections;
	size_t n_active;
	bool draining;
};

struct http_request {
	struct http_waiter waiter; /* first, so that it leads back to the whole */
	struct http *http;
	struct MHD_Connection *mhd;
	struct connection *connection;
	struct http_content *content; /* one reference; NULL until answered */
	bool answered;		      /* by the caller */
	bool refused;		      /* on the first call, for its body */
	bool suspended;
};

/*
 * libmicrohttpd counts references to a response only from MHD_queue_response() on; a waiting
 * request is before that.
 */
struct http_content {
	struct MHD_Response *response;
	unsigned int status;
	size_t references;
};

/* MHD_get_connection_info() fails for an unknown kind of information only. */
static void on_connection(void *ctx, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http *http = ctx;
	struct connection *c = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = c = calloc(1, sizeof(*c));
		if (!c)
			return;
		connection_add(&http->connections, c,
			       MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)
				       ->connect_fd);
		(void)MHD_set_connection_option(mhd, MHD_CONNECTION_OPTION_TIMEOUT,
						HTTP_FIRST_REQUEST_TIMEOUT_S);
	} else if (c) {
		connection_remove(&http->connections, c);
		free(c);
	}
}

static void on_completed(void *ctx, _unused_ struct MHD_Connection *mhd, void **request_context,
			 _unused_ enum MHD_RequestTerminationCode code)
{
	struct http *http = ctx;
	struct http_request *request = *request_context;

	if (!request)
		return;
	http_content_release(request->content);
	http->n_active--;
	free(request);
}

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

void http_content_release(struct http_content *content)
{
	if (!content || --content->references > 0)
		return;
	MHD_destroy_response(content->response);
	free(content);
}

/* From now on the connection may make room for others, however slowly its client reads. */
static enum MHD_Result queue(struct http_request *request, const struct http_content *content)
{
	if (request->connection)
		connection_idle(&request->http->connections, request->connection);
	if (!content)
		return MHD_NO; /* closes the connection */
	(void)MHD_set_connection_option(request->mhd, MHD_CONNECTION_OPTION_TIMEOUT,
					HTTP_IDLE_TIMEOUT_S);
	if (request->http->draining &&
	    !MHD_get_response_header(content->response, MHD_HTTP_HEADER_CONNECTION))
		(void)add_header(content->response, MHD_HTTP_HEADER_CONNECTION, "close");
	return MHD_queue_response(request->mhd, content->status, content->response);
}

static enum MHD_Result add_query_value(void *ctx, _unused_ enum MHD_ValueKind kind, const char *key,
				       const char *value)
{
	query_add(ctx, key, value);
	return MHD_YES;
}

static const char *header(struct MHD_Connection *mhd, const char *name)
{
	return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

/* The connection stands still until the caller has an answer, which it may have at once. */
static enum MHD_Result ask(struct http_request *request, enum request_kind kind)
{
	struct http_question question = {
		.kind = kind,
		.accept = header(request->mhd, MHD_HTTP_HEADER_ACCEPT),
		.accept_encoding = header(request->mhd, MHD_HTTP_HEADER_ACCEPT_ENCODING),
		.timeout = header(request->mhd, "X-Prometheus-Scrape-Timeout-Seconds"),
		.fd = request->connection ? request->connection->fd : -1,
	};

	query_init(&question.query);
	(void)MHD_get_connection_values(request->mhd, MHD_GET_ARGUMENT_KIND, add_query_value,
					&question.query);
	request->http->ask(request->http->ctx, &request->waiter, &question);
	if (request->answered)
		return queue(request, request->content);
	if (request->connection)
		connection_busy(request->connection);
	request->suspended = true;
	MHD_suspend_connection(request->mhd);
	return MHD_YES;
}

void http_answer(struct http_waiter *waiter, struct http_content *content)
{
	struct http_request *request = (struct http_request *)(void *)waiter;

	request->answered = true;
	request->content = content;
	if (content)
		content->references++;
	if (request->suspended) {
		request->suspended = false;
		MHD_resume_connection(request->mhd);
	}
}

static enum MHD_Result look_for_body(void *ctx, _unused_ enum MHD_ValueKind kind, const char *name,
				     const char *value)
{
	*(bool *)ctx |= route_is_body_header(name, value);
	return MHD_YES;
}

static bool announces_body(struct MHD_Connection *mhd)
{
	bool found = false;

	(void)MHD_get_connection_values(mhd, MHD_HEADER_KIND, look_for_body, &found);
	return found;
}

static enum MHD_Result serve_answer(struct http_request *request, struct route_answer *answer)
{
	struct http_content *content = http_content_create(&answer->head, &answer->body);
	enum MHD_Result result = queue(request, content);

	http_content_release(content);
	return result;
}

static enum MHD_Result serve(struct http_request *request, const char *path, const char *method)
{
	const struct route_request asked = {
		.method = method,
		.path = path,
		.telemetry_path = request->http->telemetry_path,
		.has_body = announces_body(request->mhd),
		.draining = request->http->draining,
	};
	struct route_answer answer;

	route(&asked, &answer);
	return answer.asks ? ask(request, answer.kind) : serve_answer(request, &answer);
}

static struct http_request *request_create(struct http *http, struct MHD_Connection *mhd)
{
	struct http_request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->http = http;
	request->mhd = mhd;
	request->connection =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	http->n_active++;
	return request;
}

/*
 * Called when the headers are there, again when the request is whole, and again when a question has
 * its answer. An answer on the first call makes libmicrohttpd close the connection behind it, which
 * is right for a request whose body nobody will read, and wrong for all others: a scraper whose new
 * connections a full table turns away still has the one it came with.
 */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url,
				  const char *method, _unused_ const char *version,
				  _unused_ const char *body, size_t *body_size,
				  void **request_context)
{
	struct http_request *request = *request_context;

	*body_size = 0;
	if (!request) {
		*request_context = request = request_create(ctx, mhd);
		if (!request)
			return MHD_NO;
		request->refused = announces_body(mhd);
		return request->refused ? serve(request, url, method) : MHD_YES;
	}
	if (request->answered)
		return queue(request, request->content);
	return request->refused ? MHD_YES : serve(request, url, method);
}

/* A decoded "%00" would end the path for us and not for a proxy before us; no path has 0xff. */
static size_t on_unescape(_unused_ void *ctx, _unused_ struct MHD_Connection *mhd, char *text)
{
	const size_t length = MHD_http_unescape(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = '\xff';
	return length;
}

static struct MHD_Daemon *daemon_start(struct http *http)
{
	const struct MHD_OptionItem options[] = {
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, http },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, http },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)on_unescape, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX + CONNECTIONS_SLACK, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_REQUEST_SIZE_MAX, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME,
				0, NULL, NULL, on_request, http, MHD_OPTION_ARRAY, options,
				MHD_OPTION_END);
}

int http_create(const char *telemetry_path, http_ask_fn fn, void *ctx, struct http **ret)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return -ENOMEM;
	*http = (struct http){ .telemetry_path = telemetry_path, .ask = fn, .ctx = ctx };
	connections_init(&http->connections);
	errno = 0;
	http->daemon = daemon_start(http);
	if (http->daemon) {
		*ret = http;
		return 0;
	}
	r = errno ? -errno : -ENOMEM;
	free(http);
	return r;
}

void http_destroy(struct http *http)
{
	if (!http)
		return;
	MHD_stop_daemon(http->daemon);
	free(http);
}

int http_fd(const struct http *http)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon,
							       MHD_DAEMON_INFO_EPOLL_FD);

	return info ? info->epoll_fd : -1;
}

int http_timeout_ms(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(http->daemon, &timeout) != MHD_YES)
		return -1;
	return timeout > INT32_MAX ? INT32_MAX : (int)timeout;
}

void http_run(struct http *http)
{
	(void)MHD_run(http->daemon);
}

/* Takes over fd. A client that left again meanwhile is no error. */
static void add_connection(struct http *http, int fd, const struct sockaddr_storage *address,
			   socklen_t length)
{
	if (!connections_make_room(&http->connections, HTTP_CONNECTIONS_MAX)) {
		log_debug("Connection refused", "reason",
			  "all others wait for the collector process");
		(void)close(fd);
		return;
	}
	/* It closes fd itself when it fails. */
	(void)MHD_add_connection(http->daemon, fd, (const struct sockaddr *)address, length);
}

int http_accept(struct http *http, int listener)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage address;
		socklen_t length = sizeof(address);
		int fd = listener_accept(listener, &address, &length);

		if (fd == -EAGAIN)
			return 0;
		if (fd == -EINVAL)
			return fd;
		/* With the last descriptor just given away there may be nobody left to accept. */
		if (fd < 0)
			return i > 0 || connections_evict(&http->connections) ? 0 : fd;
		add_connection(http, fd, &address, length);
	}
	return 0;
}

size_t http_active(const struct http *http, bool connections_too)
{
	return http->n_active + (connections_too ? http->connections.n : 0);
}

void http_drain(struct http *http)
{
	http->draining = true;
}
