# SPDX-License-Identifier: GPL-2.0-or-later
"""The HTTP side: endpoints, methods, connections, queries, negotiation, hostile bytes."""

import base64
import contextlib
import gzip
import hashlib
import re
import socket
import struct

from common import (ACCEPT_OPENMETRICS, COLLECTORS, OPENMETRICS, TEXT, TestCase, Wire, gone, still, successes, testlib)

PLAIN = "text/plain; charset=utf-8"
PROMETHEUS_2_42 = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                   "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
PROMETHEUS_3 = ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
                "text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
PROTOBUF = ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,")


class Shared(TestCase):
    """One exporter for all tests of a class."""

    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enter_class(testlib.Namespace())
        cls.it = cls.enter_class(testlib.Exporter(cls.namespace, *cls.flags))

    def wire(self, timeout=10):
        return self.enter(Wire(self.it, timeout))


class Endpoints(Shared):
    def test_health_and_readiness(self):
        for path, body in (("/-/healthy", "Healthy\n"), ("/-/ready", "Ready\n")):
            answer = self.it.request(path)
            self.assertEqual((answer.status, answer.headers["Content-Type"], answer.text), (200, PLAIN, body))

    def test_landing_page(self):
        answer = self.it.request("/")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/html; charset=UTF-8"))
        self.assertEqual(re.findall(r"<title>(.*?)</title>", answer.text), ["conntrack_exporter"])
        self.assertEqual(re.findall(r"<h1>(.*?)</h1>", answer.text), ["conntrack_exporter"])
        self.assertEqual(re.findall(r'<a href="(.*?)"', answer.text)[:3], ["/metrics", "diagnosis", "talkers"])

    def test_the_policy_of_the_landing_page_allows_its_own_style_and_script(self):
        answer = self.it.request("/")
        hashes = {}
        for tag in ("style", "script"):
            inline, = re.findall(rf"<{tag}>(.*?)</{tag}>".encode(), answer.body, re.S)
            hashes[tag] = base64.b64encode(hashlib.sha256(inline).digest()).decode()
        self.assertEqual(answer.headers["Content-Security-Policy"],
                         f"default-src 'none'; style-src 'sha256-{hashes['style']}'; "
                         f"script-src 'sha256-{hashes['script']}'; connect-src 'self'; img-src data:; "
                         "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")

    def test_metrics(self):
        answer = self.it.request("/metrics")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, TEXT))
        self.assertEqual(successes(testlib.Metrics(answer.text)), dict.fromkeys(COLLECTORS, 1))

    def test_unknown_paths(self):
        for path in ("/nothing", "/metrics/", "//metrics", "/Metrics", "/-/", "/-/healthy/", "/metrics.txt", "/..",
                     "/../metrics", "/%00", "/metrics%00", "/favicon.ico", "*"):
            with self.subTest(path):
                answer = self.wire().ask(path)
                self.assertEqual((answer.status, answer.headers["content-type"], answer.text),
                                 (404, PLAIN, "404 page not found\n"))

    def test_head_has_the_headers_of_get_and_no_body(self):
        for path in ("/", "/-/healthy", "/-/ready", "/metrics", "/nothing"):
            with self.subTest(path):
                get = self.wire().ask(path, "Connection: close")
                wire = self.wire()
                head = wire.ask(path, "Connection: close", method="HEAD")
                self.assertTrue(wire.closed())
                self.assertEqual(head.line, get.line)
                self.assertEqual([name for name, _ in head.pairs], [name for name, _ in get.pairs])
                moves = {"date", "content-length"} if path == "/metrics" else {"date"}
                self.assertEqual({k: v for k, v in head.headers.items() if k not in moves},
                                 {k: v for k, v in get.headers.items() if k not in moves})
                # Durations may be some digits longer or shorter from one scrape to the next.
                self.assertAlmostEqual(int(head.headers["content-length"]), int(get.headers["content-length"]),
                                       delta=200)

    def test_other_methods_are_refused(self):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "get", "BREW"):
            for path in ("/", "/metrics", "/nothing"):
                with self.subTest(method=method, path=path):
                    answer = self.wire().ask(path, "Content-Length: 0", method=method)
                    self.assertEqual((answer.status, answer.headers.get("allow"), answer.text),
                                     (405, "GET, HEAD", "Method Not Allowed\n"))

    def test_a_body_is_refused_and_the_connection_closed(self):
        bodies = (b"Content-Length: 5\r\n\r\nhello", b"Content-Length: 1000000\r\n\r\nhello",
                  b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                  b"Content-Length: 24\r\n\r\nGET /-/ready HTTP/1.1\r\n\r\n")
        for body in bodies:
            with self.subTest(body):
                wire = self.wire().send(b"GET /metrics HTTP/1.1\r\nHost: e\r\n" + body)
                answer = wire.reply()
                self.assertEqual((answer.status, answer.text), (400, "No request has a body here\n"))
                self.assertTrue(wire.closed())

    def test_a_wrong_method_with_a_body_is_refused_and_the_connection_closed(self):
        wire = self.wire().send(b"POST /metrics HTTP/1.1\r\nHost: e\r\nContent-Length: 5\r\n\r\nhello")
        self.assertEqual(wire.reply().status, 405)
        self.assertTrue(wire.closed())

    def test_no_body_is_asked_for(self):
        """Expect: 100-continue gets the refusal at once, not the invitation to send."""
        wire = self.wire().send(b"POST /metrics HTTP/1.1\r\nHost: e\r\nContent-Length: 5\r\n"
                                b"Expect: 100-continue\r\n\r\n")
        self.assertEqual(wire.reply().status, 405)

    def test_content_length_0_is_no_body(self):
        self.assertEqual(self.wire().ask("/metrics?collect[]=table", "Content-Length: 0").status, 200)


class Connections(Shared):
    def test_many_requests_on_one_1_1_connection(self):
        wire = self.wire()
        for _ in range(50):
            for path in ("/metrics?collect[]=table", "/-/healthy", "/", "/nothing"):
                answer = wire.ask(path)
                self.assertNotEqual(answer.headers.get("connection", "").lower(), "close", path)
        self.assertTrue(wire.silent())

    def test_head_and_get_on_one_connection(self):
        wire = self.wire()
        for _ in range(5):
            self.assertEqual(wire.ask("/metrics", method="HEAD").status, 200)
            self.assertEqual(wire.ask("/-/ready").text, "Ready\n")

    def test_1_0_connection_is_kept_when_asked_for(self):
        wire = self.wire()
        for _ in range(3):
            answer = wire.ask("/metrics?collect[]=table", "Connection: keep-alive", version="1.0")
            self.assertEqual((answer.status, answer.headers.get("connection", "").lower()), (200, "keep-alive"))

    def test_1_0_connection_is_closed_otherwise(self):
        wire = self.wire()
        self.assertEqual(wire.ask("/metrics", version="1.0").status, 200)
        self.assertTrue(wire.closed())

    def test_1_1_connection_is_closed_when_asked_for(self):
        wire = self.wire()
        answer = wire.ask("/metrics", "Connection: close")
        self.assertEqual((answer.status, answer.headers["connection"].lower()), (200, "close"))
        self.assertTrue(wire.closed())

    def test_pipelined_requests_are_answered_in_order(self):
        wire = self.wire()
        wire.get("/-/healthy").get("/metrics?collect[]=table").get("/-/ready").get("/metrics?collect[]=stat")
        self.assertEqual(wire.reply().text, "Healthy\n")
        self.assertEqual(successes(testlib.Metrics(wire.reply().text)), {"table": 1})
        self.assertEqual(wire.reply().text, "Ready\n")
        self.assertEqual(successes(testlib.Metrics(wire.reply().text)), {"stat": 1})

    def test_two_pipelined_requests_in_one_segment(self):
        request = b"GET /metrics?collect[]=%s HTTP/1.1\r\nHost: e\r\n\r\n"
        wire = self.wire().send(request % b"table" + request % b"sockets")
        self.assertEqual(successes(testlib.Metrics(wire.reply().text)), {"table": 1})
        self.assertEqual(successes(testlib.Metrics(wire.reply().text)), {"sockets": 1})

    def test_a_request_in_pieces(self):
        wire = self.wire()
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /-/healthy HTTP/1.1\r\nHost: exporter\r\n\r\n":
            wire.send(bytes([byte]))
        self.assertEqual(wire.reply().text, "Healthy\n")

    def test_half_closed_clients_are_answered(self):
        """At once, that is: where the answer has to be waited for, libmicrohttpd 0.9.75 may see the end first and close."""
        wire = self.wire().get("/-/healthy", "Connection: close")
        wire.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(wire.reply().status, 200)


class Queries(Shared):
    flags = ("--collector.disable-defaults", "--collector.table", "--collector.stat", "--collector.flows")
    enabled = {"table", "stat", "flows"}

    def ran(self, query):
        answer = self.it.request(f"/metrics?{query}")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, TEXT), query)
        return set(successes(testlib.Metrics(answer.text)))

    def test_what_is_collected(self):
        cases = {
            "": self.enabled,
            "collect[]=table": {"table"},
            "collect%5B%5D=table": {"table"},
            "collect%5b%5d=%74able": {"table"},
            "collect[]=table&collect[]=stat": {"table", "stat"},
            "collect%5B%5D=stat&collect[]=flows": {"stat", "flows"},
            "collect[]=table&collect[]=table": {"table"},
            "exclude[]=flows": {"table", "stat"},
            "exclude%5B%5D=flows&exclude[]=stat": {"table"},
            "exclude[]=table&exclude[]=stat&exclude[]=flows": set(),
            "collect=table": self.enabled,
            "unknown=1&collect[]=stat&x": {"stat"},
            "&&&": self.enabled,
        }
        for query, expected in cases.items():
            with self.subTest(query):
                self.assertEqual(self.ran(query), expected)

    def test_only_the_families_of_what_is_collected(self):
        names = self.it.metrics("/metrics?collect[]=table").names()
        self.assertEqual({name for name in names if name.startswith("conntrack_")},
                         {"conntrack_entries", "conntrack_entries_limit", "conntrack_buckets",
                          "conntrack_expectations_limit", "conntrack_entry_size_bytes",
                          "conntrack_scrape_collector_success", "conntrack_scrape_collector_duration_seconds",
                          "conntrack_exporter_build_info", "conntrack_exporter_http_limit_hits_total"})

    def test_refused_queries(self):
        both = "Combined collect and exclude queries are not allowed.\n"
        cases = {
            "collect[]=nothing": "missing collector: nothing\n",
            "exclude[]=nothing": "missing collector: nothing\n",
            "collect[]=table&collect[]=nothing": "missing collector: nothing\n",
            "collect[]=sockets": "disabled collector: sockets\n",
            "exclude[]=sockets": "disabled collector: sockets\n",
            "collect[]=": "missing collector: \n",
            "collect[]": "missing collector: \n",
            "collect[]=TABLE": "missing collector: TABLE\n",
            "collect[]=table&exclude[]=stat": both,
            "exclude%5B%5D=stat&collect%5B%5D=table": both,
            "collect[]=<script>": "missing collector: <script>\n",
            "&".join(["collect[]=table"] * 65): "More than 64 values of one parameter.\n",
        }
        for query, body in cases.items():
            with self.subTest(query):
                answer = self.wire().ask(f"/metrics?{query}")
                self.assertEqual((answer.status, answer.headers["content-type"], answer.text), (400, PLAIN, body))
                self.assertEqual(answer.headers["x-content-type-options"], "nosniff")

    def test_64_values_are_taken(self):
        self.assertEqual(self.ran("&".join(["collect[]=table"] * 64)), {"table"})

    def test_hostile_values_do_not_reach_the_headers(self):
        answer = self.wire().ask("/metrics?collect[]=a%0d%0aSet-Cookie:%20x%0d%0a%0d%0a")
        self.assertEqual(answer.status, 400)
        self.assertNotIn("set-cookie", answer.headers)

    def test_a_long_value_is_cut(self):
        answer = self.wire().ask("/metrics?collect[]=" + "a" * 2000)
        self.assertEqual(answer.status, 400)
        self.assertRegex(answer.text, r"\Amissing collector: a{100,300}\n\Z")


class TelemetryPath(TestCase):
    def test_another_path(self):
        it = self.exporter("--web.telemetry-path=/custom/path")
        self.assertEqual(it.request("/custom/path").headers["Content-Type"], TEXT)
        self.assertEqual(it.request("/metrics").status, 404)
        self.assertIn('<a href="/custom/path">', it.request("/").text)
        self.assertEqual(it.request("/-/healthy").text, "Healthy\n")

    def test_the_root(self):
        it = self.exporter("--web.telemetry-path", "/")
        self.assertEqual(it.request("/").headers["Content-Type"], TEXT)
        self.assertEqual(it.request("/metrics").status, 404)

    def test_the_path_is_escaped_on_the_page(self):
        it = self.exporter('--web.telemetry-path=/a"b<c&d')
        self.assertIn('<a href="/a&quot;b&lt;c&amp;d">', it.request("/").text)


class Negotiation(Shared):
    def test_content_type(self):
        cases = (
            (None, TEXT),
            ("", TEXT),
            ("*/*", TEXT),
            (PROMETHEUS_2_42, OPENMETRICS),
            (PROMETHEUS_3, OPENMETRICS),
            (PROTOBUF + PROMETHEUS_3, OPENMETRICS),
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", TEXT),
            ("text/plain;version=1.0.0;escaping=allow-utf-8,text/plain;version=0.0.4;q=0.3", TEXT),
            ("application/openmetrics-text; version=1.0.0; charset=utf-8", OPENMETRICS),
            ("Application/OpenMetrics-Text;Version=\"1.0.0\"", OPENMETRICS),
            ("application/openmetrics-text;version=1.0.0;q=0", TEXT),
            ("application/openmetrics-text;version=1.0.0;q=0.2,text/plain;q=0.3", TEXT),
            ("application/openmetrics-text;version=2.0.0", TEXT),
            ("application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.1",
             OPENMETRICS),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", TEXT),
            ("image/png", TEXT),
            (",;=,;q,\";,", TEXT),
        )
        for accept, expected in cases:
            with self.subTest(accept):
                answer = self.it.request(headers={} if accept is None else {"Accept": accept})
                self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, expected))
                self.assertEqual(answer.text.endswith("# EOF\n"), expected == OPENMETRICS)

    def test_gzip_only_when_accepted(self):
        cases = (
            (None, False), ("", False), ("identity", False), ("deflate, br", False), ("gzip;q=0", False),
            ("*;q=0", False), ("gzip;q=0, *;q=1", False), ("x-gzip", False), ("gzipped", False),
            ("gzip", True), ("GZIP", True), ("deflate, gzip;q=0.5", True), ("*", True),
            ("gzip;q=1.0,identity;q=0", True),
        )
        for accepted, compressed in cases:
            with self.subTest(accepted):
                wire = self.wire()
                answer = wire.ask("/metrics", *([] if accepted is None else [f"Accept-Encoding: {accepted}"]))
                self.assertEqual(answer.headers.get("content-encoding"), "gzip" if compressed else None)
                body = gzip.decompress(answer.body) if compressed else answer.body
                self.assertEqual(successes(testlib.Metrics(body.decode())), dict.fromkeys(COLLECTORS, 1))

    def alone(self):
        """The only connection in a namespace: from one scrape to the next nothing changes there."""
        return self.enter(Wire(self.exporter()))

    def test_gzip_changes_nothing_of_the_body(self):
        wire = self.alone()
        for accept in ("text/plain", ACCEPT_OPENMETRICS):
            plain = wire.ask("/metrics", f"Accept: {accept}")
            packed = wire.ask("/metrics", f"Accept: {accept}", "Accept-Encoding: gzip")
            self.assertEqual(packed.headers["content-type"], plain.headers["content-type"])
            self.assertLess(len(packed.body), len(plain.body) / 2)
            self.assertEqual(still(gzip.decompress(packed.body).decode()), still(plain.text))

    def test_both_formats_have_the_same_samples(self):
        wire = self.alone()
        text = testlib.Metrics(wire.ask("/metrics").text)
        openmetrics = testlib.Metrics(wire.ask("/metrics", f"Accept: {ACCEPT_OPENMETRICS}").text)
        self.assertEqual(set(text.samples), set(openmetrics.samples))
        self.assertEqual(*(testlib.Metrics("\n".join(still(m.text))).samples for m in (text, openmetrics)))

    def test_an_unchanged_namespace_gives_the_same_bytes(self):
        wire = self.alone()
        for accept in ("text/plain", ACCEPT_OPENMETRICS):
            answers = [wire.ask("/metrics", f"Accept: {accept}").text for _ in range(3)]
            self.assertEqual(still(answers[0]), still(answers[1]))
            self.assertEqual(still(answers[0]), still(answers[2]))


class Hostile(Shared):
    """Whatever arrives: a 4xx or the end of the connection, and the exporter lives."""

    def tearDown(self):
        self.assertEqual(self.it.request("/-/healthy").text, "Healthy\n")
        self.assertFalse(any(map(gone, self.it.pids())))

    def check_refused(self, data, statuses=range(400, 500), waits=False):
        """Sends it and looks at what comes; waits: it may also wait for more."""
        with Wire(self.it) as wire:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                wire.send(data)
            if waits and wire.silent():
                return
            try:
                answer = wire.reply()
            except (EOFError, ConnectionResetError):
                return
            self.assertIn(answer.version, ("HTTP/1.0", "HTTP/1.1"))
            self.assertIn(answer.status, statuses)

    def test_what_is_no_http(self):
        for data in (b"\0", b"\n", b"\r\n\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n", b"\xff" * 64 + b"\r\n\r\n",
                     b"GET /",
                     b"GET / HTTP/1.1\nHost: e",
                     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200,
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/9.9\r\nHost: e\r\n\r\n",
                     b"GET / HTTP/1.1 HTTP/1.1\r\nHost: e\r\n\r\n", b"GET / FTP/1.1\r\nHost: e\r\n\r\n",
                     b"GET  HTTP/1.1\r\n\r\n", b" GET / HTTP/1.1\r\n\r\n", b"GET\t/\tHTTP/1.1\r\n\r\n",
                     bytes(range(256)) * 4, b"a" * 70000):
            with self.subTest(data[:40]):
                self.check_refused(data, {*range(400, 500), 505}, waits=data[-4:] != b"\r\n\r\n" or not data.strip())

    def test_nul_bytes(self):
        """A header with a NUL may pass, nothing reads it; a NUL in the request line may end the line only."""
        cases = ((b"G\0T / HTTP/1.1\r\nHost: e\r\n\r\n", range(400, 500)),
                 (b"GET /metrics?collect[]=ta\0ble HTTP/1.1\r\nHost: e\r\n\r\n", range(400, 500)),
                 (b"GET /\0metrics HTTP/1.1\r\nHost: e\r\n\r\n", {200, 400, 404}),
                 (b"GET / HTTP/1.1\r\nHost: \0\r\n\r\n", {200, 400}),
                 (b"GET / HTTP/1.1\r\nHost: e\r\nX\0Y: z\r\n\r\n", {200, 400}))
        for data, statuses in cases:
            with self.subTest(data):
                self.check_refused(data, statuses)

    def test_an_encoded_nul_does_not_end_a_name(self):
        self.assertEqual(self.wire().ask("/-/healthy%00x").status, 404)
        self.assertEqual(self.wire().ask("/metrics?collect[]=table%00x").status, 400)

    def test_two_lengths(self):
        """A proxy may go by the second; then what it takes for a body must not be a request here."""
        self.check_refused(b"GET /metrics HTTP/1.1\r\nHost: e\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello")

    def test_missing_host(self):
        self.check_refused(b"GET /metrics HTTP/1.1\r\n\r\n")

    def test_ill_formed_headers(self):
        for header in (b": x", b"no colon", b" leading: space", b"X : y", b"Content-Length: -1", b"Content-Length: abc",
                       b"Content-Length: 99999999999999999999", b"Content-Length: 1\r\nContent-Length: 2",
                       b"Transfer-Encoding: nonsense"):
            with self.subTest(header):
                self.check_refused(b"GET /metrics?collect[]=table HTTP/1.1\r\nHost: e\r\n" + header + b"\r\n\r\n",
                                   {200, *range(400, 500)} if header in (b"no colon", b": x", b"X : y",
                                                                         b" leading: space") else range(400, 500))

    def test_oversized_header(self):
        for size in (17000, 70000, 1000000):
            with self.subTest(size):
                self.check_refused(b"GET /metrics HTTP/1.1\r\nHost: e\r\nX-Large: " + b"a" * size + b"\r\n\r\n")

    def test_too_many_headers(self):
        self.check_refused(b"GET /metrics HTTP/1.1\r\nHost: e\r\n" + b"A: b\r\n" * 20000 + b"\r\n")

    def test_oversized_uri(self):
        for size in (17000, 70000, 1000000):
            with self.subTest(size):
                self.check_refused(b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: e\r\n\r\n")
                self.check_refused(b"GET /metrics?" + b"a&" * (size // 2) + b" HTTP/1.1\r\nHost: e\r\n\r\n")

    def test_headers_without_end(self):
        for data in (b"GET /metrics HTTP/1.1\r\nHost: e\r\n", b"GET /metrics HTTP/1.1\r\nHost: e\r\nX: y",
                     b"GET /metri"):
            with self.subTest(data):
                wire = self.wire().send(data)
                self.assertTrue(wire.silent())
                self.assertEqual(self.it.request("/-/ready").text, "Ready\n")

    def test_unusual_timeouts(self):
        for value in ("", "-1", "0", "nan", "inf", "1e309", "0x10", "9" * 400, "1.2.3", "1;2", "."):
            with self.subTest(value):
                answer = self.wire().ask("/metrics", f"X-Prometheus-Scrape-Timeout-Seconds: {value}")
                self.assertEqual(successes(testlib.Metrics(answer.text)), dict.fromkeys(COLLECTORS, 1))

    def test_reset_behind_the_request(self):
        for _ in range(50):
            wire = self.wire().get("/metrics")
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.socket.close()


if __name__ == "__main__":
    testlib.main()
