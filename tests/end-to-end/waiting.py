# SPDX-License-Identifier: GPL-2.0-or-later
"""Scrapes that wait: nothing blocks, equal scrapes share one collection, their number is limited."""

import gzip
import os
import shutil
import tempfile
import time

from common import ACCEPT_OPENMETRICS, COLLECTORS, SANITIZED, TestCase, Wire, stopped, successes, testlib

ALL_1 = dict.fromkeys(COLLECTORS, 1)
SLOWER = 5 if SANITIZED else 2  # other tests run beside
FLOWS = 1000
BUSY = "The collector process is busy, try again later.\n"


class Wires(TestCase):
    def wires(self, it, n):
        return [self.enter(Wire(it, source=f"127.0.1.{1 + number // 50}")) for number in range(n)]

    def healthy(self, it):
        """Everything that was sent before has been looked at when this is answered."""
        self.assertEqual(it.request("/-/healthy", timeout=5).text, "Healthy\n")


class Waiting(Wires):
    def start(self, *flags):
        it = self.exporter(*flags)
        return it, it.pids()[1]

    def test_health_while_a_scrape_waits(self):
        it, collector = self.start()
        (wire,) = self.wires(it, 1)
        with stopped(collector):
            wire.get("/metrics")
            self.assertTrue(wire.silent())
            for path in ("/-/healthy", "/-/ready", "/nothing", "/metrics?collect[]=nothing"):
                started = time.monotonic()
                it.request(path)
                self.assertLess(time.monotonic() - started, 0.1 * SLOWER, path)
            self.assertTrue(wire.silent(0))
        self.assertEqual(successes(testlib.Metrics(wire.reply().text)), ALL_1)

    def test_a_scrape_is_given_up_after_its_deadline(self):
        it, collector = self.start()
        wire, other = self.wires(it, 2)
        with stopped(collector):
            started = time.monotonic()
            wire.get("/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 1")
            other.get("/metrics?collect[]=sockets", "X-Prometheus-Scrape-Timeout-Seconds: 30")
            answer = wire.reply()
            elapsed = time.monotonic() - started
            self.assertEqual((answer.status, answer.headers["content-type"], answer.text),
                             (503, "text/plain; charset=utf-8", BUSY))
            self.assertGreaterEqual(elapsed, 0.5)
            self.assertLess(elapsed, 3)
            self.assertTrue(other.silent(0))
        self.assertEqual(successes(testlib.Metrics(other.reply().text)), {"sockets": 1})
        self.assertEqual(successes(it.metrics()), ALL_1)

    def test_a_short_deadline_does_not_spoil_the_scrape_of_another(self):
        """Who gave 30 seconds does not get what was cut short for somebody who gave half a second."""
        it, collector = self.start()
        hasty, patient = self.wires(it, 2)
        with stopped(collector):
            hasty.get("/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 0.5")
            self.assertTrue(hasty.silent())
            patient.get("/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 30")
            self.assertTrue(patient.silent(0.6))
        self.assertEqual(successes(testlib.Metrics(patient.reply().text)), ALL_1)

    def test_a_late_answer_goes_to_nobody(self):
        """What was given up is not handed to whoever asks next for something else."""
        it, collector = self.start()
        first, second = self.wires(it, 2)
        with stopped(collector):
            first.get("/metrics?collect[]=table", "X-Prometheus-Scrape-Timeout-Seconds: 0.1")
            self.assertEqual(first.reply().status, 503)
            second.get("/metrics?collect[]=stat")
            self.assertTrue(second.silent())
        self.assertEqual(successes(testlib.Metrics(second.reply().text)), {"stat": 1})
        self.assertEqual(successes(it.metrics("/metrics?collect[]=sockets")), {"sockets": 1})

    def test_equal_scrapes_share_one_collection(self):
        it, collector = self.start()
        equal, one = self.wires(it, 8), self.wires(it, 1)[0]
        openmetrics, packed = self.wires(it, 2)
        with stopped(collector):
            for wire in equal:
                wire.get("/metrics")
            one.get("/metrics?collect[]=table")
            openmetrics.get("/metrics", f"Accept: {ACCEPT_OPENMETRICS}")
            packed.get("/metrics", "Accept-Encoding: gzip")
            self.healthy(it)
            self.assertTrue(all(wire.silent(0) for wire in (*equal, one, openmetrics, packed)))
        bodies = [wire.reply().body for wire in equal]
        self.assertEqual(successes(testlib.Metrics(bodies[0].decode())), ALL_1)
        # The durations are measured to the nanosecond: no two collections have the same.
        self.assertEqual(set(bodies), {bodies[0]})
        self.assertEqual(gzip.decompress(packed.reply().body), bodies[0])
        self.assertEqual(successes(testlib.Metrics(one.reply().text)), {"table": 1})
        body = openmetrics.reply().text
        self.assertTrue(body.endswith("# EOF\n"))
        self.assertNotEqual(self.durations(body), self.durations(bodies[0].decode()))

    def test_what_is_asked_for_in_another_way_but_is_the_same_is_shared(self):
        it, collector = self.start()
        wires = self.wires(it, 3)
        with stopped(collector):
            wires[0].get("/metrics?collect[]=table&collect[]=stat")
            wires[1].get("/metrics?" + "&".join(f"exclude[]={c}" for c in COLLECTORS if c not in ("table", "stat")))
            wires[2].get("/metrics?collect%5B%5D=stat&collect%5B%5D=table&collect[]=stat", "Accept: text/plain")
            self.healthy(it)
        self.assertEqual(len({wire.reply().body for wire in wires}), 1)

    def test_scrapes_one_after_the_other_do_not_share(self):
        it, _ = self.start()
        durations = {self.durations(it.request("/metrics?collect[]=table").text) for _ in range(5)}
        self.assertGreater(len(durations), 1)

    @staticmethod
    def durations(text):
        return tuple(line for line in text.splitlines()
                     if line.startswith("conntrack_scrape_collector_duration_seconds"))

    def check_limit(self, flags, limit):
        it, collector = self.start(*flags)
        waiting = self.wires(it, limit)
        with stopped(collector):
            for number, wire in enumerate(waiting):
                wire.get("/metrics" if number % 2 else "/metrics?collect[]=table")
            self.healthy(it)
            self.assertTrue(all(wire.silent(0) for wire in waiting))
            for _ in range(2):
                answer = self.enter(Wire(it, source="127.0.1.1")).ask("/metrics")
                self.assertEqual((answer.status, answer.headers["content-type"], answer.text),
                                 (503, "text/plain; charset=utf-8",
                                  f"Limit of concurrent requests reached ({limit}), try again later.\n"))
        self.assertEqual({wire.reply().status for wire in waiting}, {200})
        self.assertEqual(successes(it.metrics()), ALL_1)

    def test_the_limit_of_2(self):
        self.check_limit(["--web.max-requests=2"], 2)

    def test_the_default_limit(self):
        self.check_limit([], 40)

    def test_0_means_no_limit(self):
        it, collector = self.start("--web.max-requests=0")
        waiting = self.wires(it, 100)
        with stopped(collector):
            for wire in waiting:
                wire.get("/metrics")
            self.healthy(it)
            self.assertTrue(all(wire.silent(0) for wire in waiting))
        self.assertEqual({wire.reply().status for wire in waiting}, {200})

    def test_a_scrape_that_was_given_up_makes_room(self):
        it, collector = self.start("--web.max-requests=1")
        first, second = self.wires(it, 2)
        with stopped(collector):
            first.get("/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 0.1")
            self.assertEqual(first.reply().text, BUSY)
            second.get("/metrics")
            self.assertTrue(second.silent())
        self.assertEqual(second.reply().status, 200)


class OneWalk(Wires):
    """What the kernel is asked for while several ask, of a table with flows in it."""

    def start(self, *flags):
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        namespace = self.enter(testlib.Namespace())
        namespace.run(testlib.FILL, "--mix", "--timeout=3600", f"--count={FLOWS}")
        self.trace = os.path.join(self.enter(tempfile.TemporaryDirectory(prefix="waiting-")), "trace")
        # LeakSanitizer cannot run beside strace.
        return self.exporter(*flags, namespace=namespace, env={"ASAN_OPTIONS": "detect_leaks=0"},
                             prefix=("strace", "-f", "-o", self.trace, "-e", "trace=sendto,sendmsg"))

    def dumps(self):
        """How often the whole table was asked for so far; a socket's own flow is no dump."""
        with open(self.trace, encoding="utf-8") as trace:
            return sum("IPCTNL_MSG_CT_GET," in line and "NLM_F_DUMP" in line for line in trace)

    def ask(self, it, *questions):
        """All these at once; the walks that the answers show."""
        wires = self.wires(it, len(questions))
        with stopped(it.pids()[1]):
            for wire, question in zip(wires, questions):
                wire.get(*question)
                self.healthy(it)
            self.assertTrue(all(wire.silent(0) for wire in wires))
        stamps = []
        for wire in wires:
            reply = wire.reply()
            self.assertEqual(reply.status, 200)
            packed = reply.headers.get("content-encoding") == "gzip"
            text = (gzip.decompress(reply.body) if packed else reply.body).decode()
            given = testlib.Metrics(text)
            self.assertEqual(given.sum("conntrack_flows"), FLOWS)
            stamps.append(given.get("conntrack_walk_timestamp_seconds"))
        return set(stamps)

    def test_equal_scrapes_at_once_are_one_walk_without_any_reuse(self):
        it = self.start("--collector.flows.min-interval=0s")
        equal = [("/metrics",), ("/metrics", "Accept-Encoding: gzip"), ("/metrics?nothing=1",),
                 *[("/metrics", f"X-Prometheus-Scrape-Timeout-Seconds: {seconds}") for seconds in (20, 25, 30, 35, 40)]]
        first = self.ask(it, *equal)
        self.assertEqual((len(first), self.dumps()), (1, 1))
        second = self.ask(it, *equal)
        self.assertEqual((len(first | second), self.dumps()), (2, 2), "what is asked for later is walked for anew")

    def test_other_scrapes_at_once_reuse_the_walk(self):
        it = self.start("--collector.flows.min-interval=60s")
        stamps = self.ask(it, ("/metrics",), ("/metrics", f"Accept: {ACCEPT_OPENMETRICS}"), ("/metrics?collect[]=flows",),
                          ("/metrics?collect[]=flows&collect[]=table", "Accept-Encoding: gzip"),
                          ("/metrics?collect[]=flows&collect[]=correlation",), ("/metrics?exclude[]=ports",),
                          ("/metrics?collect[]=flows", "X-Prometheus-Scrape-Timeout-Seconds: 60"),
                          ("/metrics?collect[]=flows", "X-Prometheus-Scrape-Timeout-Seconds: 5"))
        self.assertEqual((len(stamps), self.dumps()), (1, 1))


if __name__ == "__main__":
    testlib.main()
