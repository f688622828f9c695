/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "dispatch.h"

#include <errno.h>
#include <stdio.h>

#include "gzip.h"
#include "log.h"
#include "negotiation.h"
#include "util.h"

#define ENDING "The exporter is ending."

void dispatch_init(struct dispatch *dispatch, int channel)
{
	*dispatch = (struct dispatch){ .channel = channel };
	answer_init(&dispatch->answer);
	process_self_open(&dispatch->self);
}

void dispatch_finish(struct dispatch *dispatch)
{
	answer_finish(&dispatch->answer);
	process_self_close(&dispatch->self);
}

/* Answers with a line of text; an answer that cannot be made closes the connection. */
static void answer_text(struct http_scrape_waiter *waiter, unsigned int status, const char *text)
{
	struct http_content *content;
	struct buffer body;

	buffer_init(&body, 1024);
	buffer_append_string(&body, text);
	buffer_append_char(&body, '\n');
	content = http_content_create(status, "text/plain; charset=utf-8", NULL, &body);
	http_answer(waiter, content);
	http_content_release(content);
}

static struct http_scrape_waiter *whole(struct waiter *waiter)
{
	return (struct http_scrape_waiter *)(void *)waiter;
}

static void answer_all(struct waiter *waiters, unsigned int status, const char *text)
{
	while (waiters) {
		struct waiter *next = waiters->next;

		answer_text(whole(waiters), status, text);
		waiters = next;
	}
}

static int send_flight(struct dispatch *dispatch, const struct flight *flight)
{
	struct request request = { .magic = REQUEST_MAGIC, .kind = REQUEST_METRICS };

	request.format = flight->key.format;
	request.collectors = flight->key.collectors;
	request.deadline_ns = flight->deadline_ns;
	request.flags = dispatch->exporter_metrics ? REQUEST_EXPORTER_METRICS : 0;
	process_usage_read(&dispatch->self, &request.web);
	return channel_send_request(dispatch->channel, &request);
}

/* Sends the next request if the collector process is free. */
static void start_flight(struct dispatch *dispatch)
{
	const struct flight *flight;

	while ((flight = flights_start(&dispatch->flights))) {
		int r = send_flight(dispatch, flight);

		dispatch->collecting = r == 0;
		/* That the collector process is gone is reported when the channel's end is read. */
		if (r == 0 || r == -EPIPE)
			return;
		log_error("Cannot ask the collector process", "err", errno_text(r));
		answer_all(flights_finish(&dispatch->flights), 500, errno_text(r));
	}
}

void dispatch_scrape(void *ctx, struct http_scrape_waiter *waiter, const struct http_scrape *scrape)
{
	struct dispatch *dispatch = ctx;
	const uint64_t now = clock_monotonic_ns(),
		       timeout = negotiation_timeout_ns(scrape->timeout);
	struct flight_key key = { .format = negotiation_format(scrape->accept) };
	char error[QUERY_ERROR_MAX];

	if (query_collectors(&scrape->query, dispatch->enabled, &key.collectors, error) < 0) {
		answer_text(waiter, 400, error);
		return;
	}
	if (dispatch->ended) {
		answer_text(waiter, 503, ENDING);
		return;
	}
	if (dispatch->max_requests && dispatch->flights.n_waiters >= dispatch->max_requests) {
		(void)snprintf(error, sizeof(error),
			       "Limit of concurrent requests reached (%llu), try again later.",
			       (unsigned long long)dispatch->max_requests);
		answer_text(waiter, 503, error);
		return;
	}
	waiter->gzip = negotiation_gzip(scrape->accept_encoding);
	waiter->waiter.give_up_ns = now + timeout + DISPATCH_PATIENCE_MS * NSEC_PER_MSEC;
	if (flights_join(&dispatch->flights, &key, now, now + timeout, &waiter->waiter) < 0)
		answer_text(waiter, 500, "Out of memory");
	else
		start_flight(dispatch);
}

/* The answer's bytes as they are, or compressed; NULL when out of memory. */
static struct http_content *make_content(struct dispatch *dispatch, enum exposition_format format,
					 bool gzip)
{
	struct buffer body;
	int r = 0;

	buffer_init(&body, ANSWER_SIZE_MAX);
	if (gzip)
		r = gzip_compress(dispatch->answer.body.data, dispatch->answer.body.len, &body);
	else
		buffer_append(&body, dispatch->answer.body.data, dispatch->answer.body.len);
	if (r < 0) {
		buffer_finish(&body);
		return NULL;
	}
	return http_content_create(200, negotiation_content_type(format), gzip ? "gzip" : NULL,
				   &body);
}

/*
 * Gives the whole answer to all who wait for it; each of its two forms is made once, if somebody
 * wants it.
 */
static void deliver(struct dispatch *dispatch, enum exposition_format format, struct waiter *waiter)
{
	struct http_content *contents[2] = { NULL, NULL };
	struct waiter *next;

	for (; waiter; waiter = next) {
		const bool gzip = whole(waiter)->gzip;

		next = waiter->next;
		if (!contents[gzip])
			contents[gzip] = make_content(dispatch, format, gzip);
		http_answer(whole(waiter), contents[gzip]);
	}
	http_content_release(contents[0]);
	http_content_release(contents[1]);
}

int dispatch_receive(struct dispatch *dispatch)
{
	const struct flight *running = dispatch->flights.first;
	enum exposition_format format;
	int r = channel_receive_answer(dispatch->channel, &dispatch->answer);

	if (r <= 0)
		return r;
	/* An answer that nobody asked for. */
	if (!dispatch->flights.running)
		return -EBADMSG;
	dispatch->collecting = false;
	format = running->key.format;
	if (dispatch->answer.status < 0)
		answer_all(flights_finish(&dispatch->flights), 500,
			   errno_text(dispatch->answer.status));
	else
		deliver(dispatch, format, flights_finish(&dispatch->flights));
	answer_finish(&dispatch->answer);
	answer_init(&dispatch->answer);
	start_flight(dispatch);
	return 0;
}

void dispatch_expire(struct dispatch *dispatch, uint64_t now_ns)
{
	answer_all(flights_expire(&dispatch->flights, now_ns), 503,
		   "The collector process is busy, try again later.");
}

uint64_t dispatch_next_expiry(const struct dispatch *dispatch)
{
	return flights_next_expiry(&dispatch->flights);
}

void dispatch_clear(struct dispatch *dispatch)
{
	dispatch->ended = true;
	answer_all(flights_clear(&dispatch->flights), 503, ENDING);
}
