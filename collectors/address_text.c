/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "address_text.h"

#include <arpa/inet.h>

#include "../exporter/util.h"

static_assert(ADDRESS_TEXT_MAX >= INET6_ADDRSTRLEN, "every address has room");

void address_format(const struct address *address, char ret[ADDRESS_TEXT_MAX])
{
	/* Fails for want of room or for an unknown family, so never. */
	if (address_is_ipv4(address))
		(void)inet_ntop(AF_INET, address->bytes + 12, ret, ADDRESS_TEXT_MAX);
	else
		(void)inet_ntop(AF_INET6, address->bytes, ret, ADDRESS_TEXT_MAX);
}
