/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Between HTTP and the channel: hands scrapes to the collector process, one collection at a time,
 * and its answers back.
 */

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"
#include "flight.h"
#include "http.h"
#include "process.h"

/*
 * A collector process that has not answered this long after a scrape's deadline is not waited for;
 * a scraper that said how long it waits is still there then.
 */
#define DISPATCH_PATIENCE_MS 400

struct dispatch {
	int channel;
	uint64_t enabled;      /* mask of collectors that are on */
	uint64_t max_requests; /* scrapes that may wait; 0: no limit */
	bool exporter_metrics; /* add process_* and build_info */
	bool collecting;       /* a request is on its way and has no answer yet */
	bool ended;	       /* dispatch_clear() was called: nobody may begin to wait */
	struct flights flights;
	struct answer answer; /* the one that is arriving */
	struct process_self self;
};

/* channel stays the caller's. */
void dispatch_init(struct dispatch *dispatch, int channel);
void dispatch_finish(struct dispatch *dispatch);

/* A http_scrape_fn; ctx is the struct dispatch. */
void dispatch_scrape(void *ctx, struct http_scrape_waiter *waiter,
		     const struct http_scrape *scrape);

/*
 * Reads what the channel holds. Once an answer is whole, everyone who waits for it gets it and the
 * next collection starts. Returns 0, or as channel_receive_answer().
 */
int dispatch_receive(struct dispatch *dispatch);

/* Answers those whose patience ended by now. */
void dispatch_expire(struct dispatch *dispatch, uint64_t now_ns);

/* When the next one's does, on CLOCK_MONOTONIC; UINT64_MAX: nobody waits. */
uint64_t dispatch_next_expiry(const struct dispatch *dispatch);

/* Answers everyone who waits, and who asks from now on, with 503. */
void dispatch_clear(struct dispatch *dispatch);
