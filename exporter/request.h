/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the web process asks of the collector process: a fixed-size struct without pointers. Pure.
 */

#include <stddef.h>
#include <stdint.h>

#include "../collectors/flow.h"
#include "../collectors/talkers.h"
#include "web_state.h"

enum request_kind {
	REQUEST_METRICS,   /* answered with an exposition */
	REQUEST_DIAGNOSIS, /* with JSON; with -EAGAIN when it wants to look again in a while */
	REQUEST_VERDICT,   /* with a line for each finding, at once: no walk */
	REQUEST_TALKERS,   /* with JSON; with -EAGAIN when no walk of its own is due yet */
	REQUEST_QUIT,	   /* an orderly end: no answer */
	N_REQUEST_KINDS,
};

#define REQUEST_MAGIC 0x636e7471U

enum request_flag {
	REQUEST_EXPORTER_METRICS = 1U << 0, /* REQUEST_METRICS: add process_* and build_info */
	REQUEST_SECOND_LOOK = 1U << 1,	    /* REQUEST_DIAGNOSIS: no -EAGAIN any more */
};

/* What a kind does not use is 0. */
struct request {
	uint32_t magic;
	uint32_t kind;		      /* enum request_kind */
	uint32_t format;	      /* enum exposition_format; REQUEST_METRICS */
	uint32_t flags;		      /* enum request_flag */
	uint64_t collectors;	      /* mask; a subset of those that are on; REQUEST_METRICS */
	uint64_t deadline_ns;	      /* CLOCK_MONOTONIC; all but REQUEST_QUIT */
	struct web_state web;	      /* REQUEST_METRICS */
	struct talkers_query talkers; /* REQUEST_TALKERS */
	uint32_t tracked[N_FLOW_FAMILIES]; /* enum tracking of clients' connections; as the deadline
					    */
	uint32_t unused;		   /* fills the struct up to a multiple of 8 bytes */
};

/*
 * Checks the bytes of a request. Returns 0, -EMSGSIZE for a wrong length, -EINVAL for anything else
 * that is not exactly right. allowed is the mask of collectors that are on.
 */
int request_check(const void *bytes, size_t length, uint64_t allowed);
