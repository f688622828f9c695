/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The range that connect() picks from, and who uses most of it. */

#include "unit.h"

#include <errno.h>

#include "address_text.h"
#include "directory.h"
#include "fake_procfs.h"

#include "../../collectors/ports.h"

/* Nothing here dumps sockets. */
void socket_dump_get(_unused_ struct collector_context *ctx, _unused_ bool ports,
		     _unused_ const struct socket_dump **ret)
{
	fail();
}

static void check_range(const char *range, const char *reserved, uint16_t low, uint16_t high,
			uint32_t size)
{
	struct port_range have = { .low = 1, .high = 2, .size = 3 };

	assert_true(port_range_parse(range, reserved, &have));
	assert_int_equal(have.low, low);
	assert_int_equal(have.high, high);
	assert_int_equal(have.size, size);
}

static void ranges(_unused_ void **state)
{
	check_range("32768\t60999\n", NULL, 32768, 60999, 28232);
	check_range("32768\t60999\n", "", 32768, 60999, 28232);
	check_range("32768\t60999\n", "\n", 32768, 60999, 28232);
	check_range("  1  65535", NULL, 1, 65535, 65535);
	check_range("0 65535", NULL, 0, 65535, 65536);
	check_range("40000 40000\n", NULL, 40000, 40000, 1);
}

static void what_is_no_range(_unused_ void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"32768",
		"32768\n",
		"60999 32768",
		"32768 65536",
		"x 5",
		"5 x",
		"-5 7",
		"5 -7",
		"5-7",
		"1 99999999999999999999",
		"99999999999999999999 1",
		"abc def",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct port_range have = { .low = 1, .high = 2, .size = 3 };

		assert_false(port_range_parse(texts[i], NULL, &have));
		assert_true(have.low == 1 && have.high == 2 && have.size == 3);
	}
}

static void reserved_ports(_unused_ void **state)
{
	static const struct {
		const char *reserved;
		uint32_t taken; /* of 1000 to 1999 */
	} rows[] = {
		{ "1500", 1 },
		{ "1500\n", 1 },
		{ "1000,1999\n", 2 },
		{ "999,2000", 0 },
		{ "80,443,1100-1199,1500,8080\n", 101 },
		{ "900-1099", 100 },
		{ "1900-65535", 100 },
		{ "0-65535", 1000 },
		{ "1000-1999", 1000 },
		/* No kernel lists them so: nothing is taken that is none, and never more than all.
		 */
		{ "1099-1000", 0 },
		{ "1000-", 0 },
		{ "1500,x,1600", 1 },
		{ "1500;1600", 1 },
		{ ",1500", 0 },
		{ "-1500", 0 },
		{ "1500,,1600", 1 },
		{ "99999999999999999999,1500", 0 },
		{ "1-18446744073709551615", 1000 },
		{ "0-65535,0-65535", 1000 },
		/* Each port once, however often it is listed. */
		{ "1500,1500,1500", 1 },
		{ "1500-1599,1550-1649", 150 },
		{ "1550-1649,1500-1599,1500", 150 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_range("1000 1999", rows[i].reserved, 1000, 1999, 1000 - rows[i].taken);
}

static void put_range(const struct directory *d, const char *range, const char *reserved)
{
	if (range)
		procfs_write(d, "sys/net/ipv4/ip_local_port_range", range);
	if (reserved)
		procfs_write(d, "sys/net/ipv4/ip_local_reserved_ports", reserved);
}

static struct lookup connection_of(const char *local, unsigned int local_port, const char *remote,
				   unsigned int remote_port)
{
	return (struct lookup){
		.local = address_of(local),
		.remote = address_of(remote),
		.local_port = (uint16_t)local_port,
		.remote_port = (uint16_t)remote_port,
	};
}

static void add(struct port_crowds *crowds, const char *local, const char *remote,
		unsigned int remote_port, unsigned int first, unsigned int last)
{
	for (unsigned int port = first; port <= last; port++) {
		const struct lookup connection = connection_of(local, port, remote, remote_port);

		port_crowds_add(crowds, &connection);
	}
}

static void the_files(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);
	struct port_crowds crowds;
	const struct lookup connection = { .local_port = 0 };
	struct ports ports;

	assert_int_equal(port_crowds_init(&ctx, &crowds), -ENOENT);
	port_crowds_add(&crowds, &connection);
	port_crowds_result(&crowds, &ports);
	assert_false(ports.range.known || ports.in_use_max.known);
	port_crowds_finish(&crowds);
	put_range(*state, "nonsense\n", NULL);
	assert_int_equal(port_crowds_init(&ctx, &crowds), -EBADMSG);
	port_crowds_finish(&crowds);
	put_range(*state, "1000 1999\n", NULL);
	assert_int_equal(port_crowds_init(&ctx, &crowds), 0);
	port_crowds_result(&crowds, &ports);
	assert_true(ports.range.known && ports.range.value == 1000);
	assert_true(ports.in_use_max.known && ports.in_use_max.value == 0);
	port_crowds_finish(&crowds);
	/* Without them the range would be said to be larger than it is. */
	procfs_write(*state, "sys/net/ipv4/ip_local_reserved_ports/x", "");
	assert_int_equal(port_crowds_init(&ctx, &crowds), -EISDIR);
	port_crowds_result(&crowds, &ports);
	assert_false(ports.range.known || ports.in_use_max.known);
	port_crowds_finish(&crowds);
	procfs_remove(*state, "sys/net/ipv4/ip_local_reserved_ports/x");
	procfs_remove(*state, "sys/net/ipv4/ip_local_reserved_ports");
	put_range(*state, "1000 1999\n", "80,1001\n");
	assert_int_equal(port_crowds_init(&ctx, &crowds), 0);
	assert_int_equal(crowds.range.size, 999);
	/* Who binds to a reserved port takes none of those that connect() picks from. */
	add(&crowds, "10.0.0.1", "10.0.0.2", 80, 1000, 1002);
	port_crowds_result(&crowds, &ports);
	assert_int_equal(ports.range.value, 999);
	assert_int_equal(ports.in_use_max.value, 2);
	port_crowds_finish(&crowds);
}

static void check(const struct port_crowds *crowds, uint64_t in_use, const char *local,
		  const char *remote, unsigned int remote_port)
{
	const struct address here = address_of(local), there = address_of(remote);
	struct ports ports;

	memset(&ports, 0x5a, sizeof(ports));
	port_crowds_result(crowds, &ports);
	assert_int_equal(ports.range.value, 1000);
	assert_true(ports.in_use_max.known);
	assert_int_equal(ports.in_use_max.value, in_use);
	assert_memory_equal(&ports.local, &here, sizeof(here));
	assert_memory_equal(&ports.remote, &there, sizeof(there));
	assert_int_equal(ports.remote_port, remote_port);
}

static void crowds_are_counted_apart(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);
	struct port_crowds crowds;

	put_range(*state, "1000 1999\n", NULL);
	assert_int_equal(port_crowds_init(&ctx, &crowds), 0);
	add(&crowds, "10.0.0.1", "10.0.0.2", 80, 1000, 1009);
	check(&crowds, 10, "10.0.0.1", "10.0.0.2", 80);
	/* Of each part of the key. */
	add(&crowds, "10.0.0.9", "10.0.0.2", 80, 1000, 1010);
	add(&crowds, "10.0.0.1", "10.0.0.9", 80, 1000, 1011);
	add(&crowds, "10.0.0.1", "10.0.0.2", 81, 1000, 1012);
	add(&crowds, "2001:db8::1", "2001:db8::2", 80, 1000, 1013);
	check(&crowds, 14, "2001:db8::1", "2001:db8::2", 80);
	/* Ports that connect() does not pick. */
	add(&crowds, "10.0.0.1", "10.0.0.2", 80, 900, 999);
	add(&crowds, "10.0.0.1", "10.0.0.2", 80, 2000, 2099);
	check(&crowds, 14, "2001:db8::1", "2001:db8::2", 80);
	/* The two ends, and a socket of IPv6 that talks IPv4. */
	add(&crowds, "::ffff:10.0.0.1", "::ffff:10.0.0.2", 80, 1995, 1999);
	check(&crowds, 15, "10.0.0.1", "10.0.0.2", 80);
	port_crowds_finish(&crowds);
}

/* Of equally large crowds the first in the order of their bytes, whatever came first. */
static void equal_crowds(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);

	put_range(*state, "1000 1999\n", NULL);
	for (unsigned int order = 0; order < 2; order++) {
		struct port_crowds crowds;

		assert_int_equal(port_crowds_init(&ctx, &crowds), 0);
		for (unsigned int i = 0; i < 2; i++)
			add(&crowds, "10.0.0.1", i == order ? "10.0.0.7" : "10.0.0.8", 80, 1000,
			    1002);
		check(&crowds, 3, "10.0.0.1", "10.0.0.7", 80);
		port_crowds_finish(&crowds);
	}
}

/* More crowds than counters: never more than there are, and the large one is not hidden. */
static void more_crowds_than_counters(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);
	struct port_crowds crowds;

	put_range(*state, "1000 1999\n", NULL);
	assert_int_equal(port_crowds_init(&ctx, &crowds), 0);
	add(&crowds, "10.0.0.1", "10.0.0.2", 80, 1000, 1199);
	for (unsigned int i = 0; i < 3 * TOP_CAPACITY; i++)
		add(&crowds, "10.0.0.1", "10.0.0.3", i, 1000, 1000);
	check(&crowds, 200, "10.0.0.1", "10.0.0.2", 80);
	port_crowds_finish(&crowds);
}

/* A counter that was handed on says more than its crowd has; one that was not says the truth. */
static void a_counter_that_was_handed_on(void **state)
{
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, *state);
	struct port_crowds crowds;

	put_range(*state, "1000 1999\n", NULL);
	assert_int_equal(port_crowds_init(&ctx, &crowds), 0);
	for (unsigned int i = 0; i < TOP_CAPACITY; i++)
		add(&crowds, "10.0.0.1", "10.0.0.3", i, 1000, 1009);
	/* One of ten is lost; the newcomer stands at 11, of which 1 is its own. */
	add(&crowds, "10.0.0.1", "10.0.0.2", 80, 1000, 1000);
	for (unsigned int i = 0; i < 2; i++) {
		struct ports ports;

		port_crowds_result(&crowds, &ports);
		assert_int_equal(ports.in_use_max.value, 10);
	}
	port_crowds_finish(&crowds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(what_is_no_range),
		cmocka_unit_test(reserved_ports),
		directory_test(the_files),
		directory_test(crowds_are_counted_apart),
		directory_test(equal_crowds),
		directory_test(more_crowds_than_counters),
		directory_test(a_counter_that_was_handed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
