#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each finding is there when the kernel is brought to it and gone when all is well; its numbers are the kernel's.

What takes a full table is in diagnosis_full.py, what is about sockets in diagnosis_sockets.py. Left to the unit tests, for no namespace of its own can be brought
there: other_file_handles, other_orphans, other_tcp_memory, buckets_too_few, chain_too_long, no_limit, walk_failed, and
not loaded at all.
"""

import os
import re
import shutil
import socket
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from diagnosing import FAR, NEAR, TRACK, DiagnosisTest, Truth  # noqa: E402
from nfqueue import Queue  # noqa: E402
from oracle import entries, flows, stat_sums  # noqa: E402
from testlib import EXPORTER, main, need, run, table_limit  # noqa: E402

need("conntrack", "ip", "iptables", "nft", "ss", "setpriv")

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")
TCP_TIMEOUT = "net.netfilter.nf_conntrack_tcp_timeout_"
FILLED = 1500
if table_limit() < 10 * FILLED:
    sys.exit("nf_conntrack_max is too low for these tests")


def may_become_nobody():
    try:
        return run(*NOBODY, "id", "-u").strip() == "65534"
    except RuntimeError:
        return False


class Well(DiagnosisTest):

    def test_all_is_well(self):
        self.near.nft(TRACK)
        listener = self.listen(self.far)
        ends = [self.connect(FAR, listener) for _ in range(3)] + [self.connect("127.0.0.1", self.listen(self.near))]
        self.enter(self.open(self.near, socket.AF_INET, socket.SOCK_DGRAM)).sendto(b"?", (FAR, 53))
        self.assertEqual(len(ends) + 1, entries(self.near) - sum(f.protocol == "icmp" for f in flows(self.near)))
        diagnosis = self.diagnose(interval="1s")
        # Nothing went over IPv6: whether it is tracked is not known, and not said.
        self.check_findings(diagnosis)
        well, limit = diagnosis.findings["all_well"], table_limit()
        self.assertTrue(well["title"].startswith(
            f"All is well: the conntrack table holds {entries(self.near)} of {limit} entries ("), well["title"])
        self.assertEqual(well["detail"], "conntrack dropped nothing in the last 1 s. drop stands at 0 since conntrack "
                         "began to count here. Of the ESTABLISHED sockets the table holds 2 over loopback and 3 to "
                         "other hosts.")
        self.assertEqual(self.first_lines("--interval=1s")[1:],
                         ["conntrack dropped nothing in the last 1 s.", "There is nothing to do."])
        self.assertEqual(diagnosis.json["overview"]["tracking_active"], {"ipv4": 1, "ipv6": None})

    def test_one_look(self):
        """Nothing grew between a look and itself, and nothing is said about it."""
        self.near.nft(TRACK)
        self.connect(FAR, self.listen(self.far))
        diagnosis = self.diagnose(interval="0")
        self.check_findings(diagnosis)
        self.assertNotIn("dropped nothing", diagnosis.findings["all_well"]["detail"].split("drop stands")[0])

    def test_what_a_doubled_limit_costs(self):
        text = self.diagnose().findings["limit_and_memory"]
        size = next(row["value"] for row in text["evidence"] if row["name"] == "conntrack_entry_size_bytes")
        with open("/proc/slabinfo", encoding="ascii") as slabs:
            per_slab, pages = next(map(int, line.split()[4:6]) for line in slabs if line.startswith("nf_conntrack "))
        self.assertEqual(size, pages * os.sysconf("SC_PAGESIZE") // per_slab)
        self.assertEqual(re.search(r"allows (\d+) MiB more", text["detail"])[1], str(round(table_limit() * size / 2**20)))


class Tracking(DiagnosisTest):

    def test_no_rules(self):
        self.connect(FAR, self.listen(self.far))
        diagnosis = self.diagnose()
        self.check_findings(diagnosis, tracking_inactive="info")
        finding = diagnosis.findings["tracking_inactive"]
        self.assertTrue(finding["title"].startswith("IPv4 and IPv6 packets of this network namespace"))
        self.assertEqual([row["value"] for row in finding["evidence"]], [0, 0])
        self.assertEqual(diagnosis.json["overview"]["tracking_active"], {"ipv4": 0, "ipv6": 0})
        self.check_commands_run(diagnosis, "tracking_inactive")

    def test_one_family(self):
        self.near.nft(TRACK.replace("inet", "ip"))
        self.connect(FAR, self.listen(self.far))
        diagnosis = self.diagnose()
        self.check_findings(diagnosis, tracking_inactive="info")
        self.assertTrue(diagnosis.findings["tracking_inactive"]["title"].startswith("IPv6 packets of this network"))
        self.assertEqual(diagnosis.json["overview"]["tracking_active"], {"ipv4": 1, "ipv6": 0})

    def test_entries_that_are_left(self):
        """The rules are gone and what they tracked is still there."""
        self.near.nft(TRACK)
        here, _ = self.connect(FAR, self.listen(self.far))
        self.near.nft("flush ruleset")
        time.sleep(3.5)
        diagnosis = self.diagnose()
        self.check_findings(diagnosis, tracking_inactive="warning")
        left = next(row for row in diagnosis.findings["tracking_inactive"]["evidence"] if "flows" in row["name"])
        self.assertEqual(left["value"], entries(self.near))
        self.assertIn("were its rules removed by mistake?", diagnosis.findings["tracking_inactive"]["detail"])
        here.close()

    @unittest.skipUnless(may_become_nobody(), "this user namespace has no second user to become")
    def test_not_permitted(self):
        self.near.nft(TRACK)
        self.fill(FILLED)
        directory = self.enter(tempfile.TemporaryDirectory(prefix="exporter-"))
        os.chmod(directory, 0o755)
        program = shutil.copy(EXPORTER, directory)
        diagnosis = self.diagnose(prefix=NOBODY, program=program, checked=False)
        self.check_findings(diagnosis, not_permitted="info")
        self.assertEqual(diagnosis.json["overview"]["entries"], entries(self.near))
        self.assertIsNone(diagnosis.json["overview"]["flows"])
        for row in diagnosis.findings["all_well"]["evidence"]:
            self.assertEqual(row["value"], Truth(self.near).gauge(row["name"]), row["name"])

    def test_a_sample(self):
        self.near.nft(TRACK)
        self.fill(3 * FILLED, "--destination-port=80")
        diagnosis = self.diagnose("--collector.flows.limit=1000")
        self.assertEqual(diagnosis.severities()["walk_sampled"], "info")
        visited = diagnosis.evidence("walk_sampled", "conntrack_walk_flows")
        self.assertIn(visited, range(1000, 1200))
        self.assertEqual(diagnosis.findings["walk_sampled"]["title"],
                         f"Counts of flows are scaled from a sample of {visited:.0f}")
        self.assertEqual(sum(diagnosis.json["overview"]["flows"].values()), 3 * FILLED)
        self.assertNotIn("walk_sampled", self.diagnose().findings)

    def test_settings(self):
        """As they are, each in words that are true for it."""
        for name in ("tcp_be_liberal", "tcp_loose"):
            details = set()
            for value in (0, 1):
                self.near.sysctl(f"net.netfilter.nf_conntrack_{name}", value)
                finding = self.diagnose().findings[name]
                self.assertEqual(finding["title"], f"nf_conntrack_{name} is {value}")
                details.add(finding["detail"])
            self.assertEqual(len(details), 2)


class Races(DiagnosisTest):

    def test_two_syns_of_one_flow(self):
        """The second one is lost on its way into the table, which is not full."""
        self.near.run("iptables", "-w", "5", "-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "NFQUEUE")
        self.near.run("iptables", "-w", "5", "-I", "OUTPUT", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP")
        queue = self.enter(Queue(self.near))
        raw = self.open(self.near, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)

        def race():
            for _ in range(2):
                raw.sendto(struct.pack("!HHIIBBHHH", 5000, 9, 1, 0, 0x50, 0x02, 100, 0, 0), (FAR, 0))
            for packet in queue.wait(2):
                queue.accept(packet)
            self.wait(lambda: stat_sums(self.near)["insert_failed"], "the second one is lost")

        diagnosis = self.diagnose(meanwhile=race, interval="2s")
        self.check_findings(diagnosis, insert_races="warning", tracking_inactive="info")
        for counter in ("insert_failed", "drop"):
            self.assertAlmostEqual(diagnosis.evidence("insert_races", f"conntrack_stat_{counter}_total"), 1, 3)
        self.check_commands_run(diagnosis, "insert_races")
        self.check_findings(self.diagnose(), tracking_inactive="info")


class Flows(DiagnosisTest):

    def setUp(self):
        super().setUp()
        self.near.nft(TRACK)

    def held_by(self, state, *options):
        """What fills the table with flows in this state."""
        self.near.run("conntrack", "-F")
        self.fill(FILLED, f"--state={state}", "--source=10.9.0.0", "--vary=source", "--first-port=65000", *options)
        diagnosis = self.diagnose()
        finding = diagnosis.findings["what_fills_the_table"]
        self.assertEqual(finding["severity"], "info", "a table with so much room")
        return diagnosis, finding

    def test_what_fills_the_table_is_named_with_its_timeout(self):
        for state, setting in (("syn_sent", "syn_sent"), ("syn_sent2", "syn_sent"), ("syn_recv", "syn_recv"),
                               ("established", "established"), ("fin_wait", "fin_wait"), ("close_wait", "close_wait"),
                               ("last_ack", "last_ack"), ("time_wait", "time_wait"), ("close", "close")):
            with self.subTest(state):
                diagnosis, finding = self.held_by(state)
                self.assertEqual(finding["title"], f"100% of the table are TCP flows in state {state.upper()} "
                                                   f"({FILLED} of {FILLED})")
                timeout = self.near.sysctl(TCP_TIMEOUT + setting)
                self.assertIn(f"up to {timeout} s after", finding["detail"])
                self.assertEqual(diagnosis.evidence("what_fills_the_table", TCP_TIMEOUT + setting), int(timeout))
                self.assertIn("By path most of the table is forwarded (100%).", finding["detail"])
                for command in self.check_commands_run(diagnosis, "what_fills_the_table"):
                    self.assertRegex(command, rf"^sysctl -w {TCP_TIMEOUT}{setting}=\d+$")
                    self.assertLess(int(self.near.sysctl(TCP_TIMEOUT + setting)), int(timeout))

    def test_the_path_of_what_fills_the_table(self):
        for path, source, destination in (("inbound", "10.9.0.0", NEAR), ("outbound", NEAR, "10.9.0.0"),
                                          ("loopback", "127.0.0.2", "127.0.0.3")):
            self.near.run("conntrack", "-F")
            self.fill(FILLED, f"--source={source}", f"--destination={destination}")
            self.assertIn(f"By path most of the table is {path} (100%).",
                          self.diagnose().findings["what_fills_the_table"]["detail"])

    def test_udp(self):
        self.fill(FILLED, "--protocol=udp")
        diagnosis = self.diagnose()
        self.assertTrue(diagnosis.findings["what_fills_the_table"]["title"].startswith(
            "100% of the table are UDP flows that are not assured"))
        diagnosis.evidence("what_fills_the_table", "net.netfilter.nf_conntrack_udp_timeout")
        self.check_commands_run(diagnosis, "what_fills_the_table")

    def test_idle_connections(self):
        """How many a shorter lifetime would have kept away, to the hour."""
        full, day = int(self.near.sysctl(TCP_TIMEOUT + "established")), 86400
        for i, timeout in enumerate((full, full - 1800, full - day + 7200, full - day - 7200, full // 2, 7200)):
            self.fill(500, "--status=seen_reply,assured", f"--timeout={timeout}", f"--source=10.9.0.{i}")
        diagnosis, listed = self.diagnose(), flows(self.near)
        finding = diagnosis.findings["what_fills_the_table"]
        idle = int(re.search(r"At least (\d+) of them have been idle for more than 24 h", finding["detail"])[1])
        self.assertEqual(idle, sum(f.timeout < full - day for f in listed))
        self.assertEqual(idle, 3 * 500)
        self.assertEqual(diagnosis.commands("what_fills_the_table"), [f"sysctl -w {TCP_TIMEOUT}established={day}"])
        self.assertIn("0% of all flows would be gone within 10 minutes and 17% within a day", finding["detail"])

    def test_half_open(self):
        for state, status in (("syn_sent", "--timeout=100"), ("syn_recv", "--status=seen_reply")):
            self.near.run("conntrack", "-F")
            self.fill(FILLED, f"--state={state}", status, "--source=10.9.0.0", "--vary=source", "--first-port=65000")
            self.fill(FILLED, "--status=seen_reply,assured", "--source=10.10.0.0")
            diagnosis = self.diagnose()
            finding = diagnosis.findings["syn_flood_or_unreplied"]
            self.assertEqual(finding["severity"], "info")
            self.assertEqual(finding["title"], f"50% of the flows were never answered or never completed "
                                               f"({FILLED} of {2 * FILLED})")
            self.assertEqual(self.check_commands_run(diagnosis, "syn_flood_or_unreplied"),
                             [f"conntrack_exporter talkers --by=source --state={state}"])
        self.near.run("conntrack", "-F")
        self.fill(FILLED, "--status=seen_reply,assured")
        self.assertNotIn("syn_flood_or_unreplied", self.diagnose().findings)

    def heavy(self, *names):
        """The heavy ones are these, no others; returns the diagnosis."""
        diagnosis = self.diagnose()
        self.assertEqual({name for name in diagnosis.findings if name.startswith("heavy_")}, set(names))
        for name in names:
            self.assertEqual(diagnosis.severities()[name], "info", "a table with so much room")
            self.assertIn("flows, ", diagnosis.findings[name]["title"])
            self.check_commands_run(diagnosis, name)
        return diagnosis

    def test_heavy_ones(self):
        # Other flows, of other sources, destinations and ports.
        for i in range(20):
            self.fill(100, "--protocol=89", f"--source=10.7.{i}.0", f"--destination=10.8.{i}.0", "--vary=source")
        self.heavy()
        self.fill(FILLED, "--protocol=89", "--source=10.9.0.1", "--destination=10.10.0.0")
        diagnosis = self.heavy("heavy_source")
        self.assertEqual(diagnosis.findings["heavy_source"]["title"],
                         f"source 10.9.0.1 has {FILLED} flows, {100 * FILLED / 3500:.0f}% of the table")
        self.near.run("conntrack", "-D", "-s", "10.9.0.1")
        self.fill(FILLED, "--protocol=89", "--source=10.9.0.0", "--destination=10.10.0.1", "--vary=source")
        self.heavy("heavy_destination")
        self.near.run("conntrack", "-D", "-d", "10.10.0.1")
        self.fill(FILLED, "--protocol=udp", "--source=10.9.0.0", "--vary=source", "--first-port=65000",
                  "--destination=10.10.0.1", "--destination-port=53")
        self.heavy("heavy_destination", "heavy_destination_port")
        self.near.run("conntrack", "-F")
        self.fill(FILLED, "--source=10.9.0.1", "--destination=10.10.0.1", "--destination-port=443")
        diagnosis = self.heavy("heavy_pair", "heavy_destination_port")
        self.assertTrue(diagnosis.findings["heavy_pair"]["title"].startswith(f"10.9.0.1 to 10.10.0.1 has {FILLED} "))


if __name__ == "__main__":
    main()
