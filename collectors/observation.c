/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "observation.h"

#include <errno.h>
#include <string.h>

#include "../exporter/util.h"
#include "collector.h"
#include "meminfo.h"
#include "procfs.h"
#include "stat.h"

/* 0 where it is not told. */
static uint64_t read_memory(const struct collector_context *ctx)
{
	struct buffer file;
	uint64_t bytes = 0;

	buffer_init(&file, PROCFS_FILE_MAX);
	if (procfs_read(ctx->settings->procfs, "meminfo", &file) == 0)
		(void)meminfo_parse_total(file.data, &bytes);
	buffer_finish(&file);
	return bytes;
}

static void take_numbers(struct collector_context *ctx, struct observation *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->taken_ns = clock_monotonic_ns();
	ret->walk_error = -ENODATA;
	ret->table_error = table_read(ctx, ret->table);
	if (stat_read(ctx) == 0)
		stat_sums(&ctx->stat, ret->stat);
	(void)netstat_read(ctx, ret->netstat);
	(void)socket_limits_read(ctx, ret->limits);
	(void)settings_read(ctx, &ret->settings);
	ret->memory_bytes = read_memory(ctx);
}

void observation_take_cheap(struct collector_context *ctx, struct observation *ret)
{
	take_numbers(ctx, ret);
	tracking_read(ctx, ret->tracking);
}

static void take_sockets(struct collector_context *ctx, struct observation *ret)
{
	const struct socket_dump *dump;

	socket_dump_get(ctx, true, &dump);
	ret->has_sockets = dump->error == 0;
	ret->sockets = dump->counts;
	ret->ports = dump->ports;
}

static int take_talkers(const struct survey *survey, struct observation *ret)
{
	struct talkers_top *top = malloc(sizeof(*top));

	if (!top)
		return -ENOMEM;
	for (int by = 0; by < N_TALKERS_BYS; by++) {
		struct observation_talkers *heaviest = &ret->talkers[by];

		talkers_top(&survey->talkers, by, OBSERVATION_TALKERS, &survey->walk, top);
		heaviest->n = top->n;
		heaviest->flows = top->flows;
		for (size_t i = 0; i < top->n; i++)
			heaviest->talkers[i] = top->talkers[i];
	}
	free(top);
	return 0;
}

/* All of it or nothing: a walk without talkers would look like one that met no flow. */
static int take_survey(const struct survey *survey, struct observation *ret)
{
	int r = take_talkers(survey, ret);

	if (r < 0)
		return r;
	ret->has_walk = true;
	ret->walk_complete = survey->walk.complete;
	ret->walk_visited = survey->walk.visited;
	ret->walk_duration_s = (double)survey->walk.duration_ns / 1e9;
	ret->flows = survey->counts;
	ret->join = survey->join;
	return 0;
}

/*
 * The numbers come before the walk, which lets the kernel collect expired entries; whether packets
 * are tracked behind it, for the walk tells of that.
 */
void observation_take(struct collector_context *ctx, struct observation *ret)
{
	const struct survey *survey;

	ctx->request++;
	ctx->wants_ports = true;
	take_numbers(ctx, ret);
	ret->walk_error = survey_get(ctx, SURVEY_JOIN | SURVEY_TALKERS, &survey);
	if (ret->walk_error == 0)
		ret->walk_error = take_survey(survey, ret);
	take_sockets(ctx, ret);
	tracking_read(ctx, ret->tracking);
}
