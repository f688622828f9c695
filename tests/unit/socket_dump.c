/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is asked of the kernel, how often in a request, and who gets which part of the answer. */

#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>

#include "address_text.h"
#include "directory.h"
#include "fake_procfs.h"
#include "message.h"

#include "../../collectors/socket_dump.h"

static struct {
	int dumps;
	int error; /* behind the last message */
	bool only_others;
} kernel;

static int put_socket(netlink_message_fn fn, void *ctx, uint8_t family, uint8_t state,
		      uint16_t port, uint32_t device)
{
	const struct inet_diag_msg socket = {
		.idiag_family = family,
		.idiag_state = state,
		.id = { .idiag_sport = htons(port), .idiag_dport = htons(80), .idiag_if = device },
	};
	struct message m;

	message_start(&m, TCPDIAG_GETSOCK, &socket, sizeof(socket));
	return fn(ctx, &m.header);
}

/* Of no family that is asked for: more of them, and one more device, than the others have. */
static void put_others(netlink_message_fn fn, void *ctx)
{
	for (uint16_t port = 40000; port < 40003; port++) {
		assert_int_equal(put_socket(fn, ctx, AF_UNIX, 1, port, 7), 0);
		assert_int_equal(put_socket(fn, ctx, AF_UNIX, 10, port, 7), 0);
	}
}

/* ESTABLISHED, TIME_WAIT, LISTEN, and ESTABLISHED on a port that is not ephemeral. */
int netlink_query(_unused_ struct netlink *nl, enum netlink_query query, const void *payload,
		  size_t payload_len, _unused_ uint64_t deadline_ns, netlink_message_fn fn,
		  void *ctx)
{
	struct inet_diag_req expected = { .idiag_states = 0xffe };

	kernel.dumps++;
	assert_int_equal(query, NETLINK_TCP_SOCKETS);
	assert_int_equal(payload_len, sizeof(expected));
	assert_memory_equal(payload, &expected, sizeof(expected));
	put_others(fn, ctx);
	if (kernel.only_others)
		return 0;
	assert_int_equal(put_socket(fn, ctx, AF_INET, 1, 40000, 0), 0);
	assert_int_equal(put_socket(fn, ctx, AF_INET, 6, 40001, 0), 0);
	assert_int_equal(put_socket(fn, ctx, AF_INET6, 10, 22, 0), 0);
	assert_int_equal(put_socket(fn, ctx, AF_INET6, 1, 22, 3), 0);
	return kernel.error;
}

static struct collector_context context(struct collector_settings *settings,
					const struct directory *d)
{
	struct collector_context ctx = fake_context(settings, d);

	memset(&kernel, 0, sizeof(kernel));
	procfs_write(d, "sys/net/ipv4/ip_local_port_range", "32768\t60999\n");
	ctx.request = 1;
	return ctx;
}

static void check_counts(const struct socket_dump *dump)
{
	struct socket_counts expected = { .listeners = 1 };

	expected.tcp[FLOW_IPV4][TCP_SOCKET_ESTABLISHED] = 1;
	expected.tcp[FLOW_IPV4][TCP_SOCKET_TIME_WAIT] = 1;
	expected.tcp[FLOW_IPV6][TCP_SOCKET_LISTEN] = 1;
	expected.tcp[FLOW_IPV6][TCP_SOCKET_ESTABLISHED] = 1;
	assert_memory_equal(&dump->counts, &expected, sizeof(expected));
	assert_int_equal(dump->error, 0);
}

static void check_ports(const struct socket_dump *dump)
{
	assert_true(dump->has_ports);
	assert_int_equal(dump->ports_error, 0);
	assert_int_equal(dump->ports.range.value, 28232);
	assert_true(dump->ports.in_use_max.known);
	assert_int_equal(dump->ports.in_use_max.value, 2);
}

static void counts_alone(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = context(&settings, *state);
	const struct socket_dump *dump;

	for (int i = 0; i < 2; i++) {
		socket_dump_get(&ctx, false, &dump);
		check_counts(dump);
		assert_false(dump->has_ports);
		assert_false(dump->ports.range.known);
		assert_false(dump->ports.in_use_max.known);
		assert_int_equal(kernel.dumps, 1);
	}
}

static void one_dump_where_it_is_known_who_comes(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = context(&settings, *state);
	const struct socket_dump *dump;

	ctx.wants_ports = true;
	socket_dump_get(&ctx, false, &dump);
	socket_dump_get(&ctx, true, &dump);
	check_counts(dump);
	check_ports(dump);
	assert_int_equal(kernel.dumps, 1);
	ctx.request++;
	socket_dump_get(&ctx, true, &dump);
	assert_int_equal(kernel.dumps, 2);
}

/* A dump too many, and nothing wrong. */
static void ports_that_nobody_announced(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = context(&settings, *state);
	const struct socket_dump *dump;

	socket_dump_get(&ctx, false, &dump);
	socket_dump_get(&ctx, true, &dump);
	check_counts(dump);
	check_ports(dump);
	assert_int_equal(kernel.dumps, 2);
}

static void check_connections(const struct socket_connections *connections)
{
	assert_int_equal(connections->n_established, 2);
	assert_int_equal(connections->set.n, 3);
	assert_true(connections->has_bound);
}

static void connections_share_it(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = context(&settings, *state);
	struct socket_connections connections;
	const struct socket_dump *dump;

	assert_int_equal(socket_connections_init(&connections, 0), 0);
	ctx.wants_ports = true;
	assert_int_equal(socket_dump_connections(&ctx, &connections), 0);
	check_connections(&connections);
	socket_dump_get(&ctx, true, &dump);
	check_counts(dump);
	check_ports(dump);
	assert_int_equal(kernel.dumps, 1);
	socket_connections_finish(&connections);
}

/* The join had less time than the others of its request still have. */
static void one_that_the_join_had_no_time_for_is_made_again(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = context(&settings, *state);
	struct socket_connections connections;
	const struct socket_dump *dump;

	assert_int_equal(socket_connections_init(&connections, 0), 0);
	kernel.error = -ETIME;
	ctx.wants_ports = true;
	assert_int_equal(socket_dump_connections(&ctx, &connections), -ETIME);
	kernel.error = 0;
	for (int i = 0; i < 2; i++) {
		socket_dump_get(&ctx, true, &dump);
		check_counts(dump);
		check_ports(dump);
		assert_int_equal(kernel.dumps, 2);
	}
	kernel.error = -EOPNOTSUPP;
	ctx.request++;
	assert_int_equal(socket_dump_connections(&ctx, &connections), -EOPNOTSUPP);
	socket_dump_get(&ctx, true, &dump);
	assert_int_equal(dump->error, -EOPNOTSUPP);
	assert_int_equal(kernel.dumps, 3);
	socket_connections_finish(&connections);
}

static void other_families_are_skipped(void **state)
{
	static const struct socket_counts none;
	struct collector_settings settings;
	struct collector_context ctx = context(&settings, *state);
	struct socket_connections connections;
	const struct socket_dump *dump;

	kernel.only_others = true;
	assert_int_equal(socket_connections_init(&connections, 0), 0);
	ctx.wants_ports = true;
	assert_int_equal(socket_dump_connections(&ctx, &connections), 0);
	assert_int_equal(connections.n_established, 0);
	assert_int_equal(connections.set.n, 0);
	assert_false(connections.has_bound);
	socket_dump_get(&ctx, true, &dump);
	assert_memory_equal(&dump->counts, &none, sizeof(none));
	assert_true(dump->ports.in_use_max.known);
	assert_int_equal(dump->ports.in_use_max.value, 0);
	socket_connections_finish(&connections);
}

static void again_leaves_it_alone(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = context(&settings, *state);
	struct socket_connections connections;

	assert_int_equal(socket_connections_init(&connections, 0), 0);
	assert_int_equal(socket_dump_again(&ctx, &connections), 0);
	check_connections(&connections);
	assert_int_equal(ctx.sockets.request, 0);
	kernel.error = -EINTR;
	assert_int_equal(socket_dump_again(&ctx, &connections), -EINTR);
	socket_connections_finish(&connections);
}

static void what_failed_says_so(void **state)
{
	static const int errors[] = { -EINTR, -ENOENT, -EOPNOTSUPP };
	struct collector_settings settings;
	struct collector_context ctx = context(&settings, *state);
	const struct socket_dump *dump;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		kernel.error = errors[i];
		ctx.request++;
		socket_dump_get(&ctx, true, &dump);
		assert_int_equal(dump->error, errors[i]);
		assert_true(dump->ports.range.known);
		assert_false(dump->ports.in_use_max.known);
		/* Nor is it tried again in the same request. */
		socket_dump_get(&ctx, true, &dump);
		assert_int_equal(kernel.dumps, i + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(counts_alone),
		directory_test(one_dump_where_it_is_known_who_comes),
		directory_test(ports_that_nobody_announced),
		directory_test(connections_share_it),
		directory_test(one_that_the_join_had_no_time_for_is_made_again),
		directory_test(other_families_are_skipped),
		directory_test(again_leaves_it_alone),
		directory_test(what_failed_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
