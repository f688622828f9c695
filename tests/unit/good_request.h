/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "../../exporter/channel.h"
#include "../../exporter/exposition.h"

static const struct request good = {
	.magic = REQUEST_MAGIC,
	.kind = REQUEST_METRICS,
	.format = EXPOSITION_OPENMETRICS,
	.flags = REQUEST_EXPORTER_METRICS,
	.collectors = 0x4,
	.deadline_ns = 12345678901234,
	.web = { .has = (1U << N_PROCESS_VALUES) - 1, .value = { 1, 2, 3, 4, 5, 6, 7 } },
};
