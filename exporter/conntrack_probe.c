/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "conntrack_probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

/* The kernel's headers for it do not go together with the C library's. */
#define ORIGINAL_DST 80

/* enum flow_family, or a negative errno. */
static int family_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	struct sockaddr_in6 ipv6;

	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -errno;
	if (address.ss_family == AF_INET)
		return FLOW_IPV4;
	if (address.ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	memcpy(&ipv6, &address, sizeof(ipv6));
	return IN6_IS_ADDR_V4MAPPED(&ipv6.sin6_addr) ? FLOW_IPV4 : FLOW_IPV6;
}

int conntrack_probe(int fd, enum flow_family *ret_family, enum tracking *ret_tracking)
{
	struct sockaddr_storage destination;
	socklen_t length = sizeof(destination);
	const int family = family_of(fd);

	if (family < 0)
		return family;
	*ret_family = family;
	if (getsockopt(fd, family == FLOW_IPV4 ? SOL_IP : SOL_IPV6, ORIGINAL_DST, &destination,
		       &length) == 0)
		*ret_tracking = TRACKING_ACTIVE;
	else
		*ret_tracking = errno == ENOENT ? TRACKING_INACTIVE : TRACKING_UNKNOWN;
	return 0;
}

void conntrack_probes_take(struct conntrack_probes *probes, int fd, uint64_t now_ns)
{
	enum flow_family family = FLOW_IPV4;
	enum tracking tracking = TRACKING_UNKNOWN;

	if (conntrack_probe(fd, &family, &tracking) < 0)
		return;
	probes->newest[family].tracking = tracking;
	probes->newest[family].taken_ns = now_ns;
}

enum tracking conntrack_probes_get(const struct conntrack_probes *probes, enum flow_family family,
				   uint64_t now_ns)
{
	const uint64_t age_ns = now_ns - probes->newest[family].taken_ns;

	return age_ns <= CONNTRACK_PROBE_MAX_AGE_S * NSEC_PER_SEC ? probes->newest[family].tracking
								  : TRACKING_UNKNOWN;
}
