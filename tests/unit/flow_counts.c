/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <linux/netfilter/nf_conntrack_common.h>

#include "own_addresses.h"

static struct flow udp_flow(void)
{
	return (struct flow){
		.has = HAS_UDP,
		.family = FLOW_IPV4,
		.protocol = FLOW_UDP,
		.timeout_s = 30,
		.original.source = address_of("192.0.2.1"),
		.reply.source = address_of("198.51.100.2"),
	};
}

static struct flow tcp_flow(enum flow_family family, enum flow_tcp_state tcp_state)
{
	struct flow flow = udp_flow();

	flow.has = HAS_TCP;
	flow.family = (uint8_t)family;
	flow.protocol = FLOW_TCP;
	flow.tcp_state = (uint8_t)tcp_state;
	return flow;
}

static void paths(void **state)
{
	static const struct {
		const char *initiator, *responder;
		enum flow_path path;
	} cases[] = {
		{ "198.51.100.2", "192.0.2.1", FLOW_INBOUND },
		{ "192.0.2.1", "198.51.100.2", FLOW_OUTBOUND },
		{ "192.0.2.1", "192.0.2.1", FLOW_LOOPBACK },
		{ "198.51.100.2", "203.0.113.3", FLOW_FORWARDED },
		{ "2001:db8::9", "2001:db8::1", FLOW_INBOUND },
		{ "2001:db8::1", "2001:db8::9", FLOW_OUTBOUND },
		{ "2001:db8::1", "2001:db8::1", FLOW_LOOPBACK },
		{ "2001:db8::8", "2001:db8::9", FLOW_FORWARDED },
		/* Loopback addresses are this host's. */
		{ "127.0.0.1", "127.0.0.53", FLOW_LOOPBACK },
		{ "::1", "::1", FLOW_LOOPBACK },
		{ "127.0.0.1", "192.0.2.1", FLOW_LOOPBACK },
		{ "127.0.0.1", "198.51.100.2", FLOW_OUTBOUND },
		/* Groups and the broadcast address end here when others send. */
		{ "198.51.100.2", "224.0.0.251", FLOW_INBOUND },
		{ "192.0.2.1", "224.0.0.251", FLOW_OUTBOUND },
		{ "198.51.100.2", "255.255.255.255", FLOW_INBOUND },
		{ "0.0.0.0", "255.255.255.255", FLOW_INBOUND },
		{ "192.0.2.1", "255.255.255.255", FLOW_OUTBOUND },
		{ "2001:db8::9", "ff02::fb", FLOW_INBOUND },
		{ "2001:db8::1", "ff02::fb", FLOW_OUTBOUND },
		/* An IPv4 address in IPv6 clothes is the same address. */
		{ "::ffff:192.0.2.1", "198.51.100.2", FLOW_OUTBOUND },
		{ "198.51.100.2", "::ffff:192.0.2.1", FLOW_INBOUND },
		{ "::192.0.2.1", "198.51.100.2", FLOW_FORWARDED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct address initiator = address_of(cases[i].initiator);
		const struct address responder = address_of(cases[i].responder);

		assert_int_equal(flow_path(&initiator, &responder, *state), cases[i].path);
	}
}

static void a_whole_udp_flow_in_every_breakdown(void **state)
{
	struct flow_counts counts = { 0 }, expected = {
		.visited = 1,
		.by_protocol = { [FLOW_IPV4] = { [FLOW_UDP] = 1 } },
		.by_reply = { [FLOW_UDP] = { [FLOW_UNREPLIED] = 1 } },
		.by_path = { [FLOW_OUTBOUND] = 1 },
		.by_nat = { [FLOW_NAT_NONE] = 1 },
		.expiring = { 0, 1, 1, 1, 1 },
	};
	const struct flow flow = udp_flow();

	flow_counts_add(&counts, &flow, *state);
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

static void a_whole_tcp_flow_in_every_breakdown(void **state)
{
	struct flow_counts counts = { 0 }, expected = {
		.visited = 1,
		.by_protocol = { [FLOW_IPV6] = { [FLOW_TCP] = 1 } },
		.by_tcp_state = { [FLOW_IPV6] = { [FLOW_TCP_ESTABLISHED] = 1 } },
		.by_reply = { [FLOW_TCP] = { [FLOW_ASSURED] = 1 } },
		.by_path = { [FLOW_INBOUND] = 1 },
		.by_nat = { [FLOW_NAT_DESTINATION] = 1 },
		.established_hours_left = { [119] = 1 },
	};
	struct flow flow = tcp_flow(FLOW_IPV6, FLOW_TCP_ESTABLISHED);

	flow.status = IPS_SEEN_REPLY | IPS_ASSURED | IPS_DST_NAT | IPS_NAT_DONE_MASK;
	flow.timeout_s = 431999;
	flow.original.source = address_of("2001:db8::9");
	flow.reply.source = address_of("2001:db8::1");
	flow_counts_add(&counts, &flow, *state);
	assert_memory_equal(&counts, &expected, sizeof(counts));
}

static void every_protocol_and_state_has_its_place(void **state)
{
	struct flow_counts counts = { 0 };

	for (uint8_t family = 0; family < N_FLOW_FAMILIES; family++) {
		for (uint8_t protocol = 0; protocol < N_FLOW_PROTOCOLS; protocol++) {
			struct flow flow = udp_flow();

			flow.family = family;
			flow.protocol = protocol;
			flow.tcp_state = FLOW_TCP_CLOSE;
			flow.has = HAS_TCP;
			flow_counts_add(&counts, &flow, *state);
			assert_int_equal(counts.by_protocol[family][protocol], 1);
		}
		for (uint8_t i = 0; i < N_FLOW_TCP_STATES; i++) {
			const struct flow flow = tcp_flow(family, i);

			flow_counts_add(&counts, &flow, *state);
			assert_int_equal(counts.by_tcp_state[family][i],
					 i == FLOW_TCP_CLOSE ? 2 : 1);
		}
	}
	assert_int_equal(counts.missing, 0);
}

static void replies(void **state)
{
	static const struct {
		uint32_t status;
		enum flow_reply reply;
	} cases[] = {
		{ 0, FLOW_UNREPLIED },
		{ IPS_CONFIRMED, FLOW_UNREPLIED },
		{ IPS_CONFIRMED | IPS_SEEN_REPLY, FLOW_REPLIED },
		{ IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED, FLOW_ASSURED },
		/* Only assured entries are safe from early_drop, replied to or not. */
		{ IPS_ASSURED, FLOW_ASSURED },
		{ ~(uint32_t)(IPS_SEEN_REPLY | IPS_ASSURED), FLOW_UNREPLIED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_counts counts = { 0 };
		struct flow flow = udp_flow();

		flow.status = cases[i].status;
		flow_counts_add(&counts, &flow, *state);
		for (int reply = 0; reply < N_FLOW_REPLIES; reply++)
			assert_int_equal(counts.by_reply[FLOW_UDP][reply],
					 reply == (int)cases[i].reply);
	}
}

static void address_translation(void **state)
{
	static const struct {
		uint32_t status;
		enum flow_nat nat;
	} cases[] = {
		{ 0, FLOW_NAT_NONE },
		/* A nat table was asked and changed nothing. */
		{ IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE, FLOW_NAT_NONE },
		{ IPS_SRC_NAT, FLOW_NAT_SOURCE },
		{ IPS_DST_NAT, FLOW_NAT_DESTINATION },
		{ IPS_SRC_NAT | IPS_DST_NAT, FLOW_NAT_BOTH },
		{ IPS_SRC_NAT | IPS_NAT_DONE_MASK | IPS_ASSURED, FLOW_NAT_SOURCE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_counts counts = { 0 };
		struct flow flow = udp_flow();

		flow.status = cases[i].status;
		flow_counts_add(&counts, &flow, *state);
		for (int nat = 0; nat < N_FLOW_NATS; nat++)
			assert_int_equal(counts.by_nat[nat], nat == (int)cases[i].nat);
	}
}

static void offload(void **state)
{
	static const struct {
		uint32_t status;
		uint64_t software, hardware;
	} cases[] = {
		{ 0, 0, 0 },
		{ IPS_OFFLOAD, 1, 0 },
		{ IPS_HW_OFFLOAD, 0, 1 },
		{ IPS_OFFLOAD | IPS_HW_OFFLOAD, 0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_counts counts = { 0 };
		struct flow flow = udp_flow();

		flow.status = cases[i].status;
		flow_counts_add(&counts, &flow, *state);
		assert_int_equal(counts.offloaded[FLOW_OFFLOAD_SOFTWARE], cases[i].software);
		assert_int_equal(counts.offloaded[FLOW_OFFLOAD_HARDWARE], cases[i].hardware);
	}
}

static void expiry_at_the_limits(void **state)
{
	static const struct {
		uint32_t timeout_s;
		uint64_t expected[N_FLOW_EXPIRIES];
	} cases[] = {
		{ 0, { 1, 1, 1, 1, 1 } },     { 10, { 1, 1, 1, 1, 1 } },
		{ 11, { 0, 1, 1, 1, 1 } },    { 60, { 0, 1, 1, 1, 1 } },
		{ 61, { 0, 0, 1, 1, 1 } },    { 600, { 0, 0, 1, 1, 1 } },
		{ 601, { 0, 0, 0, 1, 1 } },   { 3600, { 0, 0, 0, 1, 1 } },
		{ 3601, { 0, 0, 0, 0, 1 } },  { 86400, { 0, 0, 0, 0, 1 } },
		{ 86401, { 0, 0, 0, 0, 0 } }, { UINT32_MAX, { 0, 0, 0, 0, 0 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_counts counts = { 0 };
		struct flow flow = udp_flow();

		flow.timeout_s = cases[i].timeout_s;
		flow_counts_add(&counts, &flow, *state);
		assert_memory_equal(counts.expiring, cases[i].expected, sizeof(counts.expiring));
	}
}

/* Only ESTABLISHED TCP flows that tell their timeout. */
static void hours_left_of_established_flows(void **state)
{
	static const struct {
		uint32_t timeout_s;
		size_t hours;
	} cases[] = {
		{ 0, 0 },	 { 3599, 0 },	  { 3600, 1 },	   { 86399, 23 },
		{ 431999, 119 }, { 432000, 120 }, { 435600, 120 }, { UINT32_MAX, 120 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow_counts counts = { 0 };
		struct flow flow = tcp_flow(FLOW_IPV4, FLOW_TCP_ESTABLISHED);

		flow.timeout_s = cases[i].timeout_s;
		flow_counts_add(&counts, &flow, *state);
		flow.has &= ~FLOW_HAS_TIMEOUT;
		flow_counts_add(&counts, &flow, *state);
		flow = tcp_flow(FLOW_IPV4, FLOW_TCP_TIME_WAIT);
		flow.timeout_s = cases[i].timeout_s;
		flow_counts_add(&counts, &flow, *state);
		for (size_t hours = 0; hours < N_FLOW_HOURS_LEFT; hours++)
			assert_int_equal(counts.established_hours_left[hours],
					 hours == cases[i].hours);
	}
}

static uint64_t sum(const uint64_t *values, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += values[i];
	return total;
}

/* Each breakdown that does without the bit still counts the flow. */
static void a_missing_bit_is_noted_and_its_breakdowns_left(void **state)
{
	static const struct {
		uint32_t bit;
		uint64_t protocol, tcp_state, reply, path, nat, expiring;
	} cases[] = {
		{ FLOW_HAS_FAMILY, 0, 0, 1, 1, 1, 1 },	  { FLOW_HAS_INITIATOR, 1, 1, 1, 0, 1, 1 },
		{ FLOW_HAS_RESPONDER, 1, 1, 1, 0, 1, 1 }, { FLOW_HAS_STATUS, 1, 1, 0, 1, 0, 1 },
		{ FLOW_HAS_TIMEOUT, 1, 1, 1, 1, 1, 0 },	  { FLOW_HAS_TCP_STATE, 1, 0, 1, 1, 1, 1 },
		{ FLOW_HAS_PROTOCOL, 0, 0, 0, 1, 1, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow flow = tcp_flow(FLOW_IPV4, FLOW_TCP_CLOSE);
		struct flow_counts counts = { 0 };

		flow.has &= ~cases[i].bit;
		flow_counts_add(&counts, &flow, *state);
		assert_int_equal(counts.missing, cases[i].bit);
		assert_int_equal(counts.visited, 1);
		assert_int_equal(counts.by_protocol[FLOW_IPV4][FLOW_TCP], cases[i].protocol);
		assert_int_equal(counts.by_tcp_state[FLOW_IPV4][FLOW_TCP_CLOSE],
				 cases[i].tcp_state);
		assert_int_equal(counts.by_reply[FLOW_TCP][FLOW_UNREPLIED], cases[i].reply);
		assert_int_equal(sum(counts.by_path, N_FLOW_PATHS), cases[i].path);
		assert_int_equal(sum(counts.by_nat, N_FLOW_NATS), cases[i].nat);
		assert_int_equal(counts.expiring[1], cases[i].expiring);
	}
}

/* An offloaded flow has no timeout, and only TCP has TCP's states. */
static void what_a_flow_need_not_have(void **state)
{
	static const uint32_t offloads[] = { IPS_OFFLOAD, IPS_HW_OFFLOAD };
	struct flow_counts counts = { 0 };
	struct flow flow;

	for (size_t i = 0; i < ARRAY_SIZE(offloads); i++) {
		flow = udp_flow();
		flow.status = offloads[i];
		flow.has &= ~FLOW_HAS_TIMEOUT;
		flow_counts_add(&counts, &flow, *state);
	}
	/* It went to the flowtable behind the status. */
	flow = tcp_flow(FLOW_IPV4, FLOW_TCP_OFFLOADED);
	flow.has &= ~FLOW_HAS_TIMEOUT;
	flow_counts_add(&counts, &flow, *state);
	flow.has &= ~FLOW_HAS_STATUS;
	flow.has &= ~FLOW_HAS_TIMEOUT;
	assert_int_equal(counts.missing, 0);
	assert_int_equal(sum(counts.expiring, N_FLOW_EXPIRIES), 0);
	flow_counts_add(&counts, &flow, *state);
	assert_int_equal(counts.missing, FLOW_HAS_STATUS);
	flow.has = 0;
	flow_counts_add(&counts, &flow, *state);
	assert_int_equal(counts.missing, HAS_UDP);
	assert_int_equal(counts.visited, 5);
}

#define own_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		own_test(paths),
		own_test(a_whole_udp_flow_in_every_breakdown),
		own_test(a_whole_tcp_flow_in_every_breakdown),
		own_test(every_protocol_and_state_has_its_place),
		own_test(replies),
		own_test(address_translation),
		own_test(offload),
		own_test(expiry_at_the_limits),
		own_test(hours_left_of_established_flows),
		own_test(a_missing_bit_is_noted_and_its_breakdowns_left),
		own_test(what_a_flow_need_not_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
