# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting: flags, addresses, and what is said when it cannot be done."""

import json
import os
import re
import socket
import subprocess
import tempfile

from common import TestCase, gone, testlib, wait_until

LINE = re.compile(r"time=\S+ level=(\w+) msg=(.*)")
# What a build for sanitizers says besides.
NO_FILTER = "runs without a system call filter"
PREFIX = "conntrack_exporter: error: "


class Start(TestCase):
    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())

    def run_it(self, *flags, **kwargs):
        done = subprocess.run(self.namespace.command(testlib.EXPORTER, *flags), text=True, timeout=20, check=False,
                              **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs})
        testlib.check_sanitizers(done.stderr)
        left = testlib.run("ip", "netns", "pids", self.namespace.name).split()
        self.assertEqual([pid for pid in left if not gone(pid)], [], "processes are left")
        return done

    def errors(self, done):
        """The messages of level error in a log that holds nothing else of note."""
        found = [LINE.fullmatch(line).groups() for line in done.stderr.splitlines() if NO_FILTER not in line]
        self.assertLessEqual({level for level, _ in found}, {"INFO", "ERROR"})
        return [message for level, message in found if level == "ERROR"]


class Usage(Start):
    def test_refused_command_lines(self):
        cases = {
            ("--nonsense",): "unknown long flag '--nonsense', try --help",
            ("--nonsense=1",): "unknown long flag '--nonsense=1', try --help",
            ("-x",): "unknown short flag '-x', try --help",
            ("frobnicate",): "unexpected frobnicate, try --help",
            ("metrics", "metrics"): "unexpected metrics, try --help",
            ("",): "unexpected , try --help",
            ("--web.max-requests",): "expected argument for flag '--web.max-requests', try --help",
            ("--web.max-requests", "-1"): "invalid value '-1' for flag '--web.max-requests', try --help",
            ("--web.max-requests=-1",): "invalid value '-1' for flag '--web.max-requests', try --help",
            ("--web.max-requests=many",): "invalid value 'many' for flag '--web.max-requests', try --help",
            ("--web.max-requests=",): "invalid value '' for flag '--web.max-requests', try --help",
            ("--web.max-requests=99999999999999999999",):
                "invalid value '99999999999999999999' for flag '--web.max-requests', try --help",
            ("--collector.flows.min-interval=5",):
                "invalid value '5' for flag '--collector.flows.min-interval', try --help",
            ("--log.level=loud",): "invalid value 'loud' for flag '--log.level', try --help",
            ("--log.format=xml",): "invalid value 'xml' for flag '--log.format', try --help",
            ("--web.telemetry-path=",): "invalid value '' for flag '--web.telemetry-path', try --help",
            ("--web.telemetry-path=metrics",): "invalid value 'metrics' for flag '--web.telemetry-path', it must be a "
                                               "plain path that starts with /",
            ("--path.procfs=",): "invalid value '' for flag '--path.procfs', try --help",
            ("--collector.nonsense",): "unknown long flag '--collector.nonsense', try --help",
            ("--no-collector.nonsense",): "unknown long flag '--no-collector.nonsense', try --help",
            ("--output=/tmp/x",): "flag '--output' goes with the command metrics, try --help",
        }
        for flags, message in cases.items():
            with self.subTest(flags):
                done = self.run_it(*flags)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (1, "", f"{PREFIX}{message}\n"))

    def test_help(self):
        for flag in ("--help", "-h", "--help-long"):
            done = self.run_it(flag)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue(done.stdout.startswith("usage: conntrack_exporter [<flags>] [<command>]\n"))
            for name in ("web.listen-address", "web.telemetry-path", "web.max-requests", "web.disable-exporter-metrics",
                         "collector.disable-defaults", "collector.table", "collector.stat", "collector.flows",
                         "collector.sockets", "collector.flows.limit", "collector.flows.min-interval",
                         "collector.stat.per-cpu", "path.procfs", "log.level", "log.format", "version", "help",
                         "output"):
                flag = rf"^  (?:-h, )?--(?:\[no-\])?{re.escape(name)}(?=[ =]|$)"
                self.assertEqual(len(re.findall(flag, done.stdout, re.M)), 1, name)
            self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)

    def test_version(self):
        done = self.run_it("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"\Aconntrack_exporter, version \d+\.\d+\.\d+ \(branch: \S+, revision: \S+\)\n"
                                      r"  compiler: \S+ \S+\n  platform: linux/\w+\n\Z")

    def test_a_full_device(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            for flags in (["--help"], ["--version"], ["metrics"]):
                self.assertEqual(self.run_it(*flags, stdout=full).returncode, 1, flags)
            done = self.run_it("metrics", stdout=full)
        self.assertEqual(self.errors(done), ['"Cannot write metrics" file=stdout err="No space left on device"'])


class Output(Start):
    def test_files_that_cannot_be_written(self):
        directory = self.enter(tempfile.TemporaryDirectory())
        os.mkdir(f"{directory}/taken")
        cases = {f"{directory}/missing/file.prom": "No such file or directory", f"{directory}/taken": "Is a directory",
                 "/dev/null/file.prom": "Not a directory", f"{directory}/{255 * 'x'}": "File name too long"}
        for file, text in cases.items():
            with self.subTest(file):
                done = self.run_it("metrics", f"--output={file}")
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertEqual(self.errors(done), [f'"Cannot write metrics" file={file} err="{text}"'])
                self.assertEqual(len(done.stderr.splitlines()), 1)
                self.assertEqual(os.listdir(directory), ["taken"])


class Addresses(Start):
    def check_refused(self, address, text, *more, port=None):
        done = self.run_it(*(f"--web.listen-address={a}" for a in more), f"--web.listen-address={address}")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        shown = f'"{address}"' if not address or re.search(r'[\s"=\\]', address) else address
        self.assertEqual(self.errors(done), [f'"Cannot listen" address={shown} err="{text}"'])
        if port:
            with self.namespace.socket() as sock:
                self.assertNotEqual(sock.connect_ex(("127.0.0.1", port)), 0)

    def taken(self):
        sock = self.enter(self.namespace.socket())
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        return sock.getsockname()[1]

    def test_a_taken_port(self):
        port = self.taken()
        self.check_refused(f"127.0.0.1:{port}", "Address already in use")
        self.check_refused(f":{port}", "Address already in use")
        self.check_refused(f"0.0.0.0:{port}", "Address already in use")

    def test_a_second_exporter_does_not_share_the_port(self):
        it = self.exporter(namespace=self.namespace)
        done = subprocess.run(self.namespace.command(testlib.EXPORTER, f"--web.listen-address=127.0.0.1:{it.port}"),
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.errors(done),
                         [f'"Cannot listen" address=127.0.0.1:{it.port} err="Address already in use"'])
        self.assertEqual(it.request("/-/healthy").text, "Healthy\n")

    def test_never_half_bound(self):
        free, taken = testlib.free_port(self.namespace), self.taken()
        self.check_refused(f"127.0.0.1:{taken}", "Address already in use", f"127.0.0.1:{free}", port=free)

    def test_addresses_that_are_not_here(self):
        self.check_refused("192.0.2.1:9100", "Cannot assign requested address")
        self.check_refused("[2001:db8::1]:9100", "Cannot assign requested address")

    def test_what_is_no_address(self):
        for address in ("nonsense", "127.0.0.1", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1",
                        "::1:80",
                        "::", "[::1]", "[::1:80", "[]:80", "[::1]80", "1:2:3", "127.0.0.1:80 "):
            with self.subTest(address):
                self.check_refused(address, "not an address of the form HOST:PORT or [HOST]:PORT")

    def test_vsock(self):
        """Other exporters have it."""
        self.check_refused("vsock://:9100", "vsock is not supported")

    def test_an_unknown_name_is_named(self):
        done = self.run_it("--web.listen-address=no.such.host.invalid:9100")
        self.assertEqual(done.returncode, 1)
        (error,) = self.errors(done)
        self.assertRegex(error, r'\A"Cannot listen" address=no\.such\.host\.invalid:9100 err=')

    def test_errors_in_json(self):
        done = self.run_it("--log.format=json", "--log.level=error", "--web.listen-address=nonsense")
        self.assertEqual(done.returncode, 1)
        (line,) = (json.loads(line) for line in done.stderr.splitlines() if NO_FILTER not in line)
        self.assertRegex(line.pop("time"), r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
        self.assertEqual(line, {"level": "ERROR", "msg": "Cannot listen", "address": "nonsense",
                                "err": "not an address of the form HOST:PORT or [HOST]:PORT"})

    def answers(self, host, port):
        """Whether /-/healthy is answered there."""
        with self.namespace.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
            sock.settimeout(5)
            if sock.connect_ex((host, port)) != 0:
                return False
            sock.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n")
            data = b""
            while chunk := sock.recv(65536):
                data += chunk
            self.assertTrue(data.endswith(b"\r\n\r\nHealthy\n"))
            return True

    def test_where_it_listens(self):
        port = testlib.free_port(self.namespace)
        cases = {f"[0.0.0.0]:{port}": (True, False), f"0.0.0.0:{port}": (True, False), f"[::1]:{port}": (False, True),
                 f":{port}": (True, True), f"[::]:{port}": (True, True), f"127.0.0.1:{port}": (True, False),
                 f"[127.0.0.1]:{port}": (True, False), f"localhost:{port}": (True, False)}
        for address, expected in cases.items():
            with self.subTest(address):
                with testlib.Exporter(self.namespace, "--web.listen-address", address):
                    self.assertEqual((self.answers("127.0.0.1", port), self.answers("::1", port)), expected)

    def test_the_default_address(self):
        with self.namespace.popen(testlib.EXPORTER, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: self.answers("127.0.0.1", 10066), 20, "it listens")
                self.assertTrue(self.answers("::1", 10066))
            finally:
                process.terminate()
        self.assertEqual(process.returncode, 0)

    def test_several_addresses(self):
        self.namespace.address("lo", "192.0.2.1/32")
        port = testlib.free_port(self.namespace)
        other = port + 1 if port < 65535 else port - 1
        flags = [f"--web.listen-address={a}" for a in (f"127.0.0.1:{port}", f"192.0.2.1:{port}", f"[::1]:{other}")]
        with testlib.Exporter(self.namespace, *flags) as it:
            self.assertEqual(re.findall(r'msg="Listening on" address=(\S+)', it.logged()),
                             [f"127.0.0.1:{port}", f"192.0.2.1:{port}", f"[::1]:{other}"])
            self.assertTrue(self.answers("127.0.0.1", port) and self.answers("192.0.2.1", port) and
                            self.answers("::1", other))
            self.assertFalse(self.answers("127.0.0.1", other) or self.answers("::1", port))

    def test_without_ipv6(self):
        self.namespace.sysctl("net.ipv6.conf.all.disable_ipv6", 1)
        port = testlib.free_port(self.namespace)
        with testlib.Exporter(self.namespace, f"--web.listen-address=:{port}"):
            self.assertTrue(self.answers("127.0.0.1", port))

    def test_the_port_is_free_again_at_once(self):
        port = testlib.free_port(self.namespace)
        for _ in range(3):
            with testlib.Exporter(self.namespace, f"--web.listen-address=127.0.0.1:{port}") as it:
                self.assertEqual(it.request("/-/healthy").status, 200)


class Log(Start):
    def test_the_lines_of_a_start(self):
        it = self.exporter(namespace=self.namespace)
        expected = ["Starting conntrack_exporter", "Build context", "Enabled collectors", "Listening on",
                    "TLS is disabled."]
        found = re.findall(r'^time=\S+ level=INFO msg="(.*?)"', it.logged(), re.M)
        self.assertEqual([message for message in found if message in expected], expected)

    def test_levels(self):
        it = self.exporter("--log.level=debug", namespace=self.namespace)
        it.request()
        self.assertIn("level=INFO", it.logged())
        with self.assertRaises(RuntimeError):  # nothing says where it listens
            with testlib.Exporter(self.namespace, "--log.level=warn", "--web.listen-address=nonsense"):
                pass


if __name__ == "__main__":
    testlib.main()
