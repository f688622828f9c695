#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings about sockets: those whose entries are not what they are, and what is not conntrack."""

import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from diagnosing import FAR, NEAR, TRACK, DiagnosisTest  # noqa: E402
from oracle import entries, flows, stat_sums  # noqa: E402
from testlib import main, need  # noqa: E402

need("conntrack", "ip", "nft", "ss")

TCP_TIMEOUT = "net.netfilter.nf_conntrack_tcp_timeout_"
FILLED = 1500


class Join(DiagnosisTest):

    def setUp(self):
        super().setUp()
        self.near.nft(TRACK)

    def test_dead_weight(self):
        ends = [self.connect(FAR, self.listen(self.far, port)) for port in range(80, 85)]
        self.fill(FILLED, "--source=10.9.0.0", "--vary=source", f"--destination={NEAR}", "--timeout=300000",
                  "--status=seen_reply,assured")
        diagnosis = self.diagnose()
        finding = diagnosis.findings["dead_weight"]
        self.assertEqual(finding["severity"], "info")
        self.assertTrue(finding["title"].startswith(f"{FILLED} ESTABLISHED entries have no socket (99."))
        self.assertEqual(diagnosis.evidence("dead_weight", 'conntrack_established_flows{socket="present"}'), len(ends))
        self.assertEqual(self.check_commands_run(diagnosis, "dead_weight"), [f"sysctl -w {TCP_TIMEOUT}established=86400"])

    def test_not_tracked_any_more(self):
        """Of others, and what a strict conntrack makes of it."""
        listener = self.listen(self.far)
        ends = [self.connect(FAR, listener) for _ in range(3)]
        self.near.run("conntrack", "-D", "-p", "tcp")
        diagnosis = self.diagnose()
        self.assertEqual(diagnosis.severities()["sockets_untracked_remote"], "info")
        self.assertEqual(diagnosis.findings["sockets_untracked_remote"]["title"],
                         "3 ESTABLISHED sockets to other hosts have no entry in the table")
        self.assertIn("matches NEW", diagnosis.findings["sockets_untracked_remote"]["detail"])
        self.near.sysctl("net.netfilter.nf_conntrack_tcp_loose", 0)
        ends[0][0].sendall(b"word")
        self.wait(lambda: stat_sums(self.near)["invalid"], "the packet is INVALID")
        diagnosis = self.diagnose()
        self.assertEqual(diagnosis.severities()["sockets_untracked_remote"], "warning")
        self.assertEqual(diagnosis.evidence("sockets_untracked_remote",
                                            'conntrack_established_sockets{tracking="untracked",path="remote"}'), 3)
        self.check_commands_run(diagnosis, "sockets_untracked_remote")
        # The advice was taken: their next packet makes an entry.
        for here, _ in ends:
            here.sendall(b"word")
        self.wait(lambda: entries(self.near) >= 3, "the entries are made again")
        self.check_findings(self.diagnose())

    def test_loopback_exempt(self):
        self.near.nft("table inet raw { chain out { type filter hook output priority -300; oif lo notrack; }; }")
        self.connect("127.0.0.1", self.listen(self.near))
        self.connect(FAR, self.listen(self.far))
        diagnosis = self.diagnose()
        self.check_findings(diagnosis, sockets_untracked_loopback="info")
        self.assertEqual(diagnosis.findings["sockets_untracked_loopback"]["title"],
                         "2 ESTABLISHED sockets over loopback have no entry in the table")

    def test_an_end_that_only_conntrack_saw(self):
        _, there = self.connect(FAR, self.listen(self.far))
        self.near.nft("table inet lossy { chain c { type filter hook input priority 10; tcp flags & fin == fin drop; }; }")
        there.shutdown(socket.SHUT_WR)
        self.wait(lambda: any(f.state == "close_wait" or f.state == "fin_wait" for f in flows(self.near)), "a FIN")
        diagnosis = self.diagnose()
        self.check_findings(diagnosis, sockets_mismatched="info")
        self.assertEqual(diagnosis.findings["sockets_mismatched"]["title"],
                         "1 ESTABLISHED sockets have an entry in another state")


class NotConntrack(DiagnosisTest):
    """Other reasons why new connections fail; conntrack is not to be blamed for them."""

    def setUp(self):
        super().setUp()
        self.near.nft(TRACK)

    def check_not_conntrack(self, diagnosis, name):
        finding = diagnosis.findings[name]
        self.assertTrue(finding["title"].startswith("Not conntrack: "))
        self.assertIn("This is not conntrack. ", finding["detail"] + " ")
        self.check_commands_run(diagnosis, name)
        return finding

    def test_a_full_accept_queue(self):
        self.listen(self.near, backlog=0)
        self.begin(self.far, NEAR)
        diagnosis = self.diagnose(meanwhile=lambda: self.begin(self.far, NEAR, count=4) and time.sleep(0.3),
                                  interval="2s")
        self.check_findings(diagnosis, other_listen_overflow="critical", other_accept_queue="warning")
        self.assertGreater(diagnosis.evidence("other_listen_overflow", "conntrack_tcp_listen_overflows_total"), 3.9)
        self.check_not_conntrack(diagnosis, "other_listen_overflow")
        finding = self.check_not_conntrack(diagnosis, "other_accept_queue")
        self.assertIn("the accept queue of 1 of 1 listeners is full", finding["title"])

    def queue_of_handshakes(self, cookies):
        self.near.sysctl("net.ipv4.tcp_syncookies", cookies)
        self.near.sysctl("net.ipv4.ip_local_port_range", "20000 60000")
        self.far.nft("table ip lossy { chain c { type filter hook prerouting priority -300; tcp sport 80 drop; }; }")
        self.listen(self.near, backlog=1)
        return self.diagnose(meanwhile=lambda: self.begin(self.far, NEAR, count=6) and time.sleep(0.3), interval="2s")

    def test_a_full_queue_of_handshakes(self):
        diagnosis = self.queue_of_handshakes(0)
        self.assertEqual(diagnosis.severities()["other_syn_queue"], "critical")
        self.assertIn("100% of them are dropped", self.check_not_conntrack(diagnosis, "other_syn_queue")["title"])
        self.assertEqual(self.near.sysctl("net.ipv4.tcp_syncookies"), "1", "the advice was taken")

    def test_a_full_queue_of_handshakes_with_cookies(self):
        diagnosis = self.queue_of_handshakes(1)
        self.assertEqual(diagnosis.severities()["other_syn_queue"], "warning")
        self.assertIn("none of them are dropped", self.check_not_conntrack(diagnosis, "other_syn_queue")["title"])

    def test_no_port_left(self):
        """Connections until there is none; who they go to is named."""
        self.near.sysctl("net.ipv4.ip_local_port_range", "40000 40019")
        listener = self.listen(self.far, 443)
        for _ in range(14):
            self.connect(FAR, listener)
        self.check_findings(self.diagnose())
        self.connect(FAR, listener)
        diagnosis = self.diagnose()
        self.assertEqual(diagnosis.severities()["other_ephemeral_ports"], "warning")
        for _ in range(5):
            self.connect(FAR, listener)
        with self.assertRaisesRegex(OSError, "Cannot assign requested address"):
            self.open(self.near).connect((FAR, 443))
        diagnosis = self.diagnose()
        self.check_findings(diagnosis, other_ephemeral_ports="critical")
        finding = self.check_not_conntrack(diagnosis, "other_ephemeral_ports")
        self.assertEqual(finding["title"], f"Not conntrack: 100% of the local ports towards {FAR} port 443 are in use")
        self.assertIn(f"connect() from {NEAR} to there fails with EADDRNOTAVAIL", finding["detail"])
        # The advice was taken.
        self.connect(FAR, listener)
        self.check_findings(self.diagnose())

    def test_peers_that_do_not_answer(self):
        self.far.nft("table ip wall { chain c { type filter hook input priority 0; tcp dport 80 drop; }; }")
        diagnosis = self.diagnose(meanwhile=lambda: self.begin(self.near, FAR, count=10), interval="2500ms")
        self.check_findings(diagnosis, other_syn_retransmits="warning")
        self.check_not_conntrack(diagnosis, "other_syn_retransmits")
        self.assertGreater(diagnosis.evidence("other_syn_retransmits", "conntrack_tcp_syn_retransmits_total"), 9.9)


if __name__ == "__main__":
    main()
