/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Sockets and flows joined: which ESTABLISHED sockets the table knows, which ESTABLISHED flows no
 * socket owns any more.
 */

#include "../exporter/util.h"
#include "collector.h"
#include "labels.h"

enum correlation_metric {
	CORRELATION_SOCKETS,
	CORRELATION_FLOWS,
	N_CORRELATION_METRICS,
};

static const struct metric_desc correlation_descs[] = {
	[CORRELATION_SOCKETS] = {
		.name = "conntrack_established_sockets",
		.help =
			"ESTABLISHED TCP sockets whose flow the table holds as ESTABLISHED "
			"(tracked), in another state (mismatched) or not (untracked: under "
			"notrack, idle since before tracking began, or expired), by sock_diag and "
			"IPCTNL_MSG_CT_GET; as of the last walk. Sockets and flows are not read "
			"at one instant: what looks unmatched is checked again before it counts, "
			"and what closed meanwhile does not count.",
		.labels = { &label_tracking, &label_socket_path },
	},
	[CORRELATION_FLOWS] = {
		.name = "conntrack_established_flows",
		.help =
			"ESTABLISHED TCP flows with an end that is a socket here (present), that "
			"should have one and have none (absent: dead weight until their timeout), "
			"or between other hosts (forwarded); as of the last walk. Flows without a "
			"socket are checked again before they count as absent.",
		.labels = { &label_socket },
	},
};

static_assert(ARRAY_SIZE(correlation_descs) == N_CORRELATION_METRICS,
	      "one description for each metric");

static int correlation_collect(struct collector_context *ctx, struct exposition *e)
{
	const struct survey *survey;
	int r = survey_get(ctx, ctx->survey_parts, &survey);

	if (r < 0)
		return r;
	if (survey->join.has_sockets)
		exposition_grid(e, &correlation_descs[CORRELATION_SOCKETS],
				&survey->join.sockets[0][0]);
	if (survey->join.has_flows)
		exposition_grid(e, &correlation_descs[CORRELATION_FLOWS], survey->join.flows);
	return survey->join_error;
}

const struct collector correlation_collector = {
	.name = "correlation",
	.help = "ESTABLISHED sockets and ESTABLISHED flows joined: what the table does not know, "
		"and what it holds for nobody",
	.enabled_by_default = true,
	.descs = correlation_descs,
	.n_descs = ARRAY_SIZE(correlation_descs),
	.survey_parts = SURVEY_JOIN,
	.collect = correlation_collect,
};
