/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Passes over the conntrack table of this network namespace, for tests/bench/run to time. Prints
 * the flows read, or the sockets looked up. Where a number of passes is given, it makes so many,
 * one for each request of a server, and prints the seconds that one took: wall, user, system; and
 * the peak resident KiB.
 */

#include <errno.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "../../collectors/collector.h"
#include "../../collectors/join.h"
#include "../../exporter/util.h"

#define TIMEOUT_S 600
#define LARGE_READ 32768
#define TCP_STATES_ALL 0xffe /* from 1, ESTABLISHED, to 11, CLOSING */

static int count_message(void *ctx, _unused_ const struct nlmsghdr *message)
{
	++*(uint64_t *)ctx;
	return 0;
}

static int count_received(_unused_ const struct nlmsghdr *message, void *ctx)
{
	++*(uint64_t *)ctx;
	return MNL_CB_OK;
}

static int run_floor(struct collector_context *ctx, uint64_t *ret)
{
	return netlink_query_conntrack(&ctx->netlink, NETLINK_CONNTRACK_FLOWS, ctx->deadline_ns,
				       count_message, ret);
}

/* The same in the largest reads that the kernel fills, which take least CPU time. */
static int run_floor_large(_unused_ struct collector_context *ctx, uint64_t *ret)
{
	static char buffer[LARGE_READ] __attribute__((aligned(8)));
	struct mnl_socket *socket = mnl_socket_open(NETLINK_NETFILTER);
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	int more = 1;

	request->nlmsg_type = netlink_queries[NETLINK_CONNTRACK_FLOWS].type;
	request->nlmsg_flags = netlink_queries[NETLINK_CONNTRACK_FLOWS].flags;
	(void)mnl_nlmsg_put_extra_header(request, sizeof(struct nfgenmsg));
	if (!socket || mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
		return -errno;
	while (more > 0) {
		ssize_t n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		more = n < 0 ? -1 : mnl_cb_run(buffer, (size_t)n, 0, 0, count_received, ret);
	}
	if (more < 0)
		return -errno;
	(void)mnl_socket_close(socket);
	return 0;
}

static int run_survey(struct collector_context *ctx, uint32_t parts, uint64_t *ret)
{
	const struct survey *survey;
	int r = survey_get(ctx, parts, &survey);

	if (r == 0)
		*ret = survey->counts.visited;
	return r == 0 ? survey->join_error : r;
}

static int run_walk(struct collector_context *ctx, uint64_t *ret)
{
	return run_survey(ctx, 0, ret);
}

static int run_join(struct collector_context *ctx, uint64_t *ret)
{
	return run_survey(ctx, SURVEY_JOIN, ret);
}

static int run_talkers(struct collector_context *ctx, uint64_t *ret)
{
	return run_survey(ctx, SURVEY_TALKERS, ret);
}

static int run_all(struct collector_context *ctx, uint64_t *ret)
{
	return run_survey(ctx, SURVEY_JOIN | SURVEY_TALKERS, ret);
}

/* What the join does before the walk: the sockets' dump and a lookup for each. */
static int run_lookups(struct collector_context *ctx, uint64_t *ret)
{
	struct join *join;
	int r = join_create(ctx, &join);

	if (r < 0)
		return r;
	*ret = join->connections.n;
	join_destroy(join);
	return 0;
}

/* The dump of the TCP sockets of both families, by the request that the exporter sends. */
static int run_sockets_floor(struct collector_context *ctx, uint64_t *ret)
{
	const struct inet_diag_req request = { .idiag_states = TCP_STATES_ALL };

	return netlink_query(&ctx->netlink, NETLINK_TCP_SOCKETS, &request, sizeof(request),
			     ctx->deadline_ns, count_message, ret);
}

/* A dump of each, as ss and others ask for them. */
static int run_sockets_two(struct collector_context *ctx, uint64_t *ret)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
		const struct inet_diag_req_v2 request = {
			.sdiag_family = families[i],
			.sdiag_protocol = IPPROTO_TCP,
			.idiag_states = TCP_STATES_ALL,
		};

		r = netlink_query(&ctx->netlink, NETLINK_SOCKETS, &request, sizeof(request),
				  ctx->deadline_ns, count_message, ret);
	}
	return r;
}

static int run_dump(struct collector_context *ctx, bool ports, uint64_t *ret)
{
	const struct socket_dump *dump;

	socket_dump_get(ctx, ports, &dump);
	for (int family = 0; family < N_FLOW_FAMILIES; family++)
		for (int state = 0; state < N_TCP_SOCKET_STATES; state++)
			*ret += dump->counts.tcp[family][state];
	return dump->error;
}

static int run_sockets(struct collector_context *ctx, uint64_t *ret)
{
	return run_dump(ctx, false, ret);
}

static int run_ports(struct collector_context *ctx, uint64_t *ret)
{
	return run_dump(ctx, true, ret);
}

static const struct {
	const char *name;
	int (*run)(struct collector_context *ctx, uint64_t *ret);
} modes[] = {
	{ "floor-large", run_floor_large }, /* receives the dump and throws it away */
	{ "floor", run_floor },		    /* in the exporter's reads */
	{ "walk", run_walk },		    /* and counts */
	{ "join", run_join },		    /* and joins with the sockets */
	{ "talkers", run_talkers },
	{ "all", run_all },
	{ "lookups", run_lookups },
	{ "sockets-floor", run_sockets_floor }, /* receives their dump and throws it away */
	{ "sockets-two", run_sockets_two },	/* likewise, a dump for each family */
	{ "sockets", run_sockets },		/* and counts states */
	{ "ports", run_ports },			/* and finds who uses most ports */
};

struct spent {
	double wall_s, user_s, system_s;
};

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static struct spent spent_until_now(void)
{
	struct rusage used;

	(void)getrusage(RUSAGE_SELF, &used);
	return (struct spent){ (double)clock_monotonic_ns() / NSEC_PER_SEC, seconds(used.ru_utime),
			       seconds(used.ru_stime) };
}

/* Of this program alone: getrusage() knows of what started it, too. 0 where it cannot be told. */
static long peak_resident_kib(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	long kib = 0;

	while (status && kib == 0 && fgets(line, sizeof(line), status))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	if (status)
		(void)fclose(status);
	return kib;
}

static int run_passes(size_t mode, struct collector_context *ctx, uint64_t passes, uint64_t *ret)
{
	int r = 0;

	while (r == 0 && passes--) {
		*ret = 0;
		ctx->request++;
		ctx->deadline_ns = clock_monotonic_ns() + TIMEOUT_S * NSEC_PER_SEC;
		r = modes[mode].run(ctx, ret);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct collector_settings settings = { .procfs = "/proc" };
	struct collector_context ctx;
	struct spent start, end;
	uint64_t count = 0, passes = 1;
	size_t mode = 0;
	int r;

	while (argc >= 4 && mode < ARRAY_SIZE(modes) && strcmp(modes[mode].name, argv[1]) != 0)
		mode++;
	if (argc < 4 || argc > 5 || mode == ARRAY_SIZE(modes)) {
		fprintf(stderr,
			"usage: bench_walk floor-large|floor|walk|join|talkers|all|lookups|sockets-floor|"
			"sockets-two|sockets|ports FLOWS-LIMIT LOOKUPS-LIMIT [PASSES]\n");
		return EXIT_FAILURE;
	}
	settings.flows_limit = strtoull(argv[2], NULL, 10);
	settings.correlation_lookups = strtoull(argv[3], NULL, 10);
	if (argc == 5)
		passes = strtoull(argv[4], NULL, 10);
	collector_context_init(&ctx, &settings);
	start = spent_until_now();
	r = run_passes(mode, &ctx, passes, &count);
	end = spent_until_now();
	collector_context_finish(&ctx);
	if (r != 0) {
		fprintf(stderr, "bench_walk: %s: %s\n", argv[1], strerror(-r));
		return EXIT_FAILURE;
	}
	printf("%" PRIu64 "\n", count);
	if (argc == 5)
		printf("%.9f %.9f %.9f %ld\n", (end.wall_s - start.wall_s) / (double)passes,
		       (end.user_s - start.user_s) / (double)passes,
		       (end.system_s - start.system_s) / (double)passes, peak_resident_kib());
	return EXIT_SUCCESS;
}
