# SPDX-License-Identifier: GPL-2.0-or-later
"""What the exporter should say, told by other programs: conntrack(8), ss(8), ip(8) and the files of /proc.

Nothing here shares code, or a parser, with the exporter. Each breakdown is a collections.Counter of its samples that
are not 0, keyed as testlib.Metrics.nonzero() keys them: the label values in the order of the label names.
"""

import collections
import ipaddress
import re
import unittest

from testlib import FILL, metrics

TupleKey = collections.namedtuple("TupleKey", "source source_port destination destination_port")

PROTOCOLS = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6", 132: "sctp", 47: "gre", 33: "dccp", 136: "udplite"}
EXPIRING = {"10s": 10, "1m": 60, "10m": 600, "1h": 3600, "1d": 86400}
STATS = ("found", "invalid", "insert", "insert_failed", "drop", "early_drop", "error", "search_restart",
         "clash_resolve", "chaintoolong")
SOCKET_STATES = {
    "ESTAB": "established", "SYN-SENT": "syn_sent", "SYN-RECV": "syn_recv", "FIN-WAIT-1": "fin_wait1",
    "FIN-WAIT-2": "fin_wait2", "TIME-WAIT": "time_wait", "UNCONN": "close", "CLOSE-WAIT": "close_wait",
    "LAST-ACK": "last_ack", "LISTEN": "listen", "CLOSING": "closing"
}
GRID = {"conntrack_flows": 2 * 9, "conntrack_tcp_flows": 2 * 11, "conntrack_flows_by_reply": 9 * 3,
        "conntrack_flows_by_path": 4, "conntrack_flows_by_nat": 4, "conntrack_flows_offloaded": 2,
        "conntrack_flows_expiring": 5}

Flow = collections.namedtuple("Flow", "family protocol state timeout original reply replied assured offload")
PAIR = re.compile(r"([a-z]+)=(\S+)")


class KernelTest(unittest.TestCase):
    """A test that enters context managers and leaves them at its end, in reverse order."""

    def enter(self, manager):
        entered = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return entered


def fill(namespace, *options, prefix=()):
    """Runs the fill tool; returns what it says as {"inserted": n, "refused": n, errno name: n}."""
    said = namespace.run(*prefix, FILL, *options)
    return {key: int(value) for key, value in (word.split("=") for word in said.split())}


def _parse_flow(line):
    """One line of conntrack -L -o extended."""
    words = line.split()
    family, protocol = words[0], int(words[3])
    timeout = int(words[4]) if words[4].isdigit() else None
    state = words[5] if timeout is not None and protocol == 6 and "=" not in words[5] else None
    pairs = PAIR.findall(line)
    second = [i for i, (key, _) in enumerate(pairs) if key == "src"][1]
    return Flow(family, PROTOCOLS.get(protocol, "other"), state.lower() if state else "offloaded", timeout,
                dict(pairs[:second]), dict(pairs[second:]), "[UNREPLIED]" not in line, "[ASSURED]" in line,
                "hardware" if "[HW_OFFLOAD]" in line else "software" if "[OFFLOAD]" in line else None)


def flows(namespace):
    """The flows that conntrack -L lists."""
    listed = "".join(namespace.run("conntrack", "-L", "-f", family, "-o", "extended") for family in ("ipv4", "ipv6"))
    return [_parse_flow(line) for line in listed.splitlines()]


def addresses(namespace):
    """The addresses of the namespace, as ip(8) lists them."""
    listed = namespace.run("ip", "-o", "address", "show")
    return {ipaddress.ip_address(a) for a in re.findall(r"inet6? ([0-9a-f.:]+)", listed)}


def _is_own(own, text):
    address = ipaddress.ip_address(text)
    return address in own or address.is_loopback


def _path(flow, own):
    from_here, to_here = _is_own(own, flow.original["src"]), _is_own(own, flow.reply["src"])
    if from_here:
        return "loopback" if to_here else "outbound"
    return "inbound" if to_here else "forwarded"


def _nat(flow):
    """By the tuples: the answer does not come from where the question went, or does not go where it came from."""
    def differ(there, back, port, port_back):
        return (flow.original[there], flow.original.get(port)) != (flow.reply[back], flow.reply.get(port_back))
    source, destination = differ("src", "dst", "sport", "dport"), differ("dst", "src", "dport", "sport")
    return "both" if source and destination else "source" if source else "destination" if destination else "none"


def _reply(flow):
    return "assured" if flow.assured else "replied" if flow.replied else "unreplied"


def _expiring(listed):
    return collections.Counter({(name,): n for name, limit in EXPIRING.items()
                                if (n := sum(f.timeout is not None and f.timeout <= limit for f in listed))})


def breakdowns(namespace, listed):
    """{metric: Counter} of listed flows, but for what changes with time."""
    own = addresses(namespace)
    count = collections.Counter
    return {
        "conntrack_flows": count((f.family, f.protocol) for f in listed),
        "conntrack_tcp_flows": count((f.family, f.state) for f in listed if f.protocol == "tcp"),
        "conntrack_flows_by_reply": count((f.protocol, _reply(f)) for f in listed),
        "conntrack_flows_by_path": count((_path(f, own),) for f in listed),
        "conntrack_flows_by_nat": count((_nat(f),) for f in listed),
        "conntrack_flows_offloaded": count((f.offload,) for f in listed if f.offload),
    }


def entries(namespace):
    """conntrack -C."""
    return int(namespace.run("conntrack", "-C"))


def check_invariants(test, given):
    """What holds among the flow metrics of one exposition."""
    whole = given.sum("conntrack_flows")
    for name, samples in GRID.items():
        test.assertEqual(sum(n == name for n, _ in given.samples), samples, name)
    for name in ("conntrack_flows_by_reply", "conntrack_flows_by_path", "conntrack_flows_by_nat"):
        test.assertEqual(given.sum(name), whole, name)
    test.assertEqual(given.sum("conntrack_tcp_flows"), given.sum("conntrack_flows", protocol="tcp"))
    expiring = [given.get("conntrack_flows_expiring", within=within) for within in EXPIRING]
    test.assertEqual(expiring, sorted(expiring), "cumulative")
    test.assertLessEqual(expiring[-1], whole)
    for family in ("ipv4", "ipv6"):
        test.assertEqual(given.sum("conntrack_tcp_flows", family=family),
                         given.get("conntrack_flows", family=family, protocol="tcp"))
    for protocol in (*PROTOCOLS.values(), "other"):
        test.assertEqual(given.sum("conntrack_flows_by_reply", protocol=protocol),
                         given.sum("conntrack_flows", protocol=protocol), protocol)


def _check_expiring(test, namespace, given, before):
    """As before, or, for time goes on, between before and now."""
    if given.nonzero("conntrack_flows_expiring") == (least := _expiring(before)):
        return
    most = _expiring(flows(namespace))
    for within in EXPIRING:
        value = given.get("conntrack_flows_expiring", within=within)
        test.assertGreaterEqual(value, least[(within,)], within)
        test.assertLessEqual(value, most[(within,)], within)


def check_flows(test, namespace, *flags):
    """The exporter's flow metrics are exactly what conntrack -L and -C say. The table must be still. Returns them."""
    before = flows(namespace)
    count = entries(namespace)
    given = metrics(namespace, *flags)
    for name, expected in breakdowns(namespace, before).items():
        test.assertEqual(given.nonzero(name), expected, name)
    _check_expiring(test, namespace, given, before)
    test.assertEqual(given.get("conntrack_walk_flows"), len(before))
    test.assertEqual(given.sum("conntrack_flows"), len(before))
    test.assertEqual(given.get("conntrack_walk_complete"), 1)
    test.assertEqual(given.get("conntrack_entries"), count)
    check_invariants(test, given)
    return given


def stats(namespace):
    """conntrack -S: {cpu: {counter: value}}."""
    cpus = {}
    for line in namespace.run("conntrack", "-S").splitlines():
        pairs = {key: int(value) for key, value in re.findall(r"([a-z_]+)=(\d+)", line)}
        cpus[pairs.pop("cpu")] = pairs
    return cpus


def stat_sums(namespace):
    """conntrack -S, summed over the CPUs."""
    cpus = stats(namespace).values()
    return {name: sum(cpu[name] for cpu in cpus) for name in STATS}


def given_stats(given):
    """The same from an exposition."""
    return {name: given.get(f"conntrack_stat_{name}_total") for name in STATS}


def sockets(namespace):
    """(TCP, UDP) as ss lists them: Counters of (family, state)."""
    tcp, udp = collections.Counter(), collections.Counter()
    for family, flag in (("ipv4", "-4"), ("ipv6", "-6")):
        for line in namespace.run("ss", "-Htan", flag).splitlines():
            tcp[family, SOCKET_STATES[line.split()[0]]] += 1
        for line in namespace.run("ss", "-Huan", flag).splitlines():
            udp[family, "connected" if line.startswith("ESTAB") else "unconnected"] += 1
    return tcp, udp


def check_sockets(test, namespace, *flags):
    """The exporter's socket counts are exactly what ss says. The sockets must be still. Returns the exposition."""
    tcp, udp = sockets(namespace)
    given = metrics(namespace, *flags)
    test.assertEqual(given.nonzero("conntrack_tcp_sockets"), tcp)
    test.assertEqual(given.nonzero("conntrack_udp_sockets"), udp)
    test.assertEqual(sum(n == "conntrack_tcp_sockets" for n, _ in given.samples), 2 * 11)
    test.assertEqual(sum(n == "conntrack_udp_sockets" for n, _ in given.samples), 2 * 2)
    return given


def _endpoint(text):
    """(address, port) of ss: 10.0.0.1:80, 10.0.0.1%eth0:80, [::1]:80, [fe80::1]%eth0:80."""
    host, port = text.rsplit(":", 1)
    address = ipaddress.ip_address(host.split("%")[0].strip("[]"))
    return getattr(address, "ipv4_mapped", None) or address, int(port)


def connections(namespace):
    """The TCP sockets that have a peer, as ss lists them: [(state, what the socket sends as a TupleKey)]."""
    listed = []
    for line in namespace.run("ss", "-Htan").splitlines():
        state, _, _, local, remote = line.split()[:5]
        if state not in ("LISTEN", "UNCONN"):
            listed.append((SOCKET_STATES[state], TupleKey(*_endpoint(local), *_endpoint(remote))))
    return listed


def _tuple_key(direction):
    return TupleKey(ipaddress.ip_address(direction["src"]), int(direction["sport"]),
                    ipaddress.ip_address(direction["dst"]), int(direction["dport"]))


def _tracking(states):
    """Of a socket that has flows in these states; in several zones there may be several."""
    return "tracked" if "established" in states else "mismatched" if states else "untracked"


def join(namespace):
    """(sockets, flows): ESTABLISHED ones joined, by what a socket sends being either tuple of a flow."""
    own, tcp = addresses(namespace), [f for f in flows(namespace) if f.protocol == "tcp"]
    states, connected = collections.defaultdict(set), connections(namespace)
    for flow in tcp:
        for direction in (flow.original, flow.reply):
            states[_tuple_key(direction)].add(flow.state)
    sockets_joined = collections.Counter(
        ("loopback" if _is_own(own, str(sends.destination)) else "remote", _tracking(states[sends]))
        for state, sends in connected if state == "established")
    sent = {sends for _, sends in connected}
    flows_joined = collections.Counter(
        ("present" if sent & {_tuple_key(f.original), _tuple_key(f.reply)} else
         "forwarded" if _path(f, own) == "forwarded" else "absent",)
        for f in tcp if f.state == "established")
    return sockets_joined, flows_joined


def check_join_sums(test, given):
    """The join covers every ESTABLISHED socket and flow of its exposition."""
    test.assertEqual(given.sum("conntrack_established_sockets"),
                     given.sum("conntrack_tcp_sockets", state="established"))
    test.assertEqual(given.sum("conntrack_established_flows"), given.sum("conntrack_tcp_flows", state="established"))


def check_join(test, namespace, *flags):
    """The exporter's join is exactly that of ss with conntrack -L. All must be still. Returns (sockets, flows)."""
    expected = join(namespace)
    given = metrics(namespace, *flags)
    joined = (given.nonzero("conntrack_established_sockets"), given.nonzero("conntrack_established_flows"))
    test.assertEqual(joined, expected)
    test.assertEqual(given.get("conntrack_scrape_collector_success", collector="correlation"), 1)
    test.assertEqual(sum(n == "conntrack_established_sockets" for n, _ in given.samples), 3 * 2)
    test.assertEqual(sum(n == "conntrack_established_flows" for n, _ in given.samples), 3)
    check_join_sums(test, given)
    return joined
