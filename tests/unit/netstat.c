/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <errno.h>

#include "directory.h"
#include "fake_procfs.h"

#include "../../collectors/netstat.h"

#define NETSTAT                                                                       \
	"TcpExt: ListenOverflows ListenDrops TCPReqQFullDoCookies TCPReqQFullDrop X " \
	"TCPSynRetrans\n"                                                             \
	"TcpExt: 1 2 3 4 5 6\n"
#define SNMP                                                                 \
	"Tcp: MaxConn ActiveOpens PassiveOpens AttemptFails TCPSynRetrans\n" \
	"Tcp: -1 7 8 9 10\n"

static const struct reading all[N_NETSTAT_COUNTERS] = {
	[NETSTAT_LISTEN_OVERFLOWS] = KNOWN(1),
	[NETSTAT_LISTEN_DROPS] = KNOWN(2),
	[NETSTAT_REQUEST_QUEUE_FULL_DROPS] = KNOWN(4),
	[NETSTAT_REQUEST_QUEUE_FULL_COOKIES] = KNOWN(3),
	[NETSTAT_ACTIVE_OPENS] = KNOWN(7),
	[NETSTAT_PASSIVE_OPENS] = KNOWN(8),
	[NETSTAT_ATTEMPT_FAILS] = KNOWN(9),
	[NETSTAT_SYN_RETRANSMITS] = KNOWN(6),
};
static const struct reading only_netstat[N_NETSTAT_COUNTERS] = {
	[NETSTAT_LISTEN_OVERFLOWS] = KNOWN(1),
	[NETSTAT_LISTEN_DROPS] = KNOWN(2),
	[NETSTAT_REQUEST_QUEUE_FULL_DROPS] = KNOWN(4),
	[NETSTAT_REQUEST_QUEUE_FULL_COOKIES] = KNOWN(3),
	[NETSTAT_SYN_RETRANSMITS] = KNOWN(6),
};
static const struct reading only_snmp[N_NETSTAT_COUNTERS] = {
	[NETSTAT_ACTIVE_OPENS] = KNOWN(7),
	[NETSTAT_PASSIVE_OPENS] = KNOWN(8),
	[NETSTAT_ATTEMPT_FAILS] = KNOWN(9),
};
static const struct reading nothing[N_NETSTAT_COUNTERS];

static void check(const struct directory *d, int value, const struct reading *expected)
{
	struct reading counters[N_NETSTAT_COUNTERS];
	struct collector_settings settings;
	struct collector_context ctx = fake_context(&settings, d);

	memset(counters, 0x5a, sizeof(counters));
	assert_int_equal(netstat_read(&ctx, counters), value);
	readings_check(counters, expected, N_NETSTAT_COUNTERS);
}

static void every_counter_from_its_file(void **state)
{
	procfs_write(*state, "net/netstat", NETSTAT);
	procfs_write(*state, "net/snmp", SNMP);
	check(*state, 0, all);
}

static void one_file_is_missing(void **state)
{
	check(*state, -ENOENT, nothing);
	procfs_write(*state, "net/netstat", NETSTAT);
	check(*state, -ENOENT, only_netstat);
	procfs_write(*state, "net/snmp", SNMP);
	procfs_remove(*state, "net/netstat");
	check(*state, -ENOENT, only_snmp);
}

static void a_file_that_holds_none_of_them(void **state)
{
	static const char *const texts[] = { "", "\n", "nonsense", "Udp: A\nUdp: 1\n" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		procfs_write(*state, "net/netstat", NETSTAT);
		procfs_write(*state, "net/snmp", texts[i]);
		check(*state, -EBADMSG, only_netstat);
		procfs_write(*state, "net/netstat", texts[i]);
		procfs_write(*state, "net/snmp", SNMP);
		check(*state, -EBADMSG, only_snmp);
	}
}

static void a_kernel_without_some(void **state)
{
	static const struct reading expected[N_NETSTAT_COUNTERS] = {
		[NETSTAT_LISTEN_DROPS] = KNOWN(1),
		[NETSTAT_PASSIVE_OPENS] = KNOWN(2),
	};

	procfs_write(*state, "net/netstat", "TcpExt: ListenDrops\nTcpExt: 1\n");
	procfs_write(*state, "net/snmp", "Tcp: PassiveOpens\nTcp: 2\n");
	check(*state, 0, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		directory_test(every_counter_from_its_file),
		directory_test(one_file_is_missing),
		directory_test(a_file_that_holds_none_of_them),
		directory_test(a_kernel_without_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
