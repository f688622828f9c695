/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "sysctl.h"

#include "../exporter/util.h"

#define NETFILTER "sys/net/netfilter/nf_conntrack_"

static const char *const paths[] = {
	[SYSCTL_COUNT] = NETFILTER "count",	[SYSCTL_MAX] = NETFILTER "max",
	[SYSCTL_BUCKETS] = NETFILTER "buckets", [SYSCTL_EXPECT_MAX] = NETFILTER "expect_max",
	[SYSCTL_ACCT] = NETFILTER "acct",	[SYSCTL_TIMESTAMP] = NETFILTER "timestamp",
	[SYSCTL_EVENTS] = NETFILTER "events",
};

static_assert(ARRAY_SIZE(paths) == N_SYSCTLS, "one path for each");

int sysctls_read(struct sysctls *sysctls, const char *root, enum sysctl which, uint64_t *ret)
{
	return procfs_number_read(&sysctls->numbers[which], root, paths[which], ret);
}

void sysctls_finish(struct sysctls *sysctls)
{
	for (size_t i = 0; i < N_SYSCTLS; i++)
		procfs_number_close(&sysctls->numbers[i]);
}
