/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the web process tells of itself, for the metrics about the exporter. Plain numbers: they
 * travel in a request.
 */

#include <stdint.h>

#include "http_limits.h"
#include "process.h"

enum web_reload {
	WEB_RELOAD_NONE, /* there is nothing to reload */
	WEB_RELOAD_FAILED,
	WEB_RELOAD_SUCCESSFUL,
	N_WEB_RELOADS,
};

struct web_state {
	struct process_usage usage; /* added to the collector's own */
	uint64_t limit_hits[N_HTTP_LIMITS];
	uint64_t unauthorized; /* requests without the login that is wanted */
	uint64_t last_reload;  /* enum web_reload */
};
