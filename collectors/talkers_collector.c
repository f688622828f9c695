/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who holds the table, as metrics: off unless asked for, since addresses become label values. */

#include "../exporter/util.h"
#include "collector.h"
#include "talkers_write.h"

enum talkers_metric {
	TALKERS_TOP_FLOWS,
	N_TALKERS_METRICS,
};

/* The first ones of enum talkers_by; pairs are for the command and the page. */
enum { N_METRIC_BYS = TALKERS_BY_PAIR };

static const struct label_set label_by = {
	.name = "by",
	.values = talkers_by_names,
	.n_values = N_METRIC_BYS,
};
static const struct label_set label_value = { .name = "value" };

static_assert(TOP_CAPACITY == 2048, "the help says so");

static const struct metric_desc talkers_descs[] = {
	[TALKERS_TOP_FLOWS] = {
		.name = "conntrack_top_flows",
		.help =
			"Flows of the heaviest sources, destinations and destination ports as the "
			"initiator addresses them, and of all others together (CTA_TUPLE_ORIG); "
			"Space-Saving with 2048 counters: of a whole walk (conntrack_walk_complete) "
			"exact up to 2048 different values, beyond that never too low and too high "
			"by at most 1/2048 of the flows; of a sample also off by its error, either "
			"way: of 262144 flows read, by some 12 % of a value that holds 0.1 %.",
		.labels = { &label_by, &label_value },
	},
};

static_assert(ARRAY_SIZE(talkers_descs) == N_TALKERS_METRICS, "one description for each metric");

static void emit_top(struct exposition *e, enum talkers_by by, const struct talkers_top *top)
{
	char value[TALKER_TEXT_MAX];
	const char *labels[] = { talkers_by_names[by], value };

	for (size_t i = 0; i < top->n; i++) {
		talker_format(&top->talkers[i], by, value);
		exposition_labelled_u64(e, &talkers_descs[TALKERS_TOP_FLOWS], labels,
					top->talkers[i].flows);
	}
	labels[1] = "other";
	exposition_labelled_u64(e, &talkers_descs[TALKERS_TOP_FLOWS], labels, top->other);
}

static int talkers_collect(struct collector_context *ctx, struct exposition *e)
{
	const struct survey *survey;
	struct talkers_top top;
	int r = survey_get(ctx, ctx->survey_parts, &survey);

	if (r < 0)
		return r;
	for (int by = 0; by < N_METRIC_BYS; by++) {
		talkers_top(&survey->talkers, by, ctx->settings->talkers_limit, &survey->walk,
			    &top);
		emit_top(e, by, &top);
	}
	return 0;
}

const struct collector talkers_collector = {
	.name = "talkers",
	.help = "who holds the table: the sources, destinations and destination ports with the most "
		"flows (one walk over the table, which flows shares)",
	.descs = talkers_descs,
	.n_descs = ARRAY_SIZE(talkers_descs),
	.survey_parts = SURVEY_TALKERS,
	.collect = talkers_collect,
};
