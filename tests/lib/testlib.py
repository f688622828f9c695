# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel and end-to-end tests share: network namespaces, the exporter, its answers, tools.

A test file imports this first. Without root it is started again in a user namespace of its own; where that is not
possible either, the test exits with 77 and says why.
"""

import atexit
import contextlib
import ctypes
import fcntl
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SKIP = 77
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR", os.path.join(SOURCE, "build"))
EXPORTER = os.path.join(BUILD, "conntrack_exporter")
FILL = os.path.join(BUILD, "tests", "tools", "fill")
CLONE_NEWNET = 0x40000000
START_TIMEOUT_S = 20
_libc = ctypes.CDLL(None, use_errno=True)


def skip(reason):
    """Ends the whole test file as skipped."""
    print(f"SKIP: {reason}")
    sys.exit(SKIP)


def _become_root():
    if os.geteuid() == 0:
        return
    enter = ["unshare", "--map-root-user", "--net", "--mount", "--"]
    if subprocess.run(enter + ["true"], capture_output=True, check=False).returncode != 0:
        skip("neither root nor user namespaces are allowed here")
    os.execvp(enter[0], enter + ["sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$0" "$@"', sys.executable] + sys.argv)


_become_root()


def need(*programs):
    """Ends the test as skipped when a program is missing."""
    for program in programs:
        if not shutil.which(program):
            skip(f"{program} is not installed")


def run(*args, check=True, **kwargs):
    """Runs a command to its end and returns what it wrote to stdout."""
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, **kwargs)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class Namespace:
    """A network namespace with loopback up, gone at the end of the with block."""

    count = 0
    left = set()  # names of those that still are there

    def __init__(self):
        Namespace.count += 1
        self.name = f"ctx{os.getpid()}n{Namespace.count}"

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        Namespace.left.add(self.name)
        self.run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        run("ip", "netns", "del", self.name, check=False)
        Namespace.left.discard(self.name)

    @staticmethod
    @atexit.register
    def delete_left():
        """What a test that was interrupted leaves."""
        for name in Namespace.left:
            run("ip", "netns", "del", name, check=False)

    def command(self, *args):
        # Not "ip netns exec": it remounts /sys, which a chroot does not let it do.
        return ["nsenter", f"--net=/run/netns/{self.name}", *args]

    def run(self, *args, **kwargs):
        return run(*self.command(*args), **kwargs)

    def popen(self, *args, **kwargs):
        return subprocess.Popen(self.command(*args), **kwargs)

    def nft(self, rules):
        """Loads a ruleset."""
        self.run("nft", "-f", "-", input=rules)

    def address(self, device, *addresses):
        for address in addresses:
            self.run("ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))

    def enter(self):
        """The namespace's file, for setns(); close it."""
        return os.open(f"/run/netns/{self.name}", os.O_RDONLY | os.O_CLOEXEC)

    @contextlib.contextmanager
    def inside(self):
        """This thread, and what it starts, is in the namespace until the with block ends."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = self.enter()
        try:
            _setns(there)
            yield
        finally:
            _setns(own)
            os.close(own)
            os.close(there)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, proto=0):
        """A socket of this namespace, made from outside."""
        with self.inside():
            return socket.socket(family, kind, proto)

    def sysctl(self, name, value=None):
        """Reads, or sets, a sysctl of the namespace (never one of the host)."""
        if value is not None:
            self.run("sysctl", "-q", "-w", f"{name}={value}")
        return self.run("sysctl", "-n", name).strip()


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def link(left, right, left_device, right_device):
    """A veth pair between two namespaces, both ends up."""
    run("ip", "link", "add", left_device, "netns", left.name, "type", "veth", "peer", "name", right_device, "netns",
        right.name)
    left.run("ip", "link", "set", left_device, "up")
    right.run("ip", "link", "set", right_device, "up")


LIMIT_FILE = "/proc/sys/net/netfilter/nf_conntrack_max"


def table_limit():
    """nf_conntrack_max, one number for all namespaces; 0 is no limit."""
    with open(LIMIT_FILE, encoding="ascii") as limit:
        return int(limit.read())


def _set_table_limit(entries):
    with open(LIMIT_FILE, "w", encoding="ascii") as limit:
        limit.write(str(entries))


@contextlib.contextmanager
def limit_lock():
    """Who fills a table to the limit, or moves the limit, does so alone."""
    with open(LIMIT_FILE, encoding="ascii") as limit:
        fcntl.flock(limit, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def raised_limit(entries):
    """Lets every namespace hold this many entries; the host's own limit is put back at the end, SIGTERM included."""
    with limit_lock():
        before = table_limit()
        if before == 0 or before >= entries:
            yield
            return
        unhandled = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        if unhandled:
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            _set_table_limit(entries)
            yield
        finally:
            if table_limit() != before:
                _set_table_limit(before)
            if unhandled:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)


SAMPLE = re.compile(r"^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-z_0-9]+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """A parsed exposition; a sample given twice is an error."""

    def __init__(self, text):
        self.text = text
        self.samples = {}
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            match = SAMPLE.match(line)
            if not match:
                raise ValueError(f"not a sample: {line!r}")
            key = (match.group(1), frozenset(LABEL.findall(match.group(2) or "")))
            if key in self.samples:
                raise ValueError(f"twice: {line!r}")
            self.samples[key] = float(match.group(3))

    def names(self):
        return {name for name, _ in self.samples}

    def get(self, name, /, **labels):
        """The value of exactly this sample, or None."""
        return self.samples.get((name, frozenset(labels.items())))

    def sum(self, name, /, **labels):
        """The sum over all samples that have at least these labels; None when there is none."""
        found = [value for (n, have), value in self.samples.items() if n == name and set(labels.items()) <= have]
        return sum(found) if found else None

    def nonzero(self, name):
        """{label values in the order of their names: value} of the samples that are not 0."""
        return {tuple(v for _, v in sorted(have)): value
                for (n, have), value in self.samples.items() if n == name and value != 0}


def metrics(namespace, *flags):
    """One exposition of the one-shot command in a namespace."""
    return Metrics(namespace.run(EXPORTER, "metrics", *flags))


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()


class Exporter:
    """A running exporter in a namespace; ended with SIGTERM, its exit code checked, at the end of the with block.

    What a sanitizer has to say stands in the log: it fails the with block whatever the exit code is. expect_exit None
    takes any exit code; env adds to the environment; pass_fds are descriptors it inherits.
    """

    def __init__(self, namespace, *flags, prefix=(), expect_exit=0, program=EXPORTER, env=None, pass_fds=()):
        self.namespace = namespace
        self.flags = flags
        self.prefix = prefix
        self.expect_exit = expect_exit
        self.program = program
        self.env = {**os.environ, **(env or {})}
        self.pass_fds = pass_fds
        self.log = tempfile.NamedTemporaryFile(prefix="exporter-log-")

    def __enter__(self):
        address = ["--web.listen-address=127.0.0.1:0"] if not any("listen-address" in f for f in self.flags) else []
        self.process = self.namespace.popen(*self.prefix, self.program, *address, *self.flags, stderr=self.log,
                                            env=self.env, pass_fds=self.pass_fds)
        try:
            found = self.wait_for_log(r'msg="Listening on" address=(\S+):(\d+)')
        except BaseException:
            self.kill()
            raise
        self.host, self.port = found.group(1).strip("[]"), int(found.group(2))
        return self

    def logged(self):
        with open(self.log.name, encoding="utf-8") as log:
            return log.read()

    def wait_for_log(self, pattern):
        """Waits for a line that matches and returns the match."""
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            found = re.search(pattern, self.logged())
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"no line {pattern!r} in the log:\n{self.logged()}")

    def web(self):
        """The web process, found from the process that was started."""
        pid = self.process.pid
        while not os.path.samefile(f"/proc/{pid}/exe", self.program):
            pid = children(pid)[0]
        return pid

    def pids(self):
        """(web, collector)"""
        web = self.web()
        return web, children(web)[0]

    def connect(self, timeout=30, source=None):
        """A connected TCP socket, from this address if one is given."""
        host = self.host
        if host == "::":
            host = "::1" if ":" in (source or "") else "127.0.0.1"
        sock = self.namespace.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        sock.settimeout(timeout)
        if source:
            sock.bind((source, 0))
        sock.connect((host, self.port))
        return sock

    def request(self, path="/metrics", method="GET", headers=None, body=None, timeout=30):
        connection = http.client.HTTPConnection("exporter", timeout=timeout)
        connection.sock = self.connect(timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def metrics(self, path="/metrics"):
        answer = self.request(path)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}: {answer.text}")
        return Metrics(answer.text)

    def stop(self, number=signal.SIGTERM):
        """Ends it, if it still runs, and returns its exit code."""
        if self.process.poll() is None:
            os.kill(self.web(), number)
        try:
            return self.process.wait(timeout=START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self):
        """Ends at once what was started and what that started."""
        pids = [self.process.pid]
        for pid in pids:
            try:
                pids += children(pid)
            except (FileNotFoundError, ProcessLookupError):
                pass
        for pid in pids if self.process.poll() is None else ():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def __exit__(self, kind, *_):
        code, log = self.stop(), self.logged()
        self.log.close()
        check_sanitizers(log)
        if kind is None and self.expect_exit not in (None, code):
            raise AssertionError(f"exit code {code}, not {self.expect_exit}; log:\n{log}")


def has_landlock():
    """Whether this kernel has it switched on: it tells its version."""
    return _libc.syscall(444, None, ctypes.c_size_t(0), 1) > 0


def children(pid):
    """The processes that a process with one thread has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def check_sanitizers(log):
    """Fails when a sanitizer reported anything there."""
    if "ERROR: " in log or "runtime error" in log:
        raise AssertionError(f"a sanitizer reports:\n{log}")


def free_port(namespace):
    """A port of 127.0.0.1 that nothing has now."""
    with namespace.socket(socket.AF_INET) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_until(condition, seconds, what):
    """Waits for the condition to hold and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


class TestCase(unittest.TestCase):
    """A test case with namespaces and exporters that end with it."""

    maxDiff = None
    classes = []  # those that entered something

    def run(self, result=None):
        try:
            return super().run(result)
        except BaseException:
            self.doCleanups()  # unittest does not, when a signal ends it
            raise

    @staticmethod
    @atexit.register
    def leave_classes():
        """Likewise what classes entered."""
        for entered in TestCase.classes:
            entered.doClassCleanups()

    def enter(self, context):
        """Enters a context that is left at the end of the test; its errors count."""
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    @classmethod
    def enter_class(cls, context):
        """Enters a context that is left behind the last test of the class."""
        TestCase.classes.append(cls)
        value = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        return value

    def exporter(self, *flags, namespace=None, **kwargs):
        """A running exporter, in a namespace of its own if none is given."""
        return self.enter(Exporter(namespace or self.enter(Namespace()), *flags, **kwargs))


def main():
    """Runs the tests of the importing file; exits with 77 when all of them were skipped.

    SIGTERM ends it as ^C does: what is entered is left, namespaces and limits are as they were.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    result = unittest.main(verbosity=2, exit=False).result
    skipped = sum(isinstance(test, unittest.TestCase) for test, _ in result.skipped)
    if result.skipped and result.wasSuccessful() and result.testsRun == skipped:
        sys.exit(SKIP)
    sys.exit(0 if result.wasSuccessful() else 1)
