/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Why new connections fail that conntrack has nothing to do with. */

#include <inttypes.h>
#include <string.h>

#include "address_text.h"
#include "findings.h"
#include "thresholds.h"

#define NOT_CONNTRACK "This is not conntrack. "

#define PORT_LOW_PROPOSED 10240
#define PORT_HIGH_PROPOSED 65535
#define PORTS_PROPOSED (PORT_HIGH_PROPOSED - PORT_LOW_PROPOSED + 1)

static void netstat_evidence(const struct looks *looks, enum netstat_counter counter,
			     const char *name, struct finding *ret)
{
	uint64_t growth;

	if (looks_netstat_growth(looks, counter, &growth))
		finding_rate(ret, name, looks_per_second(looks, growth));
}

static void advise_backlog(struct finding *ret)
{
	finding_command(ret, "ss -lnt");
	finding_cost(
		ret,
		"Reads only: the full listener has Recv-Q above Send-Q. Make its program accept "
		"faster, or give it a longer queue.");
	finding_command(ret, "sysctl -w net.core.somaxconn=8192");
	finding_cost(ret,
		     "The bound of every backlog of this network namespace; the program must ask "
		     "listen() for more as well, and be restarted. Costs memory only for "
		     "connections that wait.");
}

static bool has_full_listener(const struct looks *looks)
{
	return looks->now->has_sockets && looks->now->sockets.listeners_full > 0;
}

bool finding_other_listen_overflow(const struct looks *looks, struct finding *ret)
{
	uint64_t overflows;

	if (!looks_netstat_growth(looks, NETSTAT_LISTEN_OVERFLOWS, &overflows) || overflows == 0)
		return false;
	finding_title(ret, has_full_listener(looks) ? SEVERITY_CRITICAL : SEVERITY_WARNING,
		      "Not conntrack: %s connections a second find a full accept queue",
		      text_number(looks_per_second(looks, overflows)).s);
	finding_detail(
		ret,
		"A program of this host does not accept its connections fast enough. " NOT_CONNTRACK
		"Clients repeat their SYN or ACK until there is room, or time "
		"out; a connection can count more than once.");
	netstat_evidence(looks, NETSTAT_LISTEN_OVERFLOWS, "conntrack_tcp_listen_overflows_total",
			 ret);
	netstat_evidence(looks, NETSTAT_LISTEN_DROPS, "conntrack_tcp_listen_drops_total", ret);
	if (looks->now->has_sockets)
		finding_evidence(ret, "conntrack_tcp_listeners_full",
				 (double)looks->now->sockets.listeners_full);
	advise_backlog(ret);
	return true;
}

bool finding_other_accept_queue(const struct looks *looks, struct finding *ret)
{
	if (!has_full_listener(looks))
		return false;
	finding_title(ret, SEVERITY_WARNING,
		      "Not conntrack: the accept queue of %" PRIu64 " of %" PRIu64
		      " listeners is full",
		      looks->now->sockets.listeners_full, looks->now->sockets.listeners);
	finding_detail(ret, "New connections to them fail or wait. " NOT_CONNTRACK
			    "The program behind it does not accept fast enough, or hangs.");
	finding_evidence(ret, "conntrack_tcp_listeners_full",
			 (double)looks->now->sockets.listeners_full);
	finding_evidence(ret, "conntrack_tcp_accept_queue_max_ratio",
			 looks->now->sockets.accept_queue_max_ratio);
	advise_backlog(ret);
	return true;
}

/* The kernel sends cookies when the queue is full, and drops only with tcp_syncookies=0. */
bool finding_other_syn_queue(const struct looks *looks, struct finding *ret)
{
	uint64_t drops = 0, cookies = 0;

	(void)looks_netstat_growth(looks, NETSTAT_REQUEST_QUEUE_FULL_DROPS, &drops);
	(void)looks_netstat_growth(looks, NETSTAT_REQUEST_QUEUE_FULL_COOKIES, &cookies);
	if (drops == 0 && cookies == 0)
		return false;
	finding_title(
		ret, drops ? SEVERITY_CRITICAL : SEVERITY_WARNING,
		"Not conntrack: %s SYNs a second find a full SYN queue, %s of them are dropped",
		text_number(looks_per_second(looks, drops + cookies)).s,
		drops == 0 ? "none" : text_share((double)drops, (double)(drops + cookies)).s);
	finding_detail(
		ret,
		"A listener has as many half-open connections as its backlog allows. That is a flood, "
		"or a backlog that is too short. " NOT_CONNTRACK
		"With syncookies the kernel still answers, without remembering the client's "
		"TCP options unless timestamps carry them; without them it drops the SYN. (With "
		"net.ipv4.tcp_syncookies=2 it does so for every SYN, full or not.)");
	netstat_evidence(looks, NETSTAT_REQUEST_QUEUE_FULL_DROPS,
			 "conntrack_tcp_request_queue_full_drops_total", ret);
	netstat_evidence(looks, NETSTAT_REQUEST_QUEUE_FULL_COOKIES,
			 "conntrack_tcp_request_queue_full_cookies_total", ret);
	if (drops) {
		finding_command(ret, "sysctl -w net.ipv4.tcp_syncookies=1");
		finding_cost(ret,
			     "Clients get in although the queue is full. Cost: window scaling and "
			     "selective acknowledgements are lost for those without timestamps.");
	}
	finding_command(ret, "ss -nt state syn-recv");
	finding_cost(ret,
		     "Reads only: who is half-open. Then a longer backlog in the program, up to "
		     "net.core.somaxconn.");
	return true;
}

static enum severity limit_severity(double share)
{
	if (share >= LIMIT_SHARE_CRITICAL)
		return SEVERITY_CRITICAL;
	return share >= LIMIT_SHARE_WARNING ? SEVERITY_WARNING : SEVERITY_OK;
}

/* How bad it is that so much of a limit is used; SEVERITY_OK when either is not known. */
static enum severity used_severity(struct reading used, struct reading limit)
{
	if (!used.known || !limit.known || limit.value == 0)
		return SEVERITY_OK;
	return limit_severity((double)used.value / (double)limit.value);
}

static bool is_ipv6(const char *address)
{
	return strchr(address, ':');
}

static void advise_ports(const struct ports *ports, const char *remote, struct finding *ret)
{
	if (ports->range.value < PORTS_PROPOSED) {
		finding_command(ret, "sysctl -w net.ipv4.ip_local_port_range=\"%d %d\"",
				PORT_LOW_PROPOSED, PORT_HIGH_PROPOSED);
		finding_cost(ret,
			     "More ports to pick from, at once. Cost: services that listen between "
			     "must be in net.ipv4.ip_local_reserved_ports.");
	}
	finding_command(ret, "ss -antp dst \"%s%s%s\" dport = :%u", is_ipv6(remote) ? "[" : "",
			remote, is_ipv6(remote) ? "]" : "", ports->remote_port);
	finding_cost(
		ret,
		"Reads only, as root: which programs hold them; those in TIME-WAIT are nobody's "
		"any more. Better than more ports: reuse connections (keep-alive, a pool).");
}

bool finding_other_ephemeral_ports(const struct looks *looks, struct finding *ret)
{
	const struct ports *ports = &looks->now->ports;
	char local[ADDRESS_TEXT_MAX], remote[ADDRESS_TEXT_MAX];
	const enum severity severity = used_severity(ports->in_use_max, ports->range);

	if (!looks->now->has_sockets || severity < SEVERITY_WARNING)
		return false;
	address_format(&ports->local, local);
	address_format(&ports->remote, remote);
	finding_title(ret, severity,
		      "Not conntrack: %s of the local ports towards %s port %u are in use",
		      text_share((double)ports->in_use_max.value, (double)ports->range.value).s,
		      remote, ports->remote_port);
	finding_detail(
		ret,
		"When none is left, connect() from %s to there fails with EADDRNOTAVAIL. " NOT_CONNTRACK
		"Each connection to the same address and port needs a local port of "
		"its own, those in TIME_WAIT too unless net.ipv4.tcp_tw_reuse lets them go "
		"earlier; no counter of the kernel shows that none was free.",
		local);
	finding_reading(ret, "conntrack_ephemeral_ports_in_use_max", ports->in_use_max);
	finding_reading(ret, "conntrack_ephemeral_ports", ports->range);
	advise_ports(ports, remote, ret);
	return true;
}

bool finding_other_tcp_memory(const struct looks *looks, struct finding *ret)
{
	const struct reading used = looks->now->limits[LIMIT_MEMORY_BYTES];
	const struct reading limit = looks->now->limits[LIMIT_MEMORY_BYTES_LIMIT];
	const enum severity severity = used_severity(used, limit);

	if (severity < SEVERITY_WARNING)
		return false;
	finding_title(ret, severity, "Not conntrack: TCP buffers use %s of their memory limit",
		      text_share((double)used.value, (double)limit.value).s);
	finding_detail(
		ret, "At the limit TCP drops data and can reset connections. " NOT_CONNTRACK
		     "The limit is the third number of net.ipv4.tcp_mem, in pages, for all network "
		     "namespaces together; programs that do not read what they got fill it.");
	finding_reading(ret, "conntrack_tcp_memory_bytes", used);
	finding_reading(ret, "conntrack_tcp_memory_bytes_limit", limit);
	finding_command(ret, "ss -ntm");
	finding_cost(ret,
		     "Reads only: sockets with a large Recv-Q or Send-Q hold it. Raising tcp_mem "
		     "costs as much memory as it allows.");
	return true;
}

bool finding_other_file_handles(const struct looks *looks, struct finding *ret)
{
	const struct reading used = looks->now->limits[LIMIT_FILES];
	const struct reading limit = looks->now->limits[LIMIT_FILES_LIMIT];
	const enum severity severity = used_severity(used, limit);

	if (severity < SEVERITY_WARNING)
		return false;
	finding_title(ret, severity, "Not conntrack: %s of the system's file handles are in use",
		      text_share((double)used.value, (double)limit.value).s);
	finding_detail(ret,
		       "At the limit no process gets a new socket or file (ENFILE), unless it has "
		       "CAP_SYS_ADMIN. " NOT_CONNTRACK);
	finding_reading(ret, "conntrack_file_handles", used);
	finding_reading(ret, "conntrack_file_handles_limit", limit);
	if (limit.value <= INT64_MAX / 2) {
		finding_command(ret, "sysctl -w fs.file-max=%" PRIu64, 2 * limit.value);
		finding_cost(
			ret,
			"Kernel memory only for files that are opened. Look for the process that "
			"leaks them first: ls /proc/*/fd.");
	}
	return true;
}

bool finding_other_orphans(const struct looks *looks, struct finding *ret)
{
	const struct reading used = looks->now->limits[LIMIT_ORPHANED];
	const struct reading limit = looks->now->limits[LIMIT_ORPHANED_LIMIT];

	if (used_severity(used, limit) < SEVERITY_WARNING)
		return false;
	finding_title(ret, SEVERITY_WARNING,
		      "Not conntrack: %" PRIu64 " orphaned TCP sockets, %s of the limit",
		      used.value, text_share((double)used.value, (double)limit.value).s);
	finding_detail(ret,
		       "Near the limit the kernel resets connections that programs have closed but "
		       "peers have not confirmed. " NOT_CONNTRACK
		       "They count for all network namespaces together.");
	finding_reading(ret, "conntrack_tcp_sockets_orphaned", used);
	finding_reading(ret, "conntrack_tcp_sockets_orphaned_limit", limit);
	finding_command(ret, "ss -nt state fin-wait-1 state last-ack state closing");
	finding_cost(ret,
		     "Reads only: which peers do not confirm. Raising net.ipv4.tcp_max_orphans "
		     "costs up to 64 KiB of unswappable memory for each.");
	return true;
}

/* Said only where conntrack's own counters clear it. */
bool finding_other_syn_retransmits(const struct looks *looks, struct finding *ret)
{
	uint64_t retransmits, opens, drops, failed;

	if (!looks_netstat_growth(looks, NETSTAT_SYN_RETRANSMITS, &retransmits) ||
	    !looks_netstat_growth(looks, NETSTAT_ACTIVE_OPENS, &opens) ||
	    !looks_stat_growth(looks, STAT_DROP, &drops) ||
	    !looks_stat_growth(looks, STAT_INSERT_FAILED, &failed) || drops || failed ||
	    looks_per_second(looks, retransmits) < SYN_RETRANSMITS_PER_S ||
	    (double)retransmits < SYN_RETRANSMITS_SHARE * (double)opens)
		return false;
	finding_title(ret, SEVERITY_WARNING,
		      "Not conntrack: %s SYNs or SYN-ACKs a second are sent again",
		      text_number(looks_per_second(looks, retransmits)).s);
	finding_detail(ret,
		       "Peers do not answer when connections begin. " NOT_CONNTRACK
		       "In this network namespace it dropped nothing meanwhile. A firewall here or "
		       "on the way drops them, or the peer is down or overloaded.");
	netstat_evidence(looks, NETSTAT_SYN_RETRANSMITS, "conntrack_tcp_syn_retransmits_total",
			 ret);
	netstat_evidence(looks, NETSTAT_ACTIVE_OPENS, "conntrack_tcp_active_opens_total", ret);
	finding_rate(ret, "conntrack_stat_drop_total", 0);
	finding_rate(ret, "conntrack_stat_insert_failed_total", 0);
	finding_command(ret, "ss -nto state syn-sent");
	finding_cost(ret, "Reads only: which peers do not answer.");
	return true;
}
