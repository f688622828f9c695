/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the TCP stack counts of connections that do not come about. A packet that conntrack dropped
 * never reached it on the way in, and is missed by it on the way out: beside conntrack_stat these
 * tell which of the two it was.
 */

#include "netstat.h"

#include <errno.h>
#include <string.h>

#include "../exporter/util.h"
#include "collector.h"
#include "netstat_parse.h"
#include "procfs.h"

/* Indexed by enum netstat_counter. */
static const struct metric_desc netstat_descs[] = {
	[NETSTAT_LISTEN_OVERFLOWS] = {
		.name = "conntrack_tcp_listen_overflows",
		.type = METRIC_COUNTER,
		.help =
			"SYNs and last ACKs of handshakes that met a listener whose accept queue "
			"was full, so the application is too slow and conntrack let them pass "
			"(TcpExt ListenOverflows of /proc/net/netstat).",
	},
	[NETSTAT_LISTEN_DROPS] = {
		.name = "conntrack_tcp_listen_drops",
		.type = METRIC_COUNTER,
		.help =
			"SYNs and last ACKs of handshakes that a listener dropped for any reason, "
			"overflows included, after conntrack let them pass "
			"(TcpExt ListenDrops of /proc/net/netstat).",
	},
	[NETSTAT_REQUEST_QUEUE_FULL_DROPS] = {
		.name = "conntrack_tcp_request_queue_full_drops",
		.type = METRIC_COUNTER,
		.help =
			"SYNs dropped because the listener's queue of unfinished handshakes was "
			"full and SYN cookies are off, after conntrack let them pass "
			"(TcpExt TCPReqQFullDrop of /proc/net/netstat).",
	},
	[NETSTAT_REQUEST_QUEUE_FULL_COOKIES] = {
		.name = "conntrack_tcp_request_queue_full_cookies",
		.type = METRIC_COUNTER,
		.help =
			"SYNs answered with a SYN cookie because the listener's queue of "
			"unfinished handshakes was full (or tcp_syncookies is 2), after conntrack "
			"let them pass (TcpExt TCPReqQFullDoCookies of /proc/net/netstat).",
	},
	[NETSTAT_ACTIVE_OPENS] = {
		.name = "conntrack_tcp_active_opens",
		.type = METRIC_COUNTER,
		.help =
			"Connections this host began, those whose SYN conntrack dropped on its "
			"way out included: rising beside conntrack_stat_drop_total it rules "
			"conntrack in (Tcp ActiveOpens of /proc/net/snmp).",
	},
	[NETSTAT_PASSIVE_OPENS] = {
		.name = "conntrack_tcp_passive_opens",
		.type = METRIC_COUNTER,
		.help =
			"Connections that listeners took after a whole handshake, which conntrack "
			"let pass: where new clients fail and this stands still, their packets do "
			"not get here (Tcp PassiveOpens of /proc/net/snmp).",
	},
	[NETSTAT_ATTEMPT_FAILS] = {
		.name = "conntrack_tcp_attempt_fails",
		.type = METRIC_COUNTER,
		.help =
			"Connections refused, reset or timed out before they were established, "
			"not those a program gave up itself: with conntrack_stat_drop_total at "
			"rest it rules conntrack out "
			"(Tcp AttemptFails of /proc/net/snmp).",
	},
	[NETSTAT_SYN_RETRANSMITS] = {
		.name = "conntrack_tcp_syn_retransmits",
		.type = METRIC_COUNTER,
		.help =
			"SYNs and SYN-ACKs sent again because no answer came: lost in conntrack "
			"where conntrack_stat_drop_total rises as well, elsewhere where it does "
			"not (TcpExt TCPSynRetrans of /proc/net/netstat).",
	},
};

static_assert(ARRAY_SIZE(netstat_descs) == N_NETSTAT_COUNTERS, "one description for each counter");

static const char file_netstat[] = "net/netstat", file_snmp[] = "net/snmp";

static const struct {
	const char *file, *prefix, *name;
} sources[] = {
	[NETSTAT_LISTEN_OVERFLOWS] = { file_netstat, "TcpExt", "ListenOverflows" },
	[NETSTAT_LISTEN_DROPS] = { file_netstat, "TcpExt", "ListenDrops" },
	[NETSTAT_REQUEST_QUEUE_FULL_DROPS] = { file_netstat, "TcpExt", "TCPReqQFullDrop" },
	[NETSTAT_REQUEST_QUEUE_FULL_COOKIES] = { file_netstat, "TcpExt", "TCPReqQFullDoCookies" },
	[NETSTAT_ACTIVE_OPENS] = { file_snmp, "Tcp", "ActiveOpens" },
	[NETSTAT_PASSIVE_OPENS] = { file_snmp, "Tcp", "PassiveOpens" },
	[NETSTAT_ATTEMPT_FAILS] = { file_snmp, "Tcp", "AttemptFails" },
	[NETSTAT_SYN_RETRANSMITS] = { file_netstat, "TcpExt", "TCPSynRetrans" },
};

static_assert(ARRAY_SIZE(sources) == N_NETSTAT_COUNTERS, "one source for each counter");

/* Sets the file's counters; returns how many it has. */
static int parse_file(const char *file, const char *text, struct reading *counters)
{
	int n = 0;

	for (int i = 0; i < N_NETSTAT_COUNTERS; i++) {
		if (sources[i].file != file)
			continue;
		counters[i].known = netstat_parse(text, sources[i].prefix, sources[i].name,
						  &counters[i].value);
		n += counters[i].known;
	}
	return n;
}

static int read_file(const struct collector_context *ctx, const char *file,
		     struct reading *counters)
{
	struct buffer text;
	int r;

	buffer_init(&text, PROCFS_FILE_MAX);
	r = procfs_read(ctx->settings->procfs, file, &text);
	if (r == 0 && parse_file(file, text.data, counters) == 0)
		r = -EBADMSG;
	buffer_finish(&text);
	return r;
}

int netstat_read(struct collector_context *ctx, struct reading ret[N_NETSTAT_COUNTERS])
{
	int netstat, snmp;

	memset(ret, 0, N_NETSTAT_COUNTERS * sizeof(*ret));
	netstat = read_file(ctx, file_netstat, ret);
	snmp = read_file(ctx, file_snmp, ret);
	return netstat ? netstat : snmp;
}

static int netstat_collect(struct collector_context *ctx, struct exposition *e)
{
	struct reading counters[N_NETSTAT_COUNTERS];
	int r = netstat_read(ctx, counters);

	readings_emit(e, netstat_descs, counters, N_NETSTAT_COUNTERS);
	return r;
}

const struct collector netstat_collector = {
	.name = "netstat",
	.help = "the TCP stack's own reasons why new connections fail",
	.enabled_by_default = true,
	.descs = netstat_descs,
	.n_descs = ARRAY_SIZE(netstat_descs),
	.collect = netstat_collect,
};
