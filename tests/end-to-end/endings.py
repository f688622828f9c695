# SPDX-License-Identifier: GPL-2.0-or-later
"""How the exporter ends: signals, and the death of one of its processes."""

import os
import re
import signal
import time

from common import COLLECTORS, TestCase, Wire, gone, status, stopped, successes, testlib, wait_until

ALL_1 = dict.fromkeys(COLLECTORS, 1)
HEALTHY = "Healthy\n"


class Death(TestCase):
    def test_killed_collector_process(self):
        it = self.exporter(expect_exit=None)
        os.kill(it.pids()[1], signal.SIGKILL)
        self.assertEqual(it.process.wait(timeout=2), 1)
        self.assertEqual(re.findall(r'level=ERROR msg="Collector process ended, .*', it.logged()),
                         ['level=ERROR msg="Collector process ended, ending the web process" how="signal 9 (Killed)"'])

    def test_killed_collector_process_while_a_scrape_waits(self):
        it = self.exporter(expect_exit=None)
        collector = it.pids()[1]
        wire = self.enter(Wire(it))
        with stopped(collector):
            wire.get("/metrics")
            self.assertTrue(wire.silent())
            os.kill(collector, signal.SIGKILL)
            self.assertEqual(it.process.wait(timeout=2), 1)
        self.assertRegex(wire.rest(), rb"\A(HTTP/1\.1 50[03] |\Z)")

    def test_killed_web_process(self):
        it = self.exporter(expect_exit=None)
        web, collector = it.pids()
        os.kill(web, signal.SIGKILL)
        self.assertEqual(it.process.wait(), -signal.SIGKILL)
        wait_until(lambda: gone(collector), 2, "the collector process ended")
        self.assertEqual(len(re.findall(r'level=ERROR msg="Web process ended, ending the collector process"\n',
                                        it.logged())), 1)

    def test_killed_web_process_while_a_scrape_runs(self):
        it = self.exporter(expect_exit=None)
        web, collector = it.pids()
        with stopped(collector):
            self.enter(Wire(it)).get("/metrics")
            time.sleep(0.1)
            os.kill(web, signal.SIGKILL)
        wait_until(lambda: gone(collector), 2, "the collector process ended")

    def kill_during_a_walk(self, namespace):
        """How long the collector process lived on, as a share of the time that a walk takes."""
        it = self.exporter("--collector.flows.min-interval=0s", namespace=namespace, expect_exit=None)
        web, collector = it.pids()
        whole = it.metrics().get("conntrack_walk_duration_seconds")
        self.enter(Wire(it)).get("/metrics")
        time.sleep(whole / 4)
        killed = time.monotonic()
        os.kill(web, signal.SIGKILL)
        wait_until(lambda: gone(collector), 2, "the collector process ended")
        self.assertEqual(re.findall(r"level=ERROR msg=(.*)\n", it.logged()),
                         ['"Web process ended, ending the collector process"'])
        return (time.monotonic() - killed) / whole

    def test_killed_web_process_during_a_walk(self):
        """Nobody waits for the rest of the walk, and that it was broken off is no failure of a collector."""
        namespace = self.enter(testlib.Namespace())
        namespace.run(testlib.FILL, "--count=200000", "--mix")
        # A busy machine may hold up one of them, not all.
        self.assertLess(min(self.kill_during_a_walk(namespace) for _ in range(3)), 0.5)


class Signals(TestCase):
    def check_orderly_end(self, number, targets):
        it = self.exporter()
        web, collector = it.pids()
        waiting = [self.enter(Wire(it)) for _ in range(3)]
        idle = self.enter(Wire(it))
        with stopped(collector):
            for wire in waiting:
                wire.get("/metrics")
            self.assertTrue(waiting[0].silent())
            for pid in (web, collector)[:targets]:
                os.kill(pid, number)
            name = signal.Signals(number).name
            it.wait_for_log(f'msg="Received a signal, finishing running scrapes" signal={name}\n')
            self.assertNotEqual(self.enter(it.namespace.socket()).connect_ex((it.host, it.port)), 0)
            self.assertIsNone(it.process.poll())
        for wire in waiting:
            answer = wire.reply()
            self.assertEqual((answer.status, successes(testlib.Metrics(answer.text))), (200, ALL_1))
            self.assertEqual(answer.headers["connection"].lower(), "close")
            self.assertTrue(wire.closed())
        self.assertEqual(it.process.wait(timeout=2), 0)
        self.assertTrue(gone(collector))
        self.assertTrue(idle.closed())
        self.assertNotIn("level=ERROR", it.logged())

    def test_sigterm_lets_running_scrapes_finish(self):
        self.check_orderly_end(signal.SIGTERM, 1)

    def test_sigint_lets_running_scrapes_finish(self):
        self.check_orderly_end(signal.SIGINT, 1)

    def test_signals_that_reach_both_processes(self):
        """Ctrl-C in a terminal, and systemd's KillMode=control-group."""
        self.check_orderly_end(signal.SIGINT, 2)
        self.check_orderly_end(signal.SIGTERM, 2)

    def test_an_idle_exporter_ends_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            it = self.exporter()
            collector = it.pids()[1]
            self.enter(Wire(it))
            self.enter(Wire(it)).send(b"GET /metrics HTTP/1.1\r\n")
            started = time.monotonic()
            self.assertEqual(it.stop(number), 0)
            self.assertLess(time.monotonic() - started, 1)
            self.assertTrue(gone(collector))

    def test_sighup_and_sigpipe_do_not_kill(self):
        it = self.exporter()
        for pid in it.pids():
            for number in (signal.SIGHUP, signal.SIGPIPE):
                os.kill(pid, number)
        it.wait_for_log('msg="Received SIGHUP, there is nothing to reload"\n')
        self.assertEqual(successes(it.metrics()), ALL_1)
        self.assertFalse(any(map(gone, it.pids())))

    def test_a_second_signal_ends_without_waiting(self):
        it = self.exporter()
        web, collector = it.pids()
        wire = self.enter(Wire(it))
        with stopped(collector):
            wire.get("/metrics")
            self.assertTrue(wire.silent())
            os.kill(web, signal.SIGTERM)
            it.wait_for_log("finishing running scrapes")
            os.kill(web, signal.SIGTERM)
            answer = wire.reply()
            self.assertEqual((answer.status, answer.text), (503, "The exporter is ending.\n"))
            self.assertEqual(it.process.wait(timeout=2), 0)
        wait_until(lambda: gone(collector), 2, "the collector process ended")

    def test_scrapes_that_come_with_the_end(self):
        """Requests that stand in the sockets when the collector process dies must not begin to wait for it."""
        it = self.exporter(expect_exit=1)
        web, collector = it.pids()
        wires = [self.enter(Wire(it)) for _ in range(8)]
        self.assertEqual(wires[0].ask("/-/healthy").status, 200)
        with stopped(web):
            for n, wire in enumerate(wires):
                wire.send(b"GET /-/healthy HTTP/1.1\r\nHost: e\r\n\r\n" * n + b"GET /metrics HTTP/1.1\r\nHost: e\r\n\r\n" * 3)
            os.kill(collector, signal.SIGKILL)
        self.assertEqual(it.process.wait(timeout=5), 1)
        self.assertNotIn("Fatal", it.logged())

    def test_readiness_while_ending(self):
        """A connection that was open already sees that no new scrapes are wanted."""
        it = self.exporter()
        web, collector = it.pids()
        waiting, probe = self.enter(Wire(it)), self.enter(Wire(it))
        with stopped(collector):
            waiting.get("/metrics")
            self.assertTrue(waiting.silent())
            os.kill(web, signal.SIGTERM)
            it.wait_for_log("finishing running scrapes")
            answer = probe.ask("/-/ready")
            self.assertEqual((answer.status, answer.text), (503, "Stopping\n"))
        self.assertEqual(waiting.reply().status, 200)

    def test_stopped_and_continued(self):
        it = self.exporter()
        for pid in it.pids():
            with stopped(pid):
                self.assertTrue(status(pid)["State"].startswith("T"))
        self.assertEqual(it.request("/-/healthy").text, HEALTHY)
        self.assertEqual(successes(it.metrics()), ALL_1)


if __name__ == "__main__":
    testlib.main()
