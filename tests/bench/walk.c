/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One pass over the conntrack table of this network namespace, for tests/bench/run to time:
 * "floor" receives the dump and throws it away, "walk LIMIT" is the exporter's own walk (0: no
 * limit). Prints the flows read.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../../collectors/collector.h"
#include "../../exporter/util.h"

#define TIMEOUT_S 600

static int count_message(void *ctx, _unused_ const struct nlmsghdr *message)
{
	++*(uint64_t *)ctx;
	return 0;
}

static int run_floor(struct collector_context *ctx, uint64_t *ret_flows)
{
	return netlink_query_conntrack(&ctx->netlink, NETLINK_CONNTRACK_FLOWS, ctx->deadline_ns,
				       count_message, ret_flows);
}

static int run_walk(struct collector_context *ctx, uint64_t *ret_flows)
{
	const struct survey *result;
	int r = survey_get(ctx, 0, &result);

	if (r == 0)
		*ret_flows = result->counts.visited;
	return r;
}

int main(int argc, char **argv)
{
	struct collector_settings settings = { .procfs = "/proc" };
	const bool floor = argc == 2 && strcmp(argv[1], "floor") == 0;
	struct collector_context ctx;
	uint64_t flows = 0;
	int r;

	if (!floor && (argc != 3 || strcmp(argv[1], "walk") != 0)) {
		fprintf(stderr, "usage: bench_walk floor | walk LIMIT\n");
		return EXIT_FAILURE;
	}
	if (!floor)
		settings.flows_limit = strtoull(argv[2], NULL, 10);
	collector_context_init(&ctx, &settings);
	ctx.deadline_ns = clock_monotonic_ns() + TIMEOUT_S * NSEC_PER_SEC;
	r = floor ? run_floor(&ctx, &flows) : run_walk(&ctx, &flows);
	collector_context_finish(&ctx);
	if (r != 0) {
		fprintf(stderr, "bench_walk: %s: %s\n", argv[1], strerror(-r));
		return EXIT_FAILURE;
	}
	printf("%" PRIu64 "\n", flows);
	return EXIT_SUCCESS;
}
