/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Many small questions to the kernel in one message. In netlink.c, under the same policy. */

#include "netlink.h"

/*
 * n questions of one kind. build() writes the payload of question i (at
 * most NETLINK_PAYLOAD_MAX bytes) and returns its length; answer() gets the message that answers
 * it, or NULL and the kernel's negative errno (-ENOENT: there is none).
 */
struct netlink_lookup {
	size_t (*build)(void *ctx, size_t i, void *payload);
	void (*answer)(void *ctx, size_t i, int error, const struct nlmsghdr *message);
	void *ctx;
};

/*
 * Returns 0 when every question was answered, or a negative errno as netlink_query(); those that
 * came before were answered. Some may be asked, and answered, more than once.
 */
int netlink_lookup(struct netlink *nl, enum netlink_query query, size_t n,
		   const struct netlink_lookup *lookup, uint64_t deadline_ns);
