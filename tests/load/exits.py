# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way to end, under valgrind or with sanitizers: no error, no leak, no descriptor left open.

In a build with sanitizers these watch. In any other valgrind watches the same code without its system call filter, which
kills what valgrind needs besides.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "end-to-end"))
from common import SANITIZED, TestCase, Wire, gone, stopped, testlib, wait_until  # noqa: E402
from secured import HASH, LOGIN, OTHER, OTHER_HASH, PASSWORD, TLS, USUAL_HASH, Place, SecureWire, login  # noqa: E402

PROGRAM = testlib.EXPORTER if SANITIZED else os.path.join(testlib.BUILD, "tests", "load", "unfiltered")
FOUND = 99
KINDS = "definite,indirect,possible"
VALGRIND = ("valgrind", "--quiet", "--leak-check=full", f"--show-leak-kinds={KINDS}", f"--errors-for-leak-kinds={KINDS}",
            f"--error-exitcode={FOUND}", "--track-fds=yes", "--vgdb=no", "--num-callers=25")
STANDARD = re.compile(r"Open (?:file descriptor|AF_UNIX socket) [012]:")
# Valgrind (3.19) does not know the system calls of Landlock, answers ENOSYS for the kernel, and says so.
LANDLOCK = re.compile(r"^--\d+-- WARNING: unhandled \S+ syscall: 44[456]\n(?:--\d+-- (?!WARNING).*\n)*", re.M)
# Clients leave while such a hash is made, which takes valgrind many times as long.
SLOW_HASH = USUAL_HASH if SANITIZED else USUAL_HASH.replace("$10$", "$06$")
SECONDS = 60


def findings(log):
    """What valgrind says in a log of one process, without the blocks on inherited and standard descriptors."""
    lines = [re.sub(r"^==\d+== ?", "", line) for line in LANDLOCK.sub("", log).splitlines()]
    blocks = [block.strip() for block in "\n".join(lines).split("\n\n")]
    found = []
    for block in blocks:
        block = re.sub(r"\A(?:FILE DESCRIPTORS: .*\n?)?", "", block)
        if block and "<inherited from parent>" not in block and not STANDARD.match(block):
            found.append(block)
    return found


class Watched(testlib.Exporter):
    """An exporter whose first process is valgrind's, if that watches it."""

    def web(self):
        return self.process.pid


class Exits(TestCase):
    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())
        self.folder = self.enter(tempfile.TemporaryDirectory(prefix="load-exits-"))
        # It is written by a process that has left root's user id.
        os.chmod(self.folder, 0o777)
        self.prefix = () if SANITIZED else (*VALGRIND, f"--log-file={self.folder}/%p")
        self.addCleanup(self.check_logs)
        self.n_logs = 0

    def check_logs(self):
        logs = {}
        for name in filter(str.isdigit, os.listdir(self.folder)):
            with open(os.path.join(self.folder, name), encoding="utf-8", errors="replace") as log:
                logs[name] = findings(log.read())
        self.assertEqual({name: found for name, found in logs.items() if found}, {})
        if not SANITIZED and self.n_logs is not None:
            self.assertEqual(len(logs), self.n_logs, "processes were watched")

    def run_it(self, *flags, code=0, processes=1, prefix=(), timeout=SECONDS):
        self.n_logs = None if self.n_logs is None else self.n_logs + processes
        done = subprocess.run(self.namespace.command(*prefix, *self.prefix, PROGRAM, *flags), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False, timeout=timeout)
        testlib.check_sanitizers(done.stderr)
        if code is not None:
            self.assertEqual(done.returncode, code, done.stderr)
        return done


class Serving(Exits):
    def serve(self, *flags, expect_exit=0, processes=2):
        self.n_logs += processes
        return self.enter(Watched(self.namespace, *flags, prefix=self.prefix, program=PROGRAM, expect_exit=expect_exit))

    def end(self, it, number=signal.SIGTERM):
        web, collector = it.pids()
        self.assertEqual(it.stop(number), it.expect_exit)
        wait_until(lambda: gone(collector), SECONDS, "the collector process ended")
        self.assertTrue(gone(web))

    def ask_everything(self, it):
        for path in ("/metrics", "/metrics?collect[]=talkers", "/metrics?collect[]=nonsense", "/", "/talkers",
                     "/talkers?by=nonsense", "/-/healthy", "/-/ready", "/nothing"):
            for headers in ({}, {"Accept-Encoding": "gzip", "Accept": "application/openmetrics-text; version=1.0.0"}):
                it.request(path, headers=headers, timeout=SECONDS)

    def test_an_end_without_any_request(self):
        self.end(self.serve())

    def test_an_end_behind_all_kinds_of_requests(self):
        self.namespace.run(testlib.FILL, "--count=500", "--mix")
        it = self.serve("--collector.talkers", "--collector.flows.min-interval=0s", "--collector.stat.per-cpu")
        self.ask_everything(it)
        it.request("/diagnosis", headers={"X-Prometheus-Scrape-Timeout-Seconds": "2"}, timeout=SECONDS)
        it.request("/metrics", method="POST", body=b"x" * 100, timeout=SECONDS)
        self.end(it, signal.SIGINT)

    def test_an_end_while_scrapes_and_reports_wait(self):
        it = self.serve()
        with stopped(it.pids()[1]):
            wires = [self.enter(Wire(it, SECONDS)).get(path) for path in ("/metrics", "/talkers", "/diagnosis") * 2]
            self.assertTrue(wires[0].silent())
            os.kill(it.web(), signal.SIGTERM)
            it.wait_for_log("finishing running scrapes")
        self.assertEqual(wires[0].reply().status, 200)
        self.assertEqual(it.process.wait(timeout=SECONDS), 0)

    def test_a_second_signal_while_scrapes_wait(self):
        it = self.serve()
        collector = it.pids()[1]
        with stopped(collector):
            wires = [self.enter(Wire(it, SECONDS)).get("/metrics") for _ in range(3)]
            self.assertTrue(wires[0].silent())
            os.kill(it.web(), signal.SIGTERM)
            it.wait_for_log("finishing running scrapes")
            os.kill(it.web(), signal.SIGTERM)
            self.assertEqual(it.process.wait(timeout=SECONDS), 0)
        wait_until(lambda: gone(collector), SECONDS, "the collector process ended")

    def test_an_end_with_clients_connected(self):
        it = self.serve()
        wires = [self.enter(Wire(it, SECONDS)) for _ in range(20)]
        self.assertEqual(wires[0].ask("/metrics").status, 200)
        for number, wire in enumerate(wires[1:]):
            wire.send((b"", b"G", b"GET / HTTP/1.1\r\nX: ", b"GET /metrics HTTP/1.1\r\nHost: e\r\n\r\n" * 9)[number % 4])
        self.end(it)

    def test_clients_that_left(self):
        it = self.serve()
        with stopped(it.pids()[1]):
            for path in ("/metrics", "/diagnosis", "/-/healthy"):
                for _ in range(3):
                    Wire(it, SECONDS).get(path).socket.close()
            Wire(it, SECONDS).send(b"GET /metr").socket.close()
        self.assertEqual(it.request(timeout=SECONDS).status, 200)
        self.end(it)

    @staticmethod
    def leave(it, data=b""):
        """A client that goes before TLS is there, and behind these bytes."""
        with it.connect(SECONDS) as sock:
            sock.sendall(data)

    @staticmethod
    def ask_once(it, place, header):
        """The status that a new connection gets."""
        with SecureWire(it, place.context, timeout=SECONDS) as wire:
            return wire.ask("/metrics", header).status

    def test_tls_and_a_login(self):
        place = self.enter(Place())
        config = TLS + LOGIN + f"  slow: {SLOW_HASH}\n"
        it = self.serve(f"--web.config.file={place.write(config)}")
        with SecureWire(it, place.context, timeout=SECONDS) as wire:
            for words, status in ((), 401), (("wrong",), 401), ((PASSWORD,), 200), (("wrong",), 401), ((PASSWORD,), 200):
                self.assertEqual(wire.ask("/metrics", *map(login, words)).status, status)
        for data in b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n\r\n":
            self.leave(it, data)
        for number in range(4):
            with SecureWire(it, place.context, timeout=SECONDS, source=f"127.0.3.{number + 1}") as wire:
                wire.get("/metrics", login(f"wrong {number}", "slow"))
        for text in config, config + "  - a\n", config.replace(HASH, OTHER_HASH):
            place.write(text)
            os.kill(it.web(), signal.SIGHUP)
        # Each on a connection of its own: one that was made before a reload ends with its next answer.
        wait_until(lambda: self.ask_once(it, place, login(OTHER)) == 200, SECONDS, "the new password is known")
        self.assertEqual(self.ask_once(it, place, login()), 401)
        # The end comes while some wait for their hash, in a handshake, or behind it.
        half = [self.enter(contextlib.closing(it.connect(SECONDS))) for _ in range(2)]
        half[0].sendall(b"\x16\x03\x01")
        wires = [self.enter(SecureWire(it, place.context, timeout=SECONDS, source=f"127.0.4.{number + 1}"))
                 for number in range(3)]
        for number, wire in enumerate(wires[1:]):
            wire.get("/metrics", login(f"bad {number}", "slow"))
        self.end(it)

    def test_a_killed_collector_process(self):
        it = self.serve(expect_exit=1)
        wire = self.enter(Wire(it, SECONDS))
        collector = it.pids()[1]
        with stopped(collector):
            wire.get("/metrics")
            self.assertTrue(wire.silent())
            os.kill(collector, signal.SIGKILL)
            self.assertEqual(it.process.wait(timeout=SECONDS), 1)

    def test_a_killed_web_process(self):
        it = self.serve(expect_exit=None)
        web, collector = it.pids()
        os.kill(web, signal.SIGKILL)
        wait_until(lambda: gone(collector), SECONDS, "the collector process ended")


class Commands(Exits):
    def test_one_shot_commands(self):
        self.namespace.run(testlib.FILL, "--count=500", "--mix")
        output = os.path.join(self.folder, "output")
        self.run_it("metrics")
        self.run_it("metrics", f"--output={output}", processes=2)
        self.run_it("talkers", "--by=pair")
        self.run_it("diagnose", "--interval=100ms", "--format=json", code=None)

    def test_texts(self):
        for flag in ("--help", "--version", "--help-man", "--completion-script-bash"):
            self.run_it(flag)

    def test_bad_flags(self):
        self.run_it("--nonsense", code=1)
        self.run_it("--web.max-requests=many", code=1)
        self.run_it("metrics", "--output=/nonexistent/output", code=1, processes=2)

    def test_a_port_that_is_taken(self):
        with self.namespace.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            done = self.run_it(f"--web.listen-address=127.0.0.1:{taken.getsockname()[1]}", code=1, processes=2)
        self.assertIn("in use", done.stderr)

    def test_a_bad_web_configuration(self):
        path = os.path.join(self.folder, "web.yml")
        with open(path, "w", encoding="utf-8") as config:
            config.write("basic_auth_users:\n  somebody: [not, a, hash\n")
        self.n_logs = None  # it may find out before or after there are two processes
        done = self.run_it(f"--web.config.file={path}", code=1)
        self.assertIn("Cannot use the web configuration", done.stderr)

    def test_no_rights(self):
        self.run_it("metrics", prefix=("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--"))


if __name__ == "__main__":
    if not SANITIZED:
        testlib.need("valgrind")
    testlib.main()
