/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The flows' side of the join, while a walk feeds it. The sockets are what the test says. */

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "../../collectors/collector.h"
#include "../../collectors/join.h"
#include "address_text.h"

#define HAS                                                                              \
	(FLOW_HAS_FAMILY | FLOW_HAS_PROTOCOL | FLOW_HAS_INITIATOR | FLOW_HAS_RESPONDER | \
	 FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_TCP_STATE | FLOW_HAS_ADDRESSES |  \
	 FLOW_HAS_PORTS)

/* This host is 192.0.2.1; it dialled 198.51.100.1:80 from port 1000, and was dialled on port 22. */
static struct {
	int addresses_error, sockets_error, lookup_error;
	size_t looked_up;
	uint64_t deadlines_ns[3]; /* for the addresses, the sockets, the lookups */
} host;

int __wrap_address_set_fetch(struct address_set *set, struct netlink *nl, uint64_t deadline_ns);

int __wrap_address_set_fetch(struct address_set *set, _unused_ struct netlink *nl,
			     uint64_t deadline_ns)
{
	const struct address own = address_of("192.0.2.1");

	host.deadlines_ns[0] = deadline_ns;
	return host.addresses_error ? host.addresses_error : address_set_add(set, &own);
}

static void add_socket(struct socket_connections *connections, uint16_t local_port,
		       const char *remote, uint16_t remote_port, bool established)
{
	const struct lookup lookup = { .local = address_of("192.0.2.1"),
				       .remote = address_of(remote),
				       .local_port = local_port,
				       .remote_port = remote_port };

	assert_int_equal(socket_connections_add(connections, &lookup, established), 0);
}

int socket_dump_connections(struct collector_context *ctx, struct socket_connections *connections)
{
	host.deadlines_ns[1] = ctx->deadline_ns;
	add_socket(connections, 1000, "198.51.100.1", 80, true);
	add_socket(connections, 22, "203.0.113.1", 2000, true);
	/* Closing, and still the owner of its flow. */
	add_socket(connections, 23, "203.0.113.1", 2001, false);
	return host.sockets_error;
}

int lookup_flows(struct collector_context *ctx, struct lookup *lookups, size_t n)
{
	host.deadlines_ns[2] = ctx->deadline_ns;
	for (size_t i = 0; i < n; i++)
		lookups[i].result = LOOKUP_ESTABLISHED;
	host.looked_up += n;
	return host.lookup_error;
}

static const struct collector_settings settings = { .correlation_lookups = 100 };
static struct collector_context ctx = { .settings = &settings };

static struct join *make_join(void)
{
	struct join *join = NULL;
	struct walk_consumer consumer;

	memset(&host, 0, sizeof(host));
	assert_int_equal(join_create(&ctx, &join), 0);
	assert_int_equal(host.looked_up, 2);
	consumer = join_consumer(join);
	assert_ptr_equal(consumer.state, join);
	consumer.reset(consumer.state);
	return join;
}

static struct tuple tuple_of(const char *source, uint16_t source_port, const char *destination,
			     uint16_t destination_port)
{
	return (struct tuple){ address_of(source), address_of(destination), source_port,
			       destination_port };
}

static struct tuple reversed(const struct tuple *tuple)
{
	return (struct tuple){ tuple->destination, tuple->source, tuple->destination_port,
			       tuple->source_port };
}

static struct flow flow_of(struct tuple original)
{
	return (struct flow){ .has = HAS,
			      .protocol = FLOW_TCP,
			      .tcp_state = FLOW_TCP_ESTABLISHED,
			      .original = original,
			      .reply = reversed(&original) };
}

static struct flow dialled(void)
{
	return flow_of(tuple_of("192.0.2.1", 1000, "198.51.100.1", 80));
}

static struct flow unknown(uint32_t i)
{
	return flow_of(tuple_of("192.0.2.1", (uint16_t)i, "203.0.113.77", (uint16_t)(i >> 16)));
}

static void feed(struct join *join, const struct flow *flow)
{
	const struct walk_consumer consumer = join_consumer(join);
	const struct walk_view view = { .own = &join->own };

	consumer.add(consumer.state, flow, &view);
}

static void check_counts(const struct join *join, uint64_t present, uint64_t absent,
			 uint64_t forwarded)
{
	assert_int_equal(join->flows[JOIN_PRESENT], present);
	assert_int_equal(join->flows[JOIN_ABSENT], absent);
	assert_int_equal(join->flows[JOIN_FORWARDED], forwarded);
}

static void test_present_by_either_tuple(_unused_ void **state)
{
	struct join *join = make_join();
	struct flow flow = dialled();

	feed(join, &flow);
	check_counts(join, 1, 0, 0);
	/* Picked up in the middle: the other side spoke first. */
	flow.reply = flow.original;
	flow.original = reversed(&flow.original);
	feed(join, &flow);
	check_counts(join, 2, 0, 0);
	flow = flow_of(tuple_of("203.0.113.1", 2000, "192.0.2.1", 22));
	feed(join, &flow);
	flow = flow_of(tuple_of("203.0.113.1", 2001, "192.0.2.1", 23));
	feed(join, &flow);
	check_counts(join, 4, 0, 0);
	join_destroy(join);
}

/* A socket knows nothing of NAT; what it sends stands in one tuple, the other may be anything. */
static void test_present_under_nat(_unused_ void **state)
{
	struct join *join = make_join();
	struct flow flow = dialled();

	flow.reply = tuple_of("10.9.9.9", 8080, "100.64.0.1", 33333);
	feed(join, &flow);
	flow = flow_of(tuple_of("203.0.113.1", 2000, "100.64.0.1", 222));
	flow.reply = tuple_of("192.0.2.1", 22, "203.0.113.1", 2000);
	feed(join, &flow);
	check_counts(join, 2, 0, 0);
	join_destroy(join);
}

static void test_forwarded_and_absent(_unused_ void **state)
{
	static const struct {
		const char *source, *destination;
		enum join_socket expect;
	} cases[] = {
		{ "10.0.0.1", "10.0.0.2", JOIN_FORWARDED },
		{ "192.0.2.1", "10.0.0.2", JOIN_ABSENT },
		{ "10.0.0.1", "192.0.2.1", JOIN_ABSENT },
		{ "127.0.0.1", "127.0.0.1", JOIN_ABSENT },
		{ "2001:db8::1", "2001:db8::2", JOIN_FORWARDED },
		{ "2001:db8::1", "::1", JOIN_ABSENT },
		/* Swapped ports, and addresses that are right in the wrong order. */
		{ "198.51.100.1", "192.0.2.1", JOIN_ABSENT },
	};
	uint64_t expect[N_JOIN_SOCKETS] = { 0 };
	struct join *join = make_join();

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flow flow = flow_of(
			tuple_of(cases[i].source, 1000, cases[i].destination, 80));

		feed(join, &flow);
		expect[cases[i].expect]++;
		check_counts(join, 0, expect[JOIN_ABSENT], expect[JOIN_FORWARDED]);
	}
	/* Masqueraded: the router's own address is the reply's destination, which proves nothing.
	 */
	struct flow flow = flow_of(tuple_of("10.0.0.1", 1, "10.0.0.2", 2));

	flow.reply.destination = address_of("192.0.2.1");
	feed(join, &flow);
	check_counts(join, 0, expect[JOIN_ABSENT], expect[JOIN_FORWARDED] + 1);
	join_destroy(join);
}

static void test_other_flows_do_not_count(_unused_ void **state)
{
	struct join *join = make_join();
	struct flow flow;

	for (uint8_t tcp_state = 0; tcp_state < N_FLOW_TCP_STATES; tcp_state++) {
		flow = dialled();
		flow.tcp_state = tcp_state;
		feed(join, &flow);
	}
	check_counts(join, 1, 0, 0);
	for (uint8_t protocol = 0; protocol < N_FLOW_PROTOCOLS; protocol++) {
		flow = dialled();
		flow.protocol = protocol;
		feed(join, &flow);
	}
	check_counts(join, 2, 0, 0);
	flow = dialled();
	flow.has &= ~(uint32_t)FLOW_HAS_TCP_STATE;
	feed(join, &flow);
	flow = dialled();
	flow.has &= ~(uint32_t)FLOW_HAS_PROTOCOL;
	feed(join, &flow);
	check_counts(join, 2, 0, 0);
	assert_int_equal(join->unreadable, 0);
	join_destroy(join);
}

static void test_flows_that_cannot_be_read(_unused_ void **state)
{
	static const uint32_t missing[] = { FLOW_HAS_PORTS, FLOW_HAS_ADDRESSES,
					    FLOW_HAS_PORTS | FLOW_HAS_ADDRESSES };
	struct join *join = make_join();

	for (size_t i = 0; i < ARRAY_SIZE(missing); i++) {
		struct flow flow = dialled();

		flow.has &= ~missing[i];
		feed(join, &flow);
		assert_int_equal(join->unreadable, i + 1);
	}
	check_counts(join, 0, 0, 0);
	join_destroy(join);
}

static void test_candidates_are_what_a_socket_would_send(_unused_ void **state)
{
	struct join *join = make_join();
	struct flow flow = unknown(5);
	const struct join_candidate *candidate = &join->candidates[0];
	const struct address local = address_of("192.0.2.1"), natted = address_of("10.1.1.1");

	flow.reply.source = natted;
	flow.reply.source_port = 99;
	flow.zone = 3;
	feed(join, &flow);
	assert_int_equal(join->n_candidates, 1);
	assert_memory_equal(&candidate->by_original.local, &local, sizeof(local));
	assert_int_equal(candidate->by_original.local_port, 5);
	assert_memory_equal(&candidate->by_reply.local, &natted, sizeof(natted));
	assert_int_equal(candidate->by_reply.local_port, 99);
	assert_int_equal(candidate->by_reply.remote_port, 5);
	assert_int_equal(candidate->by_original.zone, 3);
	assert_int_equal(candidate->by_reply.zone, 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(candidate->by_original.cookie[i], LOOKUP_ANY_COOKIE);
		assert_int_equal(candidate->by_reply.cookie[i], LOOKUP_ANY_COOKIE);
	}
	join_destroy(join);
}

static void test_reset_forgets_the_walk_and_not_the_sockets(_unused_ void **state)
{
	struct join *join = make_join();
	struct flow flow = dialled(), other = unknown(1),
		    far = flow_of(tuple_of("10.0.0.1", 1, "10.0.0.2", 2)), broken = dialled();

	broken.has &= ~(uint32_t)FLOW_HAS_PORTS;
	flow.zone = 9;
	for (int round = 0; round < 3; round++) {
		feed(join, &flow);
		feed(join, &other);
		feed(join, &far);
		feed(join, &broken);
		check_counts(join, 1, 1, 1);
		assert_int_equal(join->unreadable, 1);
		assert_int_equal(join->n_candidates, 1);
		assert_int_equal(join->n_zones, 1);
		join_consumer(join).reset(join);
		check_counts(join, 0, 0, 0);
		assert_int_equal(join->unreadable, 0);
		assert_int_equal(join->n_candidates, 0);
		assert_int_equal(join->n_zones, 0);
		assert_int_equal(join->connections.n, 2);
	}
	join_destroy(join);
}

/* Of 4 times as many as are kept: a quarter of each quarter, give or take six deviations. */
static void test_more_candidates_than_are_kept(_unused_ void **state)
{
	struct dice dice = dice_start();
	struct join *join = make_join();
	size_t quarters[4] = { 0 };

	join->connections.random = dice_next(&dice);
	for (uint32_t i = 0; i < 4 * JOIN_CHECKS_MAX; i++) {
		struct flow flow = unknown(i);

		feed(join, &flow);
	}
	check_counts(join, 0, 4UL * JOIN_CHECKS_MAX, 0);
	assert_int_equal(join->n_candidates, JOIN_CHECKS_MAX);
	for (size_t i = 0; i < JOIN_CHECKS_MAX; i++) {
		const struct lookup *lookup = &join->candidates[i].by_original;

		assert_in_range(lookup->local_port, 0, 4 * JOIN_CHECKS_MAX - 1);
		quarters[lookup->local_port / JOIN_CHECKS_MAX]++;
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(quarters[i], JOIN_CHECKS_MAX / 4 - 84, JOIN_CHECKS_MAX / 4 + 84);
	join_destroy(join);
}

static void test_zones_of_our_flows(_unused_ void **state)
{
	struct join *join = make_join();
	struct flow flow = dialled();

	feed(join, &flow);
	assert_int_equal(join->n_zones, 0);
	for (uint16_t zone = 1; zone <= JOIN_ZONES_MAX + 5; zone++) {
		for (int twice = 0; twice < 2; twice++) {
			flow.zone = (uint16_t)(1000 * zone);
			feed(join, &flow);
		}
	}
	assert_int_equal(join->n_zones, JOIN_ZONES_MAX);
	for (uint16_t i = 0; i < JOIN_ZONES_MAX; i++)
		assert_int_equal(join->zones[i], 1000 * (i + 1));
	join_consumer(join).reset(join);
	/* A zone in which nothing is ours is none to look in. */
	flow = unknown(1);
	flow.zone = 5;
	feed(join, &flow);
	assert_int_equal(join->n_zones, 0);
	join_destroy(join);
}

static void test_errors_are_passed_on(_unused_ void **state)
{
	int *const errors[] = { &host.addresses_error, &host.sockets_error, &host.lookup_error };

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct join *join = (struct join *)(void *)&host;

		memset(&host, 0, sizeof(host));
		*errors[i] = -EPERM;
		assert_int_equal(join_create(&ctx, &join), -EPERM);
		assert_ptr_equal(join, &host);
	}
	join_destroy(NULL);
}

/* What comes behind, the walk above all, keeps two thirds. */
static void test_sockets_take_a_third_of_the_time(_unused_ void **state)
{
	const uint64_t before_ns = clock_monotonic_ns(), third_ns = 3 * NSEC_PER_SEC;

	ctx.deadline_ns = before_ns + 3 * third_ns;
	join_destroy(make_join());
	assert_int_equal(ctx.deadline_ns, before_ns + 3 * third_ns);
	for (size_t i = 0; i < ARRAY_SIZE(host.deadlines_ns); i++)
		assert_in_range(host.deadlines_ns[i], before_ns + third_ns,
				clock_monotonic_ns() + third_ns);
	ctx.deadline_ns = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_present_by_either_tuple),
		cmocka_unit_test(test_present_under_nat),
		cmocka_unit_test(test_forwarded_and_absent),
		cmocka_unit_test(test_other_flows_do_not_count),
		cmocka_unit_test(test_flows_that_cannot_be_read),
		cmocka_unit_test(test_candidates_are_what_a_socket_would_send),
		cmocka_unit_test(test_reset_forgets_the_walk_and_not_the_sockets),
		cmocka_unit_test(test_more_candidates_than_are_kept),
		cmocka_unit_test(test_zones_of_our_flows),
		cmocka_unit_test(test_errors_are_passed_on),
		cmocka_unit_test(test_sockets_take_a_third_of_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
