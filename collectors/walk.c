/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Fetch stage of the walk. Kernel facts shape it:
 * - ctnetlink never sets NLM_F_DUMP_INTR. A resize of the hash table during the dump makes it list
 *   flows twice or leave many out, without a sign; only nf_conntrack_buckets before and after
 * tells.
 * - The dump removes expired entries as it meets them, so the number of entries is read first.
 * - A dump that lists nothing walks the whole hash table, which all network namespaces share, in
 * one system call with softirqs off. Where this namespace has no entries the dump is not asked for.
 */

#include "walk.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <time.h>

#include "../exporter/log.h"
#include "../exporter/util.h"
#include "address_set.h"
#include "collector.h"
#include "table_parse.h"

/*
 * A resize or a lost message is rare; twice in a row it is the state of this host, and a marked
 * answer serves better.
 */
#define WALK_ATTEMPTS 3

struct pass {
	const struct walk_consumer *consumers, *consumers_end;
	uint64_t visited;
	struct address_set own;
	uint64_t limit; /* UINT64_MAX: none */
	uint64_t deadline_ns;
	/* Here, so that nothing is cleared for each message. */
	struct walk_view view;
	struct flow flow;
};

enum { PASS_LIMIT_REACHED = 1 };

static int pass_add(void *ctx, const struct nlmsghdr *message)
{
	struct pass *pass = ctx;

	if (pass->visited == pass->limit)
		return PASS_LIMIT_REACHED;
	/* No flow: what else is in this buffer is not known either. */
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return -EBADMSG;
	pass->visited++;
	pass->view.message = message;
	flow_parse(message, &pass->flow);
	for (const struct walk_consumer *c = pass->consumers; c < pass->consumers_end; c++)
		c->add(c->state, &pass->flow, &pass->view);
	return 0;
}

static void pass_reset(struct pass *pass)
{
	pass->visited = 0;
	pass->view.own = &pass->own;
	address_set_finish(&pass->own);
	for (const struct walk_consumer *c = pass->consumers; c < pass->consumers_end; c++)
		c->reset(c->state);
}

/* 0 where the kernel does not tell. */
static uint64_t read_buckets(struct collector_context *ctx)
{
	uint64_t buckets = 0;

	(void)sysctls_read(&ctx->sysctls, ctx->settings->procfs, SYSCTL_BUCKETS, &buckets);
	return buckets;
}

/*
 * One dump. Returns 0 when it is complete, PASS_LIMIT_REACHED, or a negative errno: -ESTALE when
 * the hash table was resized meanwhile.
 */
static int pass_run(struct collector_context *ctx, struct pass *pass)
{
	uint64_t before;
	int r;

	pass_reset(pass);
	r = address_set_fetch(&pass->own, &ctx->netlink, pass->deadline_ns);
	if (r < 0)
		return r;
	before = read_buckets(ctx);
	r = collector_query_conntrack(ctx, NETLINK_CONNTRACK_FLOWS, pass->deadline_ns, pass_add,
				      pass);
	return r >= 0 && before != read_buckets(ctx) ? -ESTALE : r;
}

static bool is_worth_retrying(int error)
{
	return error == -ESTALE || error == -EINTR || error == -ENOBUFS;
}

/*
 * What a pass has seen is lost to the next one: where that may not come as far, the marked answer
 * is kept.
 */
static int pass_run_retrying(struct collector_context *ctx, struct pass *pass)
{
	uint64_t started_ns, now_ns = clock_monotonic_ns();
	int r, attempts = 0;

	do {
		started_ns = now_ns;
		r = pass_run(ctx, pass);
		now_ns = clock_monotonic_ns();
	} while (++attempts < WALK_ATTEMPTS && is_worth_retrying(r) &&
		 now_ns + (now_ns - started_ns) < pass->deadline_ns);
	return r;
}

static double realtime_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Three quarters of the time that is left. */
uint64_t walk_deadline(uint64_t now_ns, uint64_t deadline_ns)
{
	return deadline_ns > now_ns ? now_ns + (deadline_ns - now_ns) / 4 * 3 : deadline_ns;
}

/* r is pass_run()'s value. */
static void summarize(const struct pass *pass, int r, uint64_t started_ns, uint64_t entries,
		      struct walk_summary *ret)
{
	const uint64_t finished_ns = clock_monotonic_ns();

	*ret = (struct walk_summary){
		.visited = pass->visited,
		.entries = entries,
		.complete = r == 0,
		.cut = r == -ETIME,
		.available_ns = pass->deadline_ns > started_ns ? pass->deadline_ns - started_ns : 0,
		.duration_ns = finished_ns - started_ns,
		.finished_ns = finished_ns,
		.timestamp_s = realtime_s(),
	};
}

int walk_run(struct collector_context *ctx, const struct walk_consumer *consumers, size_t n,
	     struct walk_summary *ret)
{
	const uint64_t started_ns = clock_monotonic_ns();
	const uint64_t limit = ctx->settings->flows_limit;
	struct pass pass = { .consumers = consumers,
			     .consumers_end = consumers + n,
			     .limit = limit ? limit : UINT64_MAX };
	struct table_stats stats = { 0 };
	int r = table_stats_fetch(ctx, &stats);

	if (r < 0)
		return r;
	pass_reset(&pass);
	pass.deadline_ns = walk_deadline(started_ns, ctx->deadline_ns);
	if (!stats.has_entries || stats.entries > 0)
		r = pass_run_retrying(ctx, &pass);
	if (r >= 0 || (pass.visited > 0 && r != -ETIMEDOUT)) {
		summarize(&pass, r, started_ns, stats.entries, ret);
		if (r < 0)
			log_debug("Walk incomplete", "err", errno_text(r));
		r = 0;
	}
	address_set_finish(&pass.own);
	return r;
}
