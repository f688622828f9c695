# SPDX-License-Identifier: GPL-2.0-or-later
"""Logins, the rate limit and headers of a web configuration: who is told what, what it costs, and what stays behind."""

import base64
import contextlib
import os
import re
import signal
import statistics
import time

from common import COLLECTORS, OPENMETRICS, SANITIZED, Wire, status, stopped, successes, testlib, wait_until
from secured import HASH, HITS, LOGIN, PASSWORD, TLS, USUAL_HASH, Secured, login

ALL_1 = dict.fromkeys(COLLECTORS, 1)
PATHS = ("/", "/metrics", "/diagnosis", "/talkers", "/-/healthy", "/-/ready", "/nothing")
HEADERS = {"Content-Security-Policy": "default-src 'none'", "X-Frame-Options": "deny", "X-Content-Type-Options": "nosniff",
           "X-XSS-Protection": "1; mode=block", "Strict-Transport-Security": "max-age=31536000"}
SET_HEADERS = "http_server_config:\n  headers:\n" + "".join(f'    {name}: "{value}"\n' for name, value in HEADERS.items())
TICKS = os.sysconf("SC_CLK_TCK")


def basic(text):
    return "Authorization: Basic " + base64.b64encode(text).decode()


def thread_ticks(pid):
    """{thread: (CPU time in ticks, nice)} of a process."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        found[int(thread)] = int(fields[11]) + int(fields[12]), int(fields[16])
    return found


class Asked(Secured):
    def check_unauthorized(self, reply, body=b"Unauthorized\n"):
        """It tells nothing of us, not even who we are."""
        self.assertEqual((reply.status, reply.body), (401, body))
        self.assertEqual(reply.headers["www-authenticate"], "Basic")
        self.assertEqual(reply.headers["content-type"], "text/plain; charset=utf-8")
        self.assertLessEqual(set(reply.headers), {"www-authenticate", "content-type", "content-length", "date", "connection",
                                                  "x-content-type-options"})
        self.assertNotRegex(repr(reply.pairs).lower(), "conntrack|microhttpd")

    def check_granted(self, it, *headers, wire=None):
        wire = wire or self.plain(it)
        self.assertEqual(wire.ask("/-/healthy", *headers).text, "Healthy\n", headers)

    def hits(self, wire, limit):
        return testlib.Metrics(wire.ask("/metrics", login()).text).get(HITS, limit=limit)


class Logins(Asked):
    def check_every_path(self, connect):
        wire = connect()
        for path in PATHS:
            self.check_unauthorized(wire.ask(path))
            self.check_unauthorized(wire.ask(path, login("wrong")))
            self.check_unauthorized(wire.ask(path, login(name="nobody")))
            self.check_unauthorized(wire.ask(path, login("wrong"), method="HEAD"), b"")
            self.check_unauthorized(wire.ask(path, "Content-Length: 0", method="POST"))
            self.check_unauthorized(wire.ask(path, method="DELETE"))
        wire = connect()
        # The diagnosis takes five seconds.
        self.assertEqual([wire.ask(path, login()).status for path in PATHS if path != "/diagnosis"], [200] * 5 + [404])
        self.assertEqual(wire.ask("/metrics", login(), "Content-Length: 0", method="POST").status, 405)
        self.assertEqual(successes(testlib.Metrics(wire.ask("/metrics", login()).text)), ALL_1)
        self.assertEqual(wire.ask("/metrics", login(), f"Accept: {OPENMETRICS}").headers["content-type"], OPENMETRICS)

    def test_every_path(self):
        it = self.start(LOGIN)
        self.check_every_path(lambda: self.plain(it))

    def test_every_path_over_tls(self):
        it = self.start(TLS + LOGIN)
        self.check_every_path(lambda: self.tls(it))

    def test_a_body(self):
        it = self.start(LOGIN)
        for method in "GET", "POST":
            wire = self.plain(it).get("/metrics", "Content-Length: 5", method=method).send(b"hello")
            reply = wire.reply()
            self.check_unauthorized(reply)
            self.assertEqual(wire.rest(), b"")

    def test_headers_that_are_no_login(self):
        it = self.start(f"{LOGIN}  empty: {HASH}\n")
        good = login().rpartition(" ")[2]
        wire = self.plain(it)
        for header in ("Authorization:", "Authorization: Basic", "Authorization: Basic ", "Authorization: Basic !!!",
                       f"Authorization: {good}", f"Authorization: Bearer {good}", f"Authorization: Basic{good}",
                       f"Authorization: Basic {good}=", f"Authorization: Basic {good[:-2]}", f"Authorization: Basic {good} x",
                       f"Proxy-Authorization: Basic {good}", basic(b"prometheus"), basic(b":"), basic(b"prometheus:"),
                       basic(b":swordfish"), basic(b"prometheus:swordfish\0"), basic(b"prometheus\0:swordfish"),
                       basic(b"prometheus:swordfish\n"), basic(b"Prometheus:swordfish"), basic(b"prometheus: swordfish"),
                       basic(b"\xff\xfe:\xff"), basic(b"prometheus:" + b"a" * 5000), basic(b"a" * 5000 + b":swordfish"),
                       f"Authorization: Digest username={good}", "Authorization: " + "Basic " * 1000):
            self.check_unauthorized(wire.ask("/metrics", header))
        for header in (login(), f"authorization: basic {good}", f"AUTHORIZATION: BASIC {good}", login(name="empty")):
            self.check_granted(it, header, wire=wire)

    def test_a_password_after_a_wrong_one(self):
        """On one connection, again and again: nothing of the one is taken for the other."""
        it = self.start(LOGIN)
        wire = self.plain(it)
        for _ in range(5):
            self.check_unauthorized(wire.ask("/-/healthy", login("wrong")))
            self.check_granted(it, login(), wire=wire)
            self.check_unauthorized(wire.ask("/-/healthy"))

    def test_requests_sent_ahead(self):
        """While the first one's password is being looked at, the next ones wait, in one record of TLS or not."""
        head = "GET /-/healthy HTTP/1.1\r\nHost: e\r\n"
        requests = f"{head}{login()}\r\n\r\n{head}\r\n{head}{login('wrong')}\r\n\r\n{head}{login()}\r\n\r\n".encode()
        it = self.start(LOGIN)
        wires = [self.plain(it).send(requests)]
        wires.append(self.tls(self.start(TLS + LOGIN)).send(requests))
        for wire in wires:
            self.assertEqual([wire.reply().status for _ in range(4)], [200, 401, 401, 200])

    def test_a_client_that_leaves(self):
        it = self.start(LOGIN.replace(HASH, USUAL_HASH))
        for number in range(5):
            with Wire(it, source=f"127.0.3.{number + 1}") as wire:
                wire.get("/metrics", login(f"wrong {number}"))
        self.check_granted(it, login())
        self.assertEqual(successes(testlib.Metrics(self.plain(it).ask("/metrics", login()).text)), ALL_1)

    def test_the_end_comes_in_spite_of_logins_that_wait(self):
        it = self.start(LOGIN.replace(HASH, USUAL_HASH))
        for number in range(5):
            self.plain(it, source=f"127.0.3.{number + 1}").get("/metrics", login(f"wrong {number}"))
        self.assertEqual(it.stop(), 0)

    def test_the_collector_does_not_hear_of_it(self):
        it = self.start(LOGIN)
        wire = self.plain(it)
        self.assertEqual(wire.ask("/metrics", login()).status, 200)
        _, collector = it.pids()

        def wake_ups():
            return int(status(collector)["voluntary_ctxt_switches"])

        time.sleep(0.1)
        before = wake_ups()
        for path in PATHS:
            for headers in (), (login("wrong"),), (login(name="nobody"),):
                self.check_unauthorized(wire.ask(path, *headers))
        time.sleep(0.1)
        self.assertEqual(wake_ups(), before)
        wire.ask("/metrics?collect[]=table", login())
        wait_until(lambda: wake_ups() > before, 5, "a scrape wakes it up")

    def test_no_password_stays_in_memory(self):
        """As it was before base64: the bytes of the header are libmicrohttpd's, which does not overwrite what it frees."""
        words = {"right": PASSWORD, "wrong": "a password that is wrong", "long": "so " * 23 + "long", "again": "asked for twice"}
        if SANITIZED:
            self.skipTest("a sanitizer keeps for a while what is freed")
        it = self.start(LOGIN)
        wire = self.plain(it)
        for word in (*words.values(), words["again"]):
            wire.ask("/metrics", login(word))
        wire.ask("/metrics", basic(b"a name that is no user:a password for nobody"))
        memory = self.memory(it.web())
        # It can be searched. None of it is shown when this fails.
        self.assertTrue(b"--web.config.file=" in memory)
        found = [word for word in (*words.values(), "a password for nobody", "a name that is no user") if word.encode() in memory]
        self.assertEqual(found, [])

    def memory(self, pid):
        """All that a process can write to."""
        found = b""
        try:
            with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
                for line in maps:
                    start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
                    if rights.startswith("rw"):
                        memory.seek(int(start, 16))
                        with contextlib.suppress(OSError):
                            found += memory.read(int(end, 16) - int(start, 16))
        except PermissionError:
            self.skipTest("nobody may read the memory of a process here")
        return found


class Guessing(Asked):
    """Passwords are tried by many."""

    def setUp(self):
        self.it = self.start(LOGIN.replace(HASH, USUAL_HASH))
        self.scraper = self.plain(self.it)
        # Remembered from now on.
        self.check_granted(self.it, login(), wire=self.scraper)

    def latency(self, path, times):
        def once():
            began = time.monotonic()
            self.assertEqual(self.scraper.ask(path, login()).status, 200)
            return time.monotonic() - began

        return statistics.median(once() for _ in range(times))

    def test_a_scraper_is_served_meanwhile(self):
        paths = {"/-/healthy": 30, "/metrics?collect[]=table": 30, "/metrics": 10}
        before = {path: self.latency(path, times) for path, times in paths.items()}
        guessers = [self.plain(self.it, source=f"127.0.2.{number + 1}") for number in range(30)]
        for number, wire in enumerate(guessers):
            wire.get("/metrics", login(f"wrong {number}"))
        during = {path: self.latency(path, times) for path, times in paths.items()}
        # Each takes 70 ms and a rest of the same, one after another.
        self.assertGreater(sum(wire.silent(0) for wire in guessers), 5)
        print({path: f"{before[path] * 1e3:.1f} ms, {during[path] * 1e3:.1f} ms" for path in paths})
        for path in paths:
            self.assertLess(during[path], 3 * before[path] + 0.05, path)
        # The first signal lets those who wait have their answer.
        os.kill(self.it.web(), signal.SIGTERM)
        self.it.wait_for_log("finishing running scrapes")

    def test_a_thread_of_its_own_makes_the_hashes(self):
        web = self.it.web()
        before = thread_ticks(web)
        self.assertEqual(len(before), 2)
        (hasher,) = set(before) - {web}
        self.assertEqual((before[web][1], before[hasher][1]), (os.getpriority(os.PRIO_PROCESS, 0), 19))
        wire = self.plain(self.it)
        for number in range(4):
            self.check_unauthorized(wire.ask("/metrics", login(f"guess {number}")))
        after = thread_ticks(web)
        spent = {thread: after[thread][0] - before[thread][0] for thread in before}
        self.assertGreater(spent[hasher], 4 * 0.03 * TICKS)
        self.assertLess(spent[web], spent[hasher] / 4)

    def test_of_each_address_one_at_a_time(self):
        wires = [self.plain(self.it, source="127.0.4.1") for _ in range(3)]
        other = self.plain(self.it, source="127.0.4.2")
        before = self.hits(self.scraper, "login")
        wires[0].get("/metrics", login("one"))
        replies = [wire.ask("/metrics", login(f"and {number}")) for number, wire in enumerate(wires[1:])]
        other.get("/metrics", login("two"))
        for reply in replies:
            self.assertEqual((reply.status, reply.text), (429, "Too Many Requests\n"))
        self.check_unauthorized(wires[0].reply())
        self.check_unauthorized(other.reply())
        self.assertEqual(self.hits(self.scraper, "login") - before, 2)
        # Now it may again, and what is known needs no hash.
        self.check_unauthorized(wires[1].ask("/metrics", login("three")))
        self.check_granted(self.it, login(), wire=wires[0])


class Rate(Asked):
    LIMIT = "rate_limit:\n  interval: 1h\n  burst: 5\n"

    def test_so_many_pass(self):
        it = self.start(self.LIMIT)
        wire = self.plain(it)
        self.assertEqual([wire.ask(path).status for path in ("/", *PATHS[3:])], [200] * 4 + [404])
        for path in PATHS:
            reply = wire.ask(path)
            self.assertEqual((reply.status, reply.text), (429, "Too Many Requests\n"), path)
        self.assertEqual(self.plain(it, source="127.0.0.2").ask("/metrics").status, 429)

    def test_before_the_login(self):
        it = self.start(self.LIMIT + LOGIN)
        wire = self.plain(it)
        for _ in range(5):
            self.check_unauthorized(wire.ask("/-/healthy"))
        for _ in range(3):
            self.assertEqual(wire.ask("/-/healthy", login()).status, 429)

    def test_it_comes_back_and_is_counted(self):
        it = self.start(self.LIMIT.replace("1h", "500ms").replace("5\n", "3\n"))
        wire = self.plain(it)
        statuses = [wire.ask("/-/healthy").status for _ in range(8)]
        self.assertEqual(statuses[:3], [200] * 3)
        self.assertGreaterEqual(statuses.count(429), 4)
        time.sleep(0.7)
        self.assertEqual(self.hits(wire, "rate"), statuses.count(429))


class Headers(Asked):
    def check_sent(self, reply, status_code):
        self.assertEqual(reply.status, status_code)
        self.assertEqual({name: [value for n, value in reply.pairs if n.lower() == name.lower()] for name in HEADERS},
                         {name: [value] for name, value in HEADERS.items()}, status_code)

    def test_on_every_answer(self):
        it = self.start(SET_HEADERS + LOGIN, "--web.max-requests=1")
        wire, busy, waiting = (self.plain(it) for _ in range(3))
        self.check_sent(wire.ask("/metrics"), 401)
        for path in "/", "/metrics", "/talkers", "/-/healthy", "/-/ready":
            self.check_sent(wire.ask(path, login()), 200)
        self.check_sent(wire.ask("/nothing", login()), 404)
        self.check_sent(wire.ask("/metrics", login(), "Content-Length: 0", method="POST"), 405)
        self.check_sent(wire.ask("/metrics?collect[]=nothing", login()), 400)
        with stopped(it.pids()[1]):
            waiting.get("/metrics", login())
            self.assertTrue(waiting.silent())
            self.check_sent(busy.ask("/metrics", login()), 503)
        self.check_sent(waiting.reply(), 200)

    def test_none_but_those(self):
        it = self.start("http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n")
        reply = self.plain(it).ask("/metrics")
        self.assertEqual(reply.headers["x-frame-options"], "sameorigin")
        self.assertNotIn("strict-transport-security", reply.headers)


if __name__ == "__main__":
    testlib.main()
