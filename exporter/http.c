/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libmicrohttpd as a whole: its set-up, the connections it is given, their limits. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http_internal.h"
#include "listener.h"
#include "log.h"
#include "util.h"

/* Of all listeners: so few that no newcomer makes room before what it sent along has been read. */
#define ACCEPTS_PER_TURN HTTP_NEWCOMERS(HTTP_CONNECTIONS_PER_ADDRESS_MAX)
/* Connections that were shut down to make room count until libmicrohttpd has seen it. */
#define CONNECTIONS_SLACK (2 * ACCEPTS_PER_TURN)

static union MHD_ConnectionInfo info(struct MHD_Connection *mhd, enum MHD_ConnectionInfoType type)
{
	/* Fails for an unknown kind of information only. */
	return *MHD_get_connection_info(mhd, type);
}

/* With what is in force now; libmicrohttpd has a session with nothing in it. */
static int secure(struct http *http, struct http_connection *c, struct MHD_Connection *mhd)
{
	if (!http->secure)
		return 0;
	c->tls = tls_ref(gate_tls(http->gate));
	return tls_set_up_session(c->tls,
				  info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION).tls_session);
}

/* One that cannot be watched or secured is closed. */
static struct http_connection *start_connection(struct http *http, struct MHD_Connection *mhd)
{
	const int fd = info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD).connect_fd;
	struct http_connection *c = calloc(1, sizeof(*c));

	stall_stir(&http->stall);
	gate_refresh(http->gate, clock_monotonic_ns(), false);
	if (c) {
		http->n_silent++;
		connection_add(
			&http->connections, &c->connection, fd,
			client_key(info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS).client_addr),
			clock_monotonic_ns());
	}
	if (!c || secure(http, c, mhd) < 0)
		(void)shutdown(fd, SHUT_RDWR);
	return c;
}

static void end_connection(struct http *http, struct http_connection *c)
{
	/* Where libmicrohttpd fails to refuse a request it forgets to complete it. */
	http_request_destroy(c->request);
	connection_remove(&http->connections, &c->connection);
	http->n_silent -= !c->is_known;
	tls_unref(c->tls);
	free(c);
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http *http = ctx;
	struct http_connection *c = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*context = start_connection(http, mhd);
	else if (c)
		end_connection(http, c);
}

/*
 * libmicrohttpd says nowhere but in its log that it refused a request itself: one that announces an
 * impossible body, one whose headers it has no room for. The sentence is that of 0.9.75 and of 1.0.
 */
__attribute__((format(printf, 2, 0))) static void on_log(void *ctx, const char *format,
							 va_list arguments)
{
	static const struct {
		const char *part;
		enum http_limit hit;
	} refusals[] = {
		{ "HTTP response code is 413", HTTP_LIMIT_BODY },
		{ "HTTP response code is 414", HTTP_LIMIT_HEADER_SIZE },
		{ "HTTP response code is 431", HTTP_LIMIT_HEADER_SIZE },
	};
	struct http *http = ctx;
	char line[256];

	(void)vsnprintf(line, sizeof(line), format, arguments);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		http->limit_hits[refusals[i].hit] += strstr(line, refusals[i].part) != NULL;
}

/*
 * libmicrohttpd wants to know where certificates come from. Each session is given its own before
 * its handshake, and then nobody is asked.
 */
static int find_no_certificate(void)
{
	return -1;
}

static struct MHD_Daemon *daemon_start(struct http *http)
{
	const struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)find_no_certificate },
		{ MHD_OPTION_END, 0, NULL },
	};
	const struct MHD_OptionItem options[] = {
		{ MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_log, http },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)http_on_completed, http },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, http },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)http_on_target, http },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)http_on_unescape, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX + CONNECTIONS_SLACK, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_REQUEST_SIZE_MAX, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
			MHD_USE_ERROR_LOG | (http->secure ? MHD_USE_TLS : 0),
		0, NULL, NULL, http_on_request, http, MHD_OPTION_ARRAY, options,
		http->secure ? MHD_OPTION_ARRAY : MHD_OPTION_END, tls, MHD_OPTION_END);
}

int http_create(const char *telemetry_path, uint64_t limit_hits[N_HTTP_LIMITS], struct gate *gate,
		http_ask_fn fn, void *ctx, struct http **ret)
{
	struct http *http = calloc(1, sizeof(*http));
	int r;

	if (!http)
		return -ENOMEM;
	*http = (struct http){ .telemetry_path = telemetry_path,
			       .limit_hits = limit_hits,
			       .gate = gate,
			       .ask = fn,
			       .ctx = ctx,
			       .accepts_left = ACCEPTS_PER_TURN,
			       .secure = gate_tls(gate) != NULL };
	r = connections_init(&http->connections, limit_hits);
	errno = 0;
	if (r == 0 && !(http->daemon = daemon_start(http)))
		r = errno ? -errno : -ENOMEM;
	if (r < 0)
		free(http);
	else
		*ret = http;
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
	const union MHD_DaemonInfo *found = MHD_get_daemon_info(http->daemon,
								MHD_DAEMON_INFO_EPOLL_FD);

	return found ? found->epoll_fd : -1;
}

/*
 * libmicrohttpd is set no time limits: where it names one, it is due at once. But not where a
 * client may stand still in its handshake.
 */
uint64_t http_next_turn(const struct http *http)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	if (MHD_get_timeout(http->daemon, &timeout) != MHD_YES)
		return connections_next_expiry(&http->connections);
	return http->secure && http->n_silent > 0 ? stall_next_turn(&http->stall) : 0;
}

void http_run(struct http *http)
{
	const uint64_t began_ns = clock_monotonic_ns();

	connections_expire(&http->connections, began_ns);
	(void)MHD_run(http->daemon);
	http->accepts_left = ACCEPTS_PER_TURN;
	stall_ran(&http->stall, began_ns, clock_monotonic_ns());
}

void http_stir(struct http *http)
{
	stall_stir(&http->stall);
}

/* Takes over fd. A client that left again meanwhile is no error. */
static void add_connection(struct http *http, int fd, const struct sockaddr_storage *address,
			   socklen_t length)
{
	const struct sockaddr *from = (const struct sockaddr *)address;

	if (!connections_admit(&http->connections, client_key(from))) {
		log_debug("Connection refused", "reason",
			  "all others wait for the collector process");
		(void)close(fd);
		return;
	}
	/* It closes fd itself when it fails. */
	if (MHD_add_connection(http->daemon, fd, from, length) != MHD_YES)
		http->limit_hits[HTTP_LIMIT_CONNECTIONS]++;
}

/* With the last descriptor just given away there may be nobody left to accept. */
static bool made_room(struct http *http)
{
	return http->accepts_left < ACCEPTS_PER_TURN || connections_evict(&http->connections);
}

int http_accept(struct http *http, int listener)
{
	for (; http->accepts_left > 0; http->accepts_left--) {
		struct sockaddr_storage address;
		socklen_t length = sizeof(address);
		int fd = listener_accept(listener, &address, &length);

		if (fd == -EAGAIN)
			return 0;
		/* What others have taken no connection of ours gives back. */
		if (fd < 0 && fd != -EMFILE)
			return fd;
		if (fd < 0)
			return made_room(http) ? 0 : fd;
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
