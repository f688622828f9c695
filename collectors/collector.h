/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a collector is. What it may use is in context.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../exporter/exposition.h"
#include "../exporter/metric.h"
#include "context.h"

struct collector {
	const char *name;
	const char *help; /* one clause for --help: what it reads */
	bool enabled_by_default;
	const struct metric_desc *descs;
	size_t n_descs;
	uint32_t survey_parts; /* enum survey_part it wants of a walk */
	bool wants_ports;      /* of the sockets' dump */
	/*
	 * Emits all samples that could be read. Returns 0, -ENODATA when the kernel has no such
	 * thing here (module not loaded), or the negative errno of the first thing that failed;
	 * what was emitted before stays.
	 */
	int (*collect)(struct collector_context *ctx, struct exposition *e);
};

extern const struct collector table_collector;
extern const struct collector stat_collector;
extern const struct collector flows_collector;
extern const struct collector correlation_collector;
extern const struct collector sockets_collector;
extern const struct collector netstat_collector;
extern const struct collector ports_collector;
extern const struct collector settings_collector;
extern const struct collector talkers_collector;
