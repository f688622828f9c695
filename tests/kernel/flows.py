#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Entries of every kind, put into the table over ctnetlink, are counted as conntrack(8) counts them."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import KernelTest, addresses, check_flows, fill, flows  # noqa: E402
from testlib import Namespace, main, metrics, need  # noqa: E402

need("conntrack", "ip")

PROTOCOLS = {"tcp": "tcp", "udp": "udp", "icmp": "icmp", "icmpv6": "icmpv6", "sctp": "sctp", "gre": "gre",
             "dccp": "dccp", "udplite": "udplite", "89": "other", "255": "other"}
STATES = ("none", "syn_sent", "syn_recv", "established", "fin_wait", "close_wait", "last_ack", "time_wait", "close",
          "syn_sent2")
FOREIGN = {"4": ("192.0.2.1", "198.51.100.1"), "6": ("2001:db8:1::1", "2001:db8:2::1")}
OWN = {"4": "127.0.0.1", "6": "::1"}
NAT = {"4": ("203.0.113.1", "203.0.113.2"), "6": ("2001:db8:8::1", "2001:db8:9::1")}


class Flows(KernelTest):

    def setUp(self):
        self.namespace = self.enter(Namespace())

    def fill(self, count, *options):
        """Inserts entries that the kernel must all take."""
        self.assertEqual(fill(self.namespace, f"--count={count}", *options), {"inserted": count, "refused": 0})

    def test_every_protocol_of_both_families(self):
        expected, refused = {}, []
        for i, (protocol, label) in enumerate(PROTOCOLS.items()):
            for family in ("4", "6"):
                count = i + 3 + int(family)
                said = fill(self.namespace, f"--protocol={protocol}", f"--family={family}", f"--count={count}")
                key = (f"ipv{family}", label)
                expected[key] = expected.get(key, 0) + said["inserted"]
                if said["refused"]:
                    refused.append((protocol, family, said))
        if refused:
            print("this kernel does not take:", refused)
        given = check_flows(self, self.namespace)
        self.assertEqual(given.nonzero("conntrack_flows"), {k: v for k, v in expected.items() if v})
        for family in ("ipv4", "ipv6"):
            for label in ("tcp", "udp", "icmp", "sctp", "other"):
                self.assertGreater(given.get("conntrack_flows", family=family, protocol=label), 0, "at least these")

    def test_every_tcp_state_of_both_families(self):
        expected = {}
        for i, state in enumerate(STATES):
            for family in ("4", "6"):
                count = 2 * i + int(family)
                self.fill(count, f"--state={state}", f"--family={family}", f"--first-port={2000 + 100 * i}")
                expected[(f"ipv{family}", state)] = count
        given = check_flows(self, self.namespace)
        self.assertEqual(given.nonzero("conntrack_tcp_flows"), expected)

    def test_replies_of_every_protocol(self):
        expected = {}
        for i, protocol in enumerate(PROTOCOLS):
            for j, (status, reply) in enumerate((("", "unreplied"), ("seen_reply", "replied"),
                                                 ("seen_reply,assured", "assured"), ("assured", "assured"))):
                self.fill(1 + i + j, f"--protocol={protocol}", f"--status={status}", f"--source=192.0.2.{1 + j}")
                key = (PROTOCOLS[protocol], reply)
                expected[key] = expected.get(key, 0) + 1 + i + j
        given = check_flows(self, self.namespace)
        self.assertEqual(given.nonzero("conntrack_flows_by_reply"), expected)

    def test_paths_by_the_addresses_of_this_host(self):
        self.namespace.address("lo", "192.0.2.77/32", "2001:db8:77::77/128")
        expected = {}
        for family, local in (("4", "192.0.2.77"), ("6", "2001:db8:77::77")):
            foreign, far = FOREIGN[family]
            for count, source, destination, path in (
                    (2, foreign, local, "inbound"), (3, local, far, "outbound"), (4, local, OWN[family], "loopback"),
                    (5, foreign, far, "forwarded"), (6, foreign, OWN[family], "inbound"),
                    (7, OWN[family], far, "outbound"), (8, OWN[family], OWN[family], "loopback")):
                self.fill(count, f"--family={family}", f"--source={source}", f"--destination={destination}")
                expected[(path,)] = expected.get((path,), 0) + count
        self.fill(1, "--source=127.200.1.2", "--destination=127.9.9.9")
        expected[("loopback",)] += 1
        self.assertEqual(len(addresses(self.namespace)), 4)
        given = check_flows(self, self.namespace)
        self.assertEqual(given.nonzero("conntrack_flows_by_path"), expected)
        self.namespace.run("ip", "address", "del", "192.0.2.77/32", "dev", "lo")
        given = check_flows(self, self.namespace)
        self.assertEqual(given.nonzero("conntrack_flows_by_path"),
                         {("inbound",): 18, ("outbound",): 17, ("loopback",): 21, ("forwarded",): 15})

    def test_nat_and_the_path_behind_it(self):
        for family in ("4", "6"):
            foreign, far = FOREIGN[family]
            source, destination = NAT[family]
            base = (f"--family={family}", f"--source={foreign}")
            self.fill(2, *base, f"--destination={far}", "--first-port=2000")
            self.fill(3, *base, f"--destination={far}", "--first-port=3000", f"--nat-source={source}")
            self.fill(4, *base, f"--destination={far}", "--first-port=4000", f"--nat-destination={destination}")
            self.fill(5, *base, f"--destination={far}", "--first-port=5000", f"--nat-source={source}",
                      f"--nat-destination={destination}")
            # Sent on to this host itself: the responder is local. Masqueraded: the translated source is not asked.
            self.fill(6, *base, f"--destination={far}", "--first-port=6000", f"--nat-destination={OWN[family]}")
            self.fill(7, *base, f"--destination={far}", "--first-port=7000", f"--nat-source={OWN[family]}")
        given = check_flows(self, self.namespace)
        self.assertEqual(given.nonzero("conntrack_flows_by_nat"),
                         {("none",): 4, ("source",): 20, ("destination",): 20, ("both",): 10})
        self.assertEqual(given.nonzero("conntrack_flows_by_path"), {("inbound",): 12, ("forwarded",): 42})

    def test_expiring_is_cumulative_and_exact_between_the_limits(self):
        for count, timeout in ((1, 5), (2, 40), (4, 400), (8, 3000), (16, 80000), (32, 432000)):
            self.fill(count, f"--timeout={timeout}", "--protocol=udp", f"--first-port={1024 + 100 * count}")
        given = check_flows(self, self.namespace)
        self.assertEqual(given.nonzero("conntrack_flows_expiring"),
                         {("10s",): 1, ("1m",): 3, ("10m",): 7, ("1h",): 15, ("1d",): 31})

    def test_a_timeout_at_the_limit_counts(self):
        """Exactly 60 s left is "within 1m"; a second more is not."""
        self.fill(3, "--timeout=63", "--protocol=udp")
        for _ in range(10):
            before = {f.timeout for f in flows(self.namespace)}
            given = metrics(self.namespace).get("conntrack_flows_expiring", within="1m")
            after = {f.timeout for f in flows(self.namespace)}
            if before == after:
                self.assertEqual(given, 3 if max(before) <= 60 else 0, before)
            if max(after) < 60:
                break
            self.namespace.run("sleep", "0.5")
        self.assertLessEqual(max(after), 60)

    def test_the_mixture(self):
        self.fill(20000, "--mix", "--seed=7")
        given = check_flows(self, self.namespace)
        for name, nonzero in (("conntrack_flows", 11), ("conntrack_tcp_flows", 12), ("conntrack_flows_by_path", 4),
                              ("conntrack_flows_by_nat", 4)):
            self.assertEqual(len(given.nonzero(name)), nonzero, name)

    def test_two_equal_states_give_equal_flows(self):
        self.fill(500, "--mix", "--seed=3")
        flow_lines = [[line for line in metrics(self.namespace).text.splitlines()
                       if line.startswith(("conntrack_flows", "conntrack_tcp_flows"))] for _ in range(2)]
        self.assertEqual(*flow_lines)


if __name__ == "__main__":
    main()
