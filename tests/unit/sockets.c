/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What of the sockets is shown when the kernel answers for one family and not for the other. */

#include "unit.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include "../../collectors/collector.h"
#include "../../collectors/socket_limits.h"
#include "message.h"

static struct {
	int tcp, limits;
	int udp[N_FLOW_FAMILIES];
} errors;

void socket_dump_get(struct collector_context *ctx, bool ports, const struct socket_dump **ret)
{
	assert_false(ports);
	ctx->sockets.error = errors.tcp;
	*ret = &ctx->sockets;
}

int socket_limits_read(_unused_ struct collector_context *ctx, struct reading ret[N_SOCKET_LIMITS])
{
	memset(ret, 0, N_SOCKET_LIMITS * sizeof(*ret));
	return errors.limits;
}

/* Of each family one socket. */
int netlink_query(_unused_ struct netlink *nl, enum netlink_query query, const void *payload,
		  size_t payload_len, _unused_ uint64_t deadline_ns, netlink_message_fn fn,
		  void *ctx)
{
	const struct inet_diag_req_v2 *request = payload;
	const struct inet_diag_msg socket = { .idiag_family = request->sdiag_family,
					      .idiag_state = 7 };
	struct message m;

	assert_int_equal(query, NETLINK_SOCKETS);
	assert_int_equal(payload_len, sizeof(*request));
	assert_int_equal(request->sdiag_protocol, IPPROTO_UDP);
	message_start(&m, SOCK_DIAG_BY_FAMILY, &socket, sizeof(socket));
	assert_int_equal(fn(ctx, &m.header), 0);
	return errors.udp[request->sdiag_family == AF_INET ? FLOW_IPV4 : FLOW_IPV6];
}

/* Whether the text has what stands in front of a value. */
static bool has(const struct exposition *e, const char *sample)
{
	return strstr(e->out.data, sample) != NULL;
}

static void check(int value, bool tcp, bool ipv4, bool ipv6)
{
	struct collector_context ctx = { 0 };
	struct exposition e;

	exposition_init(&e, EXPOSITION_TEXT);
	assert_int_equal(sockets_collector.collect(&ctx, &e), value);
	assert_int_equal(exposition_finish(&e), 0);
	buffer_append_char(&e.out, '\0');
	assert_int_equal(has(&e, "\nconntrack_tcp_sockets{family=\"ipv4\""), tcp);
	assert_int_equal(has(&e, "\nconntrack_tcp_listeners "), tcp);
	assert_int_equal(has(&e, "sockets{family=\"ipv4\",state=\"unconnected\"} 1\n"), ipv4);
	assert_int_equal(has(&e, "sockets{family=\"ipv6\",state=\"unconnected\"} 1\n"), ipv6);
	exposition_destroy(&e);
	memset(&errors, 0, sizeof(errors));
}

static void what_could_be_read_is_shown(_unused_ void **state)
{
	static const int values[] = { -EINTR, -ENOENT, -EOPNOTSUPP };

	check(0, true, true, true);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		errors.udp[FLOW_IPV4] = values[i];
		check(values[i], true, false, true);
		errors.udp[FLOW_IPV6] = values[i];
		check(values[i], true, true, false);
		errors.tcp = values[i];
		check(values[i], false, true, true);
		errors.limits = values[i];
		check(values[i], true, true, true);
	}
}

static void the_first_that_failed_is_the_collectors_error(_unused_ void **state)
{
	errors.udp[FLOW_IPV4] = -EINTR;
	errors.udp[FLOW_IPV6] = -ENOENT;
	check(-EINTR, true, false, false);
	errors.udp[FLOW_IPV6] = -ENOENT;
	errors.limits = -EBADMSG;
	check(-ENOENT, true, true, false);
	errors.tcp = -ETIME;
	errors.udp[FLOW_IPV4] = -EINTR;
	check(-ETIME, false, false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_could_be_read_is_shown),
		cmocka_unit_test(the_first_that_failed_is_the_collectors_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
