# SPDX-License-Identifier: GPL-2.0-or-later
"""Both processes of a server without memory and descriptors, with partners that stop or die, and clients that go."""

import contextlib
import errno
import json
import os
import signal
import socket
import struct
import time

from faults import (CHILD, FIRST, FOREVER, Client, Host, Plan, SANITIZED, SEED, TestCase, Truth, chosen, descriptors,
                    settle, gone, status, successes, testlib, wait_until)

MOST = 10
BOUND_S = 12
# What syscalls.c asks for before a filter is made; nothing else is as large.
FILTER_ROOM = 1 << 20
PATHS = ("/metrics", "/", "/talkers", "/diagnosis")
RESET = struct.pack("ii", 1, 0)


def stands_still(pid):
    return status(pid)["State"].startswith("T")


class Server(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = cls.enter_class(Host())
        cls.injected = {}

    @classmethod
    def tearDownClass(cls):
        print("\nseed", SEED, "injected:", cls.injected)

    def start(self, *flags, expect_exit=0):
        self.plan = Plan()
        self.addCleanup(self.plan.close)
        self.it = self.exporter("--collector.flows.min-interval=0s", *flags, namespace=self.host.namespace,
                                prefix=self.plan.prefix, expect_exit=expect_exit)
        return self.it

    def count(self, what):
        self.injected[what] = self.injected.get(what, 0) + 1

    def ask(self, path):
        """The answer on a connection of its own, or None when it was closed; and no trace of it is left."""
        client = Client(self.it, timeout=BOUND_S)
        try:
            return client.get(path)
        finally:
            client.close()

    def holds(self):
        pids = self.it.pids()
        return [len(descriptors(pid)) for pid in pids], None if SANITIZED else [self.plan.live(role) for role in (FIRST, CHILD)]

    def body(self, path, answer):
        if path == "/metrics":
            self.assertEqual(self.truth.wrong(testlib.Metrics(answer.text)), [])
        elif path == "/":
            self.assertIn("</html>", answer.text)
        else:
            self.assertIsInstance(json.loads(answer.text), dict)

    def inject(self, role, path, nth, last=None):
        with self.subTest(role=role, path=path, nth=nth, last=last):
            self.plan.arm(role, "alloc", nth, error=errno.ENOMEM, last=last)
            answer = self.ask(path)
            if self.plan.disarm(role, "alloc")[1]:
                self.count(f"{path} alloc {'web' if role == FIRST else 'collector'}")
            if answer and answer.status == 200:
                self.body(path, answer)
            elif answer:
                self.assertIn(answer.status, (500, 503))
            self.assertIsNone(self.it.process.poll(), self.it.logged())
            answer = self.ask(path)
            self.assertEqual(answer.status, 200)
            self.body(path, answer)

    def test_no_memory(self):
        if SANITIZED:
            self.skipTest("the sanitizer has its own malloc()")
        self.start()
        self.truth = Truth(lambda query: testlib.Metrics(self.ask("/metrics" + query).text))
        for path in PATHS:
            self.assertEqual(self.ask(path).status, 200)
        # The first diagnosis leaves looks that later ones use.
        time.sleep(1.2)
        self.assertEqual(self.ask("/diagnosis").status, 200)
        before = settle(self.holds)
        for path in PATHS:
            for role in (FIRST, CHILD):
                self.plan.disarm(role, "alloc")
                self.ask(path)
                settle(self.holds)
                for nth in chosen(self.plan.disarm(role, "alloc")[0], MOST):
                    self.inject(role, path, nth)
                self.inject(role, path, 2, last=FOREVER)
        self.assertEqual(settle(self.holds)[0], before[0])
        if not SANITIZED:
            # Parts of a survey and looks that others asked for are kept for a while; no more than that.
            for now, was in zip(settle(self.holds)[1], before[1]):
                self.assertLessEqual(abs(now - was), 8)

    def test_no_memory_for_the_filter(self):
        """Without what libseccomp needs it is not begun, and the log says so: it would crash, or never end."""
        if SANITIZED:
            self.skipTest("this build has no filter")
        for role, who in ((FIRST, "Web"), (CHILD, "Collector")):
            with self.subTest(who):
                plan = self.enter(contextlib.closing(Plan()))
                plan.arm(role, "alloc", 1, error=errno.ENOMEM, argument=FILTER_ROOM)
                self.it = self.exporter(namespace=self.host.namespace, prefix=plan.prefix)
                self.assertEqual(set(successes(testlib.Metrics(self.ask("/metrics").text)).values()), {1})
                self.assertEqual(plan.disarm(role, "alloc")[1], 1)
                self.assertEqual([status(pid)["Seccomp"] for pid in self.it.pids()], ["0", "2"] if role == FIRST else ["2", "0"])
                self.assertIn(f'level=WARN msg="{who} process runs without a system call filter" err="Cannot allocate memory"',
                              self.it.logged())
                self.count("filter")

    def test_calls_of_the_web_process(self):
        """The connection may be lost; the process and the next client are not."""
        self.start()
        self.assertEqual(self.ask("/metrics").status, 200)
        before = settle(self.holds)
        for call, errors in (("accept", (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.EINTR, errno.ENOBUFS)),
                             ("recv", (errno.EINTR, errno.ECONNRESET, errno.ENOMEM)),
                             ("sendmsg", (errno.EINTR, errno.EPIPE, errno.ENOBUFS)),
                             ("epoll_wait", (errno.EINTR,)), ("epoll_ctl", (errno.ENOMEM, errno.ENOSPC)),
                             ("getsockopt", (errno.ENOPROTOOPT, errno.ENOBUFS)), ("setsockopt", (errno.ENOMEM,)),
                             ("getsockname", (errno.ENOBUFS,)), ("pread", (errno.EIO,)), ("readdir", (errno.EIO,)),
                             ("send", (errno.EINTR,))):
            for error in errors:
                for nth in (1, 2):
                    if call == "recv" and error != errno.EINTR and nth == 2:
                        continue  # that is the channel, or it may be
                    with self.subTest(call=call, nth=nth, error=errno.errorcode[error]):
                        self.plan.arm(FIRST, call, nth, error=error)
                        self.ask("/-/healthy" if call == "recv" and error != errno.EINTR else "/metrics")
                        if self.plan.disarm(FIRST, call)[1]:
                            self.count(f"web {call}")
                        self.assertIsNone(self.it.process.poll(), self.it.logged())
                        self.assertEqual(self.ask("/metrics").status, 200)
        with self.subTest("storm"):
            self.plan.arm(FIRST, "epoll_wait", 1, error=errno.EINTR, last=1000)
            self.assertEqual(self.ask("/metrics").status, 200)
        self.assertEqual(settle(self.holds), before)

    def test_killed_at_every_call(self):
        """Whenever the collector process dies, the other one says how, and exits with 1."""
        self.start()
        self.plan.disarm(CHILD, "any")
        self.ask("/metrics")
        total = self.plan.disarm(CHILD, "any")[0]
        self.it.stop()
        for nth in chosen(total, 4) if total else ():
            with self.subTest(nth=nth):
                it = self.start(expect_exit=1)
                self.plan.arm(CHILD, "any", nth, action="kill")
                answer = self.ask("/metrics")
                self.count("collector killed")
                self.assertIn(answer and answer.status, (None, 200, 500, 503))
                self.assertEqual(it.process.wait(timeout=5), 1)
                self.assertEqual(it.logged().count('how="signal 9 (Killed)"'), 1)

    def test_stopped_at_some_calls(self):
        """While it stands still others are served, and when it goes on, so does all."""
        it = self.start()
        self.ask("/metrics")
        collector = it.pids()[1]
        calls = ("recvmsg", "read", "send")
        for call in calls:
            self.plan.disarm(CHILD, call)
        self.ask("/metrics")
        counts = [(call, self.plan.disarm(CHILD, call)[0]) for call in calls]
        for call, nth in sorted({(call, nth) for call, count in counts for nth in (1, count // 2, count) if nth}):
            with self.subTest(call=call, nth=nth):
                self.plan.arm(CHILD, call, nth, action="stop")
                client = self.enter(contextlib.closing(Client(it)))
                sock = it.connect()
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: e\r\n\r\n")
                wait_until(lambda: stands_still(collector), 5, "it stopped")
                self.assertEqual(client.get("/-/healthy").status, 200)
                # The one who asked goes, with a reset; then it goes on.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                sock.close()
                self.plan.disarm(CHILD, call)
                os.kill(collector, signal.SIGCONT)
                self.assertEqual(set(successes(client.metrics()).values()), {1})
                self.count("collector stopped")

    def test_clients_that_go(self):
        it = self.start()
        self.assertEqual(self.ask("/metrics").status, 200)
        before = settle(self.holds)
        collector = it.pids()[1]
        for linger in (True, False):
            for path in PATHS:
                self.plan.arm(CHILD, "recvmsg", 1, action="stop")
                sock = it.connect()
                sock.sendall(f"GET {path} HTTP/1.1\r\nHost: e\r\n\r\n".encode())
                wait_until(lambda: stands_still(collector), 12, "it stopped")
                if linger:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                sock.close()
                self.plan.disarm(CHILD, "recvmsg")
                os.kill(collector, signal.SIGCONT)
                self.count("client gone")
                self.assertEqual(self.ask("/-/healthy").status, 200)
                wait_until(lambda: descriptors(it.web()).keys() and self.holds()[0] == before[0], 8, "descriptors given back")
        self.assertEqual(self.ask("/metrics").status, 200)

    def test_log_that_fails(self):
        it = self.start("--log.level=debug")
        for error in (errno.EPIPE, errno.EAGAIN, errno.ENOSPC, errno.EINTR):
            for role in (FIRST, CHILD):
                self.plan.arm(role, "write", 1, error=error, last=FOREVER)
            self.plan.arm(CHILD, "recvmsg", 1, error=errno.EIO, last=FOREVER)
            self.assertEqual(self.ask("/metrics").status, 200)
            self.plan.disarm(CHILD, "recvmsg")
            self.assertEqual(self.ask("/metrics").status, 200)
            self.count("log")
            for role in (FIRST, CHILD):
                self.plan.disarm(role, "write")
        self.assertIsNone(it.process.poll())


if __name__ == "__main__":
    testlib.need("conntrack")
    testlib.main()
