/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What is made of everything there is to read, beside the metrics: the diagnosis, its short form
 * and the talkers. ctx->deadline_ns bounds each. Those that can fail return 0 or a negative errno,
 * and append nothing then: -EPERM without CAP_NET_ADMIN, -ENODATA where nf_conntrack is not loaded.
 */

#include <stdbool.h>

#include "../exporter/buffer.h"
#include "collector.h"
#include "talkers.h"

/*
 * Appends the diagnosis as JSON. Without second_look it may return -EAGAIN instead, having taken
 * the first of two looks: ask again, with second_look, some seconds later.
 */
int reports_diagnosis(struct collector_context *ctx, bool second_look, struct buffer *out);

/*
 * The second look for people, behind reports_diagnosis() without second_look. colour: ANSI escapes.
 * width: columns to wrap at.
 */
int reports_diagnosis_text(struct collector_context *ctx, bool colour, unsigned int width,
			   struct buffer *out);

/* Appends "severity\ttitle\n" for each finding that can be made without a walk, worst first. */
int reports_verdict(struct collector_context *ctx, struct buffer *out);

/*
 * Appends the talkers as JSON. A filter costs a walk of its own; -EAGAIN: none is due yet, so that
 * those who ask with one filter after the other cost little more than those who scrape.
 */
int reports_talkers(struct collector_context *ctx, const struct talkers_query *query,
		    struct buffer *out);

/* The same for people. */
int reports_talkers_text(struct collector_context *ctx, const struct talkers_query *query,
			 struct buffer *out);
