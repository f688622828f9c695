#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""conntrack's own counters are those of conntrack -S, each moved by what it stands for."""

import os
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from nfqueue import Queue  # noqa: E402
from oracle import STATS, KernelTest, fill, given_stats, stat_sums, stats  # noqa: E402
from testlib import Namespace, link, main, metrics, need  # noqa: E402

need("conntrack", "ip", "iptables", "nft", "taskset")

TIMEOUT_S = 5
ONLY_STAT = ("--collector.disable-defaults", "--collector.stat")
TRACK = "table inet track { chain c { type filter hook prerouting priority 0; ct state new accept; }; }"


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def icmp(kind, code, rest, wrong=0):
    packet = struct.pack("!BBH", kind, code, 0) + rest
    return struct.pack("!BBH", kind, code, checksum(packet) ^ wrong) + rest


class Counters(KernelTest):

    def setUp(self):
        self.near, self.far = self.enter(Namespace()), self.enter(Namespace())
        link(self.near, self.far, "eth0", "eth0")
        self.near.address("eth0", "10.1.0.1/24")
        self.far.address("eth0", "10.1.0.2/24", "10.1.0.3/24")

    def open(self, namespace, kind, proto=0):
        sock = namespace.socket(socket.AF_INET, kind, proto)
        self.addCleanup(sock.close)
        sock.settimeout(TIMEOUT_S)
        return sock

    def check(self, namespace, **moved):
        """The sums and the CPUs are conntrack -S's; these counters stand at these values and all others at 0."""
        given, oracle = metrics(namespace, *ONLY_STAT), stat_sums(namespace)
        self.assertEqual(given_stats(given), oracle)
        self.assertEqual(oracle, {name: moved.get(name, 0) for name in STATS})
        by_cpu = metrics(namespace, *ONLY_STAT, "--collector.stat.per-cpu")
        expected = stats(namespace)
        for cpu, values in expected.items():
            self.assertEqual({name: by_cpu.get(f"conntrack_stat_{name}_total", cpu=str(cpu)) for name in STATS},
                             {name: values[name] for name in STATS}, cpu)
        self.assertEqual(sum(n.startswith("conntrack_stat_") for n, _ in by_cpu.samples), len(STATS) * len(expected))

    def wait(self, namespace, name, value):
        """A counter comes to a value; packets between namespaces arrive a moment later."""
        end = time.monotonic() + TIMEOUT_S
        while stat_sums(namespace)[name] < value and time.monotonic() < end:
            time.sleep(0.02)

    def test_all_zero_at_first(self):
        self.check(self.near)

    def test_insert_on_each_cpu(self):
        cpus = sorted(os.sched_getaffinity(0))[:4]
        for i, cpu in enumerate(cpus):
            fill(self.near, f"--count={10 + i}", f"--source=10.9.0.{i}", prefix=("taskset", "-c", str(cpu)))
        self.check(self.near, insert=sum(10 + i for i in range(len(cpus))))
        self.assertEqual([stats(self.near)[cpu]["insert"] for cpu in cpus], [10 + i for i in range(len(cpus))])

    def test_invalid(self):
        """SYN and FIN at once, and a UDP header that ends early."""
        self.near.nft(TRACK)
        tcp = self.open(self.far, socket.SOCK_RAW, socket.IPPROTO_TCP)
        for port in (1, 2, 3):
            tcp.sendto(struct.pack("!HHIIBBHHH", 1000, port, 1, 0, 0x50, 0x03, 100, 0, 0), ("10.1.0.1", 0))
        udp = self.open(self.far, socket.SOCK_RAW, socket.IPPROTO_UDP)
        udp.sendto(b"short", ("10.1.0.1", 0))
        self.wait(self.near, "invalid", 4)
        self.check(self.near, invalid=4)

    def test_error(self):
        """ICMP with a wrong checksum, and ICMP errors of flows that are not in the table."""
        self.near.nft(TRACK)
        raw = self.open(self.far, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        raw.sendto(icmp(8, 0, b"\0\1\0\1", wrong=0x5555), ("10.1.0.1", 0))
        inner = struct.pack("!BBHHHBBH4s4sHHHH", 0x45, 0, 28, 0, 0, 64, 17, 0, socket.inet_aton("10.1.0.1"),
                            socket.inet_aton("10.1.0.2"), 4000, 4001, 8, 0)
        for _ in range(2):
            raw.sendto(icmp(3, 3, bytes(4) + inner), ("10.1.0.1", 0))
        self.wait(self.near, "error", 3)
        self.check(self.near, error=3)

    def test_found(self):
        """Two clients with one port behind one address: the second needs another port."""
        self.near.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        server = self.enter(Namespace())
        link(self.near, server, "eth1", "eth0")
        self.near.address("eth1", "10.2.0.1/24")
        server.address("eth0", "10.2.0.2/24")
        self.far.run("ip", "route", "add", "default", "via", "10.1.0.1")
        self.near.nft("table ip nat { chain c { type nat hook postrouting priority 100; oif eth1 masquerade; }; }")
        receiver = self.open(server, socket.SOCK_DGRAM)
        receiver.bind(("10.2.0.2", 53))
        peers = set()
        for source in ("10.1.0.2", "10.1.0.3"):
            sender = self.open(self.far, socket.SOCK_DGRAM)
            sender.bind((source, 5000))
            sender.sendto(b"?", ("10.2.0.2", 53))
            peers.add(receiver.recvfrom(10)[1])
        self.assertEqual(len(peers), 2)
        found = stat_sums(self.near)["found"]
        self.assertGreaterEqual(found, 1)
        self.check(self.near, found=found)

    def held(self, protocol):
        """Rules that hold what leaves in a queue, before its flow is confirmed."""
        self.near.run("iptables", "-w", "5", "-A", "OUTPUT", "-p", protocol, "--dport", "9", "-j", "NFQUEUE")
        self.near.run("iptables", "-w", "5", "-I", "OUTPUT", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP")
        return self.enter(Queue(self.near))

    def test_clash_resolve(self):
        """Two packets of one new flow meet, both not yet in the table: one flow, no loss."""
        queue = self.held("udp")
        receiver = self.open(self.far, socket.SOCK_DGRAM)
        receiver.bind(("10.1.0.2", 9))
        sender = self.open(self.near, socket.SOCK_DGRAM)
        sender.bind(("10.1.0.1", 5000))
        for text in (b"1", b"2"):
            sender.sendto(text, ("10.1.0.2", 9))
        for packet in queue.wait(2):
            queue.accept(packet)
        self.assertEqual({receiver.recv(10), receiver.recv(10)}, {b"1", b"2"})
        resolved = stat_sums(self.near)["clash_resolve"]
        self.assertIn(resolved, (0, 1), "older kernels look the second packet up again")
        self.check(self.near, clash_resolve=resolved)

    def test_insert_failed(self):
        """Two SYNs of one new flow meet: TCP does not resolve that, the second is lost, and drop moves with it."""
        queue = self.held("tcp")
        raw = self.open(self.near, socket.SOCK_RAW, socket.IPPROTO_TCP)
        for _ in range(2):
            raw.sendto(struct.pack("!HHIIBBHHH", 5000, 9, 1, 0, 0x50, 0x02, 100, 0, 0), ("10.1.0.2", 0))
        for packet in queue.wait(2):
            queue.accept(packet)
        self.wait(self.near, "insert_failed", 1)
        self.check(self.near, insert_failed=1, drop=1)

    def test_counters_go_on_between_scrapes(self):
        for total in (3, 5, 9):
            before = stat_sums(self.near)["insert"]
            fill(self.near, f"--count={total - before}", f"--first-port={2000 + 100 * total}")
            self.check(self.near, insert=total)

    def test_the_procfs_file_says_the_same(self):
        """The other source, which the exporter takes without the capability."""
        fill(self.near, "--count=300")
        lines = self.near.run("cat", "/proc/net/stat/nf_conntrack").splitlines()
        column = lines[0].split().index("insert")
        self.assertEqual(sum(int(line.split()[column], 16) for line in lines[1:]), 300)
        self.check(self.near, insert=300)


if __name__ == "__main__":
    main()
