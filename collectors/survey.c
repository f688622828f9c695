/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "survey.h"

#include "../exporter/util.h"
#include "collector.h"

static void counts_reset(void *state)
{
	*(struct flow_counts *)state = (struct flow_counts){ 0 };
}

static void counts_add(void *state, const struct flow *flow, const struct walk_view *view)
{
	flow_counts_add(state, flow, view->own);
}

static int survey_make(struct collector_context *ctx, uint32_t parts)
{
	struct survey survey = { .made = true, .parts = parts };
	struct walk_consumer consumers[3];
	size_t n = 0;
	int r;

	consumers[n++] = (struct walk_consumer){ counts_reset, counts_add, &survey.counts };
	r = walk_run(ctx, consumers, n, &survey.walk);
	if (r < 0)
		return r;
	if (!survey.walk.complete && survey.walk.entries > survey.counts.visited)
		flow_counts_scale(&survey.counts, survey.walk.entries);
	ctx->survey = survey;
	return 0;
}

/* A scrape in a hurry must not leave its small sample to those who have time. */
static bool is_reusable(const struct survey *survey, uint32_t parts, uint64_t min_interval_ns,
			uint64_t deadline_ns)
{
	const uint64_t now_ns = clock_monotonic_ns();

	if (!survey->made || (survey->parts & parts) != parts ||
	    now_ns - survey->walk.finished_ns >= min_interval_ns)
		return false;
	return !survey->walk.cut ||
	       walk_deadline(now_ns, deadline_ns) < now_ns + 2 * survey->walk.available_ns;
}

int survey_get(struct collector_context *ctx, uint32_t parts, const struct survey **ret)
{
	if (!is_reusable(&ctx->survey, parts, ctx->settings->flows_min_interval_ns,
			 ctx->deadline_ns)) {
		int r = survey_make(ctx, parts);

		if (r < 0)
			return r;
	}
	*ret = &ctx->survey;
	return 0;
}
