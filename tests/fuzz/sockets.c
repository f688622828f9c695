/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A dump of sockets by sock_diag for everyone who wants it: counts, crowds of ports, and the
 * connections for the join.
 */

#include "messages.h"

#include <errno.h>
#include <sys/random.h>

#include "../../collectors/collector.h"
#include "../../collectors/procfs.h"
#include "../../collectors/socket_dump.h"

static struct input input;

/* The first byte says how the dump ends. */
int netlink_query(_unused_ struct netlink *nl, enum netlink_query query,
		  _unused_ const void *payload, _unused_ size_t payload_len,
		  _unused_ uint64_t deadline_ns, netlink_message_fn fn, void *ctx)
{
	static const int ends[] = { 0, -EINTR, -ENOENT, -ENOBUFS };
	const uint8_t how = input_byte(&input);
	struct nlmsghdr *message;
	int r = 0;

	HOLDS(query == NETLINK_TCP_SOCKETS);
	for (unsigned int n = how >> 2; n > 0 && r == 0 && (message = input_message(&input)); n--) {
		r = fn(ctx, message);
		free(message);
	}
	return r ? r : ends[how & 3];
}

int __wrap_procfs_read(const char *root, const char *path, struct buffer *ret);

int __wrap_procfs_read(_unused_ const char *root, const char *path, struct buffer *ret)
{
	buffer_append_string(ret, strstr(path, "reserved") ? "40000-40010" : "32768\t60999\n");
	buffer_append_char(ret, '\0');
	buffer_truncate(ret, ret->len - 1);
	return ret->error;
}

/* The same hash each time, so that a finding can be repeated. */
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned int flags);

ssize_t __wrap_getrandom(void *bytes, size_t size, _unused_ unsigned int flags)
{
	memset(bytes, 0x47, size);
	return (ssize_t)size;
}

static void check(const struct collector_context *ctx, const struct socket_connections *connections)
{
	const struct socket_dump *dump = &ctx->sockets;
	uint64_t established = 0, listeners = 0;

	for (int family = 0; family < N_FLOW_FAMILIES; family++) {
		established += dump->counts.tcp[family][TCP_SOCKET_ESTABLISHED];
		listeners += dump->counts.tcp[family][TCP_SOCKET_LISTEN];
	}
	HOLDS(established == connections->n_established);
	HOLDS(listeners == dump->counts.listeners);
	HOLDS(dump->counts.listeners_full <= listeners);
	HOLDS(connections->n <= connections->max && connections->n <= established);
	HOLDS(dump->ports.range.known && dump->ports.range.value == 28232 - 11);
	for (size_t i = 0; i < connections->n; i++) {
		const struct lookup *c = &connections->sampled[i];

		HOLDS(socket_set_has(&connections->set, &c->local, c->local_port, &c->remote,
				     c->remote_port));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct collector_settings settings = { .procfs = "/proc" };
	static struct collector_context ctx = { .settings = &settings };
	struct socket_connections connections;

	input = (struct input){ data, size };
	HOLDS(socket_connections_init(&connections, 1 + input_byte(&input) % 8) == 0);
	ctx.request++;
	ctx.wants_ports = true;
	(void)socket_dump_connections(&ctx, &connections);
	check(&ctx, &connections);
	socket_connections_finish(&connections);
	return 0;
}
