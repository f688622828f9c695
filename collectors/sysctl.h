/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The sysctls that every cheap scrape reads: their files stay open. */

#include <stdint.h>

#include "procfs.h"

enum sysctl {
	SYSCTL_COUNT,
	SYSCTL_MAX,
	SYSCTL_BUCKETS,
	SYSCTL_EXPECT_MAX,
	SYSCTL_ACCT,
	SYSCTL_TIMESTAMP,
	SYSCTL_EVENTS,
	N_SYSCTLS,
};

/* All zero: none is open. */
struct sysctls {
	struct procfs_number numbers[N_SYSCTLS];
};

/* The value now. Returns as procfs_read_u64(); root is the same in all calls. */
int sysctls_read(struct sysctls *sysctls, const char *root, enum sysctl which, uint64_t *ret);
void sysctls_finish(struct sysctls *sysctls);
