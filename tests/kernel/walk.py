#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The walk is bounded, says so, is reused while it is young, and is not made over an empty table."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import KernelTest, check_flows, check_invariants, entries, fill  # noqa: E402
from testlib import EXPORTER, Exporter, Namespace, main, metrics, need  # noqa: E402

need("conntrack", "ip", "strace")

ENTRIES = 3000
INTERVAL_S = 2
DUMP = "IPCTNL_MSG_CT_GET,"


class Walk(KernelTest):

    def setUp(self):
        self.namespace = self.enter(Namespace())

    def fill(self, count=ENTRIES, *options):
        self.assertEqual(fill(self.namespace, f"--count={count}", *options), {"inserted": count, "refused": 0})

    def check_limited(self, limit, visited, complete):
        given = metrics(self.namespace, f"--collector.flows.limit={limit}")
        self.assertEqual(given.get("conntrack_walk_flows"), visited)
        self.assertEqual(given.get("conntrack_walk_complete"), complete)
        self.assertEqual(given.get("conntrack_entries"), ENTRIES)
        for name in ("conntrack_flows", "conntrack_flows_by_reply", "conntrack_flows_by_path",
                     "conntrack_flows_by_nat"):
            self.assertEqual(given.sum(name), ENTRIES, name)
        check_invariants(self, given)
        return given

    def test_a_limit_below_the_table(self):
        self.fill(ENTRIES, "--mix")
        for limit in (1, 2, 100, ENTRIES // 2, ENTRIES - 1):
            self.check_limited(limit, limit, 0)

    def test_a_limit_that_is_not_reached(self):
        self.fill(ENTRIES, "--mix")
        exact = check_flows(self, self.namespace)
        for limit in (ENTRIES, ENTRIES + 1, 0, 262144, 4000000000):
            given = self.check_limited(limit, ENTRIES, 1)
            for name in ("conntrack_flows", "conntrack_tcp_flows", "conntrack_flows_by_reply"):
                self.assertEqual(given.nonzero(name), exact.nonzero(name), limit)

    def test_a_sample_of_one_kind_is_exact(self):
        """Whatever is read of a table of equal flows, scaled it is the table."""
        self.fill(ENTRIES, "--protocol=udp", "--family=6", "--status=seen_reply", "--timeout=50000")
        given = self.check_limited(7, 7, 0)
        self.assertEqual(given.nonzero("conntrack_flows"), {("ipv6", "udp"): ENTRIES})
        self.assertEqual(given.nonzero("conntrack_flows_by_reply"), {("udp", "replied"): ENTRIES})
        self.assertEqual(given.nonzero("conntrack_flows_by_path"), {("forwarded",): ENTRIES})
        self.assertEqual(given.nonzero("conntrack_flows_expiring"), {("1d",): ENTRIES})

    def test_a_young_walk_is_reused(self):
        with Exporter(self.namespace, f"--collector.flows.min-interval={INTERVAL_S}s") as exporter:
            self.fill(100)
            started = time.monotonic()
            first = exporter.metrics()
            walked = time.monotonic()
            self.fill(50, "--protocol=udp")
            again = exporter.metrics()
            self.assertLess(time.monotonic() - started, INTERVAL_S, "this host is too slow for the test")
            self.assertEqual(again.get("conntrack_walk_timestamp_seconds"),
                             first.get("conntrack_walk_timestamp_seconds"))
            self.assertEqual(again.nonzero("conntrack_flows"), {("ipv4", "tcp"): 100})
            self.assertEqual(again.get("conntrack_entries"), 150, "the table itself is asked each time")
            time.sleep(max(0, walked + INTERVAL_S + 0.1 - time.monotonic()))
            later = exporter.metrics()
            passed = later.get("conntrack_walk_timestamp_seconds") - first.get("conntrack_walk_timestamp_seconds")
            self.assertGreaterEqual(passed, INTERVAL_S)
            self.assertLess(passed, INTERVAL_S + 5)
            self.assertEqual(later.nonzero("conntrack_flows"), {("ipv4", "tcp"): 100, ("ipv4", "udp"): 50})

    def test_no_interval_no_reuse(self):
        with Exporter(self.namespace, "--collector.flows.min-interval=0s") as exporter:
            stamps = set()
            for i in range(1, 4):
                self.fill(10, f"--source=10.0.1.{i}")
                given = exporter.metrics()
                self.assertEqual(given.sum("conntrack_flows"), 10 * i)
                stamps.add(given.get("conntrack_walk_timestamp_seconds"))
            self.assertEqual(len(stamps), 3)

    def test_timestamp_and_duration(self):
        self.fill()
        before = time.time()
        given = metrics(self.namespace)
        after = time.time()
        stamp, duration = (given.get(f"conntrack_walk_{name}_seconds") for name in ("timestamp", "duration"))
        self.assertTrue(before - 0.001 <= stamp <= after + 0.001, (before, stamp, after))
        self.assertTrue(0 < duration <= after - before, duration)

    def trace(self):
        """What the exporter sends for one exposition."""
        log = f"/tmp/trace-{os.getpid()}"
        self.addCleanup(lambda: os.path.exists(log) and os.unlink(log))
        text = self.namespace.run("strace", "-f", "-o", log, "-e", "trace=sendto,sendmsg", EXPORTER, "metrics",
                                  env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})  # not possible beside strace
        self.assertIn("conntrack_walk_complete 1\n", text)
        with open(log, encoding="utf-8") as file:
            return file.read()

    def test_an_empty_table_is_not_walked(self):
        """Such a dump would walk the hash table of all namespaces in one system call."""
        given = check_flows(self, self.namespace)
        for name in ("conntrack_entries", "conntrack_walk_flows"):
            self.assertEqual(given.get(name), 0, name)
        for name in ("conntrack_flows", "conntrack_tcp_flows", "conntrack_flows_by_reply", "conntrack_flows_by_path",
                     "conntrack_flows_by_nat", "conntrack_flows_offloaded", "conntrack_flows_expiring"):
            self.assertEqual(given.nonzero(name), {}, name)
        self.assertEqual(given.get("conntrack_walk_complete"), 1)
        empty = self.trace()
        self.assertIn("NFNL_SUBSYS_CTNETLINK", empty, "the counters are asked for")
        self.assertNotIn(DUMP, empty)
        self.fill(1)
        self.assertEqual(self.trace().count(DUMP), 1)

    def test_only_questions_are_sent(self):
        """Nothing that the exporter sends over ctnetlink can change anything."""
        self.fill(100, "--mix")
        sent = [line for line in self.trace().splitlines() if "NFNL_SUBSYS_CTNETLINK" in line]
        self.assertGreaterEqual(len(sent), 2)
        for line in sent:
            self.assertRegex(line, r"IPCTNL_MSG_CT_GET(_STATS_CPU|_STATS)?,")
        self.assertEqual(entries(self.namespace), 100)

    def test_expired_entries(self):
        """The count has them until they are collected; no dump lists them, and the dump itself collects them."""
        for attempt in range(12):
            self.fill(10, "--protocol=udp", "--timeout=600", f"--source=10.1.{attempt}.1")
            self.fill(500, "--protocol=udp", "--timeout=1", f"--source=10.2.{attempt}.1")
            time.sleep(1.1)
            count, kept = entries(self.namespace), 10 * (attempt + 1)
            given = metrics(self.namespace)
            self.assertEqual(given.get("conntrack_walk_flows"), kept)
            self.assertEqual(given.sum("conntrack_flows"), kept)
            self.assertEqual(given.get("conntrack_walk_complete"), 1)
            self.assertEqual(given.get("conntrack_flows_expiring", within="10s"), 0)
            self.assertEqual(given.get("conntrack_flows_expiring", within="10m"), kept)
            after = metrics(self.namespace)
            self.assertEqual(after.get("conntrack_entries"), kept)
            self.assertEqual(entries(self.namespace), kept)
            if count == given.get("conntrack_entries") == 500 + kept:
                return
            # The kernel's own collection was faster: once a minute, more often the more has expired anywhere.
        self.fail("the expired entries were never counted")


if __name__ == "__main__":
    main()
