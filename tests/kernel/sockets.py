#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets are counted as ss counts them, and the socket layer's limits are those of the files."""

import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import KernelTest, check_sockets, sockets  # noqa: E402
from testlib import EXPORTER, Metrics, Namespace, link, main, metrics, need, run, wait_until  # noqa: E402

need("ip", "nft", "ss")

TIMEOUT_S = 5
FLAGS = ("--collector.disable-defaults", "--collector.sockets")
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
NEAR, FAR = {4: "10.1.0.1", 6: "2001:db8::1"}, {4: "10.1.0.2", 6: "2001:db8::2"}
PAGE_SIZE = os.sysconf("SC_PAGESIZE")


class Sockets(KernelTest):

    def setUp(self):
        self.near, self.far = self.enter(Namespace()), self.enter(Namespace())
        link(self.near, self.far, "eth0", "eth0")
        self.near.address("eth0", "10.1.0.1/24", "2001:db8::1/64")
        self.far.address("eth0", "10.1.0.2/24", "2001:db8::2/64")
        self.kept = []

    def open(self, namespace, version, kind=socket.SOCK_STREAM, bind=None):
        sock = namespace.socket(FAMILY[version], kind)
        self.addCleanup(sock.close)
        sock.settimeout(TIMEOUT_S)
        if bind is not None:
            if version == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("" if version == 4 else "::", bind))
        return sock

    def listen(self, namespace, version, port, backlog=16):
        listener = self.open(namespace, version, bind=port)
        listener.listen(backlog)
        return listener

    def connect(self, version, port):
        """An established connection from near to far; returns both ends."""
        listener = self.listen(self.far, version, port)
        near = self.open(self.near, version)
        near.connect((FAR[version], port))
        far, _ = listener.accept()
        self.addCleanup(far.close)
        listener.close()
        return near, far

    def wait(self, namespace, expected):
        """ss comes to say this; the network is asynchronous."""
        end = time.monotonic() + TIMEOUT_S
        while sockets(namespace)[0] != expected and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(sockets(namespace)[0], expected)

    def test_every_tcp_state_of_both_families(self):
        for version in (4, 6):
            self.kept.append(self.connect(version, 100))
            half_closed = self.connect(version, 101)
            half_closed[0].shutdown(socket.SHUT_WR)
            closed = self.connect(version, 102)
            closed[0].close()
            closed[1].close()
            unanswered = self.connect(version, 103)
            last = self.connect(version, 104)
            last[0].shutdown(socket.SHUT_WR)
            crossing = self.connect(version, 105)
            self.listen(self.far, version, 106)
            self.listen(self.far, version, 107)
            self.wait_for_close_wait(version)
            self.lossy(version)
            unanswered[0].shutdown(socket.SHUT_WR)
            last[1].close()
            crossing[0].shutdown(socket.SHUT_WR)
            crossing[1].shutdown(socket.SHUT_WR)
            for port in (106, 108):
                sock = self.open(self.near, version)
                sock.setblocking(False)
                sock.connect_ex((FAR[version], port))
        near = {"established": 1, "fin_wait1": 1, "fin_wait2": 2, "time_wait": 1, "closing": 1, "syn_sent": 2}
        far = {"established": 2, "close_wait": 1, "last_ack": 1, "fin_wait1": 1, "listen": 2, "syn_recv": 1}
        for namespace, states in ((self.near, near), (self.far, far)):
            expected = {(family, state): n for family in ("ipv4", "ipv6") for state, n in states.items()}
            self.wait(namespace, expected)
            given = check_sockets(self, namespace, *FLAGS)
            self.assertEqual(given.nonzero("conntrack_tcp_sockets"), expected)
        self.assertEqual(given.get("conntrack_tcp_listeners"), 4)
        self.assertEqual(given.get("conntrack_tcp_listeners_full"), 0)
        self.assertEqual(given.get("conntrack_tcp_accept_queue_max_ratio"), 0)

    def wait_for_close_wait(self, version):
        """Both half closed connections have heard so."""
        end = time.monotonic() + TIMEOUT_S
        while sockets(self.far)[0][f"ipv{version}", "close_wait"] < 2 and time.monotonic() < end:
            time.sleep(0.02)

    def lossy(self, version):
        """Of one family: what near sends on 103, 105 and 108 is lost, and what far answers on 104 and 106."""
        ip = "ip" if version == 4 else "ip6"
        for namespace, port, ports in ((self.far, "dport", "103, 105, 108"), (self.near, "sport", "104, 106")):
            namespace.nft(f"table {ip} lossy {{ chain c {{ type filter hook prerouting priority -300; "
                          f"tcp {port} {{ {ports} }} drop; }}; }}")

    def test_udp(self):
        for version in (4, 6):
            for port in range(4 + version):
                self.open(self.near, version, socket.SOCK_DGRAM, 2000 + port)
            for _ in range(version):
                self.open(self.near, version, socket.SOCK_DGRAM).connect((FAR[version], 53))
        given = check_sockets(self, self.near, *FLAGS)
        self.assertEqual(given.nonzero("conntrack_udp_sockets"),
                         {("ipv4", "connected"): 4, ("ipv4", "unconnected"): 8, ("ipv6", "connected"): 6,
                          ("ipv6", "unconnected"): 10})

    def test_ipv4_over_ipv6_sockets(self):
        """The kernel lists them, and ss shows them, as IPv6."""
        listener = self.near.socket(socket.AF_INET6)
        self.addCleanup(listener.close)
        listener.bind(("::", 80))
        listener.listen(4)
        client = self.open(self.near, 4)
        client.connect(("127.0.0.1", 80))
        accepted, _ = listener.accept()
        self.addCleanup(accepted.close)
        datagram = self.near.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.addCleanup(datagram.close)
        datagram.connect(("::ffff:127.0.0.1", 53))
        given = check_sockets(self, self.near, *FLAGS)
        self.assertEqual(given.nonzero("conntrack_tcp_sockets"),
                         {("ipv4", "established"): 1, ("ipv6", "established"): 1, ("ipv6", "listen"): 1})
        self.assertEqual(given.nonzero("conntrack_udp_sockets"), {("ipv6", "connected"): 1})

    def queue(self, port, backlog, connections):
        """A listener that does not accept, with this many connections in its queue."""
        self.listen(self.near, 4, port, backlog)
        for _ in range(connections):
            self.open(self.near, 4).connect(("127.0.0.1", port))
        # connect() is back when its last ACK was sent, which the listener may not have seen.
        wait_until(lambda: self.near.run("ss", "-Htln", f"sport = :{port}").split()[1] == str(connections), TIMEOUT_S,
                   "all connections are in the queue")

    def listeners(self):
        given = check_sockets(self, self.near, *FLAGS)
        return tuple(given.get(f"conntrack_tcp_{name}") for name in ("listeners", "listeners_full",
                                                                     "accept_queue_max_ratio"))

    def test_accept_queues(self):
        self.queue(80, 4, 1)
        self.assertEqual(self.listeners(), (1, 0, 0.25))
        self.queue(81, 8, 6)
        self.assertEqual(self.listeners(), (2, 0, 0.75))
        self.queue(82, 3, 3)
        self.assertEqual(self.listeners(), (3, 0, 1))
        self.queue(83, 1, 2)
        self.assertEqual(self.listeners(), (4, 1, 2))
        refused = self.open(self.near, 4)
        refused.settimeout(0.5)
        with self.assertRaises(TimeoutError):
            refused.connect(("127.0.0.1", 83))
        self.assertEqual(self.listeners(), (4, 1, 2))

    def test_many_sockets(self):
        """More than one message of the kernel holds."""
        listener = self.listen(self.near, 4, 80, 1000)
        for _ in range(300):
            self.open(self.near, 4).connect(("127.0.0.1", 80))
        self.addCleanup(listener.close)
        expected = {("ipv4", "established"): 600, ("ipv4", "listen"): 1}
        self.wait(self.near, expected)
        given = check_sockets(self, self.near, *FLAGS)
        self.assertEqual(given.nonzero("conntrack_tcp_sockets"), expected)

    def files(self, read):
        """What the files of /proc say, by metric; a file that is not there gives nothing."""
        expected = {}
        tcp = dict(zip(*[iter(next(line for line in read("/proc/net/sockstat").splitlines()
                                   if line.startswith("TCP:")).split()[1:])] * 2))
        expected["conntrack_tcp_sockets_orphaned"] = int(tcp["orphan"])
        expected["conntrack_tcp_memory_bytes"] = int(tcp["mem"]) * PAGE_SIZE
        allocated, unused, limit = map(int, read("/proc/sys/fs/file-nr").split())
        expected["conntrack_file_handles"] = allocated - unused
        expected["conntrack_file_handles_limit"] = float(limit)  # systemd sets it to what a double cannot hold
        if orphans := read("/proc/sys/net/ipv4/tcp_max_orphans"):
            expected["conntrack_tcp_sockets_orphaned_limit"] = int(orphans)
        if memory := read("/proc/sys/net/ipv4/tcp_mem"):
            expected["conntrack_tcp_memory_bytes_limit"] = int(memory.split()[2]) * PAGE_SIZE
        return expected

    def check_files(self, read, scrape):
        """The files count for the whole system: what stood still while the exporter read must be exact."""
        names = self.files(read)
        steady = set()
        for _ in range(30):
            before, given, after = self.files(read), scrape(), self.files(read)
            self.assertEqual({n for n in given.names() if n in names}, set(names))
            for name in before:
                if before[name] == after[name] == given.get(name):
                    steady.add(name)
                elif name.endswith("_limit"):
                    self.assertEqual(given.get(name), before[name], name)
            if steady == set(names):
                return given
        # Open files move with every process of the system: the exporter's own are among them.
        self.assertEqual(set(names) - steady - {"conntrack_file_handles"}, set())
        self.assertLess(abs(given.get("conntrack_file_handles") - before["conntrack_file_handles"]), 4096)
        return given

    def test_limits_of_the_socket_layer(self):
        def read(path):
            return self.near.run("cat", path, check=False)

        for port in (100, 101):
            _, far = self.connect(4, port)
            self.lose_port(port)
            far.close()
        given = self.check_files(read, lambda: metrics(self.near, *FLAGS))
        absent = {"conntrack_tcp_sockets_orphaned_limit", "conntrack_tcp_memory_bytes_limit"} - set(self.files(read))
        self.assertEqual({n for n in absent if n in given.names()}, set(), "not readable here, so left out")

    def lose_port(self, port):
        self.near.run("nft", "add", "table", "ip", "lossy")
        self.near.nft(f"table ip lossy {{ chain c{port} {{ type filter hook prerouting priority -300; "
                      f"tcp sport {port} drop; }}; }}")

    def test_limits_in_the_namespace_of_this_test(self):
        """Where tcp_mem and tcp_max_orphans can be read."""
        def read(path):
            try:
                with open(path, encoding="ascii") as file:
                    return file.read()
            except FileNotFoundError:
                return ""

        def scrape():
            return Metrics(run(EXPORTER, "metrics", *FLAGS))

        self.check_files(read, scrape)


if __name__ == "__main__":
    main()
