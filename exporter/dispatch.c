/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "dispatch.h"

#include <errno.h>
#include <stdio.h>

#include "log.h"
#include "negotiation.h"
#include "places.h"
#include "reply.h"
#include "util.h"

#define ENDING "The exporter is ending."
#define BUSY "The collector process is busy, try again later."

void dispatch_init(struct dispatch *dispatch, int channel, struct web_state *web)
{
	*dispatch = (struct dispatch){ .channel = channel, .web = web };
	answer_init(&dispatch->answer);
	process_self_open(&dispatch->self);
}

void dispatch_finish(struct dispatch *dispatch)
{
	answer_finish(&dispatch->answer);
	process_self_close(&dispatch->self);
}

/* Hands the answer over to one waiter; one that could not be made closes the connection. */
static void answer_one(struct http_waiter *waiter, struct http_content *content)
{
	http_answer(waiter, content);
	http_content_release(content);
}

static void answer_failure(const struct dispatch *dispatch, struct http_waiter *waiter,
			   unsigned int status, const char *sentence)
{
	answer_one(waiter, reply_failure(waiter->kind, status, sentence, dispatch->telemetry_path));
}

static struct http_waiter *whole(struct waiter *waiter)
{
	return (struct http_waiter *)(void *)waiter;
}

static void fail_all(const struct dispatch *dispatch, struct waiter *waiters, unsigned int status,
		     const char *sentence)
{
	while (waiters) {
		struct waiter *next = waiters->next;

		answer_failure(dispatch, whole(waiters), status, sentence);
		waiters = next;
	}
}

static void add_scrape(const struct dispatch *dispatch, const struct flight_key *key,
		       struct request *request)
{
	request->format = key->format;
	request->collectors = key->collectors;
	request->flags = dispatch->exporter_metrics ? REQUEST_EXPORTER_METRICS : 0;
	process_usage_read(&dispatch->self, &dispatch->web->usage);
	request->web = *dispatch->web;
}

static int send_flight(struct dispatch *dispatch, const struct flight *flight, uint64_t now_ns)
{
	struct request request = { .magic = REQUEST_MAGIC, .kind = flight->key.kind };

	request.deadline_ns = flight->deadline_ns;
	request.talkers = flight->key.talkers;
	for (int i = 0; i < N_FLOW_FAMILIES; i++)
		request.tracked[i] = conntrack_probes_get(&dispatch->probes, i, now_ns);
	if (flight->key.kind == REQUEST_METRICS)
		add_scrape(dispatch, &flight->key, &request);
	else if (flight->key.kind == REQUEST_DIAGNOSIS && flight->due_ns)
		request.flags = REQUEST_SECOND_LOOK;
	return channel_send_request(dispatch->channel, &request);
}

/* Sends the next request if the collector process is free and one is due. */
static void start_flight(struct dispatch *dispatch, uint64_t now_ns)
{
	const struct flight *flight;

	while ((flight = flights_start(&dispatch->flights, now_ns))) {
		int r = send_flight(dispatch, flight, now_ns);

		dispatch->collecting = r == 0;
		/* That the collector process is gone is reported when the channel's end is read. */
		if (r == 0 || r == -EPIPE)
			return;
		log_error("Cannot ask the collector process", "err", errno_text(r));
		fail_all(dispatch, flights_finish(&dispatch->flights), 500, errno_text(r));
	}
}

/* What the parameters and headers ask for; -EINVAL with a sentence in error. */
static int make_key(const struct dispatch *dispatch, const struct http_question *question,
		    struct flight_key *ret, char error[QUERY_ERROR_MAX])
{
	*ret = (struct flight_key){ .kind = question->kind };
	switch (question->kind) {
	case REQUEST_METRICS:
		ret->format = negotiation_format(question->accept);
		return query_collectors(&question->query, dispatch->enabled, &ret->collectors,
					error);
	case REQUEST_TALKERS:
		return query_talkers(&question->query, &ret->talkers, error);
	default:
		return 0;
	}
}

/* Where all places are taken, one of those who wait is refused, or the one who wants to. */
static bool find_place(struct dispatch *dispatch, struct http_waiter *waiter)
{
	const uint64_t most = dispatch->max_requests, client = waiter->waiter.client,
		       limit = places_limit(&dispatch->flights, waiter->kind, most);
	struct waiter *refused;
	char sentence[QUERY_ERROR_MAX];

	if (!limit)
		return true;
	refused = places_take(&dispatch->flights, waiter->kind, client, most);
	dispatch->web->limit_hits[HTTP_LIMIT_REQUESTS]++;
	(void)snprintf(sentence, sizeof(sentence),
		       "Limit of concurrent requests reached (%llu), try again later.",
		       (unsigned long long)limit);
	answer_failure(dispatch, refused ? whole(refused) : waiter, 503, sentence);
	return refused != NULL;
}

/* Joins or makes the flight, and starts it if nothing else runs. */
static int begin_to_wait(struct dispatch *dispatch, const struct flight_key *key, uint64_t now_ns,
			 const char *timeout, struct waiter *waiter)
{
	const bool verdict = key->kind == REQUEST_VERDICT;
	const uint64_t patience_ns = verdict ? 0 : DISPATCH_PATIENCE_MS * NSEC_PER_MSEC,
		       deadline_ns = now_ns + (verdict ? DISPATCH_VERDICT_MS * NSEC_PER_MSEC
						       : negotiation_timeout_ns(timeout));
	int r;

	waiter->give_up_ns = deadline_ns + patience_ns;
	r = flights_join(&dispatch->flights, key, now_ns, deadline_ns, waiter);
	if (r == 0)
		start_flight(dispatch, now_ns);
	return r;
}

void dispatch_ask(void *ctx, struct http_waiter *waiter, const struct http_question *question)
{
	struct dispatch *dispatch = ctx;
	const uint64_t now = clock_monotonic_ns();
	char error[QUERY_ERROR_MAX];
	struct flight_key key;

	waiter->kind = question->kind;
	waiter->gzip = negotiation_gzip(question->accept_encoding);
	conntrack_probes_take(&dispatch->probes, question->fd, now);
	if (make_key(dispatch, question, &key, error) < 0) {
		answer_one(waiter, reply_text(400, error));
		return;
	}
	if (dispatch->ended) {
		answer_failure(dispatch, waiter, 503, ENDING);
		return;
	}
	waiter->waiter.client = question->client;
	if (find_place(dispatch, waiter) &&
	    begin_to_wait(dispatch, &key, now, question->timeout, &waiter->waiter) < 0)
		answer_failure(dispatch, waiter, 500, "Out of memory");
}

/*
 * Gives the whole answer to all who wait for it; each of its two forms is made once, if somebody
 * wants it.
 */
static void deliver(const struct dispatch *dispatch, const struct flight_key *key,
		    struct waiter *waiter)
{
	struct http_content *contents[2] = { NULL, NULL };
	struct waiter *next;

	for (; waiter; waiter = next) {
		const bool gzip = whole(waiter)->gzip;

		next = waiter->next;
		if (!contents[gzip])
			contents[gzip] = reply_success(key, &dispatch->answer.body, gzip,
						       dispatch->telemetry_path);
		http_answer(whole(waiter), contents[gzip]);
	}
	http_content_release(contents[0]);
	http_content_release(contents[1]);
}

/* Those of a scrape go into its metrics, so that one that fails is a failure of ours. */
static void deliver_failure(const struct dispatch *dispatch, enum request_kind kind, int error,
			    struct waiter *waiters)
{
	const char *sentence = errno_text(error);

	if (error == -EPERM)
		sentence = "Reading conntrack over netlink needs CAP_NET_ADMIN.";
	else if (error == -ENODATA)
		sentence = "nf_conntrack is not loaded.";
	fail_all(dispatch, waiters, kind == REQUEST_METRICS ? 500 : 503, sentence);
}

static uint64_t second_look_ns(const struct flight *flight, uint64_t now_ns)
{
	const uint64_t wanted_ns = now_ns + DISPATCH_LOOK_INTERVAL_MS * NSEC_PER_MSEC,
		       reserve_ns = DISPATCH_LOOK_RESERVE_MS * NSEC_PER_MSEC;

	if (flight->deadline_ns < now_ns + reserve_ns)
		return now_ns;
	return wanted_ns + reserve_ns < flight->deadline_ns ? wanted_ns
							    : flight->deadline_ns - reserve_ns;
}

/*
 * When to ask again where the collector process wants it; 0: not at all. There is no third look,
 * and no walk may be due for a while yet.
 */
static uint64_t again_ns(const struct flight *flight, uint64_t now_ns)
{
	if (flight->key.kind == REQUEST_DIAGNOSIS && !flight->due_ns)
		return second_look_ns(flight, now_ns);
	if (flight->key.kind == REQUEST_TALKERS)
		return now_ns + DISPATCH_WALK_INTERVAL_MS * NSEC_PER_MSEC;
	return 0;
}

/* The running flight has its answer. Nothing is asked again for nobody. */
static void land(struct dispatch *dispatch, uint64_t now_ns)
{
	const struct flight *flight = dispatch->flights.first;
	const struct flight_key key = flight->key;
	const int status = dispatch->answer.status;
	const uint64_t due_ns = status == -EAGAIN && flight->waiters ? again_ns(flight, now_ns) : 0;

	if (due_ns)
		flights_postpone(&dispatch->flights, due_ns);
	else if (status < 0)
		deliver_failure(dispatch, key.kind, status, flights_finish(&dispatch->flights));
	else
		deliver(dispatch, &key, flights_finish(&dispatch->flights));
}

int dispatch_receive(struct dispatch *dispatch)
{
	int r = channel_receive_answer(dispatch->channel, &dispatch->answer);
	uint64_t now;

	if (r <= 0)
		return r;
	/* An answer that nobody asked for. */
	if (!dispatch->flights.running)
		return -EBADMSG;
	now = clock_monotonic_ns();
	dispatch->collecting = false;
	land(dispatch, now);
	answer_finish(&dispatch->answer);
	answer_init(&dispatch->answer);
	start_flight(dispatch, now);
	return 0;
}

void dispatch_turn(struct dispatch *dispatch, uint64_t now_ns)
{
	fail_all(dispatch, flights_expire(&dispatch->flights, now_ns), 503, BUSY);
	start_flight(dispatch, now_ns);
}

uint64_t dispatch_next_turn(const struct dispatch *dispatch)
{
	const uint64_t expiry_ns = flights_next_expiry(&dispatch->flights),
		       due_ns = flights_next_due(&dispatch->flights);

	return expiry_ns < due_ns ? expiry_ns : due_ns;
}

bool dispatch_overdue(const struct dispatch *dispatch, uint64_t now_ns)
{
	const struct flight *running = dispatch->collecting ? dispatch->flights.first : NULL;

	return running && now_ns >= running->deadline_ns + DISPATCH_OVERDUE_S * NSEC_PER_SEC;
}

void dispatch_clear(struct dispatch *dispatch)
{
	dispatch->ended = true;
	fail_all(dispatch, flights_clear(&dispatch->flights), 503, ENDING);
}
