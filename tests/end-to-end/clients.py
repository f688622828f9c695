# SPDX-License-Identifier: GPL-2.0-or-later
"""Many clients, slow clients, clients that leave: what they hold is bounded and given back."""

import contextlib
import resource
import socket
import struct
import time

from common import (COLLECTORS, SANITIZED, TestCase, Wire, descriptors, resident_bytes, stopped, successes, testlib,
                    wait_until)

ALL_1 = dict.fromkeys(COLLECTORS, 1)
CONNECTIONS_MAX = 512
MARGIN = 200
MIB = 1 << 20
CLIENTS = 3000


class Clients(TestCase):
    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < CLIENTS + 100:
            cls.skipTest(cls, f"only {hard} open files are allowed here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def setUp(self):
        self.it = self.exporter()
        self.web, self.collector = self.it.pids()
        # The first scrape has what stays allocated.
        self.it.metrics()
        self.before = self.settled()

    def settled(self):
        """Descriptors of the web process when no connection is left."""
        wait_until(lambda: not self.connected(), 5, "connections ended")
        return len(descriptors(self.web))

    def connected(self):
        text = self.it.namespace.run("ss", "-Htn", "state", "connected", "exclude", "time-wait",
                                     f"( sport = :{self.it.port} )")
        return text.split("\n")[:-1]

    def check_scrape(self):
        started = time.monotonic()
        self.assertEqual(successes(self.it.metrics()), ALL_1)
        self.assertLess(time.monotonic() - started, 1)

    def check_given_back(self):
        wait_until(lambda: len(descriptors(self.web)) == self.before, 15,
                   f"the web process has {self.before} descriptors again")

    def clients(self, number):
        """From so many addresses that none has too many of them."""
        for client in range(number):
            sock = self.it.connect(source=f"127.1.{client // 50}.1")
            self.addCleanup(sock.close)
            yield sock

    def test_thousands_of_idle_and_slow_clients(self):
        memory = resident_bytes(self.web)
        beginnings = (b"", b"G", b"GET /metrics HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\nHost: e\r\nX: " + b"y" * 1000)
        reader = Wire(self.it)
        self.addCleanup(reader.socket.close)
        reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        reader.get("/metrics")
        held, most = [], 0
        for number, sock in enumerate(self.clients(CLIENTS)):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(beginnings[number % len(beginnings)])
            held.append(sock)
            if number % 500 == 499:
                self.check_scrape()
                most = max(most, len(descriptors(self.web)))
        self.check_scrape()
        most = max(most, len(descriptors(self.web)))
        self.assertGreaterEqual(most, CONNECTIONS_MAX)
        self.assertLessEqual(most, CONNECTIONS_MAX + MARGIN)
        self.assertLess(resident_bytes(self.web) - memory, (64 if SANITIZED else 16) * MIB)
        for sock in held:
            sock.close()
        reader.socket.close()
        self.check_given_back()
        self.check_scrape()

    def test_the_newest_clients_are_served(self):
        """Those that do nothing make room: the oldest first."""
        held = list(self.clients(CONNECTIONS_MAX + 100))
        for sock in held[-400:]:
            sock.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n")
        for sock in held[-400:]:
            self.assertTrue(sock.recv(15).startswith(b"HTTP/1.1 200 OK"))

    def test_a_client_that_asks_and_does_not_read(self):
        memory = resident_bytes(self.web)
        readers = list(self.clients(20))
        for sock in readers:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            sock.settimeout(0.05)
            with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
                sock.sendall(b"GET /metrics HTTP/1.1\r\nHost: e\r\n\r\n" * 5000)
        self.check_scrape()
        self.assertLess(resident_bytes(self.web) - memory, (64 if SANITIZED else 16) * MIB)
        for sock in readers:
            sock.close()
        self.check_given_back()

    def test_clients_that_leave_while_their_scrape_waits(self):
        for kind in ("close", "reset"):
            for _ in range(10):
                with stopped(self.collector):
                    wires = [Wire(self.it).get("/metrics") for _ in range(20)]
                    self.assertEqual(self.it.request("/-/healthy").text, "Healthy\n")
                    for wire in wires:
                        if kind == "reset":
                            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        wire.socket.close()
                self.check_scrape()
            self.check_given_back()

    def test_clients_that_leave_in_the_middle_of_a_request(self):
        other = Wire(self.it).send(b"GET /metrics HTTP/1.1\r\nHost: e\r\n")
        self.addCleanup(other.socket.close)
        for data in (b"GET /metri", b"GET /metrics HTTP/1.1\r\nHost: e\r\n"):
            for _ in range(20):
                Wire(self.it).send(data).socket.close()
        self.check_scrape()
        other.socket.close()
        self.check_given_back()

    def test_clients_that_leave_behind_their_request(self):
        other = Wire(self.it).send(b"GET /metrics HTTP/1.1\r\nHost: e\r\n")
        for _ in range(20):
            Wire(self.it).get("/-/healthy").socket.close()
            Wire(self.it).get("/metrics").socket.close()
        self.check_scrape()
        other.socket.close()
        self.check_given_back()

    def test_hundreds_of_requests_leave_nothing_behind(self):
        memory = resident_bytes(self.web), resident_bytes(self.collector)
        for _ in range(300):
            self.it.request("/metrics?collect[]=nothing")
            self.it.request("/-/healthy")
            self.it.request("/metrics?collect[]=table")
        self.check_given_back()
        self.assertLess(resident_bytes(self.web) - memory[0], (32 if SANITIZED else 1) * MIB)
        self.assertLess(resident_bytes(self.collector) - memory[1], (32 if SANITIZED else 1) * MIB)


if __name__ == "__main__":
    testlib.need("ss")
    testlib.main()
