/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A dispatch between a collector process and clients that are scripts. */

#include "unit.h"

#include "../../exporter/dispatch.h"

struct dispatch_script {
	struct request sent; /* the last one */
	unsigned int n_sent;
	int send_error;
	int answer_status;
	struct talkers_query talkers; /* what every query asks for */
	const char *query_error;      /* NULL: none */
	uint64_t client;	      /* who asks */
	struct web_state web;
};

extern struct dispatch_script fake;

int dispatch_setup(void **state);
int dispatch_teardown(void **state);

#define dispatch_test(f) cmocka_unit_test_setup_teardown(f, dispatch_setup, dispatch_teardown)

/* A client asks. */
void ask(struct dispatch *d, struct http_waiter *waiter, enum request_kind kind,
	 const char *timeout);

/* The collector process answers. */
void receive(struct dispatch *d, int status);

/* All that was answered since the last time, one line each. */
void check_replies(const char *expected);
void forget_replies(void);
