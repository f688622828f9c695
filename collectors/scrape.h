/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One scrape: runs the collectors asked for, times them, and keeps one's failure from the others.
 */

#include <stdint.h>

#include "../exporter/exposition.h"
#include "../exporter/process.h"
#include "../exporter/web_state.h"
#include "collector.h"

/* The families every answer ends with. */
extern const struct metric_desc scrape_descs[];
extern const size_t n_scrape_descs;

/*
 * Writes the samples of the collectors in mask, then duration and success of each, then, unless
 * self is NULL, build_info and process_* of this process and, unless web is NULL, of the web
 * process, with what that one tells of itself. ctx->deadline_ns bounds it. Returns 0 or the
 * exposition's error.
 */
int scrape_run(struct collector_context *ctx, uint64_t mask, const struct process_self *self,
	       const struct web_state *web, struct exposition *e);
