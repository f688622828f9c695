/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The verdict over all evidence there can be, and the watch fed with messages as the kernel writes
 * them.
 */

#include "unit.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "../../collectors/tracking.h"
#include "flow_message.h"

#define YES TRACKING_ACTIVE
#define NO TRACKING_INACTIVE
#define OPEN TRACKING_UNKNOWN

/* What must be said, evidence by evidence, in the words of tracking.h. */
static enum tracking expected(const struct tracking_evidence *e)
{
	const bool seen_fresh = e->walked && e->fresh, seen_none = e->walked && !e->flows;

	if (!e->loaded)
		return NO;
	if (seen_fresh)
		return YES;
	if (e->rules == NO && !(e->connection == YES && !e->walked))
		return NO;
	if (e->rules == NO)
		return OPEN;
	if (e->connection == YES)
		return YES;
	return e->connection == NO && (!e->walked || seen_none) ? (seen_none ? NO : OPEN) : OPEN;
}

static void every_evidence_is_judged(_unused_ void **state)
{
	int n[N_TRACKINGS] = { 0 };

	for (int i = 0; i < 16 * N_TRACKINGS * N_TRACKINGS; i++) {
		const struct tracking_evidence evidence = {
			.loaded = i & 1,
			.walked = i & 2,
			.fresh = i & 4,
			.flows = i & 8,
			.connection = i / 16 % N_TRACKINGS,
			.rules = i / 16 / N_TRACKINGS,
		};
		const enum tracking have = tracking_decide(&evidence);

		assert_int_equal(have, expected(&evidence));
		n[have]++;
	}
	/*
	 * Of 144: not loaded, 72 no. Loaded and fresh, 18 yes. Of the other 54, 18 without rules:
	 * 14 no and 4 open. Of the last 36, 12 of each connection: unknown is open, in the table is
	 * yes, not there is no for the 2 that walked over no flow.
	 */
	assert_int_equal(n[TRACKING_INACTIVE], 72 + 14 + 2);
	assert_int_equal(n[TRACKING_ACTIVE], 18 + 12);
	assert_int_equal(n[TRACKING_UNKNOWN], 4 + 12 + 10);
}

/* What users meet, each with why. */
static void the_usual_hosts(_unused_ void **state)
{
	static const struct {
		struct tracking_evidence evidence;
		enum tracking expected;
	} hosts[] = {
		/* Nobody loaded it. */
		{ { .loaded = false }, NO },
		/* Nothing is known but that it is there. */
		{ { .loaded = true }, OPEN },
		/* A ruleset that tracks, and traffic. */
		{ { true, YES, true, true, true, YES }, YES },
		/* No ruleset, and nothing in the table. */
		{ { true, OPEN, true, false, false, NO }, NO },
		/* Rules deleted, flows and the scraper's connection left over. */
		{ { true, YES, true, false, true, NO }, NO },
		/* enable_hooks, and nobody walks: no ruleset, but a connection in the table. */
		{ { true, YES, false, false, false, NO }, OPEN },
		/* The scrape is exempt, others are not. */
		{ { true, NO, true, false, true, YES }, OPEN },
		/* A ruleset that tracks nothing. */
		{ { true, NO, true, false, false, YES }, NO },
		/* The same without the right to walk: the scrape may be exempt. */
		{ { true, NO, false, false, false, OPEN }, OPEN },
		{ { true, YES, false, false, false, OPEN }, YES },
		/* Rules, and nobody talked yet. */
		{ { true, OPEN, true, false, false, YES }, OPEN },
	};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		assert_int_equal(tracking_decide(&hosts[i].evidence), hosts[i].expected);
}

/* One flow, as a message. */
struct made {
	uint8_t family, protocol, tcp_state;
	uint32_t timeout;
	uint32_t status;
	enum { SYNPROXY_NONE, SYNPROXY_LAST, SYNPROXY_BEFORE_TIMEOUT, SYNPROXY_LOOKALIKE } synproxy;
	uint8_t flags[2]; /* IP_CT_TCP_FLAG_* of both directions */
	bool without_timeout, without_status;
};

static void put_tcp(struct message *m, const struct made *made)
{
	const size_t info = message_nest(m, CTA_PROTOINFO);
	const size_t tcp = message_nest(m, CTA_PROTOINFO_TCP);
	const struct nf_ct_tcp_flags original = { made->flags[0], 0 },
				     reply = { made->flags[1], 0 };

	message_put_u8(m, CTA_PROTOINFO_TCP_STATE, made->tcp_state);
	message_put(m, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, &original, sizeof(original));
	message_put(m, CTA_PROTOINFO_TCP_FLAGS_REPLY, &reply, sizeof(reply));
	message_nest_end(m, tcp);
	message_nest_end(m, info);
}

/* As ctnetlink_dump_ct_synproxy() does. */
static void put_synproxy(struct message *m)
{
	const size_t before = m->header.nlmsg_len;
	const size_t synproxy = message_nest(m, CTA_SYNPROXY | NLA_F_NESTED);

	message_put_be32(m, CTA_SYNPROXY_ISN, 0);
	message_put_be32(m, CTA_SYNPROXY_ITS, 0);
	message_put_be32(m, CTA_SYNPROXY_TSOFF, 0);
	message_nest_end(m, synproxy);
	assert_int_equal(m->header.nlmsg_len - before, 28);
}

/* A label whose bytes are those that the attribute above has. */
static void put_lookalike(struct message *m)
{
	const size_t label = message_nest(m, CTA_LABELS);

	put_synproxy(m);
	message_nest_end(m, label);
}

static void make(struct message *m, const struct made *made)
{
	const uint8_t family = made->family ? made->family : AF_INET;
	const struct recipe recipe = { .family = family, .protocol = made->protocol };

	message_start_conntrack(m, IPCTNL_MSG_CT_NEW, family, 0);
	flow_message_put_part(m, &recipe, PART_ORIGINAL);
	flow_message_put_part(m, &recipe, PART_REPLY);
	if (!made->without_status)
		message_put_be32(m, CTA_STATUS, made->status);
	if (made->synproxy == SYNPROXY_BEFORE_TIMEOUT)
		put_synproxy(m);
	if (!made->without_timeout)
		message_put_be32(m, CTA_TIMEOUT, made->timeout);
	if (made->protocol == IPPROTO_TCP)
		put_tcp(m, made);
	if (made->synproxy == SYNPROXY_LAST)
		put_synproxy(m);
	if (made->synproxy == SYNPROXY_LOOKALIKE)
		put_lookalike(m);
}

/* The defaults of the kernel, each known. */
static void set_defaults(struct settings *settings)
{
	static const uint64_t seconds[N_TIMEOUT_SETTINGS] = {
		[TIMEOUT_TCP_SYN_SENT] = 120,
		[TIMEOUT_TCP_SYN_RECV] = 60,
		[TIMEOUT_TCP_ESTABLISHED] = 432000,
		[TIMEOUT_TCP_FIN_WAIT] = 120,
		[TIMEOUT_TCP_CLOSE_WAIT] = 60,
		[TIMEOUT_TCP_LAST_ACK] = 30,
		[TIMEOUT_TCP_TIME_WAIT] = 120,
		[TIMEOUT_TCP_CLOSE] = 10,
		[TIMEOUT_TCP_MAX_RETRANS] = 300,
		[TIMEOUT_TCP_UNACKNOWLEDGED] = 300,
		[TIMEOUT_UDP_UNREPLIED] = 30,
		[TIMEOUT_UDP_STREAM] = 120,
		[TIMEOUT_ICMP] = 30,
		[TIMEOUT_ICMPV6] = 31,
	};

	for (int i = 0; i < N_TIMEOUT_SETTINGS; i++)
		if (seconds[i])
			settings->timeout_s[i] = reading(seconds[i]);
}

static void feed(struct tracking_watch *watch, const struct made *made)
{
	const struct walk_consumer consumer = tracking_consumer(watch);
	struct message m;
	const struct walk_view view = { .message = &m.header };
	struct flow flow;

	make(&m, made);
	flow_parse_exact(&m, &flow);
	consumer.add(consumer.state, &flow, &view);
}

/* Whether this one flow, alone, is fresh. */
static bool is_fresh(const struct made *made)
{
	struct tracking_watch watch = { 0 };
	const int family = made->family == AF_INET6 ? FLOW_IPV6 : FLOW_IPV4;

	set_defaults(&watch.settings);
	feed(&watch, made);
	assert_true(watch.flows[family]);
	assert_false(watch.flows[!family]);
	assert_false(watch.fresh[!family]);
	return watch.fresh[family];
}

/* Fresh from the full timeout down to TRACKING_FRESH_S less, and nowhere else. */
static void check_window(struct made made, uint32_t full)
{
	for (uint32_t left = full > 400 ? full - 20 : 0; left <= full + 400; left++) {
		made.timeout = left;
		assert_int_equal(is_fresh(&made), left <= full && left + TRACKING_FRESH_S >= full);
	}
	for (int i = 0; i < 2; i++) {
		made.timeout = i ? UINT32_MAX : UINT32_MAX - TRACKING_FRESH_S;
		assert_false(is_fresh(&made));
	}
}

static void each_protocol_by_its_own_timeout(_unused_ void **state)
{
	static const uint32_t tcp[] = {
		[FLOW_TCP_SYN_SENT] = 120,	 [FLOW_TCP_SYN_RECV] = 60,
		[FLOW_TCP_ESTABLISHED] = 432000, [FLOW_TCP_FIN_WAIT] = 120,
		[FLOW_TCP_CLOSE_WAIT] = 60,	 [FLOW_TCP_LAST_ACK] = 30,
		[FLOW_TCP_TIME_WAIT] = 120,	 [FLOW_TCP_CLOSE] = 10,
		[FLOW_TCP_SYN_SENT2] = 120,
	};

	assert_int_equal(TRACKING_FRESH_S, 3);
	for (uint8_t i = FLOW_TCP_SYN_SENT; i < ARRAY_SIZE(tcp); i++)
		check_window((struct made){ .protocol = IPPROTO_TCP, .tcp_state = i }, tcp[i]);
	check_window((struct made){ .protocol = IPPROTO_UDP }, 30);
	check_window((struct made){ .protocol = IPPROTO_UDP, .status = IPS_SEEN_REPLY }, 30);
	check_window(
		(struct made){ .protocol = IPPROTO_UDP, .status = IPS_SEEN_REPLY | IPS_ASSURED },
		120);
	check_window((struct made){ .protocol = IPPROTO_ICMP }, 30);
	check_window((struct made){ .family = AF_INET6, .protocol = IPPROTO_ICMPV6 }, 31);
}

/* On their way down idle flows pass what others begin at. */
static void an_idle_flow_is_never_fresh(_unused_ void **state)
{
	struct made tcp = { .protocol = IPPROTO_TCP, .tcp_state = FLOW_TCP_ESTABLISHED };
	struct made udp = { .protocol = IPPROTO_UDP, .status = IPS_SEEN_REPLY | IPS_ASSURED };

	for (uint32_t left = 0; left < 432000 - TRACKING_FRESH_S; left += left < 500 ? 1 : 997) {
		tcp.timeout = left;
		assert_false(is_fresh(&tcp));
	}
	for (udp.timeout = 0; udp.timeout < 120 - TRACKING_FRESH_S; udp.timeout++)
		assert_false(is_fresh(&udp));
}

/* Data that nobody acknowledged yet holds a connection for a shorter time. */
static void data_on_its_way(_unused_ void **state)
{
	for (int direction = 0; direction < 2; direction++) {
		struct made made = { .protocol = IPPROTO_TCP, .tcp_state = FLOW_TCP_ESTABLISHED };

		made.flags[direction] = IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
		check_window(made, 300);
		made.flags[direction] = (uint8_t)~IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED;
		made.timeout = 300;
		assert_false(is_fresh(&made));
	}
	assert_false(is_fresh(&(struct made){
		.protocol = IPPROTO_UDP, .timeout = 300, .status = IPS_SEEN_REPLY | IPS_ASSURED }));
}

static void flows_that_tools_insert_prove_nothing(_unused_ void **state)
{
	struct made made = { .protocol = IPPROTO_UDP, .timeout = 30 };

	assert_true(is_fresh(&made));
	made.synproxy = SYNPROXY_LAST;
	assert_false(is_fresh(&made));
	/* The order of Linux 5.4. */
	made.synproxy = SYNPROXY_BEFORE_TIMEOUT;
	assert_false(is_fresh(&made));
}

/* One whose message only ends as if a tool had inserted it: the next one settles it. */
static void a_message_that_looks_like_it_is_passed_over(_unused_ void **state)
{
	struct made made = { .protocol = IPPROTO_UDP,
			     .timeout = 30,
			     .synproxy = SYNPROXY_LOOKALIKE };
	struct tracking_watch watch = { 0 };

	assert_false(is_fresh(&made));
	set_defaults(&watch.settings);
	feed(&watch, &made);
	made.synproxy = SYNPROXY_NONE;
	feed(&watch, &made);
	assert_true(watch.fresh[FLOW_IPV4]);
}

static void what_is_not_told_judges_nothing(_unused_ void **state)
{
	static const struct made flows[] = {
		{ .protocol = IPPROTO_UDP, .without_timeout = true },
		{ .protocol = IPPROTO_UDP, .timeout = 30, .without_status = true },
		{ .protocol = IPPROTO_TCP, .timeout = 120, .tcp_state = FLOW_TCP_NONE },
		{ .protocol = IPPROTO_TCP, .timeout = 120, .tcp_state = 200 },
		{ .protocol = IPPROTO_SCTP, .timeout = 30 },
		{ .protocol = IPPROTO_GRE, .timeout = 30 },
		{ .protocol = 99, .timeout = 600 },
	};
	struct tracking_watch watch = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(flows); i++)
		assert_false(is_fresh(&flows[i]));
	/* No timeout is known: a flow is there, that is all. */
	for (uint32_t left = 0; left < 200; left++)
		feed(&watch, &(struct made){ .protocol = IPPROTO_UDP, .timeout = left });
	assert_true(watch.flows[FLOW_IPV4]);
	assert_false(watch.fresh[FLOW_IPV4]);
}

static void families_stay_apart(_unused_ void **state)
{
	const struct made ipv4 = { .protocol = IPPROTO_UDP, .timeout = 7 },
			  ipv6 = { .family = AF_INET6, .protocol = IPPROTO_UDP, .timeout = 30 };
	struct tracking_watch watch = { 0 };
	struct walk_consumer consumer;

	set_defaults(&watch.settings);
	consumer = tracking_consumer(&watch);
	feed(&watch, &ipv6);
	assert_false(watch.flows[FLOW_IPV4]);
	feed(&watch, &ipv4);
	feed(&watch, &(struct made){ .family = AF_BRIDGE, .protocol = IPPROTO_UDP, .timeout = 30 });
	assert_true(watch.flows[FLOW_IPV4] && watch.flows[FLOW_IPV6]);
	assert_false(watch.fresh[FLOW_IPV4]);
	assert_true(watch.fresh[FLOW_IPV6]);
	/* One that is old does not take it back; a new walk begins anew, with the same timeouts. */
	feed(&watch, &(struct made){ .family = AF_INET6, .protocol = IPPROTO_UDP, .timeout = 1 });
	assert_true(watch.fresh[FLOW_IPV6]);
	consumer.reset(consumer.state);
	assert_false(watch.flows[FLOW_IPV4] || watch.flows[FLOW_IPV6]);
	assert_false(watch.fresh[FLOW_IPV4] || watch.fresh[FLOW_IPV6]);
	feed(&watch, &ipv6);
	assert_true(watch.fresh[FLOW_IPV6]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_evidence_is_judged),
		cmocka_unit_test(the_usual_hosts),
		cmocka_unit_test(each_protocol_by_its_own_timeout),
		cmocka_unit_test(an_idle_flow_is_never_fresh),
		cmocka_unit_test(data_on_its_way),
		cmocka_unit_test(flows_that_tools_insert_prove_nothing),
		cmocka_unit_test(a_message_that_looks_like_it_is_passed_over),
		cmocka_unit_test(what_is_not_told_judges_nothing),
		cmocka_unit_test(families_stay_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
