/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Conntrack's per-CPU statistics -> snapshot, from either of the two places the kernel shows them.
 * Pure.
 */

#include <linux/netlink.h>

#include "stat_carry.h"

/*
 * Adds the CPU of one IPCTNL_MSG_CT_GET_STATS_CPU answer; its number is nfgenmsg.res_id. Counters
 * the message lacks stay absent. Returns 0, -EBADMSG when the header is short, -ENOMEM.
 */
int stat_parse_message(struct stat_snapshot *snapshot, const struct nlmsghdr *message);

/*
 * Adds all CPUs of the text of /proc/net/stat/nf_conntrack: a header line of names, then a line of
 * hexadecimal numbers for each possible CPU. Columns go by name, never by position: "searched"
 * became "clashres" and "delete_list" became "chainlength" in the same place. Returns 0, -EBADMSG
 * when a line ends early or holds something else, -ENOMEM.
 */
int stat_parse_procfs(struct stat_snapshot *snapshot, const char *text);
