/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Questions about one flow or socket, and what their answers mean. The kernel is the test: a flow's
 * question is read back with libnetfilter_conntrack.
 */

#include "unit.h"

#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include "../../collectors/collector.h"
#include "../../collectors/lookup.h"
#include "address_text.h"
#include "flow_message.h"

#define QUESTIONS_MAX 16

/* One call: how many questions are asked, and the error of each. */
struct round {
	size_t n;
	int errors[QUESTIONS_MAX];
};

/* What the kernel was asked, and answers. */
static struct {
	unsigned char payloads[QUESTIONS_MAX][NETLINK_PAYLOAD_MAX];
	size_t lengths[QUESTIONS_MAX];
	size_t n;
	int errors[QUESTIONS_MAX]; /* 0: the message */
	struct message messages[QUESTIONS_MAX];
	int value;
	int asked;
	const struct round *rounds; /* NULL: as errors say */
	int refusals;		    /* so often the first question is refused; 0: as errors say */
	uint64_t deadline_ns;
} kernel;

int __wrap_netlink_lookup(struct netlink *nl, enum netlink_query query, size_t n,
			  const struct netlink_lookup *lookup, uint64_t deadline_ns);

static int ask_kernel(size_t n, const struct netlink_lookup *lookup)
{
	assert_true(n <= QUESTIONS_MAX);
	kernel.n = n;
	for (size_t i = 0; kernel.rounds && i < n; i++)
		kernel.errors[i] = kernel.rounds[kernel.asked].errors[i];
	if (kernel.rounds)
		assert_int_equal(n, kernel.rounds[kernel.asked].n);
	/* What was refused is refused again. */
	for (size_t i = 0; kernel.asked && !kernel.rounds && i < n; i++)
		kernel.errors[i] = -ENOMEM;
	kernel.asked++;
	if (kernel.refusals)
		kernel.errors[0] = kernel.asked <= kernel.refusals ? -ENOMEM : -ENOENT;
	for (size_t i = 0; i < n; i++)
		kernel.lengths[i] = lookup->build(lookup->ctx, i, kernel.payloads[i]);
	for (size_t i = 0; kernel.value == 0 && i < n; i++)
		lookup->answer(lookup->ctx, i, kernel.errors[i],
			       kernel.errors[i] ? NULL : &kernel.messages[i].header);
	return kernel.value;
}

int __wrap_netlink_lookup(_unused_ struct netlink *nl, enum netlink_query query, size_t n,
			  const struct netlink_lookup *lookup, uint64_t deadline_ns)
{
	assert_int_equal(query, NETLINK_SOCKET_LOOKUP);
	kernel.deadline_ns = deadline_ns;
	return ask_kernel(n, lookup);
}

int collector_lookup_conntrack(_unused_ struct collector_context *ctx, size_t n,
			       const struct netlink_lookup *lookup)
{
	return ask_kernel(n, lookup);
}

static struct lookup lookup_from(const char *local, uint16_t local_port, const char *remote,
				 uint16_t remote_port)
{
	return (struct lookup){ .local = address_of(local),
				.local_port = local_port,
				.remote = address_of(remote),
				.remote_port = remote_port,
				.result = LOOKUP_FAILED };
}

static void fail_all(int error)
{
	memset(&kernel, 0, sizeof(kernel));
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		kernel.errors[i] = error;
}

/* The question i as the library reads it. */
static struct nf_conntrack *read_back(size_t i, uint8_t family)
{
	struct message message;
	struct nfgenmsg header;
	struct nf_conntrack *ct = nfct_new();

	assert_non_null(ct);
	memset(&message, 0, sizeof(message));
	message.header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8;
	message.header.nlmsg_len = NLMSG_LENGTH((uint32_t)kernel.lengths[i]);
	memcpy(NLMSG_DATA(&message.header), kernel.payloads[i], kernel.lengths[i]);
	memcpy(&header, kernel.payloads[i], sizeof(header));
	assert_int_equal(header.nfgen_family, family);
	assert_int_equal(header.version, NFNETLINK_V0);
	assert_int_equal(header.res_id, 0);
	assert_int_equal(nfct_nlmsg_parse(&message.header, ct), 0);
	assert_int_equal(nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO), family);
	assert_int_equal(nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO), IPPROTO_TCP);
	/* One tuple: the kernel takes the original where there are both. */
	assert_false(nfct_attr_is_set(ct, ATTR_REPL_L3PROTO) > 0);
	return ct;
}

static void check_ports(struct nf_conntrack *ct, uint16_t source, uint16_t destination)
{
	assert_int_equal(ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_SRC)), source);
	assert_int_equal(ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_DST)), destination);
}

static void check_ipv4(size_t i, const char *source, uint16_t source_port, const char *destination,
		       uint16_t destination_port, uint16_t zone)
{
	struct nf_conntrack *ct = read_back(i, AF_INET);

	assert_int_equal(nfct_get_attr_u32(ct, ATTR_ORIG_IPV4_SRC), inet_addr(source));
	assert_int_equal(nfct_get_attr_u32(ct, ATTR_ORIG_IPV4_DST), inet_addr(destination));
	assert_int_equal(nfct_attr_is_set(ct, ATTR_ORIG_IPV6_SRC), 0);
	check_ports(ct, source_port, destination_port);
	/* A kernel without zones refuses a question that names one, 0 included. */
	assert_int_equal(nfct_attr_is_set(ct, ATTR_ZONE), zone != 0);
	if (zone)
		assert_int_equal(nfct_get_attr_u16(ct, ATTR_ZONE), zone);
	nfct_destroy(ct);
}

static void check_ipv6(size_t i, const char *source, uint16_t source_port, const char *destination,
		       uint16_t destination_port, uint16_t zone)
{
	struct nf_conntrack *ct = read_back(i, AF_INET6);
	const struct address from = address_of(source), to = address_of(destination);

	assert_memory_equal(nfct_get_attr(ct, ATTR_ORIG_IPV6_SRC), from.bytes, 16);
	assert_memory_equal(nfct_get_attr(ct, ATTR_ORIG_IPV6_DST), to.bytes, 16);
	assert_int_equal(nfct_attr_is_set(ct, ATTR_ORIG_IPV4_SRC), 0);
	check_ports(ct, source_port, destination_port);
	assert_int_equal(nfct_attr_is_set(ct, ATTR_ZONE), zone != 0);
	if (zone)
		assert_int_equal(nfct_get_attr_u16(ct, ATTR_ZONE), zone);
	nfct_destroy(ct);
}

/* The families and zones by turns, so that what is left over of one question is seen in another. */
static void test_questions_about_flows(_unused_ void **state)
{
	static struct collector_context ctx;
	struct lookup lookups[] = {
		lookup_from("192.0.2.1", 40000, "198.51.100.1", 80),
		lookup_from("2001:db8::1", 1, "2001:db8::2", 65535),
		lookup_from("::ffff:10.0.0.1", 443, "::ffff:10.0.0.2", 258),
		lookup_from("fe80::1", 513, "::1", 22),
		lookup_from("192.0.2.1", 40000, "198.51.100.1", 80),
		lookup_from("::1", 2, "::1", 3),
	};

	lookups[0].zone = 7;
	lookups[1].zone = 65535;
	lookups[5].zone = 258;
	fail_all(-ENOENT);
	assert_int_equal(lookup_flows(&ctx, lookups, ARRAY_SIZE(lookups)), 0);
	check_ipv4(0, "192.0.2.1", 40000, "198.51.100.1", 80, 7);
	check_ipv6(1, "2001:db8::1", 1, "2001:db8::2", 65535, 65535);
	check_ipv4(2, "10.0.0.1", 443, "10.0.0.2", 258, 0);
	check_ipv6(3, "fe80::1", 513, "::1", 22, 0);
	check_ipv4(4, "192.0.2.1", 40000, "198.51.100.1", 80, 0);
	check_ipv6(5, "::1", 2, "::1", 3, 258);
}

static void test_answers_about_flows(_unused_ void **state)
{
	static struct collector_context ctx;
	struct lookup lookups[N_FLOW_TCP_STATES + 5];
	const size_t n = N_FLOW_TCP_STATES;
	struct recipe udp = tcp_ipv4, bare = tcp_ipv4;

	memset(&kernel, 0, sizeof(kernel));
	for (size_t i = 0; i < ARRAY_SIZE(lookups); i++)
		lookups[i] = lookup_from("192.0.2.1", 1, "192.0.2.2", 2);
	for (size_t i = 0; i < n; i++) {
		struct recipe recipe = tcp_ipv4;

		recipe.tcp_state = (uint8_t)i;
		flow_message_make(&kernel.messages[i], &recipe);
	}
	udp.protocol = IPPROTO_UDP;
	flow_message_make(&kernel.messages[n], &udp);
	/* As an offloaded flow is: without its state. */
	bare.oddities = WITHOUT_PROTOINFO;
	flow_message_make(&kernel.messages[n + 1], &bare);
	message_start(&kernel.messages[n + 2], 0, "", 1);
	kernel.errors[n + 3] = -ENOENT;
	kernel.errors[n + 4] = -ENOMEM;
	assert_int_equal(lookup_flows(&ctx, lookups, ARRAY_SIZE(lookups)), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(lookups[i].result, i == FLOW_TCP_ESTABLISHED ? LOOKUP_ESTABLISHED
									      : LOOKUP_OTHER_STATE);
	assert_int_equal(lookups[n].result, LOOKUP_OTHER_STATE);
	assert_int_equal(lookups[n + 1].result, LOOKUP_OTHER_STATE);
	/* No flow at all. */
	assert_int_equal(lookups[n + 2].result, LOOKUP_FAILED);
	assert_int_equal(lookups[n + 3].result, LOOKUP_NONE);
	assert_int_equal(lookups[n + 4].result, LOOKUP_FAILED);
	assert_int_equal(kernel.asked, 1 + 2 * 2);
}

static void check_socket_question(size_t i, uint8_t family, const struct lookup *lookup)
{
	const bool is_ipv4 = family == AF_INET;
	struct inet_diag_req_v2 request;
	unsigned char rest[12] = { 0 };

	assert_int_equal(kernel.lengths[i], sizeof(request));
	memcpy(&request, kernel.payloads[i], sizeof(request));
	assert_int_equal(request.sdiag_family, family);
	assert_int_equal(request.sdiag_protocol, IPPROTO_TCP);
	assert_int_equal(request.idiag_ext, 0);
	assert_int_equal(request.idiag_states, UINT32_MAX);
	assert_int_equal(ntohs(request.id.idiag_sport), lookup->local_port);
	assert_int_equal(ntohs(request.id.idiag_dport), lookup->remote_port);
	assert_memory_equal(request.id.idiag_src, lookup->local.bytes + (is_ipv4 ? 12 : 0),
			    is_ipv4 ? 4 : 16);
	assert_memory_equal(request.id.idiag_dst, lookup->remote.bytes + (is_ipv4 ? 12 : 0),
			    is_ipv4 ? 4 : 16);
	if (is_ipv4)
		assert_memory_equal(request.id.idiag_src + 1, rest, sizeof(rest));
	assert_int_equal(request.id.idiag_if, lookup->interface);
	assert_memory_equal(request.id.idiag_cookie, lookup->cookie, sizeof(lookup->cookie));
}

static void test_questions_about_sockets(_unused_ void **state)
{
	static struct collector_context ctx = { .deadline_ns = 77 };
	struct lookup lookups[] = {
		lookup_from("192.0.2.1", 40000, "198.51.100.1", 80),
		lookup_from("2001:db8::1", 258, "2001:db8::2", 513),
		lookup_from("::ffff:192.0.2.1", 40000, "::ffff:198.51.100.1", 80),
	};

	lookups[0].interface = 3;
	lookups[0].cookie[0] = 0x12345678;
	lookups[0].cookie[1] = 0x9abcdef0;
	lookups[1].cookie[0] = lookups[1].cookie[1] = LOOKUP_ANY_COOKIE;
	assert_int_equal(LOOKUP_ANY_COOKIE, INET_DIAG_NOCOOKIE);
	fail_all(-ENOENT);
	assert_int_equal(lookup_sockets(&ctx, lookups, ARRAY_SIZE(lookups)), 0);
	assert_int_equal(kernel.deadline_ns, 77);
	check_socket_question(0, AF_INET, &lookups[0]);
	check_socket_question(1, AF_INET6, &lookups[1]);
	check_socket_question(2, AF_INET, &lookups[2]);
}

/* A listener that would take the connection, and one that is none yet, are no connection. */
static enum lookup_result expected_of(unsigned int state)
{
	enum { ESTABLISHED = 1, CLOSE = 7, LISTEN = 10 };

	if (state == ESTABLISHED)
		return LOOKUP_ESTABLISHED;
	return state == CLOSE || state == LISTEN ? LOOKUP_NONE : LOOKUP_OTHER_STATE;
}

static void test_answers_about_sockets(_unused_ void **state)
{
	static struct collector_context ctx;
	enum { STATES = 11 };
	struct lookup lookups[STATES + 4];

	memset(&kernel, 0, sizeof(kernel));
	for (size_t i = 0; i < ARRAY_SIZE(lookups); i++)
		lookups[i] = lookup_from("192.0.2.1", 1, "192.0.2.2", 2);
	for (size_t i = 0; i < STATES; i++) {
		const struct inet_diag_msg socket = { .idiag_family = AF_INET,
						      .idiag_state = (uint8_t)(i + 1) };

		message_start(&kernel.messages[i], SOCK_DIAG_BY_FAMILY, &socket, sizeof(socket));
	}
	message_start(&kernel.messages[STATES], SOCK_DIAG_BY_FAMILY, "\2\1", 2);
	kernel.errors[STATES + 1] = -ENOENT;
	kernel.errors[STATES + 2] = -ESTALE;
	kernel.errors[STATES + 3] = -EINVAL;
	assert_int_equal(lookup_sockets(&ctx, lookups, ARRAY_SIZE(lookups)), 0);
	for (unsigned int i = 0; i < STATES; i++)
		assert_int_equal(lookups[i].result, expected_of(i + 1));
	assert_int_equal(lookups[STATES].result, LOOKUP_FAILED);
	assert_int_equal(lookups[STATES + 1].result, LOOKUP_NONE);
	assert_int_equal(lookups[STATES + 2].result, LOOKUP_NONE);
	assert_int_equal(lookups[STATES + 3].result, LOOKUP_FAILED);
}

static void test_what_the_kernel_refuses_is_passed_on(_unused_ void **state)
{
	static struct collector_context ctx;
	struct lookup lookup = lookup_from("192.0.2.1", 1, "192.0.2.2", 2);

	memset(&kernel, 0, sizeof(kernel));
	kernel.value = -EPERM;
	assert_int_equal(lookup_flows(&ctx, &lookup, 1), -EPERM);
	kernel.value = -ETIME;
	assert_int_equal(lookup_sockets(&ctx, &lookup, 1), -ETIME);
	kernel.value = 0;
	assert_int_equal(lookup_flows(&ctx, NULL, 0), 0);
	assert_int_equal(lookup_sockets(&ctx, NULL, 0), 0);
}

static void check_refused(int refusals, enum lookup_result expect, int asked)
{
	static struct collector_context ctx;
	struct lookup lookup = lookup_from("192.0.2.1", 1, "192.0.2.2", 2);

	memset(&kernel, 0, sizeof(kernel));
	kernel.refusals = refusals;
	assert_int_equal(lookup_flows(&ctx, &lookup, 1), 0);
	assert_int_equal(lookup.result, expect);
	assert_int_equal(kernel.asked, asked);
	kernel.asked = 0;
	assert_int_equal(lookup_sockets(&ctx, &lookup, 1), 0);
	assert_int_equal(lookup.result, expect);
	assert_int_equal(kernel.asked, asked);
}

static void test_what_is_refused_is_asked_again(_unused_ void **state)
{
	check_refused(1, LOOKUP_NONE, 2);
	check_refused(2, LOOKUP_NONE, 3);
	check_refused(3, LOOKUP_FAILED, 3);
}

/* All; then the second and the last three; then what is still refused. */
enum { NONE = -ENOENT, FULL = -ENOMEM };

static const struct round rounds[] = {
	{ 6, { NONE, FULL, NONE, FULL, FULL, FULL } },
	{ 1, { NONE } },
	{ 3, { NONE, FULL, NONE } },
	{ 1, { FULL } },
};

static void check_asked_again(int (*look_up)(struct collector_context *, struct lookup *, size_t))
{
	static struct collector_context ctx;
	struct lookup lookups[6];

	memset(&kernel, 0, sizeof(kernel));
	kernel.rounds = rounds;
	for (uint16_t i = 0; i < ARRAY_SIZE(lookups); i++)
		lookups[i] = lookup_from("192.0.2.1", 100 + i, "192.0.2.2", 2);
	assert_int_equal(look_up(&ctx, lookups, ARRAY_SIZE(lookups)), 0);
	for (size_t i = 0; i < ARRAY_SIZE(lookups); i++)
		assert_int_equal(lookups[i].result, i == 4 ? LOOKUP_FAILED : LOOKUP_NONE);
	assert_int_equal(kernel.asked, ARRAY_SIZE(rounds));
	if (look_up == lookup_flows)
		check_ipv4(0, "192.0.2.1", 104, "192.0.2.2", 2, 0);
	else
		check_socket_question(0, AF_INET, &lookups[4]);
}

static void test_only_what_is_refused_is_asked_again(_unused_ void **state)
{
	check_asked_again(lookup_flows);
	check_asked_again(lookup_sockets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_questions_about_flows),
		cmocka_unit_test(test_answers_about_flows),
		cmocka_unit_test(test_questions_about_sockets),
		cmocka_unit_test(test_answers_about_sockets),
		cmocka_unit_test(test_what_the_kernel_refuses_is_passed_on),
		cmocka_unit_test(test_what_is_refused_is_asked_again),
		cmocka_unit_test(test_only_what_is_refused_is_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
