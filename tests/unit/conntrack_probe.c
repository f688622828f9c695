/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "../../exporter/conntrack_probe.h"

/* The kernel's part: what the next getsockopt() gives; real: what the kernel really says. */
static struct {
	bool real;
	int error;
	int level, name;
	unsigned int calls;
} fake;

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length);

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	fake.calls++;
	fake.level = level;
	fake.name = name;
	if (fake.real)
		return __real_getsockopt(fd, level, name, value, length);
	errno = fake.error;
	return fake.error ? -1 : 0;
}

static int reset(_unused_ void **state)
{
	memset(&fake, 0, sizeof(fake));
	return 0;
}

/* A listener of the family on loopback, its client and the accepted connection. */
struct connected {
	int listener, client, accepted;
};

static struct connected connected(int listen_family, const struct sockaddr_in6 *listen_on,
				  int client_family)
{
	struct connected c = { .listener = socket(listen_family, SOCK_STREAM | SOCK_CLOEXEC, 0),
			       .client = socket(client_family, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 at = { 0 };
	socklen_t length = sizeof(at);

	assert_true(c.listener >= 0 && c.client >= 0);
	if (listen_family == AF_INET)
		assert_int_equal(bind(c.listener, (struct sockaddr *)&ipv4, sizeof(ipv4)), 0);
	else
		assert_int_equal(
			bind(c.listener, (const struct sockaddr *)listen_on, sizeof(*listen_on)),
			0);
	assert_int_equal(listen(c.listener, 1), 0);
	assert_int_equal(getsockname(c.listener, (struct sockaddr *)&at, &length), 0);
	ipv4.sin_port = at.sin6_port;
	at.sin6_addr = in6addr_loopback;
	if (client_family == AF_INET)
		assert_int_equal(connect(c.client, (struct sockaddr *)&ipv4, sizeof(ipv4)), 0);
	else
		assert_int_equal(connect(c.client, (struct sockaddr *)&at, sizeof(at)), 0);
	c.accepted = accept4(c.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(c.accepted >= 0);
	return c;
}

static void disconnect(const struct connected *c)
{
	(void)close(c->accepted);
	(void)close(c->client);
	(void)close(c->listener);
}

static const struct sockaddr_in6 any = { .sin6_family = AF_INET6 };

static void check_errno(int fd, int error, enum tracking expected)
{
	enum flow_family family = N_FLOW_FAMILIES;
	enum tracking tracking = N_TRACKINGS;

	fake.error = error;
	assert_int_equal(conntrack_probe(fd, &family, &tracking), 0);
	assert_int_equal(tracking, expected);
	assert_int_equal(family, FLOW_IPV4);
	assert_int_equal(fake.level, SOL_IP);
	assert_int_equal(fake.name, 80);
}

static void each_errno_has_its_meaning(_unused_ void **state)
{
	static const int unknown[] = { ENOPROTOOPT, EPERM,  EINVAL,  ENOTCONN,
				       ENOMEM,	    EFAULT, ENOTSUP, ENETUNREACH };
	struct connected c = connected(AF_INET, NULL, AF_INET);

	check_errno(c.accepted, 0, TRACKING_ACTIVE);
	check_errno(c.accepted, ENOENT, TRACKING_INACTIVE);
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		check_errno(c.accepted, unknown[i], TRACKING_UNKNOWN);
	disconnect(&c);
}

static void check_family(const struct connected *c, enum flow_family expected, int level)
{
	enum flow_family family = N_FLOW_FAMILIES;
	enum tracking tracking;

	assert_int_equal(conntrack_probe(c->accepted, &family, &tracking), 0);
	assert_int_equal(family, expected);
	assert_int_equal(fake.level, level);
	assert_int_equal(fake.name, 80);
}

static void a_client_counts_for_the_family_it_came_by(_unused_ void **state)
{
	struct connected c = connected(AF_INET6, &any, AF_INET);

	check_family(&c, FLOW_IPV4, SOL_IP);
	disconnect(&c);
	c = connected(AF_INET6, &any, AF_INET6);
	check_family(&c, FLOW_IPV6, SOL_IPV6);
	disconnect(&c);
}

/* Whether this namespace is tracked is not ours to say; that the question is one, is. */
static void the_kernel_knows_the_question(_unused_ void **state)
{
	struct connected c = connected(AF_INET6, &any, AF_INET);
	enum flow_family family;
	enum tracking tracking = N_TRACKINGS;

	fake.real = true;
	assert_int_equal(conntrack_probe(c.accepted, &family, &tracking), 0);
	assert_true(tracking < N_TRACKINGS);
	print_message("this connection: %d\n", tracking);
	disconnect(&c);
}

static void what_is_no_connection_is_not_asked(_unused_ void **state)
{
	struct conntrack_probes probes = { 0 };
	enum flow_family family = N_FLOW_FAMILIES;
	enum tracking tracking = N_TRACKINGS;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(conntrack_probe(-1, &family, &tracking), -EBADF);
	assert_int_equal(conntrack_probe(pair[0], &family, &tracking), -EAFNOSUPPORT);
	assert_int_equal(family, N_FLOW_FAMILIES);
	assert_int_equal(tracking, N_TRACKINGS);
	conntrack_probes_take(&probes, -1, 5);
	conntrack_probes_take(&probes, pair[0], 5);
	assert_int_equal(probes.newest[FLOW_IPV4].taken_ns, 0);
	assert_int_equal(fake.calls, 0);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void the_newest_answer_of_a_family_holds_for_a_while(_unused_ void **state)
{
	const uint64_t old = 60 * NSEC_PER_SEC;
	struct connected ipv4 = connected(AF_INET6, &any, AF_INET),
			 ipv6 = connected(AF_INET6, &any, AF_INET6);
	struct conntrack_probes probes = { 0 };

	assert_int_equal(conntrack_probes_get(&probes, FLOW_IPV4, 1), TRACKING_UNKNOWN);
	conntrack_probes_take(&probes, ipv4.accepted, 1000);
	fake.error = ENOENT;
	conntrack_probes_take(&probes, ipv6.accepted, 2000);
	assert_int_equal(conntrack_probes_get(&probes, FLOW_IPV4, 1000 + old), TRACKING_ACTIVE);
	assert_int_equal(conntrack_probes_get(&probes, FLOW_IPV4, 1001 + old), TRACKING_UNKNOWN);
	assert_int_equal(conntrack_probes_get(&probes, FLOW_IPV6, 1001 + old), TRACKING_INACTIVE);
	assert_int_equal(conntrack_probes_get(&probes, FLOW_IPV6, 2001 + old), TRACKING_UNKNOWN);
	conntrack_probes_take(&probes, ipv4.accepted, 3000);
	assert_int_equal(conntrack_probes_get(&probes, FLOW_IPV4, 3000), TRACKING_INACTIVE);
	fake.error = ENOPROTOOPT;
	conntrack_probes_take(&probes, ipv4.accepted, 4000);
	assert_int_equal(conntrack_probes_get(&probes, FLOW_IPV4, 4000), TRACKING_UNKNOWN);
	assert_int_equal(conntrack_probes_get(&probes, FLOW_IPV6, 4000), TRACKING_INACTIVE);
	disconnect(&ipv4);
	disconnect(&ipv6);
}

#define probe_test(f) cmocka_unit_test_setup(f, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		probe_test(each_errno_has_its_meaning),
		probe_test(a_client_counts_for_the_family_it_came_by),
		probe_test(the_kernel_knows_the_question),
		probe_test(what_is_no_connection_is_not_asked),
		probe_test(the_newest_answer_of_a_family_holds_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
