#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether packets pass through conntrack: 1 where they do, 0 where they do not, nothing where it cannot be told."""

import os
import shutil
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import KernelTest, flows  # noqa: E402
from testlib import EXPORTER, Exporter, Metrics, Namespace, main, metrics, need  # noqa: E402

need("conntrack", "ip", "nft", "setpriv", "sysctl")

FRESH_S = 3  # a packet that is older proves nothing any more
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
NO_ADMIN = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin")
CHAIN = "chain c { type filter hook output priority 0; ct state new accept; };"
INSERT = ("conntrack", "-I", "-p", "udp", "-s", "192.0.2.1", "-d", "192.0.2.2", "--sport", "1000", "--dport", "2000",
          "-t", "30")


def said(given):
    return tuple(given.get("conntrack_tracking_active", family=family) for family in ("ipv4", "ipv6"))


class Tracking(KernelTest):

    def setUp(self):
        self.namespace = self.enter(Namespace())

    def send(self, family=socket.AF_INET):
        """A datagram that arrives."""
        with self.namespace.socket(family, socket.SOCK_DGRAM) as receiver, \
                self.namespace.socket(family, socket.SOCK_DGRAM) as sender:
            receiver.bind((LOOPBACK[family], 0))
            receiver.settimeout(5)
            sender.sendto(b"word", receiver.getsockname())
            self.assertEqual(receiver.recv(10), b"word")

    def send_both(self):
        for family in LOOPBACK:
            self.send(family)

    def check(self, ipv4, ipv6, *flags):
        self.assertEqual(said(metrics(self.namespace, *flags)), (ipv4, ipv6))

    def test_a_fresh_namespace(self):
        self.send_both()
        self.check(0, 0)
        self.check(0, 0, "--no-collector.flows", "--no-collector.correlation")
        self.assertEqual(flows(self.namespace), [])

    def test_rules_of_one_family(self):
        for family, table, expected in ((socket.AF_INET, "ip", (1, 0)), (socket.AF_INET6, "ip6", (0, 1))):
            with self.subTest(table), Namespace() as self.namespace:
                self.namespace.nft(f"table {table} t {{ {CHAIN} }}")
                self.send_both()
                self.assertEqual({flow.family for flow in flows(self.namespace)},
                                 {"ipv4" if family == socket.AF_INET else "ipv6"})
                self.check(*expected)

    def test_rules_of_both_families(self):
        self.namespace.nft(f"table inet t {{ {CHAIN} }}")
        self.send_both()
        self.check(1, 1)

    def test_rules_and_no_packets(self):
        self.namespace.nft(f"table inet t {{ {CHAIN} }}")
        self.check(None, None)
        self.send(socket.AF_INET6)
        self.check(None, 1)

    def test_rules_that_track_nothing(self):
        self.namespace.nft("table inet t { chain c { type filter hook output priority 0; udp dport 9 drop; }; }")
        self.send_both()
        self.assertEqual(flows(self.namespace), [])
        self.check(None, None)

    def test_without_a_walk(self):
        self.namespace.nft(f"table ip t {{ {CHAIN} }}")
        self.send_both()
        self.check(None, 0, "--collector.disable-defaults", "--collector.settings")
        self.check(1, 0, "--collector.disable-defaults", "--collector.settings", "--collector.flows")

    def test_flows_that_were_inserted(self):
        """They have the timeout of a flow that just had a packet, and had none."""
        self.namespace.run(*INSERT)
        self.check(0, 0)
        self.namespace.nft(f"table inet t {{ {CHAIN} }}")
        self.namespace.run(*INSERT[:-4], "--dport", "2001", "-t", "30")
        self.assertEqual(len(flows(self.namespace)), 2)
        self.check(None, None)
        self.send()
        self.check(1, None)

    def test_rules_deleted(self):
        self.namespace.nft(f"table ip t {{ {CHAIN} }}")
        self.send()
        self.check(1, 0)
        self.namespace.run("nft", "flush", "ruleset")
        time.sleep(FRESH_S + 1.1)
        self.send()
        self.assertEqual(len(flows(self.namespace)), 1)
        self.check(0, 0)

    def talk(self, streams):
        """UDP streams, with packets both ways for more than two seconds. Returns one end of each."""
        pairs = [[self.namespace.socket(kind=socket.SOCK_DGRAM) for _ in range(2)] for _ in range(streams)]
        ends = [end for pair in pairs for end in pair]
        for end in ends:
            self.addCleanup(end.close)
            end.bind(("127.0.0.1", 0))
        for end, other in (ordered for pair in pairs for ordered in (pair, pair[::-1])):
            end.connect(other.getsockname())
        for pause in (0, 2.2, 0):
            time.sleep(pause)
            for end in ends:
                end.send(b"word")
        return [pair[0] for pair in pairs]

    def timeouts(self):
        """What is left of each flow, all of which are streams."""
        listed = flows(self.namespace)
        self.assertTrue(listed, "all streams have ended: a look took too long")
        self.assertTrue(all(flow.assured for flow in listed))
        return {flow.timeout for flow in listed}

    def test_what_idle_flows_pass_on_their_way_down(self):
        """What is left of a stream's timeout comes by the one of a lone datagram; the ruleset is empty, but there.

        Many streams, each with a second more left than the one before: whenever a look comes, one of them is there.
        """
        lone, passing = 5, {2, 3, 4, 5}
        self.namespace.nft(f"table ip t {{ {CHAIN} }}")
        self.namespace.sysctl("net.netfilter.nf_conntrack_udp_timeout", lone)
        self.namespace.sysctl("net.netfilter.nf_conntrack_udp_timeout_stream", 30)
        streams = self.talk(20)
        self.check(1, 0)
        for left, end in enumerate(streams, 3):
            self.namespace.sysctl("net.netfilter.nf_conntrack_udp_timeout_stream", left)
            end.send(b"word")
        self.namespace.sysctl("net.netfilter.nf_conntrack_udp_timeout_stream", 600)
        self.namespace.run("nft", "flush", "table", "ip", "t")
        seen = set()
        while not passing <= seen:
            before = self.timeouts()
            self.check(None, 0)
            # They are one behind the other: what is there before and behind was there while the exporter looked.
            seen |= before & self.timeouts()

    def test_iptables(self):
        for variant in ("nft", "legacy"):
            program = f"iptables-{variant}"
            with self.subTest(program), Namespace() as self.namespace:
                rule = ("OUTPUT", "-m", "conntrack", "--ctstate", "NEW", "-j", "ACCEPT")
                if not shutil.which(program):
                    self.skipTest(f"{program} is not installed")
                try:
                    self.namespace.run(program, "-w", "-A", *rule)
                except RuntimeError as error:
                    self.skipTest(str(error))
                self.send_both()
                self.check(1, 0)
                self.namespace.run(program, "-w", "-D", *rule)
                time.sleep(FRESH_S + 1.1)
                self.send()
                # Its table is still there.
                self.check(None, 0)

    def test_without_the_right_to_ask(self):
        for rules in ("", f"table ip t {{ {CHAIN} }}"):
            self.namespace.nft(rules)
            self.send_both()
            given = Metrics(self.namespace.run(*NO_ADMIN, EXPORTER, "metrics"))
            self.assertEqual(given.get("conntrack_scrape_collector_success", collector="flows"), 0)
            self.assertEqual(said(given), (None, None))

    def test_the_scrapes_connection_is_evidence(self):
        """Without the right to walk, without a walk, and with one; a server may not read what iptables has."""
        for prefix, flags, off in ((NO_ADMIN, (), None), ((), ("--no-collector.flows", "--no-collector.correlation"),
                                                          None), ((), ("--collector.flows.min-interval=0s",), 0)):
            with self.subTest(prefix=prefix, flags=flags), Namespace() as self.namespace:
                with Exporter(self.namespace, *flags, prefix=prefix) as exporter:
                    self.assertIn(said(exporter.metrics())[0], (off, 0))
                    self.namespace.nft(f"table ip t {{ {CHAIN} }}")
                    self.assertEqual(said(exporter.metrics())[0], 1)


if __name__ == "__main__":
    main()
