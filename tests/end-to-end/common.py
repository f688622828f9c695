# SPDX-License-Identifier: GPL-2.0-or-later
"""What the end-to-end tests share beyond testlib: raw HTTP, a look at processes, what moves between two scrapes."""

import contextlib
import json
import os
import re
import select
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import testlib  # pylint: disable=wrong-import-position
from testlib import TestCase, wait_until  # pylint: disable=wrong-import-position,unused-import

COLLECTORS = ("table", "stat", "flows", "correlation", "sockets", "netstat", "ports", "settings")
TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
ACCEPT_OPENMETRICS = "application/openmetrics-text; version=1.0.0"

# Families whose values move although nothing in the namespace does but the scrape.
MOVING = re.compile(r"^(process_\w+|conntrack_scrape_collector_duration_seconds|conntrack_walk_duration_seconds|"
                    r"conntrack_walk_timestamp_seconds|conntrack_file_handles|conntrack_tcp_memory_bytes|"
                    r"conntrack_tcp_sockets_orphaned|conntrack_tcp_(?:active|passive)_opens_total)$")


def _build_options():
    with open(os.path.join(testlib.BUILD, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as options:
        return {option["name"]: option["value"] for option in json.load(options)}


_OPTIONS = _build_options()
SECCOMP = _OPTIONS["seccomp"]
SANITIZED = _OPTIONS["b_sanitize"] != "none"


def successes(metrics):
    """{collector: success} of an exposition."""
    return {dict(labels)["collector"]: value for (name, labels), value in metrics.samples.items()
            if name == "conntrack_scrape_collector_success"}


def still(text):
    """The lines of an exposition without the samples that move by themselves."""
    return [line for line in text.splitlines()
            if line.startswith("#") or not MOVING.match(re.split(r"[{ ]", line, maxsplit=1)[0])]


# Processes


def status(pid):
    """The fields of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def gone(pid):
    """Whether the process has ended; nobody may have waited for it yet."""
    try:
        return status(pid)["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


def descriptors(pid):
    """{number: target} of a process."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
    return found


def socket_inodes(pid):
    """The inodes of the sockets a process holds."""
    return {int(target[8:-1]) for target in descriptors(pid).values() if target.startswith("socket:[")}


def table_inodes(pid, *tables):
    """The inodes in tables of /proc/PID/net, which shows the process' network namespace."""
    column = {"tcp": 9, "tcp6": 9, "udp": 9, "udp6": 9, "raw": 9, "raw6": 9, "netlink": 9, "unix": 6, "packet": 8}
    found = set()
    for table in tables:
        with open(f"/proc/{pid}/net/{table}", encoding="utf-8") as file:
            found |= {int(line.split()[column[table]]) for line in file.readlines()[1:]}
    return found


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@contextlib.contextmanager
def stopped(pid):
    """The process stands still in the with block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        # Beside strace it is "t (tracing stop)".
        wait_until(lambda: status(pid)["State"].upper().startswith("T"), 5, "SIGSTOP took effect")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


# Raw HTTP


class Reply:
    """One answer, taken apart by hand: nothing of it is repaired."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.version, code, self.reason = lines[0].split(" ", 2)
        self.status = int(code)
        self.pairs = [tuple(line.split(": ", 1)) for line in lines[1:]]
        self.headers = {name.lower(): value for name, value in self.pairs}
        self.body = body

    @property
    def text(self):
        return self.body.decode()


class Wire:
    """One connection on which bytes go out and answers come in."""

    def __init__(self, exporter, timeout=10, source=None):
        self.socket = exporter.connect(timeout, source)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def get(self, path, *headers, version="1.1", method="GET"):
        """Sends a request without a body."""
        lines = [f"{method} {path} HTTP/{version}", "Host: exporter", *headers, "", ""]
        return self.send("\r\n".join(lines).encode("latin-1"))

    def _more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return data

    def reply(self, head=False):
        """The next answer; EOFError when the connection closes before its end."""
        while b"\r\n\r\n" not in self.buffer:
            if not self._more():
                raise EOFError(self.buffer)
        top, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        reply = Reply(top, b"")
        length = 0 if head else int(reply.headers["content-length"])
        while len(self.buffer) < length:
            if not self._more():
                raise EOFError(top + self.buffer)
        reply.body, self.buffer = self.buffer[:length], self.buffer[length:]
        return reply

    def ask(self, path, *headers, **kwargs):
        """Sends a request and returns its answer."""
        return self.get(path, *headers, **kwargs).reply(head=kwargs.get("method") == "HEAD")

    def rest(self):
        """All that still comes until the other side closes; TimeoutError when it does not."""
        with contextlib.suppress(ConnectionResetError):
            while self._more():
                pass
        rest, self.buffer = self.buffer, b""
        return rest

    def closed(self):
        """Whether the other side closes, without another byte."""
        return self.rest() == b""

    def silent(self, seconds=0.2):
        """Whether nothing arrives, not even the end, in so many seconds."""
        return not self.buffer and not select.select([self.socket], [], [], seconds)[0]


def add_flow(namespace, protocol, source, destination):
    """Puts a flow that stays into the namespace's table."""
    state = ["--state", "ESTABLISHED"] if protocol == "tcp" else []
    namespace.run("conntrack", "-I", "-p", protocol, "-s", source, "-d", destination, "--sport", "1000", "--dport",
                  "2000", "-t", "100000", *state)
