/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "ports.h"

#include <errno.h>
#include <string.h>

#include "../exporter/util.h"
#include "collector.h"
#include "procfs.h"

#define PORT_MAX 65535

enum ports_metric {
	PORTS_RANGE,
	PORTS_IN_USE_MAX,
	N_PORTS_METRICS,
};

static const struct metric_desc ports_descs[] = {
	[PORTS_RANGE] = {
		.name = "conntrack_ephemeral_ports",
		.help =
			"Local ports that connect() may choose from (net.ipv4.ip_local_port_range "
			"less net.ipv4.ip_local_reserved_ports).",
	},
	[PORTS_IN_USE_MAX] = {
		.name = "conntrack_ephemeral_ports_in_use_max",
		.help =
			"Of these, ports in use from the one local address towards the one remote "
			"address and port that use most, TIME_WAIT included (sock_diag). At the "
			"size of the range connect() fails there with EADDRNOTAVAIL, which no "
			"counter tells and which is not conntrack. Exact for up to 2048 such "
			"triples, else at least this many.",
	},
};

static_assert(ARRAY_SIZE(ports_descs) == N_PORTS_METRICS, "one description for each metric");

/* A crowd's key; without padding, for it is hashed and compared as bytes. */
struct crowd {
	struct address local, remote;
	uint32_t remote_port;
};

static_assert(sizeof(struct crowd) == 36 && sizeof(struct crowd) <= TOP_KEY_SIZE_MAX,
	      "a key of the sketch");

static bool is_reserved(const struct port_range *range, uint64_t port)
{
	return range->reserved[port / 64] >> port % 64 & 1;
}

static void reserve(struct port_range *range, uint64_t low, uint64_t high)
{
	low = low < range->low ? range->low : low;
	high = high > range->high ? range->high : high;
	for (uint64_t port = low; port <= high; port++) {
		range->size -= !is_reserved(range, port);
		range->reserved[port / 64] |= UINT64_C(1) << port % 64;
	}
}

/* Takes the list's first item off the range and moves *text behind it. */
static bool take_reserved(const char **text, struct port_range *range)
{
	uint64_t low, high;
	const char *at = *text;

	if (!parse_u64(&at, 10, &low))
		return false;
	high = low;
	if (*at == '-') {
		at++;
		if (!parse_u64(&at, 10, &high))
			return false;
	}
	reserve(range, low, high);
	*text = *at == ',' ? at + 1 : at;
	return true;
}

bool port_range_parse(const char *range, const char *reserved, struct port_range *ret)
{
	uint64_t low, high;

	if (!parse_u64(&range, 10, &low) || !parse_u64(&range, 10, &high) || low > high ||
	    high > PORT_MAX)
		return false;
	*ret = (struct port_range){
		.low = (uint16_t)low,
		.high = (uint16_t)high,
		.size = (uint32_t)(high - low + 1),
	};
	while (reserved && ret->size && take_reserved(&reserved, ret))
		;
	return true;
}

static int read_range(const struct collector_context *ctx, struct port_range *ret)
{
	struct buffer range, reserved;
	int r, without;

	buffer_init(&range, PROCFS_FILE_MAX);
	buffer_init(&reserved, PROCFS_FILE_MAX);
	r = procfs_read(ctx->settings->procfs, "sys/net/ipv4/ip_local_port_range", &range);
	without = procfs_read(ctx->settings->procfs, "sys/net/ipv4/ip_local_reserved_ports",
			      &reserved);
	if (r == 0 && without != -ENOENT)
		r = without;
	if (r == 0 && !port_range_parse(range.data, reserved.len ? reserved.data : NULL, ret))
		r = -EBADMSG;
	buffer_finish(&range);
	buffer_finish(&reserved);
	return r;
}

int port_crowds_init(struct collector_context *ctx, struct port_crowds *ret)
{
	struct hash_key key;
	int r;

	*ret = (struct port_crowds){ 0 };
	r = read_range(ctx, &ret->range);
	if (r == 0)
		r = hash_key_random(&key);
	if (r == 0)
		r = top_init(&ret->top, sizeof(struct crowd), TOP_CAPACITY, &key);
	if (r < 0)
		ret->range.size = 0;
	return r;
}

void port_crowds_finish(struct port_crowds *crowds)
{
	top_finish(&crowds->top);
}

void port_crowds_add(struct port_crowds *crowds, const struct lookup *connection)
{
	const struct port_range *range = &crowds->range;
	const uint16_t port = connection->local_port;
	struct crowd crowd;

	if (range->size == 0 || port < range->low || port > range->high || is_reserved(range, port))
		return;
	crowd = (struct crowd){ connection->local, connection->remote, connection->remote_port };
	top_add(&crowds->top, &crowd);
}

/* A counter that went from key to key may be high; what it counted for its last one is exact. */
static uint64_t counted(const struct top_entry *entry)
{
	return entry->count - entry->error;
}

void port_crowds_result(const struct port_crowds *crowds, struct ports *ret)
{
	struct top_entry entries[TOP_CAPACITY];
	const struct top_entry *largest = entries;
	const struct crowd *crowd;
	size_t n;

	*ret = (struct ports){ 0 };
	if (crowds->range.size == 0)
		return;
	ret->range = reading(crowds->range.size);
	ret->in_use_max = reading(0);
	n = top_list(&crowds->top, entries);
	if (n == 0)
		return;
	for (size_t i = 1; i < n; i++)
		if (counted(&entries[i]) > counted(largest))
			largest = &entries[i];
	crowd = largest->key;
	ret->in_use_max = reading(counted(largest));
	ret->local = crowd->local;
	ret->remote = crowd->remote;
	ret->remote_port = (uint16_t)crowd->remote_port;
}

static int ports_collect(struct collector_context *ctx, struct exposition *e)
{
	const struct socket_dump *dump;

	socket_dump_get(ctx, true, &dump);
	if (dump->ports.range.known)
		exposition_u64(e, &ports_descs[PORTS_RANGE], dump->ports.range.value);
	if (dump->ports.in_use_max.known)
		exposition_u64(e, &ports_descs[PORTS_IN_USE_MAX], dump->ports.in_use_max.value);
	return dump->ports_error < 0 ? dump->ports_error : dump->error;
}

const struct collector ports_collector = {
	.name = "ports",
	.help = "ephemeral ports, and how many the most crowded destination uses",
	.enabled_by_default = true,
	.descs = ports_descs,
	.n_descs = ARRAY_SIZE(ports_descs),
	.wants_ports = true,
	.collect = ports_collect,
};
