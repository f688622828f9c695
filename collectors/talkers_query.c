/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "talkers_query.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "../exporter/util.h"
#include "labels.h"

#define PORT_MAX 65535
#define ADDRESS_BITS 128
#define MAPPED_BITS 96 /* of a mapped IPv4 address, before its own */

void talkers_query_init(struct talkers_query *query)
{
	*query = (struct talkers_query){ .by = TALKERS_BY_DESTINATION,
					 .limit = TALKERS_LIMIT_DEFAULT };
}

/* A decimal number without sign or blanks; false when it is none or more than max. */
static bool parse_number(const char *text, uint32_t max, uint32_t *ret)
{
	uint32_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || value > max)
			return false;
		value = value * 10 + (uint32_t)(*text - '0');
	}
	if (value > max)
		return false;
	*ret = value;
	return true;
}

static void clear_behind(struct address *address, uint32_t bits)
{
	for (uint32_t i = 0; i < sizeof(address->bytes); i++) {
		if (i * 8 >= bits)
			address->bytes[i] = 0;
		else if (bits - i * 8 < 8)
			address->bytes[i] &= (uint8_t)(0xff00U >> (bits - i * 8));
	}
}

static bool parse_address(const char *text, struct address *ret, uint32_t *ret_bits)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1) {
		*ret = address_from_ipv4(bytes);
		*ret_bits = ADDRESS_BITS - MAPPED_BITS;
	} else if (inet_pton(AF_INET6, text, bytes) == 1) {
		*ret = address_from_ipv6(bytes);
		*ret_bits = ADDRESS_BITS;
	} else {
		return false;
	}
	return true;
}

static bool parse_prefix(const char *text, struct talkers_prefix *ret)
{
	struct talkers_prefix prefix;
	char address[INET6_ADDRSTRLEN];
	const size_t length = strcspn(text, "/");
	uint32_t max, bits;

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!parse_address(address, &prefix.address, &max))
		return false;
	bits = max;
	if (text[length] && !parse_number(text + length + 1, max, &bits))
		return false;
	prefix.bits = ADDRESS_BITS - max + bits;
	clear_behind(&prefix.address, prefix.bits);
	*ret = prefix;
	return true;
}

static bool parse_name(const char *text, const char *const *names, uint32_t n, uint32_t *ret)
{
	for (uint32_t i = 0; i < n; i++) {
		if (strcasecmp(names[i], text) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool set_by(struct talkers_query *query, const char *value)
{
	return parse_name(value, talkers_by_names, N_TALKERS_BYS, &query->by);
}

static bool set_limit(struct talkers_query *query, const char *value)
{
	uint32_t limit;

	if (!parse_number(value, TALKERS_LIMIT_MAX, &limit) || limit == 0)
		return false;
	query->limit = limit;
	return true;
}

static bool set_source(struct talkers_query *query, const char *value)
{
	return parse_prefix(value, &query->source);
}

static bool set_destination(struct talkers_query *query, const char *value)
{
	return parse_prefix(value, &query->destination);
}

static bool set_port(struct talkers_query *query, const char *value)
{
	return parse_number(value, PORT_MAX, &query->port);
}

static bool set_state(struct talkers_query *query, const char *value)
{
	return parse_name(value, tcp_state_names, N_FLOW_TCP_STATES, &query->state);
}

#define STRING(macro) STRING_OF(macro)
#define STRING_OF(text) #text

static const struct {
	const char *name;
	bool (*set)(struct talkers_query *query, const char *value);
	uint32_t filter; /* enum talkers_filter; 0: none */
	const char *expects;
} parameters[] = {
	{ "by", set_by, 0, "source, destination, destination-port or pair" },
	{ "limit", set_limit, 0, "a number from 1 to " STRING(TALKERS_LIMIT_MAX) },
	{ "source", set_source, TALKERS_FILTER_SOURCE, "an address or ADDRESS/BITS" },
	{ "destination", set_destination, TALKERS_FILTER_DESTINATION,
	  "an address or ADDRESS/BITS" },
	{ "port", set_port, TALKERS_FILTER_PORT, "a number from 0 to 65535" },
	{ "state", set_state, TALKERS_FILTER_STATE,
	  "none, syn_sent, syn_recv, established, fin_wait, close_wait, last_ack, time_wait, close, "
	  "syn_sent2 or offloaded" },
};

int talkers_query_set(struct talkers_query *query, const char *name, const char *value, char *error)
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++) {
		if (strcmp(parameters[i].name, name) != 0)
			continue;
		if (parameters[i].set(query, value ? value : "")) {
			query->filter |= parameters[i].filter;
			return 0;
		}
		(void)snprintf(error, TALKERS_QUERY_ERROR_MAX,
			       "invalid value '%.64s' for '%s', it must be %s", value ? value : "",
			       name, parameters[i].expects);
		return -EINVAL;
	}
	(void)snprintf(error, TALKERS_QUERY_ERROR_MAX, "unknown parameter '%.64s'", name);
	return -EINVAL;
}

static bool prefix_is_valid(const struct talkers_prefix *prefix)
{
	struct address cleared = prefix->address;

	clear_behind(&cleared, prefix->bits);
	return prefix->bits <= ADDRESS_BITS &&
	       memcmp(&cleared, &prefix->address, sizeof(cleared)) == 0;
}

bool talkers_query_is_valid(const struct talkers_query *query)
{
	return query->by < N_TALKERS_BYS && query->limit >= 1 &&
	       query->limit <= TALKERS_LIMIT_MAX && (query->filter & ~TALKERS_FILTERS_ALL) == 0 &&
	       query->port <= PORT_MAX && query->state < N_FLOW_TCP_STATES &&
	       prefix_is_valid(&query->source) && prefix_is_valid(&query->destination);
}
