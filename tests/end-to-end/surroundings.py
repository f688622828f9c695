# SPDX-License-Identifier: GPL-2.0-or-later
"""It serves whatever it is started with: other log levels, closed descriptors, a log nobody reads, scoped addresses."""

import itertools
import os
import subprocess
import time

from common import COLLECTORS, TestCase, successes, testlib

PORT = 10066
ALL_1 = dict.fromkeys(COLLECTORS, 1)


class At(testlib.Exporter):
    """An exporter on a fixed port of its namespace, found there and not by its log."""

    def __init__(self, namespace, *flags, stderr=None):
        super().__init__(namespace, *flags)
        self.stderr = stderr

    def __enter__(self):
        self.host, self.port = "127.0.0.1", PORT
        command = self.namespace.command(testlib.EXPORTER, f"--web.listen-address=127.0.0.1:{PORT}", *self.flags)
        self.process = self.start(command)
        end = time.monotonic() + testlib.START_TIMEOUT_S
        while True:
            with self.namespace.socket() as sock:
                if sock.connect_ex((self.host, self.port)) == 0:
                    return self
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"not listening; log:\n{self.logged()}")
            time.sleep(0.01)

    def start(self, command):
        return subprocess.Popen(command, stderr=self.stderr if self.stderr is not None else self.log)


class Closed(At):
    """An exporter that begins life without some of the descriptors 0, 1 and 2."""

    def __init__(self, namespace, closed):
        super().__init__(namespace)
        self.closed = closed

    def start(self, command):
        script = "exec \"$0\" \"$@\" " + " ".join(f"{fd}{'<' if fd == 0 else '>'}&-" for fd in self.closed)
        return subprocess.Popen(["sh", "-c", script, *command], stderr=self.log)


class Surroundings(TestCase):
    def test_every_log_level_and_format(self):
        for level, form in itertools.product(("debug", "info", "warn", "error"), ("logfmt", "json")):
            with self.subTest(level=level, format=form), testlib.Namespace() as namespace:
                with At(namespace, f"--log.level={level}", f"--log.format={form}") as it:
                    self.assertEqual(it.request("/-/healthy").text, "Healthy\n")
                    self.assertEqual(successes(it.metrics()), ALL_1)

    def test_closed_descriptors(self):
        for n in (1, 2, 3):
            for closed in itertools.combinations((0, 1, 2), n):
                with self.subTest(closed=closed), testlib.Namespace() as namespace, Closed(namespace, closed) as it:
                    for _ in range(2):
                        self.assertEqual(successes(it.metrics()), ALL_1)

    def test_a_log_that_nobody_reads(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        os.set_blocking(writer, False)
        try:
            while True:
                os.write(writer, b"x" * 4096)
        except BlockingIOError:
            os.set_blocking(writer, True)
        with testlib.Namespace() as namespace, At(namespace, "--log.level=debug", stderr=writer) as it:
            for _ in range(3):
                self.assertEqual(successes(it.metrics()), ALL_1)

    def test_a_link_local_address(self):
        with testlib.Namespace() as namespace:
            namespace.run("ip", "link", "add", "dev", "dummy0", "type", "veth", "peer", "name", "dummy1")
            namespace.address("dummy0", "fe80::77/64")
            namespace.run("ip", "link", "set", "dummy0", "up")
            namespace.run("ip", "link", "set", "dummy1", "up")
            with testlib.Exporter(namespace, "--web.listen-address=[fe80::77%dummy0]:0") as it:
                self.assertIn("address=[fe80::77%dummy0]:", it.logged())

    def test_health_keeps_its_path(self):
        with testlib.Namespace() as namespace:
            done = subprocess.run(namespace.command(testlib.EXPORTER, "--web.telemetry-path=/-/healthy"),
                                  capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, "conntrack_exporter: error: invalid value '/-/healthy' for "
                                                             "flag '--web.telemetry-path', /-/ is taken\n"))


if __name__ == "__main__":
    testlib.main()
