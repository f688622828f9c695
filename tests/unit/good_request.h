/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "../../exporter/channel.h"
#include "../../collectors/tracking.h"
#include "../../exporter/exposition.h"

static const struct request good = {
	.magic = REQUEST_MAGIC,
	.kind = REQUEST_METRICS,
	.format = EXPOSITION_OPENMETRICS,
	.flags = REQUEST_EXPORTER_METRICS,
	.collectors = 0x4,
	.deadline_ns = 12345678901234,
	.web = { .usage = { .has = (1U << N_PROCESS_VALUES) - 1, .value = { 1, 2, 3, 4, 5, 6, 7 } },
		 .limit_hits = { [HTTP_LIMIT_LOGIN] = UINT64_MAX },
		 .unauthorized = UINT64_MAX,
		 .last_reload = WEB_RELOAD_SUCCESSFUL },
	.tracked = { TRACKING_ACTIVE, TRACKING_INACTIVE },
};

/* The smallest one of each other kind that can hold something; a talkers query is right by limit.
 */
static inline struct request good_of(enum request_kind kind)
{
	struct request request = { .magic = REQUEST_MAGIC, .kind = kind };

	if (kind == REQUEST_QUIT)
		return request;
	request.deadline_ns = 12345678901234;
	request.tracked[FLOW_IPV6] = TRACKING_ACTIVE;
	request.talkers.limit = kind == REQUEST_TALKERS ? 7 : 0;
	return request;
}

/* Stands in for the real one. */
bool talkers_query_is_valid(const struct talkers_query *query);
bool talkers_query_is_valid(const struct talkers_query *query)
{
	return query->limit == 7;
}
