/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* /proc/net/netstat and /proc/net/snmp -> counters. Pure. */

#include <stdbool.h>
#include <stdint.h>

/*
 * The counter called name of the group called prefix ("TcpExt", "Tcp"). A group is two lines that
 * start with its name and a colon, the first of names, the second of values
 * (netstat_seq_show(), snmp_seq_show() in net/ipv4/proc.c). Kernels differ in their columns, so
 * they go by name. False, and *ret untouched, where there is no such counter, where its value is
 * missing, and where that is no unsigned number.
 */
bool netstat_parse(const char *text, const char *prefix, const char *name, uint64_t *ret);
