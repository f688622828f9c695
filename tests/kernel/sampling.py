#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a bounded walk reads of a large table is a uniform sample: every share is right within the error of a fair sample."""

import math
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import KernelTest, check_invariants, entries, fill  # noqa: E402
from testlib import (Exporter, Metrics, Namespace, limit_lock, main, metrics, need, raised_limit,  # noqa: E402
                     table_limit)

need("conntrack", "ip")

WANTED = 300000
SAMPLE = 20000
SEEDS = (11, 22, 33)
FLAGS = ("--collector.disable-defaults", "--collector.table", "--collector.flows")
BREAKDOWNS = ("conntrack_flows", "conntrack_tcp_flows", "conntrack_flows_by_reply", "conntrack_flows_by_path",
              "conntrack_flows_by_nat", "conntrack_flows_expiring")
ERRORS = 4
# Of two hundred true shares one lies beyond 4 standard errors once in some runs; the same one twice, or one this far
# out, is a biased sample.
ERRORS_EVER = 7


class Sampling(KernelTest):
    count = WANTED

    def shares(self, given):
        return {key: value / self.count for key, value in given.samples.items() if key[0] in BREAKDOWNS}

    def check_table(self, seed):
        """The shares of one fresh table whose sample is off, with how far in standard errors."""
        with Namespace() as namespace:
            self.assertEqual(fill(namespace, "--mix", f"--count={self.count}", f"--seed={seed}"),
                             {"inserted": self.count, "refused": 0})
            exact = metrics(namespace, *FLAGS, "--collector.flows.limit=0")
            sample = metrics(namespace, *FLAGS, f"--collector.flows.limit={SAMPLE}")
            self.assertEqual(entries(namespace), self.count)
        for given, visited, complete in ((exact, self.count, 1), (sample, SAMPLE, 0)):
            self.assertEqual(given.get("conntrack_walk_flows"), visited)
            self.assertEqual(given.get("conntrack_walk_complete"), complete)
            self.assertEqual(given.sum("conntrack_flows"), self.count)
            check_invariants(self, given)
        truth, seen = self.shares(exact), self.shares(sample)
        self.assertEqual(truth.keys(), seen.keys())
        self.assertGreater(sum(0 < share < 1 for share in truth.values()), 40)
        return {key: off for key in truth if (off := self.errors(truth[key], seen[key])) > ERRORS}

    def errors(self, truth, seen):
        """How many standard errors a sampled share is off; scaled counts are whole numbers, so one may be too."""
        off = max(0, abs(truth - seen) - 1 / self.count)
        if truth in (0, 1):
            return math.inf if off else 0
        return off / math.sqrt(truth * (1 - truth) / SAMPLE * (self.count - SAMPLE) / (self.count - 1))

    def test_shares_of_three_fresh_tables(self):
        try:
            with raised_limit(2 * WANTED):
                off = [self.check_table(seed) for seed in SEEDS]
        except PermissionError as error:
            with limit_lock():
                self.count = min(WANTED, table_limit())
                print(f"nf_conntrack_max may not be raised here ({error}): {self.count} flows, not {WANTED}")
                off = [self.check_table(seed) for seed in SEEDS]
        for table in off:
            for (name, labels), errors in table.items():
                print(f"{name} {dict(labels)}: {errors:.1f} standard errors")
                self.assertLess(errors, ERRORS_EVER, (name, labels))
        twice = [key for key in off[0].keys() | off[1].keys() | off[2].keys() if sum(key in table for table in off) > 1]
        self.assertEqual(twice, [])

    def test_a_deadline_ends_a_walk_as_the_limit_does(self):
        with Namespace() as namespace, Exporter(namespace, "--collector.flows.min-interval=0s") as exporter:
            self.assertEqual(fill(namespace, "--mix", "--count=200000")["inserted"], 200000)
            started = time.monotonic()
            given = Metrics(exporter.request(headers={"X-Prometheus-Scrape-Timeout-Seconds": "0.6"}).text)
            self.assertLess(time.monotonic() - started, 0.6)
            self.assertEqual(given.get("conntrack_scrape_collector_success", collector="flows"), 1)
            self.assertEqual(given.get("conntrack_walk_complete"), 0)
            self.assertTrue(100 < given.get("conntrack_walk_flows") < 200000, given.get("conntrack_walk_flows"))
            self.assertEqual(given.sum("conntrack_flows"), 200000)
            check_invariants(self, given)
            given = exporter.metrics()
            self.assertEqual(given.get("conntrack_walk_complete"), 1, "the next walk is whole")
            self.assertEqual(given.get("conntrack_walk_flows"), 200000)


if __name__ == "__main__":
    main()
