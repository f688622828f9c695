/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What stands in for the settings and the logins behind a gate, and for the log. */

#include "../../exporter/gate.h"

#define NOW (7 * NSEC_PER_SEC)
#define CLIENT 77

/* What they say, and what was done to them, in words. */
struct gate_parts {
	char done[1024];
	struct web_config config;
	bool is_current, changes;
	int open_error, create_error, users_error, start_error;
	enum auth_verdict verdict;
	auth_fn tell;
	void *ctx;
	struct auth_waiter *waiter;
	enum gate_verdict told;
	struct auth_waiter *told_to;
};

extern struct gate_parts fake;

/* What was done since the last time. */
void check_done(const char *expected);
