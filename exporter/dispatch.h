/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Between HTTP and the channel: hands requests to the collector process, one at a time, and its
 * answers back.
 */

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "conntrack_probe.h"
#include "flight.h"
#include "http.h"
#include "process.h"
#include "web_state.h"

/*
 * A collector process that has not answered this long after a request's deadline is not waited for;
 * a scraper that said how long it waits is still there then.
 */
#define DISPATCH_PATIENCE_MS 400
/* How long the status page waits for its verdict; the probes that ask for it wait for a second. */
#define DISPATCH_VERDICT_MS 500
/*
 * How long after the first look of a diagnosis the second one follows: long enough for a rate.
 * Where the deadline is nearer, the second look comes while there is still so much time left for
 * it; where not even that is left, at once.
 */
#define DISPATCH_LOOK_INTERVAL_MS 5000
#define DISPATCH_LOOK_RESERVE_MS 500
/* How long talkers wait until it is asked again whether they may have a walk of their own. */
#define DISPATCH_WALK_INTERVAL_MS 100
/*
 * A collector process that is this late hangs: it looks at the clock while it walks, and what it
 * does besides takes no time to speak of. Long, because ending it ends the connection of a scraper,
 * who may not get another one while the table is full.
 */
#define DISPATCH_OVERDUE_S 10

struct dispatch {
	int channel;
	const char *telemetry_path;
	uint64_t enabled;      /* mask of collectors that are on */
	uint64_t max_requests; /* that may wait: places.h; 0: no limit */
	struct web_state *web; /* where hits of max_requests are counted, too */
	bool exporter_metrics; /* add process_* and build_info */
	bool collecting;       /* a request is on its way and has no answer yet */
	bool ended;	       /* dispatch_clear() was called: nobody may begin to wait */
	struct flights flights;
	struct answer answer; /* the one that is arriving */
	struct process_self self;
	struct conntrack_probes probes; /* of the connections that questions came on */
};

/* channel stays the caller's; web, which tells of the web process, must outlive it. */
void dispatch_init(struct dispatch *dispatch, int channel, struct web_state *web);
void dispatch_finish(struct dispatch *dispatch);

/* A http_ask_fn; ctx is the struct dispatch. */
void dispatch_ask(void *ctx, struct http_waiter *waiter, const struct http_question *question);

/*
 * Reads what the channel holds. Once an answer is whole, everyone who waits for it gets it and the
 * next request is sent. Returns 0, or as channel_receive_answer().
 */
int dispatch_receive(struct dispatch *dispatch);

/* Answers those whose patience ended by now, and sends a postponed request that is due. */
void dispatch_turn(struct dispatch *dispatch, uint64_t now_ns);

/* When dispatch_turn() has something to do, on CLOCK_MONOTONIC; UINT64_MAX: nobody waits. */
uint64_t dispatch_next_turn(const struct dispatch *dispatch);

/* Whether the collector process hangs. What nobody asked it is not missed. */
bool dispatch_overdue(const struct dispatch *dispatch, uint64_t now_ns);

/* Answers everyone who waits, and who asks from now on, with 503. */
void dispatch_clear(struct dispatch *dispatch);
