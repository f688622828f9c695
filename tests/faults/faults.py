# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of faults share: the plan of inject.c, and what an answer may look like while something fails."""

import contextlib
import http.client
import mmap
import os
import random
import re
import socket
import struct
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "end-to-end"))

from common import (COLLECTORS, MOVING, SANITIZED, TestCase, descriptors, gone, resident_bytes,  # pylint: disable=wrong-import-position,unused-import
                    status, successes, testlib, wait_until)

INJECT = os.path.join(testlib.BUILD, "tests", "faults", "inject.so")
ALL = os.environ.get("FAULTS_ALL") == "1"
FIRST, CHILD = 0, 1  # the roles: the web process or a command, and the collector process
SLOT = struct.Struct("<QQQQiIQqQ")
FILES = struct.Struct("128s")
FOREVER = 2**64 - 1


def _names(kind):
    """The names of an enum of inject.h in the order of their numbers."""
    with open(os.path.join(TOP, "faults", "inject.h"), encoding="utf-8") as file:
        return [name.lower() for name in re.findall(rf"^\t{kind}_(\w+),", file.read(), re.M)]


CALLS, ACTIONS = _names("CALL"), _names("ACTION")


def _sanitizer():
    """The sanitizer's library is to come first. It has its own malloc(), so that no allocation fails under it."""
    found = re.search(r"\S*/libasan\.so\S*", testlib.run("ldd", testlib.EXPORTER)) if SANITIZED else None
    return found.group() + ":" if found else ""


class Plan:
    """The file that the exporter shares with this test while it runs with inject.so."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="faults-plan-")
        self.file.truncate(2 * (SLOT.size * len(CALLS) + FILES.size))
        self.map = mmap.mmap(self.file.fileno(), 0)
        os.chmod(self.file.name, 0o666)
        # The exporter alone is to have it, not what starts it.
        self.prefix = ["env", f"LD_PRELOAD={_sanitizer()}{INJECT}", f"INJECT_FILE={self.file.name}"]

    def close(self):
        self.map.close()
        self.file.close()

    def _at(self, role, call):
        return (role * len(CALLS) + CALLS.index(call)) * SLOT.size

    def only(self, role, file):
        """From now on, of the calls that open files, only those of paths like this one count and fail; "": all."""
        FILES.pack_into(self.map, 2 * SLOT.size * len(CALLS) + role * FILES.size, file.encode())

    def get(self, role, call):
        """(count, hits, live)"""
        slot = SLOT.unpack_from(self.map, self._at(role, call))
        return slot[0], slot[1], slot[7]

    def live(self, role):
        return self.get(role, "alloc")[2]

    def arm(self, role, call, nth, action="fail", error=0, argument=0, last=None):
        """From now on, the nth call of this name fails, or those from the nth to the last one; the count begins anew."""
        live = self.get(role, call)[2]
        SLOT.pack_into(self.map, self._at(role, call), 0, 0, nth, last or nth, error, ACTIONS.index(action), argument, live, 0)

    def disarm(self, role, call):
        """Returns how many calls there were and how many of them were hit, since it was armed."""
        count, hits, live = self.get(role, call)
        SLOT.pack_into(self.map, self._at(role, call), 0, 0, 0, 0, 0, 0, 0, live, 0)
        return count, hits


# The host has one limit for all its namespaces, and other tests raise it. What could not be taken in is counted.
MAY_MOVE = {"conntrack_entries_limit", "conntrack_exporter_http_limit_hits_total"}
# Families of which each sample has a source of its own.
SINGLE = {"conntrack_timeout_seconds", "conntrack_setting", "conntrack_tracking_active"}
# Those whose rows of one address family are read together.
ROWS = {"conntrack_tcp_sockets", "conntrack_udp_sockets"}
# README: absent when it cannot be told, which is no failure.
MAY_LACK = {"conntrack_tracking_active"}
# Those that also look for what this kernel does not have: a failure there lacks nothing.
MAY_FAIL = {"settings", "sockets"}
ABOUT_US = re.compile(r"^(process_|conntrack_exporter_|conntrack_scrape_)")


def _group(key):
    """What of a family is there as a whole or not at all."""
    name, labels = key
    if name in SINGLE:
        return key
    return (name, dict(labels)["family"]) if name in ROWS else name


class Truth:
    """What a clean run says of a host on which nothing moves."""

    def __init__(self, ask):
        """ask(query) returns the Metrics of a scrape with this query."""
        self.clean = ask("")
        self.owner = {}
        for collector in COLLECTORS:
            for name in ask(f"?collect[]={collector}").names():
                if not ABOUT_US.match(name):
                    self.owner[name] = collector
        self.groups = {}
        for key in self.clean.samples:
            self.groups.setdefault(_group(key), set()).add(key)

    def _moves(self, key, scaled):
        name = key[0]
        return bool(MOVING.match(name)) or name in MAY_MOVE or name == "conntrack_scrape_collector_success" or (
            scaled and self.owner.get(name) in ("flows", "correlation"))

    def _changed_values(self, metrics, scaled):
        found = []
        for key, value in metrics.samples.items():
            if key not in self.clean.samples:
                found.append(f"new: {key}")
            elif value != self.clean.samples[key] and not self._moves(key, scaled):
                found.append(f"{key[0]}{dict(key[1])} is {value}, not {self.clean.samples[key]}")
        return found

    def wrong(self, metrics):
        """What is wrong with an answer that was given while something failed."""
        scaled = metrics.get("conntrack_walk_complete") == 0
        found = self._changed_values(metrics, scaled)
        lacking = set()
        for group, keys in self.groups.items():
            there = keys & metrics.samples.keys()
            if there and there != keys:
                found.append(f"{group} is not whole")
            if len(there) < len(keys) and not isinstance(group, tuple):
                lacking.add(self.owner.get(group))
            elif len(there) < len(keys) and group[0] not in MAY_LACK:
                lacking.add(self.owner.get(group[0]))
        for collector, success in successes(metrics).items():
            if success != (collector not in lacking) and not (success == 0 and collector in MAY_FAIL):
                found.append(f"success of {collector} is {success}, lacking: {collector in lacking}")
        if scaled and metrics.sum("conntrack_flows") != self.clean.sum("conntrack_flows"):
            found.append(f"scaled to {metrics.sum('conntrack_flows')} flows")
        return found

    def changed(self, metrics):
        """What differs from the clean run, of an answer that must not."""
        return self.wrong(metrics) + [f"{key[0]}{dict(key[1])} is absent" for key in self.absent(metrics)]

    def absent(self, metrics):
        """The keys of what a clean run says and this answer does not."""
        return self.clean.samples.keys() - metrics.samples.keys()

    def lacks(self, metrics, absent, failed):
        """What differs from the clean run beyond this: these keys are absent, and these collectors have no success."""
        found = self._changed_values(metrics, False)
        found += [f"{key} is absent" for key in self.absent(metrics) - absent]
        found += [f"{key} is there" for key in absent - self.absent(metrics)]
        expected = {collector: int(collector not in failed) for collector in COLLECTORS}
        return found + [f"success: {successes(metrics)}"] * (successes(metrics) != expected)


def settle(holds):
    """What holds() returns when nobody asks."""
    last = None
    for _ in range(100):
        now = holds()
        if now == last:
            return now
        last = now
        time.sleep(0.03)
    raise AssertionError(f"never the same twice: {now}")


def chosen(total, most):
    """Which of so many calls are to fail: all of them, or by default a sample."""
    most = most // 3 + 1 if SANITIZED else most
    if ALL or total <= most:
        return range(1, total + 1)
    return sorted(RANDOM.sample(range(1, total + 1), most))


def some(errors):
    """Likewise, of errnos."""
    return errors if ALL else RANDOM.sample(errors, min(2, len(errors)))


SEED = int(os.environ.get("FAULTS_SEED", random.randrange(2**32)))
RANDOM = random.Random(SEED)


class Host:
    """A network namespace with a few flows and sockets, among them one pair that belongs together."""

    def __init__(self):
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        self.namespace = self.stack.enter_context(testlib.Namespace())
        server = self.stack.enter_context(self.namespace.socket())
        # No ephemeral port: seen from there, a client of the exporter that has the port of this one would be a second.
        server.bind(("127.0.0.1", 1000))
        server.listen()
        client = self.stack.enter_context(self.namespace.socket())
        client.connect(server.getsockname())
        self.stack.enter_context(server.accept()[0])
        self._flow("tcp", client.getsockname(), server.getsockname(), "--state", "ESTABLISHED", "-u", "SEEN_REPLY,ASSURED")
        self._flow("tcp", ("10.1.0.1", 4000), ("10.2.0.1", 443), "--state", "ESTABLISHED", "-u", "SEEN_REPLY,ASSURED")
        self._flow("tcp", ("127.0.0.1", 4001), ("10.2.0.1", 443), "--state", "ESTABLISHED", "-u", "SEEN_REPLY,ASSURED")
        self._flow("tcp", ("10.1.0.3", 4002), ("10.2.0.1", 80), "--state", "SYN_SENT")
        for i in range(4):
            self._flow("udp", (f"10.3.0.{i}", 5000), ("10.2.0.2", 53))
        self._flow("udp", ("2001:db8::1", 5000), ("2001:db8::2", 53))
        return self

    def _flow(self, protocol, source, destination, *options):
        self.namespace.run("conntrack", "-I", "-p", protocol, "-s", source[0], "-d", destination[0], "--sport",
                           str(source[1]), "--dport", str(destination[1]), "-t", "100000", *options)

    def __exit__(self, *error):
        return self.stack.__exit__(*error)


class Client:
    """One connection that stays: each new one would be counted."""

    def __init__(self, exporter, timeout=30, context=None):
        """With a context of ssl, over TLS."""
        self.exporter, self.timeout, self.context, self.connection = exporter, timeout, context, None

    def connect(self):
        self.connection = http.client.HTTPConnection("exporter", timeout=self.timeout)
        self.connection.sock = self.exporter.connect(self.timeout)
        # No TIME_WAIT is left, which would be counted as well.
        self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self.context:
            self.connection.sock = self.context.wrap_socket(self.connection.sock, server_hostname="localhost")

    def get(self, path, headers=None):
        """None when the connection was closed."""
        try:
            if not self.connection:
                self.connect()
            self.connection.request("GET", path, headers=headers or {})
            return testlib.Answer(self.connection.getresponse())
        except (OSError, http.client.HTTPException):
            self.close()
            return None

    def metrics(self, path="/metrics"):
        answer = self.get(path)
        if not answer or answer.status != 200:
            raise AssertionError(f"{path}: {answer and (answer.status, answer.text)}")
        return testlib.Metrics(answer.text)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None
