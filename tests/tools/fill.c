/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Fills the conntrack table of the network namespace it runs in, over ctnetlink. A tool for tests:
 * the exporter itself never changes the table.
 */

#include <errno.h>
#include <getopt.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fill.h"

static const char usage[] =
	"Usage: fill --count=N --mix [--seed=N] [--timeout=SECONDS]\n"
	"       fill --count=N [option...]\n"
	"Inserts entries into the conntrack table of this network namespace and prints how many the\n"
	"kernel took, and how many it refused by which errno.\n"
	"  --count=N                 entries to insert (1)\n"
	"  --mix                     the fixed mixture of kinds that --show-mix lists\n"
	"  --seed=N                  of the mixture; the same seed gives the same entries (1)\n"
	"  --show-mix                lists the mixture and ends\n"
	"  --protocol=NAME|NUMBER    tcp udp icmp icmpv6 sctp gre dccp udplite (tcp)\n"
	"  --family=4|6              (4)\n"
	"  --state=NAME              TCP: none syn_sent syn_recv established fin_wait close_wait\n"
	"                            last_ack time_wait close syn_sent2 (established)\n"
	"  --timeout=SECONDS         (600); of the mixture's kinds the least that one has (0)\n"
	"  --status=NAME[,NAME]      assured seen_reply (none)\n"
	"  --source=ADDRESS          (10.0.0.1 or 2001:db8::1)\n"
	"  --destination=ADDRESS     (198.18.0.0 or 2001:db8:1::)\n"
	"  --first-port=N            of the source; counts up to 65535, then an address moves on (1024)\n"
	"  --destination-port=N      (443)\n"
	"  --vary=source|destination which address moves on; each time where there are no ports\n"
	"  --nat-source=ADDRESS      translate the source\n"
	"  --nat-destination=ADDRESS translate the destination\n";

struct name {
	const char *name;
	uint32_t value;
};

static const struct name protocols[] = {
	{ "tcp", IPPROTO_TCP },	  { "udp", IPPROTO_UDP },
	{ "icmp", IPPROTO_ICMP }, { "icmpv6", IPPROTO_ICMPV6 },
	{ "sctp", IPPROTO_SCTP }, { "gre", IPPROTO_GRE },
	{ "dccp", 33 },		  { "udplite", 136 },
};

static const struct name states[] = {
	{ "none", TCP_CONNTRACK_NONE },		{ "syn_sent", TCP_CONNTRACK_SYN_SENT },
	{ "syn_recv", TCP_CONNTRACK_SYN_RECV }, { "established", TCP_CONNTRACK_ESTABLISHED },
	{ "fin_wait", TCP_CONNTRACK_FIN_WAIT }, { "close_wait", TCP_CONNTRACK_CLOSE_WAIT },
	{ "last_ack", TCP_CONNTRACK_LAST_ACK }, { "time_wait", TCP_CONNTRACK_TIME_WAIT },
	{ "close", TCP_CONNTRACK_CLOSE },	{ "syn_sent2", TCP_CONNTRACK_SYN_SENT2 },
};

static const struct name statuses[] = {
	{ "assured", IPS_ASSURED },
	{ "seen_reply", IPS_SEEN_REPLY },
};

enum fill_option {
	OPTION_COUNT,
	OPTION_MIX,
	OPTION_SEED,
	OPTION_SHOW_MIX,
	OPTION_PROTOCOL,
	OPTION_FAMILY,
	OPTION_STATE,
	OPTION_TIMEOUT,
	OPTION_STATUS,
	OPTION_SOURCE,
	OPTION_DESTINATION,
	OPTION_FIRST_PORT,
	OPTION_DESTINATION_PORT,
	OPTION_VARY,
	OPTION_NAT_SOURCE,
	OPTION_NAT_DESTINATION,
	N_OPTIONS,
};

static const struct option options[] = {
	{ "count", required_argument, NULL, OPTION_COUNT },
	{ "mix", no_argument, NULL, OPTION_MIX },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "show-mix", no_argument, NULL, OPTION_SHOW_MIX },
	{ "protocol", required_argument, NULL, OPTION_PROTOCOL },
	{ "family", required_argument, NULL, OPTION_FAMILY },
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "status", required_argument, NULL, OPTION_STATUS },
	{ "source", required_argument, NULL, OPTION_SOURCE },
	{ "destination", required_argument, NULL, OPTION_DESTINATION },
	{ "first-port", required_argument, NULL, OPTION_FIRST_PORT },
	{ "destination-port", required_argument, NULL, OPTION_DESTINATION_PORT },
	{ "vary", required_argument, NULL, OPTION_VARY },
	{ "nat-source", required_argument, NULL, OPTION_NAT_SOURCE },
	{ "nat-destination", required_argument, NULL, OPTION_NAT_DESTINATION },
	{ 0 },
};

/* The option's value, NULL where it was not given. */
static const char *values[N_OPTIONS];

static void die(enum fill_option option, const char *value)
{
	fprintf(stderr, "fill: --%s: bad value \"%s\"\n%s", options[option].name, value, usage);
	exit(2);
}

static uint64_t number(enum fill_option option, uint64_t fallback, uint64_t max)
{
	const char *value = values[option];
	char *end;
	uint64_t n;

	if (!value)
		return fallback;
	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno || *end || *value < '0' || *value > '9' || n > max)
		die(option, value);
	return n;
}

static bool find_name(const struct name *names, size_t n, const char *name, size_t length,
		      uint32_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(names[i].name) == length && strncmp(names[i].name, name, length) == 0) {
			*ret = names[i].value;
			return true;
		}
	}
	return false;
}

static uint8_t protocol_option(void)
{
	const char *name = values[OPTION_PROTOCOL];
	uint32_t value = IPPROTO_TCP;

	if (name && !find_name(protocols, ARRAY_SIZE(protocols), name, strlen(name), &value))
		return (uint8_t)number(OPTION_PROTOCOL, 0, 255);
	return (uint8_t)value;
}

static uint8_t state_option(void)
{
	const char *name = values[OPTION_STATE];
	uint32_t value = TCP_CONNTRACK_ESTABLISHED;

	if (name && !find_name(states, ARRAY_SIZE(states), name, strlen(name), &value))
		die(OPTION_STATE, name);
	return (uint8_t)value;
}

static uint32_t status_option(void)
{
	const char *s = values[OPTION_STATUS];
	uint32_t status = 0, bit;

	while (s && *s) {
		size_t length = strcspn(s, ",");

		if (!find_name(statuses, ARRAY_SIZE(statuses), s, length, &bit))
			die(OPTION_STATUS, values[OPTION_STATUS]);
		status |= bit;
		s += length + (s[length] == ',');
	}
	return status;
}

static struct address address_option(enum fill_option option, uint8_t family, const char *fallback)
{
	const char *value = values[option] ? values[option] : fallback;
	struct address address = { 0 };

	if (value && !address_parse(family, value, &address))
		die(option, value);
	return address;
}

static enum vary vary_option(void)
{
	const char *value = values[OPTION_VARY];

	if (!value || strcmp(value, "destination") == 0)
		return VARY_DESTINATION;
	if (strcmp(value, "source") != 0)
		die(OPTION_VARY, value);
	return VARY_SOURCE;
}

static struct profile profile_option(void)
{
	const bool is_ipv4 = number(OPTION_FAMILY, 4, 6) == 4;
	const uint8_t family = is_ipv4 ? AF_INET : AF_INET6;

	return (struct profile){
		.family = family,
		.protocol = protocol_option(),
		.tcp_state = state_option(),
		.status = status_option(),
		.timeout_s = (uint32_t)number(OPTION_TIMEOUT, 600, UINT32_MAX),
		.source = address_option(OPTION_SOURCE, family,
					 is_ipv4 ? "10.0.0.1" : "2001:db8::1"),
		.destination = address_option(OPTION_DESTINATION, family,
					      is_ipv4 ? "198.18.0.0" : "2001:db8:1::"),
		.first_port = (uint16_t)number(OPTION_FIRST_PORT, 1024, 65535),
		.destination_port = (uint16_t)number(OPTION_DESTINATION_PORT, 443, 65535),
		.vary = vary_option(),
		.has_nat_source = values[OPTION_NAT_SOURCE],
		.has_nat_destination = values[OPTION_NAT_DESTINATION],
		.nat_source = address_option(OPTION_NAT_SOURCE, family, NULL),
		.nat_destination = address_option(OPTION_NAT_DESTINATION, family, NULL),
	};
}

static int fill_mix(struct sender *sender, uint64_t count)
{
	struct mix mix;
	int r = 0;

	mix_init(&mix, number(OPTION_SEED, 1, UINT64_MAX),
		 (uint32_t)number(OPTION_TIMEOUT, 0, UINT32_MAX));
	while (r == 0 && count--) {
		const struct entry entry = mix_entry(&mix);

		r = sender_add(sender, &entry);
	}
	mix_finish(&mix);
	return r;
}

static int fill_profile(struct sender *sender, uint64_t count)
{
	const struct profile profile = profile_option();
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < count; i++) {
		const struct entry entry = profile_entry(&profile, i);

		r = sender_add(sender, &entry);
	}
	return r;
}

static void print_result(const struct sender *sender)
{
	uint64_t refused = 0;

	for (size_t i = 0; i < ERRNOS_MAX; i++)
		refused += sender->refused[i];
	printf("inserted=%ju refused=%ju", (uintmax_t)(sender->sent - refused), (uintmax_t)refused);
	for (size_t i = 0; i < ERRNOS_MAX; i++)
		if (sender->refused[i])
			printf(" %s=%ju", i ? strerrorname_np((int)i) : "unknown",
			       (uintmax_t)sender->refused[i]);
	putchar('\n');
}

static int run(void)
{
	const uint64_t count = number(OPTION_COUNT, 1, UINT32_MAX);
	struct sender sender;
	int r = sender_init(&sender);

	if (r == 0)
		r = values[OPTION_MIX] ? fill_mix(&sender, count) : fill_profile(&sender, count);
	if (r == 0)
		r = sender_flush(&sender);
	if (r == 0)
		print_result(&sender);
	else
		fprintf(stderr, "fill: %s\n", strerror(-r));
	sender_finish(&sender);
	return r == 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?') {
			fputs(usage, stderr);
			return 2;
		}
		values[option] = optarg ? optarg : "";
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (values[OPTION_SHOW_MIX]) {
		mix_print();
		return 0;
	}
	return run();
}
