/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Addresses written as people write them; needs unit.h before it. */

#include <arpa/inet.h>

#include "../../collectors/address.h"

static inline struct address address_of(const char *text)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		return address_from_ipv4(bytes);
	assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
	return address_from_ipv6(bytes);
}
