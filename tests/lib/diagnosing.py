# SPDX-License-Identifier: GPL-2.0-or-later
"""conntrack_exporter diagnose beside conntrack(8), ss(8), sysctl(8) and /proc: every number of it has to be theirs."""

import collections
import json
import os
import re
import socket
import subprocess
import time

import oracle
from oracle import KernelTest
from testlib import EXPORTER, Namespace, check_sanitizers, link

TIMEOUT_S = 5
NEAR, FAR = "10.1.0.1", "10.1.0.2"
TRACK = ("table inet track { chain pre { type filter hook prerouting priority 0; ct state new accept; };"
         " chain out { type filter hook output priority 0; ct state new accept; }; }")
# What a host has that nothing is wrong with.
CALM = {"all_well": "ok", "limit_and_memory": "info", "tcp_be_liberal": "info", "tcp_loose": "info"}
NETSTAT = {
    "listen_overflows": "TcpExt:ListenOverflows", "listen_drops": "TcpExt:ListenDrops",
    "request_queue_full_drops": "TcpExt:TCPReqQFullDrop", "request_queue_full_cookies": "TcpExt:TCPReqQFullDoCookies",
    "syn_retransmits": "TcpExt:TCPSynRetrans", "active_opens": "Tcp:ActiveOpens"
}
LABELS = re.compile(r'(\w+)="(\w+)"')


def netstat(namespace):
    """Counters of /proc/net/netstat and /proc/net/snmp by their metric's name."""
    found = {}
    for file in ("netstat", "snmp"):
        lines = namespace.run("cat", f"/proc/net/{file}").splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            prefix = names.split()[0]
            found.update({prefix + name: int(value) for name, value in zip(names.split()[1:], values.split()[1:])})
    return {f"conntrack_tcp_{name}_total": found[kernel] for name, kernel in NETSTAT.items()}


def listeners(namespace):
    """[(connections that wait, how many may)] of ss."""
    return [tuple(map(int, line.split()[1:3])) for line in namespace.run("ss", "-Hltn").splitlines()]


def port_range(namespace):
    low, high = map(int, namespace.sysctl("net.ipv4.ip_local_port_range").split())
    return range(low, high + 1)


def crowd(namespace):
    """The most local ports that are in use towards one address and port."""
    ports, within = collections.Counter(), port_range(namespace)
    for _, sends in oracle.connections(namespace):
        ports[sends.source, sends.destination, sends.destination_port] += sends.source_port in within
    return max(ports.values(), default=0)


def memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(r"MemTotal: *(\d+) kB", file.read())[1]) * 1024


class Truth:
    """What the other programs say now. Lists of large tables, which are still, are not made before they are needed."""

    def __init__(self, namespace, large=False):
        self.namespace = namespace
        self.stats = oracle.stat_sums(namespace)
        self.netstat = netstat(namespace)
        self.entries = oracle.entries(namespace)
        self.large = large
        self._flows = None if large else oracle.flows(namespace)
        self._join = None if large else oracle.join(namespace)
        self.queues, self.crowd = listeners(namespace), crowd(namespace)

    @property
    def flows(self):
        self._flows = self._flows if self._flows is not None else oracle.flows(self.namespace)
        return self._flows

    @property
    def join(self):
        self._join = self._join or oracle.join(self.namespace)
        return self._join

    def lists_of(self, later):
        """Takes another one's lists for its own."""
        self._flows, self._join = later.flows, later.join
        self.large = later.large = False

    def setting(self, name):
        return int(self.namespace.sysctl(f"net.netfilter.nf_conntrack_{name}"))

    def counter(self, name):
        """Of something that only grows, or of the entries."""
        if name == "conntrack_entries":
            return self.entries
        if name in self.netstat:
            return self.netstat[name]
        if name == "conntrack_stat_drop_total - (insert_failed - chaintoolong)":
            return self.stats["drop"] - (self.stats["insert_failed"] - self.stats["chaintoolong"])
        return self.stats[name.removeprefix("conntrack_stat_").removesuffix("_total")]

    def holds(self, name):
        """How many flows a finding that names its kind as a person would speaks of."""
        tcp = re.fullmatch(r"TCP flows in state (\w+)", name)
        kind = re.fullmatch(r"source (\S+)|destination port (\d+)|destination (\S+)|(\S+) to (\S+)", name)
        if tcp:
            return sum(f.protocol == "tcp" and f.state == tcp[1].lower() for f in self.flows)
        if name == "UDP flows that are not assured":
            return sum(f.protocol == "udp" and not f.assured for f in self.flows)
        if name == "flows of other protocols":
            return sum(f.protocol == "other" for f in self.flows)
        source, port, destination = kind[1] or kind[4], kind[2], kind[3] or kind[5]
        return sum((source or f.original["src"], destination or f.original["dst"], port or f.original.get("dport")) ==
                   (f.original["src"], f.original["dst"], f.original.get("dport")) for f in self.flows)

    def gauge(self, name):
        """One number as evidence names it; an unknown name is an error."""
        metric, labels = name.split("{")[0], dict(LABELS.findall(name))
        known = {
            "conntrack_entries": lambda: self.entries,
            "conntrack_entries_limit": lambda: self.setting("max"),
            "conntrack_buckets": lambda: self.setting("buckets"),
            "2 * conntrack_entries / conntrack_buckets": lambda: 2 * self.entries / self.setting("buckets"),
            "memory of the machine in bytes": memory,
            "flows of the table": lambda: len(self.flows),
            "conntrack_setting": lambda: self.setting(labels["name"]),
            "conntrack_stat_drop_total": lambda: self.stats["drop"],
            "conntrack_flows_by_reply": lambda: sum(not f.replied for f in self.flows),
            "conntrack_tcp_flows": lambda: self.holds(f"TCP flows in state {labels['state']}"),
            "conntrack_established_flows": lambda: self.join[1][(labels["socket"],)],
            "conntrack_established_sockets": lambda: self.join[0][labels["path"], labels["tracking"]],
            "conntrack_tcp_listeners_full": lambda: sum(n > most for n, most in self.queues),
            "conntrack_tcp_accept_queue_max_ratio": lambda: max((n / max(most, 1) for n, most in self.queues), default=0),
            "conntrack_ephemeral_ports": lambda: len(port_range(self.namespace)),
            "conntrack_ephemeral_ports_in_use_max": lambda: self.crowd,
        }
        if metric in known:
            return known[metric]()
        if name.startswith("net.netfilter.nf_conntrack_"):
            return int(self.namespace.sysctl(name))
        return self.holds(name)


class Diagnosis:
    """What diagnose --format=json said, or a server."""

    def __init__(self, text):
        self.json = json.loads(text)
        self.findings = {finding["id"]: finding for finding in self.json["findings"]}
        assert len(self.findings) == len(self.json["findings"]), "a finding is there twice"

    def severities(self):
        return {name: finding["severity"] for name, finding in self.findings.items()}

    def evidence(self, finding, name):
        """The value of one; of a rate, what it grew by."""
        row = next(row for row in self.findings[finding]["evidence"] if row["name"] == name)
        return row["value"] * self.json["interval_seconds"] if row["per_second"] else row["value"]

    def commands(self, finding):
        return [advice["command"] for advice in self.findings[finding]["advice"]]


def sleeps(process):
    """Waits until the process waits: between its two looks."""
    still = 0
    while still < 10 and process.poll() is None:
        with open(f"/proc/{process.pid}/stat", encoding="ascii", errors="replace") as stat:
            still = still + 1 if stat.read().rsplit(") ", 1)[1][0] == "S" else 0
        time.sleep(0.01)


class DiagnosisTest(KernelTest):
    """near, which is diagnosed, and far, joined by a veth pair."""

    # Of these the tests know themselves what they should say.
    TOLD_BY_TESTS = re.compile(r"conntrack_tracking_active.*|flows of the family in the table|conntrack_walk_.*|"
                               r"conntrack_entry_size_bytes")

    # Whatever the walk saw of the table.
    NOT_SAMPLED = re.compile(r"conntrack_(entries|buckets|setting|stat|ephemeral|tcp_listeners|tcp_accept|established_"
                             r"sockets).*|net\..*|memory.*|2 \*.*")

    def setUp(self):
        self.near, self.far = self.enter(Namespace()), self.enter(Namespace())
        link(self.near, self.far, "eth0", "eth0")
        self.near.address("eth0", NEAR + "/24")
        self.far.address("eth0", FAR + "/24")

    def open(self, namespace, *kind):
        sock = namespace.socket(*kind)
        self.addCleanup(sock.close)
        sock.settimeout(TIMEOUT_S)
        return sock

    def listen(self, namespace, port=80, backlog=64):
        listener = self.open(namespace)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(backlog)
        return listener

    def connect(self, address, listener, namespace=None):
        """A connection that has carried something both ways; returns both ends."""
        here = self.open(namespace or self.near)
        here.connect((address, listener.getsockname()[1]))
        there, _ = listener.accept()
        self.addCleanup(there.close)
        there.settimeout(TIMEOUT_S)
        for one, other in ((here, there), (there, here)):
            one.sendall(b"word")
            self.assertEqual(other.recv(10), b"word")
        return here, there

    def begin(self, namespace, address, port=80, count=1):
        """Begins connections and waits for none."""
        begun = [self.open(namespace) for _ in range(count)]
        for sock in begun:
            sock.setblocking(False)
            sock.connect_ex((address, port))
        return begun

    def wait(self, condition, what):
        end = time.monotonic() + TIMEOUT_S
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.02)

    def fill(self, count, *options):
        self.assertEqual(oracle.fill(self.near, f"--count={count}", *options), {"inserted": count, "refused": 0})

    def run_diagnose(self, *flags, meanwhile=None, interval="300ms", prefix=(), program=EXPORTER):
        """What it prints; meanwhile() is run between the two looks."""
        process = self.near.popen(*prefix, program, "diagnose", f"--interval={interval}", *flags,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        if meanwhile:
            sleeps(process)
            meanwhile()
            self.assertIsNone(process.poll(), "the interval is too short for what happens in it")
        out, log = process.communicate(timeout=60)
        check_sanitizers(log)
        self.assertEqual(process.returncode, 0, log)
        return out

    def check_row(self, row, before, after, interval_s, complete):
        """One row of evidence is, or lies between, what the other programs say before and after."""
        name, value = row["name"], row["value"]
        if self.TOLD_BY_TESTS.fullmatch(name) or after.large and not self.NOT_SAMPLED.fullmatch(name):
            return
        if not row["per_second"]:
            least, most = sorted((before.gauge(name), after.gauge(name)))
            if not complete and not self.NOT_SAMPLED.fullmatch(name):
                least, most = 0.98 * least, 1.02 * most
        else:
            value *= interval_s
            self.assertAlmostEqual(value, round(value), 3, name)
            least, most = sorted((0, after.counter(name) - before.counter(name)))
        self.assertGreaterEqual(value, least - 1e-6, name)
        self.assertLessEqual(value, most + 1e-6, name)

    def check(self, diagnosis, before, after):
        """Everything a diagnosis says anywhere is so; the order is as promised."""
        self.assertEqual(diagnosis.json["verdict"], {key: diagnosis.json["findings"][0][key]
                                                     for key in ("severity", "title")})
        order = ["critical", "warning", "ok", "info"]
        places = [order.index(finding["severity"]) for finding in diagnosis.json["findings"]]
        self.assertEqual(places, sorted(places))
        for finding in diagnosis.findings.values():
            with self.subTest(finding["id"]):
                for row in finding["evidence"]:
                    self.check_row(row, before, after, diagnosis.json["interval_seconds"],
                                   diagnosis.json["overview"]["walk"]["complete"])
        self.check_overview(diagnosis.json["overview"], before, after)

    def check_overview(self, overview, before, after):
        self.assertIn(overview["entries"], range(min(before.entries, after.entries),
                                                 max(before.entries, after.entries) + 1))
        self.assertEqual(overview["entries_limit"], after.setting("max"))
        self.assertEqual(overview["buckets"], after.setting("buckets"))
        self.assertIn(overview["drops_total"], range(before.stats["drop"], after.stats["drop"] + 1))
        if after.large or before.entries != after.entries or not overview["walk"]["complete"]:
            return
        for key, of in (("tcp_flows", lambda f: f.state if f.protocol == "tcp" else None),
                        ("flows", lambda f: f.protocol)):
            counted = collections.Counter(map(of, after.flows))
            counted.pop(None, None)
            self.assertEqual({name: n for name, n in overview[key].items() if n}, counted, key)
        sockets, flows = after.join
        self.assertEqual({(path, tracking): n for tracking, paths in overview["established_sockets"].items()
                          for path, n in paths.items() if n}, sockets)
        self.assertEqual({(key,): n for key, n in overview["established_flows"].items() if n}, flows)

    def diagnose(self, *flags, large=False, listed=True, checked=True, **kwargs):
        """A diagnosis of near, every number of it compared; of a large table, those of flows only when it is listed."""
        before = Truth(self.near, large) if checked else None
        diagnosis = Diagnosis(self.run_diagnose("--format=json", *flags, **kwargs))
        if checked:
            after = Truth(self.near, large)
            if large and listed:
                before.lists_of(after)
            self.check(diagnosis, before, after)
        return diagnosis

    def check_findings(self, diagnosis, **more):
        """Nothing but what every host has and these; all_well only when none of them is at least a warning."""
        expected = {**CALM, **more}
        if any(severity in ("warning", "critical") for severity in more.values()):
            del expected["all_well"]
        self.assertEqual(diagnosis.severities(), expected)

    def check_commands_run(self, diagnosis, finding):
        """Each command of the advice is one; sysctls of the whole host are only looked for."""
        for command in diagnosis.commands(finding):
            if re.match(r"sysctl -w net\.netfilter\.nf_conntrack_(max|buckets)=\d+$", command):
                self.assertTrue(os.path.exists("/proc/sys/" + command.split()[2].split("=")[0].replace(".", "/")))
            else:
                self.near.run("sh", "-ec", command.replace("conntrack_exporter", EXPORTER))
        return diagnosis.commands(finding)

    def first_lines(self, *flags, **kwargs):
        """The three lines that say it all."""
        return self.run_diagnose(*flags, **kwargs).splitlines()[:3]
