# SPDX-License-Identifier: GPL-2.0-or-later
"""The limits of HTTP are hit on purpose: the counter moves by exactly that, no other does, and who does no harm is served.

Those of rate and logins are hit in logins.py. That of idle time is hit in tests/unit/connection.c: here it would take more
than five minutes.
"""

import contextlib
import socket
import time

from common import COLLECTORS, TestCase, Wire, stopped, successes, testlib, wait_until

ALL_1 = dict.fromkeys(COLLECTORS, 1)
HITS = "conntrack_exporter_http_limit_hits_total"
LIMITS = {"header_size", "body", "connections", "connections_per_address", "idle_time", "request_time", "requests", "rate",
          "login"}
CONNECTIONS_MAX = 512
PER_ADDRESS_MAX = 64
REQUEST_TIMEOUT_S = 10
REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: e\r\n\r\n"


class Limited(TestCase):
    flags = ("--web.listen-address=[::]:0",)

    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())
        self.it = self.exporter(*self.flags, namespace=self.namespace)
        # A scraper that keeps its connection, from an address that nobody else has.
        self.scraper = self.from_address("127.0.1.1")
        self.before = self.hits()

    def from_address(self, address):
        return self.enter(Wire(self.it, source=address))

    def scrape(self):
        """The scraper's, always on the same connection."""
        metrics = testlib.Metrics(self.scraper.ask("/metrics").text)
        self.assertEqual(successes(metrics), ALL_1)
        return metrics

    def hits(self):
        return {dict(labels)["limit"]: value for (name, labels), value in self.scrape().samples.items() if name == HITS}

    def check_hits(self, **moved):
        """So much each counter moved since the beginning of the test, and no other did."""
        def now():
            hits = self.hits()
            self.assertEqual(set(hits), LIMITS)
            return {name: hits[name] - self.before[name] for name in LIMITS if hits[name] != self.before[name]}

        # Connections that are there are accepted some at a time.
        with contextlib.suppress(AssertionError):
            wait_until(lambda: now() == moved, 5, moved)
        self.assertEqual(now(), moved)

    def check_refused(self, data, status):
        """status None: the connection ends without an answer."""
        with self.from_address("127.0.0.9") as wire:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                wire.send(data)
            try:
                answer = wire.reply().status
            except (EOFError, ConnectionResetError):
                answer = None
            self.assertEqual(answer, status, data[:60])

    @staticmethod
    def is_open(wire):
        """Whether it is, asked by a request."""
        try:
            return wire.ask("/-/healthy").status == 200
        except (EOFError, BrokenPipeError, ConnectionResetError):
            return False


class Limits(Limited):
    # Size

    def test_headers(self):
        head = b"GET /metrics HTTP/1.1\r\nHost: e\r\n"
        refused = ((b"GET /" + b"a" * 17000 + b" HTTP/1.1\r\nHost: e\r\n\r\n", 414),
                   (b"GET /metrics?" + b"a&" * 10000 + b" HTTP/1.1\r\nHost: e\r\n\r\n", 414),
                   (head + b"X: " + b"a" * 17000 + b"\r\n\r\n", 431),
                   (head + b"A: b\r\n" * 300 + b"\r\n", 431),
                   (head + b"Cookie: " + b"a=b;" * 500 + b"\r\n\r\n", None),
                   # What the library takes for parameters, though the text ends before them.
                   (b"GET /\0?" + b"a&" * 300 + b" HTTP/1.1\r\nHost: e\r\n\r\n", None))
        for number, (data, status) in enumerate(refused, 1):
            self.check_refused(data, status)
            self.check_hits(header_size=number)

    def test_parameters(self):
        """However many: what fits is read."""
        for count in (100, 300, 7000):
            with self.from_address("127.0.0.9") as wire:
                answer = wire.ask("/metrics?" + "a&" * count + "collect[]=table&b=%")
                self.assertEqual(successes(testlib.Metrics(answer.text)), {"table": 1})
        self.check_hits()

    def test_bodies(self):
        head = b" /metrics HTTP/1.1\r\nHost: e\r\n"
        refused = ((b"GET" + head + b"Content-Length: 5\r\n\r\nhello", 400),
                   (b"GET" + head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 400),
                   (b"POST" + head + b"Content-Length: 5\r\n\r\nhello", 405),
                   (b"GET" + head + b"Content-Length: 99999999999999999999999\r\n\r\n", 413))
        for number, (data, status) in enumerate(refused, 1):
            self.check_refused(data, status)
            self.check_hits(body=number)

    def test_a_method_is_no_limit(self):
        self.check_refused(b"POST /metrics HTTP/1.1\r\nHost: e\r\nContent-Length: 0\r\n\r\n", 405)
        self.check_hits()

    # Number

    def test_one_address_cannot_push_out_another(self):
        """Not even by connections that bring requests."""
        other = self.from_address("127.0.0.2"), self.from_address("::1")
        self.assertTrue(all(map(self.is_open, other)))
        mine = [self.from_address("127.0.0.3") for _ in range(PER_ADDRESS_MAX)]
        self.assertTrue(all(map(self.is_open, mine)))
        self.check_hits()
        silent = [self.from_address("127.0.0.3") for _ in range(200)]
        self.check_hits(connections_per_address=200)
        self.assertTrue(all(map(self.is_open, other)))
        # Of its own, the new ones made room for each other once they had their part of the places.
        part = PER_ADDRESS_MAX // 4
        self.assertEqual([self.is_open(wire) for wire in mine], [False] * part + [True] * (PER_ADDRESS_MAX - part))
        self.assertEqual([self.is_open(wire) for wire in silent], [False] * (200 - part) + [True] * part)
        self.check_hits(connections_per_address=200)

    def test_a_network_of_ipv6_is_one_address(self):
        addresses = [f"2001:db8:{net}::{host:x}" for net in (1, 2) for host in range(1, 5)]
        self.namespace.address("lo", *(f"{address}/128" for address in addresses))
        wires = [self.from_address(addresses[number % 4]) for number in range(PER_ADDRESS_MAX + 3)]
        self.check_hits(connections_per_address=3)
        wires += [self.from_address(addresses[4]) for _ in range(PER_ADDRESS_MAX)]
        self.check_hits(connections_per_address=3)
        self.assertEqual([self.is_open(wire) for wire in wires[:5]], [False] * 3 + [True] * 2)

    def test_all_connections(self):
        """Those that never brought a request make room for others, the oldest first."""
        served = [self.from_address("127.0.0.2") for _ in range(3)]
        self.assertTrue(all(map(self.is_open, served)))
        silent = [self.from_address(f"127.0.2.{number // 60}") for number in range(CONNECTIONS_MAX + 90)]
        self.check_hits(connections=90 + 4)  # the scraper's, too
        self.assertTrue(all(map(self.is_open, served)))
        self.assertEqual([self.is_open(wire) for wire in silent[92:96]], [False, False, True, True])

    def test_those_that_wait_are_left(self):
        with stopped(self.it.pids()[1]):
            waiting = [self.from_address("127.0.0.2").get("/metrics") for _ in range(30)]
            silent = [self.from_address("127.0.0.2") for _ in range(PER_ADDRESS_MAX)]
            wait_until(lambda: self.is_open(silent[-1]), 5, "all were accepted")
        self.assertEqual({wire.reply().status for wire in waiting}, {200})
        self.check_hits(connections_per_address=30)

    # Time

    def test_a_request_and_an_answer_have_a_time_not_each_byte(self):
        reader = self.from_address("127.0.0.2")
        reader.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        reader.socket.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            reader.send(b"GET /metrics HTTP/1.1\r\nHost: e\r\n\r\n" * 5000)
        began = time.monotonic()
        silent = self.from_address("127.0.0.2")
        slow = self.from_address("127.0.0.2")
        kept = self.from_address("127.0.0.2")
        self.assertTrue(self.is_open(kept))
        for wire in (slow, kept):
            wire.send(b"GET /metrics HTTP/1.1\r\nX: ")
        self.check_hits()
        while time.monotonic() - began < REQUEST_TIMEOUT_S - 0.5:
            for wire in (slow, kept):
                wire.send(b"y")
                self.assertTrue(wire.silent(0))
            with contextlib.suppress(TimeoutError):
                reader.socket.recv(10)
            time.sleep(0.25)
        for wire in (silent, slow, kept):
            self.assertTrue(wire.closed())
        wait_until(lambda: self.hits()["request_time"] - self.before["request_time"] == 4, 5, "the answer's time is over")
        self.assertLess(time.monotonic() - began, REQUEST_TIMEOUT_S + 5)
        self.check_hits(request_time=4)

    # Requests

    def test_pipelined_requests_are_answered_one_at_a_time(self):
        wire = self.from_address("127.0.0.2")
        with stopped(self.it.pids()[1]):
            wire.send(b"GET /metrics HTTP/1.1\r\nHost: e\r\n\r\n" + REQUEST * 500)
            self.assertTrue(wire.silent())
        self.assertEqual(successes(testlib.Metrics(wire.reply().text)), ALL_1)
        for _ in range(500):
            self.assertEqual(wire.reply().text, "Healthy\n")
        self.assertTrue(wire.silent(0))
        self.check_hits()


class Listeners(Limited):
    """As many as there may be."""
    ports = range(9001, 9017)
    flags = tuple(f"--web.listen-address=[::]:{port}" for port in ports)

    def test_a_turn_has_one_budget(self):
        """Many come at once, on all of them: each is let in, for one that was there before."""
        silent = [self.from_address(f"127.0.2.{number // 60}") for number in range(CONNECTIONS_MAX - 1)]
        self.check_hits()
        with stopped(self.it.web()):
            wires = []
            for number in range(PER_ADDRESS_MAX * 4):
                self.it.port = self.ports[number % len(self.ports)]
                wires.append(self.from_address(f"127.0.3.{number % 16}").send(REQUEST))
        self.assertEqual({wire.reply().status for wire in wires}, {200})
        self.check_hits(connections=len(wires))
        self.assertEqual([self.is_open(wire) for wire in (silent[0], silent[-1])], [False, True])


class Requests(Limited):
    """--web.max-requests"""

    flags = ("--web.listen-address=[::]:0", "--web.max-requests=2")

    def test_requests(self):
        with stopped(self.it.pids()[1]):
            waiting = [self.from_address("127.0.0.2").get("/metrics") for _ in range(2)]
            for _ in range(3):
                self.assertEqual(self.from_address("127.0.0.2").ask("/metrics").status, 503)
        self.assertEqual([wire.reply().status for wire in waiting], [200] * 2)
        self.check_hits(requests=3)

    def waiting(self, address):
        """Who has asked and waits."""
        wire = self.from_address(address).get("/metrics")
        self.assertEqual(self.it.request("/-/healthy").status, 200)
        return wire

    def test_one_address_leaves_places_to_others(self):
        with stopped(self.it.pids()[1]):
            first, second, other = (self.waiting(f"127.0.0.{number}") for number in (2, 2, 3))
            self.assertEqual(second.reply().status, 503)
            self.assertEqual(self.from_address("127.0.0.3").ask("/metrics").status, 503)
            self.assertEqual(self.from_address("127.0.0.4").ask("/metrics").status, 503)
        self.assertEqual([wire.reply().status for wire in (first, other)], [200] * 2)
        self.check_hits(requests=3)


if __name__ == "__main__":
    testlib.main()
