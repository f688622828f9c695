/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The walk and those who take part in it, stood in for: each walk visits one flow more than the one
 * before.
 */

#include "../../collectors/collector.h"

#define SECOND NSEC_PER_SEC

struct survey_host {
	uint64_t walks;
	struct walk_summary walk; /* what the next one says */
	int stats_error, walk_error, talkers_error, create_error, finish_error;
	int creations; /* of joins that were tried */
	size_t n_consumers;
	bool fresh, flows;  /* of IPv6 */
	int joins, talkers; /* that are not freed */
	uint64_t established;
	int scaled;
};

extern struct survey_host host;

/* Of the minimum interval of walks: 0, and a minute. */
extern const struct collector_settings always, seldom;

/* Around each test, whose state is a context with 10 s left. */
int survey_begin(void **state);
/* Nothing is lost, whatever failed. */
int survey_end(void **state);

#define survey_test(f) cmocka_unit_test_setup_teardown(f, survey_begin, survey_end)

/* survey_get(), which must succeed, and have visited so many flows. */
const struct survey *survey_gives(struct collector_context *ctx, uint32_t parts, uint64_t visited);

/* survey_get(), which must fail. */
void survey_fails(struct collector_context *ctx, uint32_t parts, int error);
