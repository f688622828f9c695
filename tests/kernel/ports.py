#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ephemeral ports: the range is that of the sysctls, those in use are what ss(8) lists, TIME_WAIT included."""

import collections
import errno
import ipaddress
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import KernelTest  # noqa: E402
from testlib import Namespace, main, metrics, need  # noqa: E402

need("ip", "ss", "sysctl")

ONLY_PORTS = ("--collector.disable-defaults", "--collector.ports")
LOW, HIGH = 40000, 40099


class Ports(KernelTest):

    def setUp(self):
        self.namespace = self.enter(Namespace())
        self.namespace.sysctl("net.ipv4.ip_local_port_range", f"{LOW} {HIGH}")
        self.reserved = set()

    def reserve(self, listed, *ports):
        self.namespace.sysctl("net.ipv4.ip_local_reserved_ports", listed)
        self.reserved = set(ports)

    def listen(self, family, address, port=80):
        listener = self.namespace.socket(family)
        self.addCleanup(listener.close)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(200)
        return listener

    def connect(self, count, address="127.0.0.1", port=80, family=socket.AF_INET, source=None):
        """Connections, each with a port of the kernel's choice unless source says one."""
        made = []
        for _ in range(count):
            client = self.namespace.socket(family)
            self.addCleanup(client.close)
            client.settimeout(5)
            if source:
                client.bind(source)
            client.connect((address, port))
            made.append(client)
        return made

    def crowds(self):
        """{(local, remote, remote port): ports in use} by ss; a mapped address is the IPv4 one."""
        found = collections.defaultdict(set)
        for line in self.namespace.run("ss", "-Htan", "state", "connected").splitlines():
            here, there = (end.rsplit(":", 1) for end in line.split()[3:5])
            local, remote = (ipaddress.ip_address(end[0].strip("[]").split("%")[0]) for end in (here, there))
            local, remote = (getattr(end, "ipv4_mapped", None) or end for end in (local, remote))
            if LOW <= int(here[1]) <= HIGH and int(here[1]) not in self.reserved:
                found[local, remote, int(there[1])].add(int(here[1]))
        return {crowd: len(ports) for crowd, ports in found.items()}

    def check(self, in_use, ports=HIGH - LOW + 1):
        """As ss says, and as this test knows, so that the two are not wrong together."""
        given = metrics(self.namespace, *ONLY_PORTS)
        self.assertEqual(max(self.crowds().values(), default=0), in_use)
        self.assertEqual(given.get("conntrack_ephemeral_ports_in_use_max"), in_use)
        self.assertEqual(given.get("conntrack_ephemeral_ports"), ports)
        self.assertEqual(given.get("conntrack_scrape_collector_success", collector="ports"), 1)

    def test_an_idle_namespace(self):
        self.check(0)

    def test_the_range(self):
        self.check(0, 100)
        self.namespace.sysctl("net.ipv4.ip_local_port_range", "1024 65535")
        self.check(0, 64512)
        self.namespace.sysctl("net.ipv4.ip_local_port_range", "40000 40000")
        self.check(0, 1)

    def test_reserved_ports(self):
        self.reserve("80,39990-40009,40050,40050,40095-50000,8080", *range(40000, 40010), 40050, *range(40095, 40100))
        self.check(0, 84)
        # The kernel merges what overlaps.
        self.reserve("40000-40019,40010-40029,40029", *range(40000, 40030))
        self.check(0, 70)
        # Who binds to a reserved port takes none of the others.
        self.listen(socket.AF_INET, "127.0.0.1")
        self.connect(1, source=("127.0.0.1", 40005))
        self.check(0, 70)
        self.connect(3)
        self.check(3, 70)

    def test_to_the_last_port(self):
        """What the number is for: at the size of the range connect() fails, and elsewhere it does not."""
        self.listen(socket.AF_INET, "127.0.0.1")
        self.listen(socket.AF_INET, "127.0.0.1", 81)
        self.connect(99)
        self.check(99)
        self.connect(1)
        self.check(100)
        with self.assertRaises(OSError) as raised:
            self.connect(1)
        self.assertEqual(raised.exception.errno, errno.EADDRNOTAVAIL)
        self.connect(1, port=81)
        self.check(100)

    def test_each_destination_apart(self):
        for address in ("127.0.0.1", "127.0.0.2"):
            for port in (80, 81):
                self.listen(socket.AF_INET, address, port)
        self.connect(5)
        self.connect(6, port=81)
        self.connect(7, "127.0.0.2")
        self.connect(4, "127.0.0.2", 81, source=("127.0.0.3", 0))
        self.check(7)
        self.assertEqual(sorted(count for count in self.crowds().values() if count > 1), [4, 5, 6, 7])

    def test_time_wait(self):
        listener = self.listen(socket.AF_INET, "127.0.0.1")
        clients = self.connect(20)
        accepted = [listener.accept()[0] for _ in clients]
        for client, server in list(zip(clients, accepted))[:12]:
            client.close()
            server.close()
        for server in accepted[12:]:
            self.addCleanup(server.close)
        waiting = self.namespace.run("ss", "-Htan", "state", "time-wait").splitlines()
        self.assertEqual(len(waiting), 12)
        self.check(20)

    def test_both_families(self):
        self.listen(socket.AF_INET6, "::1")
        self.listen(socket.AF_INET, "127.0.0.1")
        self.connect(3)
        self.connect(8, "::1", family=socket.AF_INET6)
        self.check(8)

    def test_mapped_addresses_count_with_ipv4(self):
        """One port serves one connection to a destination, whatever the socket's family is."""
        self.listen(socket.AF_INET, "127.0.0.1")
        self.connect(3)
        self.connect(4, "::ffff:127.0.0.1", family=socket.AF_INET6)
        self.check(7)

    def test_who_listens_within_the_range(self):
        """Accepted connections have the listener's port, one and the same."""
        listener = self.listen(socket.AF_INET, "127.0.0.1", LOW)
        self.connect(9, port=LOW)
        for _ in range(9):
            self.addCleanup(listener.accept()[0].close)
        self.check(9)


if __name__ == "__main__":
    main()
