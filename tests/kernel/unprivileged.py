#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Without CAP_NET_ADMIN the table, the counters and the sockets are still there, and one log line says what is not."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import STATS, KernelTest, check_flows, fill, given_stats, sockets, stat_sums, stats  # noqa: E402
from testlib import EXPORTER, Exporter, Metrics, Namespace, main, metrics, need  # noqa: E402

need("conntrack", "ip", "setpriv", "ss", "strace")

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")
SUCCESS = "conntrack_scrape_collector_success"
COLLECTORS = {"table": 1, "stat": 1, "flows": 0, "correlation": 0, "sockets": 1, "netstat": 1, "ports": 1, "settings": 1}


def samples(given, name):
    """{labels: value} of a family, which is there."""
    found = {labels: value for (n, labels), value in given.samples.items() if n == name}
    assert found, name
    return found


def may_become_nobody():
    return subprocess.run([*NOBODY, "true"], capture_output=True, check=False).returncode == 0


@unittest.skipUnless(may_become_nobody(), "this user namespace has no second user to become")
class Unprivileged(KernelTest):

    def setUp(self):
        self.namespace = self.enter(Namespace())
        self.assertEqual(fill(self.namespace, "--count=300", "--mix")["inserted"], 300)
        # The build directory may be closed to others.
        directory = self.enter(tempfile.TemporaryDirectory(prefix="exporter-"))
        os.chmod(directory, 0o755)
        self.program = shutil.copy(EXPORTER, directory)

    def once(self, *flags):
        """One exposition, and what was logged."""
        done = subprocess.run(self.namespace.command(*NOBODY, self.program, "metrics", *flags), capture_output=True,
                              text=True, check=False, timeout=30)
        return Metrics(done.stdout), done.stderr

    def complaints(self, log):
        return [line for line in log.splitlines() if "CAP_NET_ADMIN" in line]

    def test_the_cheap_tier_gives_the_same_numbers(self):
        allowed, (given, log) = metrics(self.namespace), self.once()
        self.assertEqual({c: given.get(SUCCESS, collector=c) for c in COLLECTORS}, COLLECTORS)
        for name in ("entries", "entries_limit", "buckets", "expectations_limit"):
            self.assertEqual(given.get(f"conntrack_{name}"), allowed.get(f"conntrack_{name}"), name)
        self.assertEqual(given.get("conntrack_entries"), 300)
        for name in ("timeout_seconds", "setting", "tcp_active_opens_total", "tcp_listen_drops_total"):
            self.assertEqual(samples(given, f"conntrack_{name}"), samples(allowed, f"conntrack_{name}"), name)
        self.assertEqual(given_stats(given), given_stats(allowed))
        self.assertEqual(given_stats(given), stat_sums(self.namespace))
        self.assertEqual(given.nonzero("conntrack_tcp_sockets"), sockets(self.namespace)[0])
        self.assertEqual(len(self.complaints(log)), 1, log)

    def test_what_was_not_read_is_left_out(self):
        given, _ = self.once()
        left_out = ("conntrack_flows", "conntrack_tcp_flows", "conntrack_walk", "conntrack_established")
        self.assertEqual([n for n in given.names() if n.startswith(left_out)], [])
        self.assertIn("conntrack_flows", check_flows(self, self.namespace).names())

    def test_connections_are_counted_and_not_joined(self):
        """Each would be looked up; the kernel refuses all of a batch in one answer, and nobody waits for more."""
        listener = self.enter(self.namespace.socket())
        listener.bind(("127.0.0.1", 80))
        listener.listen(100)
        for _ in range(50):
            self.enter(self.namespace.socket()).connect(("127.0.0.1", 80))
        before = time.monotonic()
        given, log = self.once()
        self.assertLess(time.monotonic() - before, 1.5)
        self.assertEqual({c: given.get(SUCCESS, collector=c) for c in COLLECTORS}, COLLECTORS)
        self.assertEqual([n for n in given.names() if n.startswith("conntrack_established")], [])
        self.assertEqual(given.nonzero("conntrack_tcp_sockets"), sockets(self.namespace)[0])
        self.assertEqual(given.sum("conntrack_tcp_sockets", state="established"), 100)
        self.assertEqual(len(self.complaints(log)), 1, log)
        allowed = metrics(self.namespace)
        self.assertEqual(allowed.sum("conntrack_established_sockets"), 100)
        self.assertEqual(allowed.nonzero("conntrack_established_sockets"), {("loopback", "untracked"): 100})

    def test_sockets_are_dumped_once(self):
        """For whoever wants them, and not for a join that cannot be had."""
        log = os.path.join(self.enter(tempfile.TemporaryDirectory(prefix="exporter-")), "trace")
        for flags, dumps in (((), 1), (("--collector.talkers",), 1), (("--no-collector.sockets", "--no-collector.ports"), 0)):
            given = self.namespace.run("strace", "-f", "-o", log, "-e", "trace=sendto,sendmsg", *NOBODY, self.program,
                                       "metrics", *flags, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
            self.assertEqual(Metrics(given).get(SUCCESS, collector="correlation"), 0)
            with open(log, encoding="utf-8") as file:
                sent = file.read()
            self.assertIn("IPCTNL_MSG_CT_GET_STATS,", sent, "what is sent is seen")
            self.assertEqual(sent.count("TCPDIAG_GETSOCK"), dumps, flags)

    def test_each_cpu(self):
        given, _ = self.once("--collector.stat.per-cpu")
        for cpu, values in stats(self.namespace).items():
            self.assertEqual({n: given.get(f"conntrack_stat_{n}_total", cpu=str(cpu)) for n in STATS},
                             {n: values[n] for n in STATS}, cpu)

    def test_one_complaint_however_many_scrapes(self):
        with Exporter(self.namespace, prefix=NOBODY, program=self.program) as exporter:
            for i in range(1, 6):
                given = exporter.metrics()
                self.assertEqual({c: given.get(SUCCESS, collector=c) for c in COLLECTORS}, COLLECTORS)
                self.assertEqual(given.get("conntrack_stat_insert_total"), 299 + i)
                fill(self.namespace, "--count=1", f"--source=10.250.0.{i}")
            log = exporter.logged()
        self.assertEqual(len(self.complaints(log)), 1, log)
        self.assertEqual(log.count("level=error"), 0, log)

    def test_flows_only(self):
        """Nothing of the namespace's flows is shown, and the failure is."""
        given, log = self.once("--collector.disable-defaults", "--collector.flows")
        self.assertEqual(given.get(SUCCESS, collector="flows"), 0)
        self.assertEqual(len(self.complaints(log)), 1, log)

    def test_with_the_capability_all_is_there(self):
        """nobody with CAP_NET_ADMIN, as the systemd unit runs it."""
        keep = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all,+net_admin",
                "--ambient-caps=-all,+net_admin", "--bounding-set=-all,+net_admin")
        done = subprocess.run(self.namespace.command(*keep, self.program, "metrics"), capture_output=True, text=True,
                              check=False, timeout=30)
        given = Metrics(done.stdout)
        self.assertEqual({c: given.get(SUCCESS, collector=c) for c in COLLECTORS}, dict.fromkeys(COLLECTORS, 1))
        self.assertEqual(given.sum("conntrack_flows"), 300)
        self.assertEqual(self.complaints(done.stderr), [])


if __name__ == "__main__":
    main()
