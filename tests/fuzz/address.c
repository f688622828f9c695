/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The host's own addresses, as rtnetlink lists them; what libmnl reads is in the set. */

#include "messages.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "../../collectors/address_set.h"

/* The attribute with this type and the length of the family's addresses. */
static const struct nlattr *find(const struct nlmsghdr *message, uint16_t type, size_t length,
				 bool first)
{
	const struct nlattr *attribute, *found = NULL;

	mnl_attr_for_each(attribute, message,
			  sizeof(struct ifaddrmsg)) if (mnl_attr_get_type(attribute) == type &&
							mnl_attr_get_payload_len(attribute) ==
								length &&
							!(first && found)) found = attribute;
	return found;
}

/* Whether the set may be expected to have an address of this message. */
static bool expect(const struct nlmsghdr *message, struct address *ret)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	size_t length;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return false;
	if (header->ifa_family != AF_INET && header->ifa_family != AF_INET6)
		return false;
	length = header->ifa_family == AF_INET ? 4 : 16;
	attribute = find(message, IFA_LOCAL, length, true);
	if (!attribute)
		attribute = find(message, IFA_ADDRESS, length, false);
	if (!attribute)
		return false;
	*ret = length == 4 ? address_from_ipv4(mnl_attr_get_payload(attribute))
			   : address_from_ipv6(mnl_attr_get_payload(attribute));
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct address_set set = { 0 };
	struct address address;
	struct nlmsghdr *message;

	while ((message = input_message(&input))) {
		const size_t before = set.n;

		HOLDS(address_set_add_message(&set, message) == 0);
		HOLDS(set.n <= before + 1);
		/* libmnl reads up to the next multiple of four. */
		if (message->nlmsg_len % NLMSG_ALIGNTO == 0)
			HOLDS(expect(message, &address) ? address_set_has(&set, &address)
							: set.n == before);
		free(message);
	}
	address_set_finish(&set);
	return 0;
}
