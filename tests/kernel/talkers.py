#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who holds the table, against an exact count over conntrack -L."""

import collections
import ipaddress
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import KernelTest, entries, fill, flows  # noqa: E402
from testlib import Exporter, Namespace, main, metrics, need  # noqa: E402

need("conntrack", "ip")

NAME = "conntrack_top_flows"
ONLY = ("--collector.disable-defaults", "--collector.talkers")
CAPACITY = 2048
WITH_PORTS = ("tcp", "udp", "sctp", "dccp", "udplite")


def value_of(by, flow):
    """What a flow counts for, or None."""
    if by == "destination-port":
        # conntrack(8) prints ports of 0 for DCCP where the kernel, which tracks it no more, gives none.
        ports = (flow.original.get("sport"), flow.original.get("dport"))
        return ports[1] if flow.protocol in WITH_PORTS and ports != ("0", "0") else None
    return str(ipaddress.ip_address(flow.original["src" if by == "source" else "dst"]))


def exact(namespace):
    """{by: Counter of values}"""
    listed = flows(namespace)
    return {by: collections.Counter(value for flow in listed if (value := value_of(by, flow)) is not None)
            for by in ("source", "destination", "destination-port")}


def sort_key(by, value):
    """The order of equal ones: by their bytes, IPv4 as mapped addresses."""
    if by == "destination-port":
        return int(value)
    address = ipaddress.ip_address(value)
    return int(address) if address.version == 6 else 0xffff << 32 | int(address)


def given_by(given, by):
    """[(value, flows)] in the order of the exposition, without other."""
    rows = [(dict(labels)["value"], int(n)) for (name, labels), n in given.samples.items()
            if name == NAME and dict(labels)["by"] == by]
    return [row for row in rows if row[0] != "other"]


class Talkers(KernelTest):

    def setUp(self):
        self.namespace = self.enter(Namespace())

    def fill(self, count, *options):
        self.assertEqual(fill(self.namespace, f"--count={count}", *options), {"inserted": count, "refused": 0})

    def check_exact(self, limit, *flags):
        """No more different values than counters: the list is the exact one, order included."""
        truth = exact(self.namespace)
        given = metrics(self.namespace, *ONLY, f"--collector.talkers.limit={limit}", *flags)
        self.assertEqual(given.get("conntrack_scrape_collector_success", collector="talkers"), 1)
        for by, counts in truth.items():
            self.assertLessEqual(len(counts), CAPACITY)
            wanted = sorted(counts.items(), key=lambda row: (-row[1], sort_key(by, row[0])))[:limit]
            self.assertEqual(given_by(given, by), wanted, by)
            self.assertEqual(given.get(NAME, by=by, value="other"), sum(counts.values()) - sum(n for _, n in wanted))
        return truth

    def check_bounds(self, limit):
        """More values than counters: every value within the error, and nobody heavy missing. Returns the exact."""
        truth = exact(self.namespace)
        given = metrics(self.namespace, *ONLY, f"--collector.talkers.limit={limit}")
        for by, counts in truth.items():
            whole, rows = sum(counts.values()), given_by(given, by)
            self.assertEqual(len(rows), min(limit, len(counts)))
            self.assertEqual(given.sum(NAME, by=by), whole)
            for value, n in rows:
                self.assertGreaterEqual(n, counts[value], (by, value))
                self.assertLessEqual(n, counts[value] + whole // CAPACITY, (by, value))
            self.assertEqual([n for _, n in rows], sorted((n for _, n in rows), reverse=True))
            least, listed = rows[-1][1], {value for value, _ in rows}
            for value, n in counts.items():
                self.assertTrue(value in listed or n <= least, (by, value, n, least))
        return truth, given

    def fill_skewed(self):
        """Three hundred sources, the k-th with about 6000 / k flows, to ten destinations and thirty ports."""
        for k in range(1, 301):
            count = max(1, 6000 // k // (1 + k // 20))
            self.fill(count, f"--source=10.{k % 7}.{k // 7}.{k % 250 + 1}", f"--destination=198.18.{k % 10}.0",
                      f"--destination-port={100 + k % 30}", "--protocol=udp" if k % 3 else "--protocol=tcp")

    def test_off_by_default(self):
        self.fill(5)
        given = metrics(self.namespace)
        self.assertNotIn(NAME, given.names())
        self.assertIsNone(given.get("conntrack_scrape_collector_success", collector="talkers"))
        self.assertIsNotNone(given.sum("conntrack_flows"))

    def test_an_empty_table(self):
        given = metrics(self.namespace, *ONLY)
        self.assertEqual({key: n for key, n in given.samples.items() if key[0] == NAME},
                         {(NAME, frozenset({("by", by), ("value", "other")})): 0
                          for by in ("source", "destination", "destination-port")})

    def test_a_skewed_table(self):
        self.fill_skewed()
        truth = self.check_exact(10)
        self.assertGreater(len(truth["source"]), 250)
        self.check_exact(1)
        self.check_exact(1000)

    def test_both_families_every_protocol_and_nat(self):
        self.fill(2000, "--mix", "--seed=5")
        self.fill(40, "--family=6", "--source=2001:db8::1:0:0:1", "--destination=2001:db8:2::")
        self.fill(30, "--source=192.0.2.1", "--destination=192.0.2.2", "--nat-source=203.0.113.1",
                  "--nat-destination=203.0.113.2")
        self.fill(20, "--protocol=icmp", "--source=192.0.2.9", "--vary=destination")
        self.fill(10, "--protocol=gre", "--source=192.0.2.10")
        self.fill(3, "--protocol=89", "--source=192.0.2.11")
        truth = self.check_exact(50)
        self.assertLess(sum(truth["destination-port"].values()), sum(truth["source"].values()))
        self.assertEqual(truth["source"]["2001:db8::1:0:0:1"], 40)

    def test_a_uniform_table_of_more_values_than_counters(self):
        """Each source and destination once or a few times: the worst that can come."""
        self.fill(6000, "--protocol=89", "--source=10.0.0.0", "--destination=192.0.2.1", "--vary=source")
        self.fill(5000, "--protocol=89", "--source=192.0.2.2", "--destination=10.1.0.0", "--vary=destination")
        for port in range(1, 3001):
            if port % 60 == 0:
                self.fill(60, "--source=192.0.2.3", f"--destination-port={port}", f"--first-port={port * 10}")
        truth, _ = self.check_bounds(1000)
        self.assertGreater(len(truth["source"]), 2 * CAPACITY)

    def test_a_skewed_table_of_more_values_than_counters(self):
        self.fill_skewed()
        self.fill(4000, "--protocol=89", "--source=10.100.0.0", "--destination=192.0.2.1", "--vary=source")
        self.fill(4000, "--protocol=89", "--source=192.0.2.2", "--destination=10.101.0.0", "--vary=destination")
        truth, given = self.check_bounds(20)
        heaviest = [value for value, _ in truth["source"].most_common(10)]
        self.assertEqual({value for value, _ in given_by(given, "source")[:10]}, set(heaviest))

    def test_a_sample_is_scaled_to_the_table(self):
        self.fill(3000, "--source=192.0.2.1", "--destination-port=80")
        self.fill(1000, "--source=192.0.2.2", "--destination-port=81", "--first-port=20000")
        given = metrics(self.namespace, *ONLY, "--collector.flows.limit=1000")
        self.assertEqual(entries(self.namespace), 4000)
        for by, heavy, light in (("source", "192.0.2.1", "192.0.2.2"), ("destination-port", "80", "81")):
            self.assertEqual(given.sum(NAME, by=by), 4000)
            self.assertEqual(given.get(NAME, by=by, value="other"), 0)
            # Five standard errors of a share of three quarters in a sample of 1000, in flows of 4000.
            self.assertLess(abs(given.get(NAME, by=by, value=heavy) - 3000), 5 * 55)
            self.assertLess(abs(given.get(NAME, by=by, value=light) - 1000), 5 * 55)

    def test_equal_tables_give_equal_bytes_and_share_the_walk(self):
        self.fill(3000, "--mix", "--seed=9")
        flags = ("--collector.talkers", "--collector.flows.min-interval=1h", "--log.level=debug")
        with Exporter(self.namespace, *flags) as exporter:
            texts = [[line for line in exporter.metrics().text.splitlines() if line.startswith((NAME, "conntrack_walk"))]
                     for _ in range(3)]
        self.assertEqual(texts[0], texts[1])
        self.assertEqual(texts[0], texts[2])
        # Not the walk of before, and another hash key.
        again = [line for line in metrics(self.namespace, *ONLY).text.splitlines() if line.startswith(NAME)]
        self.assertEqual([line for line in texts[0] if line.startswith(NAME)], again)


if __name__ == "__main__":
    main()
