/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The life of one request: its line, its headers, what refuses it, its path, the answer. Wherever
 * it has to wait for others it is suspended; when it is resumed, libmicrohttpd calls again.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http_internal.h"
#include "route.h"
#include "util.h"

#define REFUSAL_MAX 64

struct http_request {
	struct http_waiter waiter; /* first, so that it leads back to the whole */
	struct auth_waiter login;
	enum gate_verdict verdict;
	struct http *http;
	struct MHD_Connection *mhd;
	struct http_connection *connection;
	struct http_content *content; /* one reference; NULL until answered */
	bool begun;		      /* its headers are there */
	bool answered;		      /* by the caller */
	bool refused;		      /* on the first call, for its body */
	bool suspended;
	char query[]; /* what is behind the '?' */
};

/* What on_connection() of http.c made; NULL out of memory. It fails for unknown kinds only. */
static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
	return MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void enter(struct http_request *request, enum connection_phase phase)
{
	connection_enter(&request->http->connections, &request->connection->connection, phase,
			 clock_monotonic_ns());
}

static struct http_request *request_create(struct http *http, struct MHD_Connection *mhd,
					   const char *query)
{
	const size_t size = strlen(query) + 1;
	struct http_request *request = calloc(1, sizeof(*request) + size);

	if (!request)
		return NULL;
	request->http = http;
	request->mhd = mhd;
	request->connection = connection_of(mhd);
	request->connection->request = request;
	memcpy(request->query, query, size);
	return request;
}

void http_request_destroy(struct http_request *request)
{
	if (!request)
		return;
	request->connection->request = NULL;
	request->http->n_active -= request->begun;
	http_content_release(request->content);
	free(request);
}

static void meet(struct http *http, struct http_connection *c)
{
	http->n_silent -= !c->is_known;
	c->is_known = true;
}

/*
 * The parameters are taken out of the line, which is libmicrohttpd's own and not constant: where it
 * has no room for a record of each, it neither answers nor closes the connection (0.9.75).
 */
void *http_on_target(void *ctx, const char *target, struct MHD_Connection *mhd)
{
	char *query = target ? strchr((char *)target, '?') : NULL;
	struct http_request *request;

	if (!connection_of(mhd))
		return NULL;
	meet(ctx, connection_of(mhd));
	http_request_destroy(connection_of(mhd)->request);
	request = request_create(ctx, mhd, query ? query + 1 : "");
	if (request)
		enter(request, CONNECTION_READING);
	if (query)
		query[1] = '\0';
	return request;
}

/*
 * A decoded "%00" would end the path for us and not for a proxy before us; no path has 0xff. That
 * there is an answer already means that parameters hid behind a NUL and libmicrohttpd had no room
 * for them: it has the memory of the text in use for something else, and the connection would hang.
 */
size_t http_on_unescape(_unused_ void *ctx, struct MHD_Connection *mhd, char *text)
{
	size_t length;

	if (MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS)) {
		(void)shutdown(
			MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
			SHUT_RDWR);
		return 0;
	}
	length = MHD_http_unescape(text);
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = '\xff';
	return length;
}

void http_on_completed(_unused_ void *ctx, _unused_ struct MHD_Connection *mhd,
		       void **request_context, _unused_ enum MHD_RequestTerminationCode code)
{
	struct http_request *request = *request_context;

	if (!request)
		return;
	enter(request, CONNECTION_IDLE);
	http_request_destroy(request);
	*request_context = NULL;
}

static void suspend(struct http_request *request)
{
	enter(request, CONNECTION_WAITING);
	request->suspended = true;
	MHD_suspend_connection(request->mhd);
}

static void resume(struct http_request *request)
{
	if (!request->suspended)
		return;
	request->suspended = false;
	stall_stir(&request->http->stall);
	MHD_resume_connection(request->mhd);
}

/*
 * From now on the connection may make room for others, however slowly its client reads. One that
 * was made before a reload comes again: with a certificate that is good now, and to see ours.
 */
static enum MHD_Result answer(struct http_request *request, struct http_content *content)
{
	const struct http *http = request->http;
	const bool last = http->draining || request->connection->tls != gate_tls(http->gate);

	enter(request, CONNECTION_ANSWERING);
	return http_content_queue(content, request->mhd, gate_headers(http->gate), last);
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
		.client = request->connection->connection.key,
		.fd = request->connection->connection.fd,
	};

	query_init(&question.query);
	query_parse(&question.query, request->query);
	request->http->ask(request->http->ctx, &request->waiter, &question);
	if (request->answered)
		return answer(request, request->content);
	suspend(request);
	return MHD_YES;
}

void http_answer(struct http_waiter *waiter, struct http_content *content)
{
	struct http_request *request = (struct http_request *)(void *)waiter;

	request->answered = true;
	request->content = http_content_ref(content);
	resume(request);
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

static enum MHD_Result serve_answer(struct http_request *request, struct route_answer *made)
{
	struct http_content *content = http_content_create(&made->head, &made->body);
	enum MHD_Result result = answer(request, content);

	http_content_release(content);
	return result;
}

static enum MHD_Result serve(struct http_request *request, const char *path, const char *method)
{
	const struct route_request asked = {
		.method = method,
		.path = path,
		.telemetry_path = request->http->telemetry_path,
		.has_body = request->refused,
		.draining = request->http->draining,
	};
	struct route_answer made;

	route(&asked, &made);
	if (made.asks || made.head.status == MHD_HTTP_OK)
		connection_trust(&request->connection->connection);
	return made.asks ? ask(request, made.kind) : serve_answer(request, &made);
}

static enum MHD_Result refuse(struct http_request *request)
{
	static const char type[] = "text/plain; charset=utf-8";
	static const struct {
		struct answer_head head;
		const char *text;
	} refusals[N_GATE_VERDICTS] = {
		[GATE_UNAUTHORIZED] = { { .status = MHD_HTTP_UNAUTHORIZED,
					  .type = type,
					  .header = MHD_HTTP_HEADER_WWW_AUTHENTICATE,
					  .value = "Basic" },
					"Unauthorized\n" },
		[GATE_TOO_MANY] = { { .status = MHD_HTTP_TOO_MANY_REQUESTS, .type = type },
				    "Too Many Requests\n" },
	};
	struct route_answer made = { .head = refusals[request->verdict].head };

	buffer_init(&made.body, REFUSAL_MAX);
	buffer_append_string(&made.body, refusals[request->verdict].text);
	return serve_answer(request, &made);
}

/*
 * A request that announces a body cannot wait, for the body would have to be read meanwhile. It is
 * refused anyway: where there are logins, as if it had none.
 */
static enum gate_verdict check(struct http_request *request)
{
	const char *authorization = request->refused
					    ? NULL
					    : header(request->mhd, MHD_HTTP_HEADER_AUTHORIZATION);

	return gate_check(request->http->gate, authorization, request->connection->connection.key,
			  &request->login, clock_monotonic_ns());
}

/* In here nobody has looked at more of the request than its login. */
static enum MHD_Result admit(struct http_request *request, const char *path, const char *method)
{
	if (request->verdict == GATE_PENDING)
		request->verdict = check(request);
	if (request->verdict == GATE_PENDING) {
		suspend(request);
		return MHD_YES;
	}
	return request->verdict == GATE_PASSED ? serve(request, path, method) : refuse(request);
}

void http_admit(struct auth_waiter *waiter, enum gate_verdict verdict)
{
	struct http_request *request = ring_entry(waiter, struct http_request, login);

	request->verdict = verdict;
	resume(request);
}

/* The headers are there. */
static void begin(struct http_request *request)
{
	request->begun = true;
	request->http->n_active++;
	request->refused = announces_body(request->mhd);
	request->http->limit_hits[HTTP_LIMIT_BODY] += request->refused;
}

/*
 * Called when the headers are there, again when the request is whole, and again when what it waited
 * for is there. An answer on the first call makes libmicrohttpd close the connection behind it,
 * which is right for a request whose body nobody will read, and wrong for all others: a scraper
 * whose new connections a full table turns away still has the one it came with.
 */
enum MHD_Result http_on_request(_unused_ void *ctx, _unused_ struct MHD_Connection *mhd,
				const char *url, const char *method, _unused_ const char *version,
				_unused_ const char *body, size_t *body_size,
				void **request_context)
{
	struct http_request *request = *request_context;

	*body_size = 0;
	if (!request)
		return MHD_NO;
	stall_stir(&request->http->stall);
	if (!request->begun) {
		begin(request);
		return request->refused ? admit(request, url, method) : MHD_YES;
	}
	if (request->answered)
		return answer(request, request->content);
	return request->refused ? MHD_YES : admit(request, url, method);
}
