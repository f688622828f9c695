# SPDX-License-Identifier: GPL-2.0-or-later
"""/diagnosis, /talkers, the status page and the commands of the same names: what waits for what, and what is answered."""

import gzip
import json
import os
import signal
import subprocess
import time

from common import COLLECTORS, SANITIZED, TestCase, Wire, gone, status, stopped, successes, testlib

ALL_1 = dict.fromkeys(COLLECTORS, 1)
PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=UTF-8"
SLOWER = 5 if SANITIZED else 2  # other tests run beside
# So short a deadline that the second look of a diagnosis comes half a second after the first.
SOON = "X-Prometheus-Scrape-Timeout-Seconds: 1.5"
LOOK_INTERVAL_S = 5


class Reports(TestCase):
    def wire(self, it, timeout=15):
        return self.enter(Wire(it, timeout))

    def check_json(self, answer, code=200):
        """The object in an answer that says that it is JSON and not to be kept."""
        self.assertEqual((answer.status, answer.headers["content-type"], answer.headers["cache-control"],
                          answer.headers["x-content-type-options"]), (code, "application/json", "no-store", "nosniff"))
        value = json.loads(answer.body)
        self.assertIsInstance(value, dict)
        return value

    def check_error(self, answer, sentence):
        self.assertEqual(self.check_json(answer, 503), {"error": sentence})

    def check_page(self, answer):
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, HTML))
        self.assertIn("content-security-policy", answer.headers)
        self.assertTrue(answer.text.rstrip().endswith("</html>"))


class Answers(Reports):
    def setUp(self):
        self.it = self.exporter()

    def test_json(self):
        wire = self.wire(self.it)
        for path in ("/talkers", "/talkers?by=pair&limit=3", "/talkers?", "/diagnosis", "/diagnosis?x=1"):
            with self.subTest(path):
                self.check_json(wire.ask(path, SOON))

    def test_the_page(self):
        wire = self.wire(self.it)
        started = time.monotonic()
        self.check_page(wire.ask("/"))
        self.check_page(wire.ask("/?anything"))
        self.assertLess(time.monotonic() - started, 0.4 * SLOWER)

    def test_head(self):
        for path in ("/talkers", "/diagnosis", "/"):
            with self.subTest(path):
                get = self.wire(self.it).ask(path, SOON, "Connection: close")
                wire = self.wire(self.it)
                head = wire.ask(path, SOON, "Connection: close", method="HEAD")
                self.assertTrue(wire.closed())
                self.assertEqual((head.line, [name for name, _ in head.pairs]),
                                 (get.line, [name for name, _ in get.pairs]))

    def test_gzip(self):
        wire = self.wire(self.it)
        for path in ("/talkers", "/diagnosis"):
            with self.subTest(path):
                packed = wire.ask(path, SOON, "Accept-Encoding: gzip")
                self.assertEqual(packed.headers["content-encoding"], "gzip")
                packed.body = gzip.decompress(packed.body)
                self.check_json(packed)
        self.assertNotIn("content-encoding", wire.ask("/talkers").headers)

    def test_refused_parameters(self):
        for query, word in (("nothing=1", "nothing"), ("limit=0", "limit"), ("limit=1001", "limit"), ("limit", "limit"),
                            ("limit=many", "many"), ("by=nobody", "nobody"), ("by=pair&x=", "x"), ("source=300.1.1.1", "300.1.1.1"),
                            ("port=65536", "65536"), ("state=open", "open"), ("collect[]=table", "collect[]"),
                            ("limit=%3Cb%3E", "<b>"), ("limit=1%00", "limit")):
            with self.subTest(query):
                answer = self.wire(self.it).ask(f"/talkers?{query}")
                self.assertEqual((answer.status, answer.headers["content-type"],
                                  answer.headers["x-content-type-options"]), (400, PLAIN, "nosniff"))
                text = answer.body.decode("latin-1")
                self.assertRegex(text, r"\A[^\n]+\n\Z")
                self.assertIn(word, text)

    def test_hostile_parameters_stay_in_the_body(self):
        answer = self.wire(self.it).ask("/talkers?by=a%0d%0aSet-Cookie:%20x%0d%0a%0d%0a")
        self.assertEqual(answer.status, 400)
        self.assertNotIn("set-cookie", answer.headers)
        self.assertEqual(self.wire(self.it).ask("/talkers?source=" + "a" * 5000).status, 400)

    def test_other_methods_and_bodies(self):
        for path in ("/talkers", "/diagnosis"):
            answer = self.wire(self.it).ask(path, "Content-Length: 0", method="POST")
            self.assertEqual((answer.status, answer.headers["allow"]), (405, "GET, HEAD"))
            answer = self.wire(self.it).send(b"GET %s HTTP/1.1\r\nHost: e\r\nContent-Length: 2\r\n\r\nab" %
                                             path.encode()).reply()
            self.assertEqual(answer.status, 400)

    def test_kinds_of_requests_on_one_connection(self):
        wire = self.wire(self.it)
        for _ in range(2):
            wire.get("/talkers").get("/").get("/diagnosis", SOON).get("/metrics").get("/-/ready")
            self.check_json(wire.reply())
            self.check_page(wire.reply())
            self.check_json(wire.reply())
            self.assertEqual(successes(testlib.Metrics(wire.reply().text)), ALL_1)
            self.assertEqual(wire.reply().text, "Ready\n")


class SecondLook(Reports):
    """Between its two looks a diagnosis keeps nobody waiting."""

    def test_two_share_one_diagnosis_and_hold_up_nobody(self):
        it = self.exporter()
        web = it.web()
        first, second, other = (self.wire(it) for _ in range(3))
        started = time.monotonic()
        first.get("/diagnosis")
        self.assertTrue(first.silent(1))
        second.get("/diagnosis")
        for ask, check in (("/metrics", lambda answer: self.assertEqual(answer.status, 200)),
                           ("/talkers", self.check_json), ("/", self.check_page)):
            asked = time.monotonic()
            check(other.ask(ask))
            self.assertLess(time.monotonic() - asked, 0.4 * SLOWER, ask)
        wakeups = int(status(web)["voluntary_ctxt_switches"])
        self.assertTrue(first.silent(2))
        self.assertLessEqual(int(status(web)["voluntary_ctxt_switches"]) - wakeups, 2)
        one = first.reply()
        self.assertGreaterEqual(time.monotonic() - started, LOOK_INTERVAL_S)
        self.assertLess(time.monotonic() - started, LOOK_INTERVAL_S + SLOWER)
        two = second.reply()
        self.assertLess(time.monotonic() - started, LOOK_INTERVAL_S + SLOWER)
        self.check_json(one)
        self.assertEqual(one.body, two.body)

    def test_the_deadline_brings_the_second_look_forward(self):
        it = self.exporter()
        started = time.monotonic()
        self.check_json(self.wire(it).ask("/diagnosis", "X-Prometheus-Scrape-Timeout-Seconds: 3"))
        self.assertGreater(time.monotonic() - started, 1.9)
        self.assertLess(time.monotonic() - started, 2.5 + 0.4 * SLOWER)

    def check_end(self, *, again):
        it = self.exporter()
        web, collector = it.pids()
        wire = self.wire(it)
        wire.get("/diagnosis", "X-Prometheus-Scrape-Timeout-Seconds: 4")
        self.assertTrue(wire.silent(0.5))
        os.kill(web, signal.SIGTERM)
        it.wait_for_log("finishing running scrapes")
        self.assertTrue(wire.silent(0.5))
        if again:
            os.kill(web, signal.SIGTERM)
            self.check_error(wire.reply(), "The exporter is ending.")
        else:
            answer = wire.reply()
            self.check_json(answer)
            self.assertEqual(answer.headers["connection"].lower(), "close")
        self.assertTrue(wire.closed())
        self.assertEqual(it.process.wait(timeout=2), 0)
        self.assertTrue(gone(collector))
        self.assertNotIn("level=ERROR", it.logged())

    def test_sigterm_lets_it_finish(self):
        self.check_end(again=False)

    def test_a_second_signal_does_not(self):
        self.check_end(again=True)


class Busy(Reports):
    def test_the_page_is_served_without_the_collector_process(self):
        """Probes that ask for / wait for a second."""
        it = self.exporter()
        waiting = self.wire(it)
        with stopped(it.pids()[1]):
            waiting.get("/metrics")
            self.assertTrue(waiting.silent())
            for _ in range(3):
                wire = self.wire(it)
                started = time.monotonic()
                self.check_page(wire.ask("/"))
                self.assertLess(time.monotonic() - started, 0.9)
            wires = [self.wire(it) for _ in range(20)]
            for wire in wires:
                wire.get("/")
            for wire in wires:
                self.check_page(wire.reply())
        self.assertEqual(successes(testlib.Metrics(waiting.reply().text)), ALL_1)
        started = time.monotonic()
        self.check_page(self.wire(it).ask("/"))
        self.assertLess(time.monotonic() - started, 0.4 * SLOWER)

    def test_reports_are_given_up_after_their_deadline(self):
        it = self.exporter()
        wires = {path: self.wire(it) for path in ("/talkers", "/diagnosis")}
        with stopped(it.pids()[1]):
            for path, wire in wires.items():
                wire.get(path, "X-Prometheus-Scrape-Timeout-Seconds: 0.2")
            for wire in wires.values():
                self.check_error(wire.reply(), "The collector process is busy, try again later.")
        self.check_json(self.wire(it).ask("/talkers"))

    def test_the_limit_of_requests(self):
        it = self.exporter("--web.max-requests=1")
        waiting, other = self.wire(it), self.wire(it)
        sentence = "Limit of concurrent requests reached (1), try again later."
        with stopped(it.pids()[1]):
            waiting.get("/talkers")
            self.assertTrue(waiting.silent())
            self.check_error(other.ask("/talkers?limit=1"), sentence)
            self.check_error(other.ask("/diagnosis"), sentence)
            self.assertEqual(other.ask("/metrics").text, sentence + "\n")
            self.check_page(other.ask("/"))
        self.check_json(waiting.reply())

    def test_other_queries_are_other_answers(self):
        """Equal ones share one walk, others never."""
        it = self.exporter()
        wires = [self.wire(it) for _ in range(4)]
        with stopped(it.pids()[1]):
            for wire, query in zip(wires, ("?limit=5", "?limit=5&by=destination", "?limit=6", "")):
                wire.get("/talkers" + query)
            self.assertTrue(all(wire.silent(0.1) for wire in wires))
        answers = [wire.reply() for wire in wires]
        for answer in answers:
            self.check_json(answer)
        self.assertEqual(answers[0].body, answers[1].body)

    def test_a_path_that_is_the_telemetry_path(self):
        it = self.exporter("--web.telemetry-path=/talkers")
        self.assertEqual(successes(it.metrics("/talkers")), ALL_1)


class Commands(Reports):
    def run_it(self, *args, code=0):
        done = subprocess.run(self.namespace.command(testlib.EXPORTER, *args), capture_output=True, text=True,
                              check=False, timeout=20)
        testlib.check_sanitizers(done.stderr)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())

    def test_json(self):
        for command in (("talkers",), ("talkers", "--by=pair", "--limit=3"), ("diagnose", "--interval=100ms")):
            with self.subTest(command):
                done = self.run_it(*command, "--format=json")
                self.assertIsInstance(json.loads(done.stdout), dict)
                self.assertEqual(done.stderr, "")

    def test_text_without_colour_where_nobody_sees_it(self):
        for command in (("talkers",), ("diagnose", "--interval=0")):
            with self.subTest(command):
                done = self.run_it(*command)
                self.assertTrue(done.stdout.endswith("\n"))
                self.assertNotIn("\x1b", done.stdout)
                self.assertEqual(done.stderr, "")

    def test_the_interval_is_waited_for(self):
        started = time.monotonic()
        self.run_it("diagnose", "--interval=700ms")
        self.assertGreaterEqual(time.monotonic() - started, 0.7)

    def test_the_sentence_about_a_value_is_that_of_the_endpoint(self):
        it = self.exporter(namespace=self.namespace)
        for flag, value in (("limit", "0"), ("by", "nobody"), ("source", "x"), ("port", "-1"), ("state", "open")):
            with self.subTest(flag):
                done = self.run_it("talkers", f"--{flag}={value}", code=1)
                self.assertEqual(done.stderr, "conntrack_exporter: error: " +
                                 self.wire(it).ask(f"/talkers?{flag}={value}").text)


if __name__ == "__main__":
    testlib.main()
