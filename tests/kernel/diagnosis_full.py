#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the diagnosis says of a table that fills up, is nearly full and full; no sysctl of the host is touched."""

import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from diagnosing import FAR, NEAR, TRACK, DiagnosisTest  # noqa: E402
from oracle import entries, stat_sums  # noqa: E402
from testlib import FILL, limit_lock, main, need, skip, table_limit  # noqa: E402

need("conntrack", "ip", "nft", "ss")

LIMIT_MAX = 1 << 21
LIMIT = table_limit()
ASSURED = ("--timeout=432000", "--status=seen_reply,assured")
INTERVAL = "3s"

if not 20000 < LIMIT <= LIMIT_MAX:
    skip(f"nf_conntrack_max is {LIMIT}: too many entries for a test, or too few")


class Full(DiagnosisTest):

    def setUp(self):
        self.enter(limit_lock())
        self.assertEqual(table_limit(), LIMIT)
        super().setUp()
        self.near.nft(TRACK)
        self.listener = self.listen(self.near)

    def fill_to(self, share, *options):
        """To this share of the limit, to the entry."""
        wanted = int(LIMIT * share) - entries(self.near)
        self.fill(wanted, *(options or ASSURED), f"--source=10.{int(100 * share)}.0.1")
        self.assertEqual(entries(self.near), int(LIMIT * share))

    def knock(self, count=3):
        """Connections that are begun, from elsewhere and from here, and given up."""
        begun = self.begin(self.far, NEAR, count=count) + self.begin(self.near, FAR, count=count)
        with self.assertRaises(PermissionError):
            self.open(self.near, socket.AF_INET, socket.SOCK_DGRAM).sendto(b"?", (FAR, 53))
        time.sleep(0.5)
        for sock in begun:
            sock.close()

    def check_limit_advice(self, diagnosis, finding):
        first = diagnosis.findings[finding]["advice"][0]
        self.assertEqual(first["command"], f"sysctl -w net.netfilter.nf_conntrack_max={2 * LIMIT}")
        self.assertIn(f"Up to {round(LIMIT * diagnosis.json['overview']['entry_size_bytes'] / 2**20)} MiB",
                      first["cost"])

    def test_full_and_dropping(self):
        """Who is called and has never heard of conntrack knows after three lines."""
        listener = self.listen(self.far, 81)
        ends = [self.connect(FAR, listener) for _ in range(2)]
        self.fill_to(1)
        diagnosis = self.diagnose("--collector.flows.limit=0", large=True, meanwhile=self.knock, interval=INTERVAL)
        severities = diagnosis.severities()
        self.assertEqual(diagnosis.json["findings"][0]["id"], "table_full")
        self.assertEqual({name for name, severity in severities.items() if severity == "critical"},
                         {"table_full", "new_flows_dropped"})
        self.assertEqual({name for name, severity in severities.items() if severity == "warning"} -
                         {"heavy_pair", "heavy_source", "heavy_destination"},
                         {"what_fills_the_table", "heavy_destination_port"})
        dropped = diagnosis.evidence("new_flows_dropped", "conntrack_stat_drop_total")
        self.assertGreaterEqual(dropped, 3 + 3 + 1 - 0.01)
        self.assertAlmostEqual(diagnosis.evidence("new_flows_dropped", "conntrack_stat_insert_failed_total"), 0)
        self.check_limit_advice(diagnosis, "table_full")
        self.check_limit_advice(diagnosis, "new_flows_dropped")
        for here, there in ends:
            here.sendall(b"word")
            self.assertEqual(there.recv(10), b"word", "those already there go on")

        lines = self.first_lines(meanwhile=self.knock, interval=INTERVAL)
        self.assertEqual(lines, [f"critical: The conntrack table is full: {LIMIT} of {LIMIT} entries",
                                 "New connections fail now, while those already there go on.",
                                 f"$ sysctl -w net.netfilter.nf_conntrack_max={2 * LIMIT}"])
        # Nothing was dropped meanwhile, and it is full all the same. A walk may kill what has expired.
        diagnosis = self.diagnose("--collector.flows.limit=1000", large=True, listed=False)
        self.assertEqual(diagnosis.severities()["table_full"], "critical")

        self.near.run("conntrack", "-F")
        self.connect(NEAR, self.listener, self.far)
        # The next packet of a connection that was forgotten makes an entry for it.
        for here, there in ends:
            here.sendall(b"again")
            self.assertEqual(there.recv(10), b"again")
        diagnosis = self.diagnose(interval="1s")
        self.check_findings(diagnosis)

    def test_evictions(self):
        """A full table of flows that may be evicted: no connection fails, others are forgotten for it."""
        self.fill_to(1, "--timeout=432000", "--status=seen_reply")

        def connect():
            for _ in range(5):
                self.connect(NEAR, self.listener, self.far)

        diagnosis = self.diagnose("--collector.flows.limit=1000", large=True, listed=False, meanwhile=connect,
                                  interval=INTERVAL)
        self.assertEqual(diagnosis.severities()["evictions"], "warning")
        self.assertNotIn("new_flows_dropped", diagnosis.findings)
        self.assertAlmostEqual(diagnosis.evidence("evictions", "conntrack_stat_early_drop_total"),
                               stat_sums(self.near)["early_drop"])
        self.assertGreaterEqual(stat_sums(self.near)["early_drop"], 1)
        self.check_limit_advice(diagnosis, "evictions")

    def test_nearly_full(self):
        """Warned at three quarters, in earnest at nine tenths, not at all below."""
        for share, severity in ((0.74, None), (0.76, "warning"), (0.91, "critical")):
            self.fill_to(share)
            diagnosis = self.diagnose("--collector.flows.limit=1000", large=True, listed=False)
            self.assertEqual(diagnosis.severities().get("table_nearly_full"), severity)
            self.assertNotIn("table_full", diagnosis.findings)
            if severity:
                self.assertEqual(diagnosis.json["findings"][0]["id"], "table_nearly_full")
                self.assertTrue(diagnosis.json["verdict"]["title"].startswith(
                    f"The conntrack table is nearly full: {int(LIMIT * share)} of {LIMIT} entries ({100 * share:.0f}%)"))
                self.assertNotIn("it is full in", diagnosis.findings["table_nearly_full"]["detail"])
                self.check_limit_advice(diagnosis, "table_nearly_full")

    def filling(self, diagnosis, finding, pattern):
        """The time to full is what is left by what came."""
        rates = [row["value"] for row in diagnosis.findings[finding]["evidence"] if row["per_second"]]
        left = (LIMIT - diagnosis.json["overview"]["entries"]) / rates[0]
        text = diagnosis.findings[finding]["title"] + " " + diagnosis.findings[finding]["detail"]
        said = re.search(pattern, text)
        seconds = float(said[1]) * {"s": 1, "min": 60}[said[2]]
        self.assertLessEqual(abs(seconds - left), 60 if said[2] == "min" else 1, (text, left))

    def test_filling_up(self):
        """While entries come: when it will be full."""
        for share, finding, severity, pattern in (
                (0.3, "table_filling", "warning", r"full in ([\d.]+) (s|min) at the present growth"),
                (0.78, "table_nearly_full", "warning", r"it is full in ([\d.]+) (s|min)\.")):
            self.fill_to(share)
            filler = self.near.popen("sh", "-c", f"for i in 1 2 3 4 5 6 7 8 9 10; do {FILL} --count=300 --source=10.99.$i."
                                     f"{int(10 * share)} {' '.join(ASSURED)}; sleep 0.3; done", stdout=subprocess.DEVNULL)
            try:
                time.sleep(0.2)
                before = entries(self.near)
                diagnosis = self.diagnose("--collector.flows.limit=1000", checked=False, interval="2s")
                self.assertLess(before, diagnosis.evidence(finding, "conntrack_entries"))
                self.assertLessEqual(diagnosis.evidence(finding, "conntrack_entries"), entries(self.near))
            finally:
                filler.wait()
            self.assertEqual(diagnosis.severities()[finding], severity)
            self.filling(diagnosis, finding, pattern)


if __name__ == "__main__":
    main()
