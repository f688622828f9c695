#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The TCP stack's counters are those of nstat and move by what they stand for; the settings are those of sysctl."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import KernelTest  # noqa: E402
from testlib import Namespace, link, main, metrics, need  # noqa: E402

need("ip", "nft", "nstat", "sysctl")

TIMEOUT_S = 10
COUNTERS = {
    "listen_overflows": "TcpExtListenOverflows", "listen_drops": "TcpExtListenDrops",
    "request_queue_full_drops": "TcpExtTCPReqQFullDrop", "request_queue_full_cookies": "TcpExtTCPReqQFullDoCookies",
    "active_opens": "TcpActiveOpens", "passive_opens": "TcpPassiveOpens", "attempt_fails": "TcpAttemptFails",
    "syn_retransmits": "TcpExtTCPSynRetrans"
}
ONLY_NETSTAT = ("--collector.disable-defaults", "--collector.netstat")
ONLY_SETTINGS = ("--collector.disable-defaults", "--collector.settings")


def nstat(namespace):
    """The counters as nstat lists them."""
    listed = dict(line.split()[:2] for line in namespace.run("nstat", "-asz").splitlines() if not line.startswith("#"))
    return {name: int(listed[kernel]) for name, kernel in COUNTERS.items()}


def raw(namespace):
    """The same from the files themselves."""
    found = {}
    for file in ("netstat", "snmp"):
        lines = namespace.run("cat", f"/proc/net/{file}").splitlines()
        for names, values in zip(lines[::2], lines[1::2]):
            prefix = names.split()[0].rstrip(":")
            found.update({prefix + name: int(value) for name, value in zip(names.split()[1:], values.split()[1:])})
    return {name: found[kernel] for name, kernel in COUNTERS.items()}


class Netstat(KernelTest):

    def setUp(self):
        self.near, self.far = self.enter(Namespace()), self.enter(Namespace())
        link(self.near, self.far, "eth0", "eth0")
        self.near.address("eth0", "10.1.0.1/24")
        self.far.address("eth0", "10.1.0.2/24")

    def listen(self, namespace, backlog):
        listener = namespace.socket()
        self.addCleanup(listener.close)
        listener.bind(("", 80))
        listener.listen(backlog)

    def connect(self, namespace, address, count=1):
        """Begins connections and waits for none of them."""
        begun = [namespace.socket() for _ in range(count)]
        for sock in begun:
            self.addCleanup(sock.close)
            sock.setblocking(False)
            sock.connect_ex((address, 80))
        return begun

    def wait(self, namespace, **least):
        """The counters come to these values at least."""
        end = time.monotonic() + TIMEOUT_S
        while any(nstat(namespace)[name] < value for name, value in least.items()) and time.monotonic() < end:
            time.sleep(0.02)

    def check(self, namespace):
        """The exporter says what nstat and the files say before and after; returns that."""
        for _ in range(20):
            before, given = nstat(namespace), metrics(namespace, *ONLY_NETSTAT)
            if before == nstat(namespace):
                break
        self.assertEqual({name: given.get(f"conntrack_tcp_{name}_total") for name in COUNTERS}, before)
        self.assertEqual(raw(namespace), before)
        self.assertEqual(sum(name.startswith("conntrack_tcp_") for name in given.names()), len(COUNTERS))
        return before

    def check_exactly(self, namespace, **moved):
        self.assertEqual(self.check(namespace), {name: moved.get(name, 0) for name in COUNTERS})

    def test_all_zero_at_first(self):
        self.check_exactly(self.near)

    def test_opens(self):
        self.listen(self.far, 16)
        for _ in range(5):
            client = self.near.socket()
            self.addCleanup(client.close)
            client.settimeout(TIMEOUT_S)
            client.connect(("10.1.0.2", 80))
        self.wait(self.far, passive_opens=5)
        self.check_exactly(self.near, active_opens=5)
        self.check_exactly(self.far, passive_opens=5)

    def test_a_closed_port(self):
        for _ in range(3):
            with self.near.socket() as client, self.assertRaises(ConnectionRefusedError):
                client.settimeout(TIMEOUT_S)
                client.connect(("10.1.0.2", 80))
        self.check_exactly(self.near, active_opens=3, attempt_fails=3)
        self.check_exactly(self.far)

    def test_a_full_accept_queue(self):
        """A backlog of 0 takes one connection; each SYN behind it overflows, those sent again too."""
        self.listen(self.far, 0)
        self.connect(self.near, "10.1.0.2")
        self.wait(self.far, passive_opens=1)
        self.connect(self.near, "10.1.0.2", 4)
        self.wait(self.far, listen_overflows=5)
        far = self.check(self.far)
        self.assertGreaterEqual(far["listen_overflows"], 5)
        self.assertEqual(far, {**dict.fromkeys(COUNTERS, 0), "passive_opens": 1,
                               "listen_overflows": far["listen_overflows"], "listen_drops": far["listen_overflows"]})
        near = self.check(self.near)
        self.assertGreaterEqual(near["syn_retransmits"], 1)
        self.assertEqual(near, {**dict.fromkeys(COUNTERS, 0), "active_opens": 5,
                                "syn_retransmits": near["syn_retransmits"]})

    def fill_syn_queue(self, cookies):
        """Handshakes that never end, for what far answers is lost: the listener's queue holds two of them."""
        self.far.sysctl("net.ipv4.tcp_syncookies", cookies)
        self.near.nft("table ip lossy { chain c { type filter hook prerouting priority -300; tcp sport 80 drop; }; }")
        self.listen(self.far, 1)
        self.connect(self.near, "10.1.0.2", 6)

    def test_a_full_queue_of_handshakes(self):
        self.fill_syn_queue(0)
        self.wait(self.far, request_queue_full_drops=4)
        far = self.check(self.far)
        self.assertGreaterEqual(far["request_queue_full_drops"], 4)
        self.assertEqual(far["listen_drops"], far["request_queue_full_drops"])
        self.assertEqual((far["request_queue_full_cookies"], far["listen_overflows"], far["passive_opens"]), (0, 0, 0))

    def test_a_full_queue_of_handshakes_with_cookies(self):
        self.fill_syn_queue(1)
        self.wait(self.far, request_queue_full_cookies=4)
        far = self.check(self.far)
        self.assertGreaterEqual(far["request_queue_full_cookies"], 4)
        self.assertEqual((far["request_queue_full_drops"], far["listen_overflows"], far["passive_opens"]), (0, 0, 0))

    def test_an_address_that_does_not_answer(self):
        """The SYN is sent again; an attempt fails when the kernel gives it up, not when the program does."""
        self.near.sysctl("net.ipv4.tcp_syn_retries", 1)
        self.near.run("ip", "neighbour", "add", "10.1.0.9", "lladdr", "02:00:00:00:00:09", "dev", "eth0")
        clients = self.connect(self.near, "10.1.0.9", 3)
        self.wait(self.near, syn_retransmits=3)
        again = self.check(self.near)["syn_retransmits"]
        self.assertGreaterEqual(again, 3)
        clients[0].close()
        self.wait(self.near, attempt_fails=2)
        near = self.check(self.near)
        self.assertGreaterEqual(near["syn_retransmits"], again)
        self.assertEqual(near, {**dict.fromkeys(COUNTERS, 0), "active_opens": 3, "attempt_fails": 2,
                                "syn_retransmits": near["syn_retransmits"]})


# Of the table, and of the defragmentation of IPv6.
NO_SETTING = re.compile(r"buckets|count|max|expect_max|frag6_.*")
TIMEOUT = re.compile(r"(\w+?)_timeout(?:_(\w+))?")
# The files that do not say in which state.
STATELESS = {"icmp": ("icmp", "any"), "icmpv6": ("icmpv6", "any"), "generic": ("other", "any"),
             "udp": ("udp", "unreplied"), "udplite": ("udplite", "unreplied"), "gre": ("gre", "unreplied")}


class Settings(KernelTest):

    def setUp(self):
        self.namespace = self.enter(Namespace())

    def files(self):
        """{file without nf_conntrack_: value} of what is a timeout or a setting."""
        listed = self.namespace.run("sh", "-c", "cd /proc/sys/net/netfilter && grep . nf_conntrack_*")
        values = dict(line.removeprefix("nf_conntrack_").split(":") for line in listed.splitlines())
        return {name: int(value) for name, value in values.items() if not NO_SETTING.fullmatch(name)}

    def check(self):
        """Every file has its sample and every sample its file; returns the files."""
        files, given = self.files(), metrics(self.namespace, *ONLY_SETTINGS)
        expected = {}
        for name, value in files.items():
            timeout = TIMEOUT.fullmatch(name)
            if timeout:
                protocol, state = STATELESS[timeout[1]] if timeout[2] is None else timeout.groups()
                labels = {"protocol": protocol, "state": state}
                expected["conntrack_timeout_seconds", frozenset(labels.items())] = value
            else:
                expected["conntrack_setting", frozenset({("name", name)})] = value
        self.assertEqual(len(expected), len(files))
        self.assertEqual({key: value for key, value in given.samples.items()
                          if key[0] in ("conntrack_timeout_seconds", "conntrack_setting")}, expected)
        return files

    def test_every_file_as_it_is(self):
        files = self.check()
        self.assertEqual({name: int(self.namespace.sysctl(f"net.netfilter.nf_conntrack_{name}")) for name in files},
                         files)
        self.assertEqual(files["tcp_timeout_established"], 432000)

    def test_every_timeout_follows(self):
        changed = {name: 1000 + i for i, name in enumerate(sorted(self.files())) if "timeout" in name}
        for name, value in changed.items():
            self.namespace.sysctl(f"net.netfilter.nf_conntrack_{name}", value)
        files = self.check()
        self.assertEqual({name: files[name] for name in changed}, changed)

    def test_every_setting_follows(self):
        before = {name: value for name, value in self.files().items() if "timeout" not in name}
        changed = {name: 7 if name == "tcp_max_retrans" else 6 if name == "log_invalid" else 0 if value else 1
                   for name, value in before.items()}
        for name, value in changed.items():
            self.namespace.sysctl(f"net.netfilter.nf_conntrack_{name}", value)
        files = self.check()
        self.assertEqual({name: files[name] for name in changed}, changed)

    def test_another_namespace_has_its_own(self):
        with Namespace() as other:
            other.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", 4711)
            self.assertEqual(self.check()["tcp_timeout_established"], 432000)


if __name__ == "__main__":
    main()
