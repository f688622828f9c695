/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>

#include "../../collectors/address_set.h"
#include "../../collectors/netlink.h"
#include "address_text.h"
#include "message.h"

static bool has(const struct address_set *set, const char *text)
{
	const struct address a = address_of(text);

	return address_set_has(set, &a);
}

static int add(struct address_set *set, const char *text)
{
	const struct address a = address_of(text);

	return address_set_add(set, &a);
}

/* The n-th of many addresses, of both families. */
static struct address numbered(uint32_t n)
{
	unsigned char ipv6[16] = { 0x20, 0x01, 0x0d, 0xb8 };
	const uint32_t wire = htonl(0x0a000000 + n);

	if (n % 2 == 0)
		return address_from_ipv4(&wire);
	memcpy(ipv6 + 4 + n % 9, &wire, sizeof(wire));
	ipv6[3] = (unsigned char)(n % 9);
	return address_from_ipv6(ipv6);
}

static void an_ipv4_address_stands_as_mapped(_unused_ void **state)
{
	const struct address mapped = address_of("::ffff:192.0.2.1"),
			     ipv4 = address_of("192.0.2.1");

	assert_memory_equal(&mapped, &ipv4, sizeof(ipv4));
}

static void what_was_added_is_there_once(_unused_ void **state)
{
	struct address_set set = { 0 };

	assert_false(has(&set, "192.0.2.1"));
	assert_int_equal(add(&set, "192.0.2.1"), 0);
	assert_int_equal(add(&set, "2001:db8::1"), 0);
	assert_int_equal(add(&set, "192.0.2.1"), 0);
	assert_int_equal(set.n, 2);
	assert_true(has(&set, "192.0.2.1") && has(&set, "2001:db8::1"));
	assert_true(has(&set, "::ffff:192.0.2.1"));
	assert_false(has(&set, "192.0.2.2") || has(&set, "2001:db8::2"));
	assert_false(has(&set, "::192.0.2.1") || has(&set, "0.0.0.0") || has(&set, "::"));
	/* All zero is an address like any other. */
	assert_int_equal(add(&set, "::"), 0);
	assert_true(has(&set, "::"));
	assert_false(has(&set, "0.0.0.0"));
	address_set_finish(&set);
	assert_false(has(&set, "192.0.2.1"));
	address_set_finish(&set);
}

static void growth_to_the_bound(_unused_ void **state)
{
	struct address_set set = { 0 };
	struct address a;

	for (uint32_t i = 0; i < ADDRESS_SET_MAX; i++) {
		a = numbered(i);
		assert_int_equal(address_set_add(&set, &a), 0);
		assert_int_equal(set.n, i + 1);
	}
	for (uint32_t i = 0; i < ADDRESS_SET_MAX; i++) {
		a = numbered(i);
		assert_true(address_set_has(&set, &a));
	}
	for (uint32_t i = ADDRESS_SET_MAX; i < 2 * ADDRESS_SET_MAX; i++) {
		a = numbered(i);
		assert_false(address_set_has(&set, &a));
		assert_int_equal(address_set_add(&set, &a), -E2BIG);
		assert_int_equal(set.n, ADDRESS_SET_MAX);
	}
	a = numbered(7);
	assert_int_equal(address_set_add(&set, &a), 0);
	address_set_finish(&set);
}

static void loopback_is_local_without_being_added(_unused_ void **state)
{
	static const char *const local[] = { "127.0.0.0", "127.0.0.1", "127.255.255.255", "::1",
					     "::ffff:127.0.0.1" };
	static const char *const foreign[] = { "126.255.255.255", "128.0.0.0", "::",  "::2",
					       "::127.0.0.1",	  "7f00::",    "1::1" };
	struct address_set set = { 0 };

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(local); i++)
			assert_true(has(&set, local[i]));
		for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
			assert_false(has(&set, foreign[i]));
		assert_int_equal(add(&set, "192.0.2.1"), 0);
	}
	address_set_finish(&set);
}

static void groups(_unused_ void **state)
{
	static const char *const group[] = { "224.0.0.0",	"224.0.0.251",
					     "239.255.255.255", "255.255.255.255",
					     "ff00::",		"ff02::fb",
					     "ffff::",		"::ffff:224.0.0.1" };
	static const char *const single[] = { "223.255.255.255", "240.0.0.0", "255.255.255.254",
					      "192.0.2.255",	 "0.0.0.0",   "::",
					      "fe80::1",	 "feff::",    "::ffff",
					      "::224.0.0.1" };

	for (size_t i = 0; i < ARRAY_SIZE(group); i++) {
		const struct address a = address_of(group[i]);

		assert_true(address_is_group(&a));
	}
	for (size_t i = 0; i < ARRAY_SIZE(single); i++) {
		const struct address a = address_of(single[i]);

		assert_false(address_is_group(&a));
	}
}

static void start(struct message *m, uint16_t type, uint8_t family)
{
	const struct ifaddrmsg header = { .ifa_family = family, .ifa_prefixlen = 24 };

	message_start(m, type, &header, sizeof(header));
}

/* The first len bytes of the address on the wire. */
static void put(struct message *m, uint16_t type, const char *text, size_t len)
{
	unsigned char bytes[16] = { 0 };

	if (inet_pton(AF_INET, text, bytes) != 1)
		assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
	message_put(m, type, bytes, len);
}

/* The message adds this address and no other; NULL: none. */
static void check_adds(const struct message *m, const char *expected)
{
	struct address_set set = { 0 };

	assert_int_equal(address_set_add_message(&set, &m->header), 0);
	assert_int_equal(set.n, expected ? 1 : 0);
	if (expected)
		assert_true(has(&set, expected));
	address_set_finish(&set);
}

static void the_local_address_goes_before_the_peer(_unused_ void **state)
{
	struct message m;

	start(&m, RTM_NEWADDR, AF_INET);
	put(&m, IFA_ADDRESS, "192.0.2.9", 4);
	put(&m, IFA_LOCAL, "192.0.2.1", 4);
	message_put(&m, IFA_LABEL, "ppp0", 5);
	check_adds(&m, "192.0.2.1");
	start(&m, RTM_NEWADDR, AF_INET);
	put(&m, IFA_LOCAL, "192.0.2.1", 4);
	put(&m, IFA_ADDRESS, "192.0.2.9", 4);
	check_adds(&m, "192.0.2.1");
	start(&m, RTM_NEWADDR, AF_INET6);
	put(&m, IFA_ADDRESS, "2001:db8::9", 16);
	put(&m, IFA_LOCAL, "2001:db8::1", 16);
	check_adds(&m, "2001:db8::1");
}

static void an_address_alone_is_the_hosts(_unused_ void **state)
{
	struct message m;

	start(&m, RTM_NEWADDR, AF_INET6);
	message_put(&m, IFA_CACHEINFO, "sixteen bytes...", 16);
	put(&m, IFA_ADDRESS, "fe80::1", 16);
	message_put_be32(&m, IFA_FLAGS, 0x80);
	check_adds(&m, "fe80::1");
	start(&m, RTM_NEWADDR, AF_INET);
	put(&m, IFA_BROADCAST, "192.0.2.255", 4);
	put(&m, IFA_ADDRESS, "192.0.2.1", 4);
	check_adds(&m, "192.0.2.1");
}

static void addresses_of_a_wrong_length_are_skipped(_unused_ void **state)
{
	static const size_t lengths[] = { 0, 1, 3, 5, 8, 15 };
	struct message m;

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		start(&m, RTM_NEWADDR, AF_INET);
		put(&m, IFA_LOCAL, "2001:db8::1", lengths[i]);
		put(&m, IFA_ADDRESS, "2001:db8::1", lengths[i]);
		check_adds(&m, NULL);
		start(&m, RTM_NEWADDR, AF_INET6);
		put(&m, IFA_ADDRESS, "2001:db8::1", lengths[i]);
		check_adds(&m, NULL);
	}
	/* Each family has its own. */
	start(&m, RTM_NEWADDR, AF_INET);
	put(&m, IFA_LOCAL, "2001:db8::1", 16);
	check_adds(&m, NULL);
	start(&m, RTM_NEWADDR, AF_INET6);
	put(&m, IFA_LOCAL, "192.0.2.1", 4);
	check_adds(&m, NULL);
}

static void other_messages_are_skipped(_unused_ void **state)
{
	static const uint16_t types[] = { RTM_DELADDR, RTM_GETADDR, RTM_NEWLINK, NLMSG_DONE };
	struct message m;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		start(&m, types[i], AF_INET);
		put(&m, IFA_LOCAL, "192.0.2.1", 4);
		check_adds(&m, NULL);
	}
	start(&m, RTM_NEWADDR, AF_UNSPEC);
	put(&m, IFA_LOCAL, "192.0.2.1", 4);
	check_adds(&m, NULL);
	start(&m, RTM_NEWADDR, AF_INET);
	check_adds(&m, NULL);
}

static void messages_that_are_cut(_unused_ void **state)
{
	struct message m;
	uint32_t whole;

	start(&m, RTM_NEWADDR, AF_INET);
	put(&m, IFA_LOCAL, "192.0.2.1", 4);
	whole = m.header.nlmsg_len;
	for (uint32_t len = NLMSG_HDRLEN; len < whole; len++) {
		struct nlmsghdr *exact = malloc(len);
		struct address_set set = { 0 };

		assert_non_null(exact);
		m.header.nlmsg_len = len;
		memcpy(exact, &m, len);
		assert_int_equal(address_set_add_message(&set, exact), 0);
		assert_int_equal(set.n, 0);
		free(exact);
	}
}

/* Stands in for the kernel: answers with three addresses, or with an error behind them. */
static int answer_end;
static int interruptions; /* so often -EINTR instead */

int netlink_query(_unused_ struct netlink *nl, enum netlink_query query, const void *payload,
		  size_t payload_len, uint64_t deadline_ns, netlink_message_fn fn, void *ctx)
{
	static const char *const texts[] = { "127.0.0.1", "192.0.2.1", "192.0.2.77" };
	const struct ifaddrmsg all = { .ifa_family = AF_UNSPEC };

	assert_int_equal(query, NETLINK_ADDRESSES);
	assert_int_equal(payload_len, sizeof(all));
	assert_memory_equal(payload, &all, sizeof(all));
	assert_int_equal(deadline_ns, 1234);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct message m;
		int r;

		start(&m, RTM_NEWADDR, AF_INET);
		put(&m, IFA_LOCAL, texts[i], 4);
		r = fn(ctx, &m.header);
		if (r != 0)
			return r;
	}
	return interruptions-- > 0 ? -EINTR : answer_end;
}

static void all_addresses_of_the_kernel(_unused_ void **state)
{
	struct address_set set = { 0 };

	assert_int_equal(address_set_fetch(&set, NULL, 1234), 0);
	assert_int_equal(set.n, 3);
	assert_true(has(&set, "192.0.2.1") && has(&set, "192.0.2.77"));
	address_set_finish(&set);
	answer_end = -ENOBUFS;
	assert_int_equal(address_set_fetch(&set, NULL, 1234), -ENOBUFS);
	answer_end = 0;
	address_set_finish(&set);
}

static void a_dump_that_is_interrupted_is_asked_for_again(_unused_ void **state)
{
	for (int times = 0; times < 5; times++) {
		struct address_set set = { 0 };

		interruptions = times;
		assert_int_equal(address_set_fetch(&set, NULL, 1234), times < 3 ? 0 : -EINTR);
		assert_int_equal(interruptions, times < 3 ? -1 : times - 3);
		assert_int_equal(set.n, 3);
		address_set_finish(&set);
	}
	interruptions = 0;
}

/* Wherever it has just grown. */
static void every_size_has_what_was_added(_unused_ void **state)
{
	struct address_set set = { 0 };

	for (uint32_t n = 0; n < 600; n++) {
		const uint32_t wire = htonl(0x0a000000 + n);
		const struct address added = address_from_ipv4(&wire);

		assert_int_equal(address_set_add(&set, &added), 0);
		for (uint32_t i = 0; i < 700; i++) {
			const uint32_t other = htonl(0x0a000000 + i);
			const struct address a = address_from_ipv4(&other);

			assert_int_equal(address_set_has(&set, &a), i <= n);
		}
	}
	address_set_finish(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_address_stands_as_mapped),
		cmocka_unit_test(what_was_added_is_there_once),
		cmocka_unit_test(growth_to_the_bound),
		cmocka_unit_test(loopback_is_local_without_being_added),
		cmocka_unit_test(groups),
		cmocka_unit_test(the_local_address_goes_before_the_peer),
		cmocka_unit_test(an_address_alone_is_the_hosts),
		cmocka_unit_test(addresses_of_a_wrong_length_are_skipped),
		cmocka_unit_test(other_messages_are_skipped),
		cmocka_unit_test(messages_that_are_cut),
		cmocka_unit_test(all_addresses_of_the_kernel),
		cmocka_unit_test(a_dump_that_is_interrupted_is_asked_for_again),
		cmocka_unit_test(every_size_has_what_was_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
