/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The fixed mixture of --mix, and how entries of one kind differ. Addresses of 127.0.0.0/8 and ::1
 * are local everywhere, all others are documentation and benchmark ranges and so foreign.
 */

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fill.h"

#define REPLIED IPS_SEEN_REPLY
#define ASSURED (IPS_SEEN_REPLY | IPS_ASSURED)
#define OSPF 89
#define DCCP 33
/* Small enough for the addresses to stay in their range. */
#define MIX_OFFSETS (1U << 22)

struct kind {
	const char *name;
	unsigned int weight; /* of MIX_WEIGHTS */
	int family, protocol, state;
	uint32_t status, timeout_s;
	const char *source, *destination, *nat_source, *nat_destination;
	enum vary vary;
};

#define TCP(state) AF_INET, IPPROTO_TCP, TCP_CONNTRACK_##state
#define TCP6(state) AF_INET6, IPPROTO_TCP, TCP_CONNTRACK_##state
#define OF(protocol) AF_INET, protocol, 0
#define OF6(protocol) AF_INET6, protocol, 0

static const struct kind kinds[] = {
	{ "outbound", 220, TCP(ESTABLISHED), ASSURED, 432000, "127.0.0.1", "198.18.0.0" },
	{ "outbound to a NATed address", 20, TCP(ESTABLISHED), ASSURED, 432000, "127.0.0.1",
	  "203.0.113.1", NULL, "198.19.0.0" },
	{ "inbound", 110, TCP(ESTABLISHED), ASSURED, 40000, "10.1.0.0", "127.0.0.2", NULL, NULL,
	  VARY_SOURCE },
	{ "inbound, redirected here", 20, TCP(ESTABLISHED), ASSURED, 40000, "10.2.0.0",
	  "203.0.113.2", NULL, "127.0.0.3", VARY_SOURCE },
	{ "loopback", 30, TCP(ESTABLISHED), ASSURED, 432000, "127.1.0.0", "127.2.0.0" },
	{ "forwarded", 30, TCP(ESTABLISHED), ASSURED, 3000, "10.3.0.0", "10.4.0.0" },
	{ "forwarded, masqueraded", 90, TCP(ESTABLISHED), ASSURED, 3000, "10.5.0.1", "198.51.0.0",
	  "203.0.113.3" },
	{ "forwarded to a service", 50, TCP(ESTABLISHED), ASSURED, 3000, "10.6.0.0", "203.0.113.4",
	  NULL, "10.7.0.1", VARY_SOURCE },
	{ "forwarded to a service, masqueraded", 10, TCP(ESTABLISHED), ASSURED, 3000, "10.8.0.1",
	  "198.20.0.0", "203.0.113.5", "10.9.0.0" },
	{ "outbound, no answer", 60, TCP(SYN_SENT), 0, 300, "127.0.0.1", "192.0.0.0" },
	{ "inbound, half open", 40, TCP(SYN_RECV), REPLIED, 45, "10.10.0.0", "127.0.0.2", NULL,
	  NULL, VARY_SOURCE },
	{ "outbound, half closed", 15, TCP(FIN_WAIT), ASSURED, 300, "127.0.0.4", "198.18.0.0" },
	{ "inbound, half closed", 15, TCP(CLOSE_WAIT), ASSURED, 45, "10.11.0.0", "127.0.0.2", NULL,
	  NULL, VARY_SOURCE },
	{ "inbound, nearly closed", 10, TCP(LAST_ACK), ASSURED, 30, "10.12.0.0", "127.0.0.2", NULL,
	  NULL, VARY_SOURCE },
	{ "closed", 60, TCP(TIME_WAIT), ASSURED, 300, "127.0.0.5", "198.18.0.0" },
	{ "reset", 15, TCP(CLOSE), ASSURED, 30, "127.0.0.6", "198.18.0.0" },
	{ "simultaneous open", 3, TCP(SYN_SENT2), REPLIED, 300, "10.13.0.0", "10.14.0.0" },
	{ "no state", 2, TCP(NONE), 0, 300, "10.15.0.0", "10.16.0.0" },
	{ "forwarded", 40, TCP6(ESTABLISHED), ASSURED, 432000, "2001:db8:1::1", "2001:db8:2::" },
	{ "inbound, closed", 10, TCP6(TIME_WAIT), ASSURED, 300, "2001:db8:3::", "::1", NULL, NULL,
	  VARY_SOURCE },
	{ "no answer", 40, OF(IPPROTO_UDP), 0, 45, "127.0.0.7", "198.18.0.0" },
	{ "answered", 30, OF(IPPROTO_UDP), REPLIED, 45, "10.17.0.0", "127.0.0.8", NULL, NULL,
	  VARY_SOURCE },
	{ "masqueraded stream", 20, OF(IPPROTO_UDP), ASSURED, 300, "10.18.0.1", "198.21.0.0",
	  "203.0.113.6" },
	{ "answered", 20, OF6(IPPROTO_UDP), REPLIED, 45, "::1", "2001:db8:4::" },
	{ "echo", 10, OF(IPPROTO_ICMP), REPLIED, 30, "127.0.0.9", "198.18.0.0" },
	{ "echo", 5, OF6(IPPROTO_ICMPV6), REPLIED, 30, "::1", "2001:db8:5::" },
	{ "association", 5, OF(IPPROTO_SCTP), ASSURED, 3000, "10.19.0.1", "10.20.0.0" },
	{ "tunnel", 5, OF(IPPROTO_GRE), ASSURED, 300, "10.21.0.1", "10.22.0.0" },
	{ "no answer", 5, OF(IPPROTO_UDPLITE), 0, 45, "10.23.0.1", "10.24.0.0" },
	{ "no answer", 5, OF(DCCP), 0, 600, "10.25.0.1", "10.26.0.0" },
	{ "OSPF, no answer", 5, OF(OSPF), 0, 600, "10.27.0.1", "10.28.0.0" },
};

bool address_parse(uint8_t family, const char *text, struct address *ret)
{
	*ret = (struct address){ 0 };
	return inet_pton(family, text, ret->bytes) == 1;
}

/* Adds n to the last four bytes. */
static struct address address_plus(uint8_t family, struct address address, uint64_t n)
{
	uint8_t *low = address.bytes + (family == AF_INET ? 0 : 12);
	uint32_t value;

	memcpy(&value, low, sizeof(value));
	value = htonl(ntohl(value) + (uint32_t)n);
	memcpy(low, &value, sizeof(value));
	return address;
}

static bool has_ports(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
	case IPPROTO_SCTP:
	case IPPROTO_GRE:
	case IPPROTO_UDPLITE:
		return true;
	default: /* DCCP too: Linux 6.18 has no tracker for it any more. */
		return false;
	}
}

struct entry profile_entry(const struct profile *profile, uint64_t n)
{
	const uint64_t ports = has_ports(profile->protocol) ? 65536U - profile->first_port : 1;
	const uint64_t step = n / ports;
	struct entry entry = {
		.profile = profile,
		.source = profile->source,
		.destination = profile->destination,
		.nat_destination = profile->nat_destination,
		.source_port = (uint16_t)(profile->first_port + n % ports),
	};

	if (profile->vary == VARY_SOURCE) {
		entry.source = address_plus(profile->family, entry.source, step);
		return entry;
	}
	entry.destination = address_plus(profile->family, entry.destination, step);
	entry.nat_destination = address_plus(profile->family, entry.nat_destination, step);
	return entry;
}

static void profile_from_kind(const struct kind *kind, struct profile *ret)
{
	const uint8_t family = (uint8_t)kind->family;

	*ret = (struct profile){
		.family = family,
		.protocol = (uint8_t)kind->protocol,
		.tcp_state = (uint8_t)kind->state,
		.status = kind->status,
		.timeout_s = kind->timeout_s,
		.first_port = 1024,
		.destination_port = 443,
		.vary = kind->vary,
		.has_nat_source = kind->nat_source,
		.has_nat_destination = kind->nat_destination,
	};
	if (!address_parse(family, kind->source, &ret->source) ||
	    !address_parse(family, kind->destination, &ret->destination) ||
	    (kind->nat_source && !address_parse(family, kind->nat_source, &ret->nat_source)) ||
	    (kind->nat_destination &&
	     !address_parse(family, kind->nat_destination, &ret->nat_destination)))
		abort();
}

/* splitmix64: the same seed gives the same entries everywhere. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

void mix_init(struct mix *mix, uint64_t seed, uint32_t least_timeout_s)
{
	unsigned int draw = 0;

	*mix = (struct mix){ .n = ARRAY_SIZE(kinds), .random = seed };
	mix->profiles = calloc(mix->n, sizeof(*mix->profiles));
	mix->used = calloc(mix->n, sizeof(*mix->used));
	if (!mix->profiles || !mix->used)
		abort();
	for (unsigned int i = 0; i < mix->n; i++) {
		profile_from_kind(&kinds[i], &mix->profiles[i]);
		if (mix->profiles[i].timeout_s < least_timeout_s)
			mix->profiles[i].timeout_s = least_timeout_s;
		/* Other seeds, other ports and addresses. */
		mix->used[i] = next_random(&mix->random) % MIX_OFFSETS;
		for (unsigned int j = 0; j < kinds[i].weight; j++)
			mix->kind[draw++] = i;
	}
	if (draw != MIX_WEIGHTS)
		abort();
}

struct entry mix_entry(struct mix *mix)
{
	unsigned int i = mix->kind[next_random(&mix->random) % MIX_WEIGHTS];

	return profile_entry(&mix->profiles[i], mix->used[i]++);
}

void mix_finish(struct mix *mix)
{
	free(mix->profiles);
	free(mix->used);
}

void mix_print(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *kind = &kinds[i];

		printf("%5.1f%%  ipv%d protocol %d state %d status %#x timeout %u: %s, %s -> %s",
		       kind->weight * 100.0 / MIX_WEIGHTS, kind->family == AF_INET ? 4 : 6,
		       kind->protocol, kind->state, kind->status, kind->timeout_s, kind->name,
		       kind->source, kind->destination);
		if (kind->nat_source)
			printf(", source to %s", kind->nat_source);
		if (kind->nat_destination)
			printf(", destination to %s", kind->nat_destination);
		putchar('\n');
	}
}
