#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A full table: new connections fail, established ones go on, and the exporter says which is which.

No sysctl is touched: the table of a namespace of its own is filled to the limit this host has.
"""

import http.client
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import (KernelTest, check_flows, check_invariants, check_sockets, entries, fill, given_stats,  # noqa: E402
                    stat_sums)
from testlib import Exporter, Metrics, Namespace, limit_lock, link, main, metrics, need, skip, table_limit  # noqa: E402

need("conntrack", "ip", "nft", "ss")

TIMEOUT_S = 5
REFUSED_S = 1.5
LIMIT_MAX = 1 << 21
TRACK = "table inet track { chain c { type filter hook prerouting priority 0; ct state new accept; }; }"
LIMIT = table_limit()

if not 0 < LIMIT <= LIMIT_MAX:
    skip(f"nf_conntrack_max is {LIMIT}: too many entries for a test")


class FullTable(KernelTest):

    def setUp(self):
        self.enter(limit_lock())
        self.assertEqual(table_limit(), LIMIT)
        self.peer, self.host = self.enter(Namespace()), self.enter(Namespace())
        link(self.peer, self.host, "eth0", "eth0")
        self.peer.address("eth0", "10.1.0.1/24")
        self.host.address("eth0", "10.1.0.2/24")
        self.host.nft(TRACK)
        self.listener = self.open(self.host)
        self.listener.bind(("10.1.0.2", 80))
        self.listener.listen(16)

    def open(self, namespace, kind=socket.SOCK_STREAM):
        sock = namespace.socket(socket.AF_INET, kind)
        self.addCleanup(sock.close)
        sock.settimeout(TIMEOUT_S)
        return sock

    def connect(self):
        """An established connection from the peer; returns both ends."""
        there = self.open(self.peer)
        there.connect(("10.1.0.2", 80))
        here, _ = self.listener.accept()
        self.addCleanup(here.close)
        here.settimeout(TIMEOUT_S)
        self.talk(there, here)
        return there, here

    def talk(self, there, here):
        there.sendall(b"question")
        self.assertEqual(here.recv(100), b"question")
        here.sendall(b"answer")
        self.assertEqual(there.recv(100), b"answer")

    def fill_up(self, status):
        """Fills the table to the limit, to the entry."""
        free = LIMIT - entries(self.host)
        said = fill(self.host, f"--count={free}", "--timeout=432000", f"--status={status}")
        self.assertEqual(said, {"inserted": free, "refused": 0})
        self.assertEqual(entries(self.host), LIMIT)

    def refuse(self, namespace, port=80):
        """A connection attempt that gets no answer."""
        sock = self.open(namespace)
        sock.settimeout(REFUSED_S)
        started = time.monotonic()
        with self.assertRaises(TimeoutError):
            sock.connect(("10.1.0.2", port))
        self.assertLess(time.monotonic() - started, REFUSED_S + 1)
        sock.close()

    def test_full_of_assured_flows(self):
        connections = [self.connect() for _ in range(3)]
        self.fill_up("seen_reply,assured")
        self.assertEqual(fill(self.host, "--count=50", "--source=10.200.0.1", "--status=seen_reply,assured"),
                         {"inserted": 0, "refused": 50, "ENOMEM": 50})
        before = metrics(self.host)
        self.assertEqual(given_stats(before), stat_sums(self.host))
        self.assertEqual(before.get("conntrack_stat_drop_total"), 0, "what ctnetlink is refused does not count")

        self.refuse(self.peer)
        dropped = stat_sums(self.host)["drop"]
        self.assertGreaterEqual(dropped, 2, "a SYN and its repetition")
        self.refuse(self.host)
        with self.assertRaises(PermissionError):
            self.open(self.host, socket.SOCK_DGRAM).sendto(b"?", ("10.1.0.1", 53))
        for there, here in connections:
            self.talk(there, here)

        given = check_flows(self, self.host, "--collector.flows.limit=0")
        self.assertEqual(given.get("conntrack_entries"), LIMIT)
        self.assertEqual(given.get("conntrack_entries_limit"), LIMIT)
        self.assertEqual(given_stats(given), stat_sums(self.host))
        self.assertGreaterEqual(given.get("conntrack_stat_drop_total"), dropped + 3)
        for unmoved in ("insert_failed", "early_drop", "chaintoolong", "invalid", "error"):
            self.assertEqual(given.get(f"conntrack_stat_{unmoved}_total"), 0, unmoved)
        for state in ("established", "listen"):
            value = before.get("conntrack_tcp_sockets", family="ipv4", state=state)
            self.assertEqual(given.get("conntrack_tcp_sockets", family="ipv4", state=state), value, state)
        self.assertEqual(given.get("conntrack_tcp_sockets", family="ipv4", state="established"), 3)
        self.assertEqual(given.get("conntrack_flows_by_path", path="inbound"), 3)
        check_sockets(self, self.host, "--collector.disable-defaults", "--collector.sockets")

        # The default limit of the walk is the kernel's own default table: exact, or scaled to what is there.
        given = metrics(self.host)
        self.assertEqual(given.get("conntrack_walk_complete"), float(LIMIT <= 262144))
        self.assertEqual(given.sum("conntrack_flows"), LIMIT)
        check_invariants(self, given)

        # Room again: the next attempt succeeds at once.
        self.host.run("conntrack", "-D", "-p", "tcp", "--orig-src", "10.0.0.1", "--orig-port-src", "2000", check=False)
        self.connect()

    def test_scrapes_go_on_over_a_connection_from_before(self):
        """The exporter's own port is behind the same table: who keeps his connection sees what happens."""
        with Exporter(self.host, "--web.listen-address=10.1.0.2:0") as exporter:
            scraper = http.client.HTTPConnection("exporter")
            self.addCleanup(scraper.close)
            scraper.sock = self.open(self.peer)
            scraper.sock.connect((exporter.host, exporter.port))
            self.assertEqual(self.scrape(scraper).get("conntrack_entries"), 1)
            self.fill_up("seen_reply,assured")
            self.refuse(self.peer, exporter.port)
            given = self.scrape(scraper)
            self.assertEqual(given.get("conntrack_entries"), given.get("conntrack_entries_limit"))
            self.assertGreaterEqual(given.get("conntrack_stat_drop_total"), 2)
            self.assertEqual(given.get("conntrack_stat_insert_failed_total"), 0)

    def scrape(self, connection):
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        text = answer.read().decode()
        self.assertIsNotNone(connection.sock, "the exporter has closed the connection behind its answer")
        return Metrics(text)

    def test_full_of_flows_that_may_be_evicted(self):
        """early_drop makes room: nothing fails and drop stays."""
        self.fill_up("seen_reply")
        for _ in range(3):
            self.connect()
        given = metrics(self.host)
        stats = given_stats(given)
        self.assertEqual(stats, stat_sums(self.host))
        self.assertGreaterEqual(stats["early_drop"], 1)
        self.assertEqual((stats["drop"], stats["insert_failed"]), (0, 0))
        self.assertEqual(given.get("conntrack_entries"), entries(self.host))
        self.assertLessEqual(given.get("conntrack_entries"), LIMIT)
        self.assertEqual(given.get("conntrack_flows_by_path", path="inbound"), 3)
        self.assertEqual(given.get("conntrack_flows_by_reply", protocol="tcp", reply="assured"), 3)


if __name__ == "__main__":
    main()
