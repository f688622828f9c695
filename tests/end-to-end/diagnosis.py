#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a running server says of its host is what the commands say, and what conntrack(8) says."""

import collections
import html
import ipaddress
import json
import re
import socket
import time

from common import SANITIZED, TestCase, Wire, testlib

import oracle

testlib.need("conntrack", "ip", "nft", "ss")

SLOWER = 5 if SANITIZED else 2  # other tests run beside
# So short a deadline that the second look of a diagnosis comes half a second after the first.
# Sooner than without it, and enough for a walk and its join beside other tests' tables.
SOON = "X-Prometheus-Scrape-Timeout-Seconds: 4"
TRACK = "table %s track { chain c { type filter hook output priority 0; ct state new accept; }; }"
ACTIVE = "conntrack_tracking_active"
OF_TIME = re.compile(r".*_per_second|interval_seconds|duration_seconds")


def without_time(value):
    """JSON without rates and times."""
    if isinstance(value, list):
        return [without_time(item) for item in value if not (isinstance(item, dict) and item.get("per_second"))]
    if isinstance(value, dict):
        return {key: without_time(item) for key, item in value.items() if not OF_TIME.fullmatch(key)}
    return re.sub(r"in the last [\d.]+ s", "in the last", value) if isinstance(value, str) else value


class Server(TestCase):
    """A server on loopback, asked over one connection that was there from the start."""

    def serve(self, *flags, rules=TRACK % "inet"):
        self.namespace = self.enter(testlib.Namespace())
        if rules:
            self.namespace.nft(rules)
        self.it = self.exporter(*flags, namespace=self.namespace)
        self.wire = self.enter(Wire(self.it, 30))

    def ask(self, path, *headers):
        answer = self.wire.ask(path, *headers)
        self.assertEqual(answer.status, 200, answer.text)
        return json.loads(answer.body)

    def command(self, *args):
        return json.loads(self.namespace.run(testlib.EXPORTER, *args, "--format=json"))

    def fill(self, count, *options):
        self.assertEqual(oracle.fill(self.namespace, f"--count={count}", *options), {"inserted": count, "refused": 0})

    def check_page(self, verdict):
        """The verdict stands in the page itself, not only in what a script makes of it."""
        started = time.monotonic()
        page = self.wire.ask("/")
        self.assertLess(time.monotonic() - started, 1)
        self.assertEqual(page.status, 200)
        plain = re.sub(r"<(script|style)\b.*?</\1>", "", page.text, flags=re.S)
        texts = html.unescape(re.sub(r"<[^>]*>", "\n", plain))
        # The connection that asks is in the table by now: the numbers of a host that is well may move.
        wanted = re.sub(r"\d[\d.]*", r"[\\d.]+", re.escape(verdict["title"]).replace(r"\.", "."))
        self.assertRegex(texts, wanted)
        self.assertIn(verdict["severity"], plain)


class Diagnosis(Server):

    def test_two_looks_then_one(self):
        """The first one waits for its second look; what is asked within a minute has had its first one."""
        self.serve()
        self.fill(2000, "--source=127.0.0.1")
        started = time.monotonic()
        first = self.ask("/diagnosis")
        self.assertGreater(time.monotonic() - started, 4.9)
        self.assertAlmostEqual(first["interval_seconds"], 5, 0)
        started = time.monotonic()
        time.sleep(1.1)
        second = self.ask("/diagnosis")
        self.assertLess(time.monotonic() - started, 1.1 + 0.5 * SLOWER)
        self.assertGreaterEqual(second["interval_seconds"], 1)
        self.assertLess(second["interval_seconds"], 10)
        self.assertEqual(without_time(second), without_time(first))

    def test_the_command_says_the_same(self):
        self.enter(testlib.limit_lock())
        self.serve("--collector.flows.min-interval=0s")
        self.fill(2000, "--source=127.0.0.1")
        self.fill(1500, "--protocol=udp", "--source=10.9.0.0", "--vary=source", "--timeout=100000")
        served = self.ask("/diagnosis", SOON)
        said = self.command("diagnose", "--interval=600ms")
        self.assertEqual(without_time(served), without_time(said))
        self.assertEqual(served["overview"]["entries"], oracle.entries(self.namespace))
        self.assertEqual(sum(served["overview"]["flows"].values()), oracle.entries(self.namespace))
        self.assertIn("what_fills_the_table", {finding["id"] for finding in served["findings"]})
        sockets, flows = oracle.join(self.namespace)
        self.assertEqual({(path, tracking): n for tracking, paths in served["overview"]["established_sockets"].items()
                          for path, n in paths.items() if n}, sockets)
        self.assertEqual({(key,): n for key, n in served["overview"]["established_flows"].items() if n}, flows)

    def test_metrics_and_diagnosis_share_a_walk(self):
        """As long as it is young and holds what the other wants: metrics have talkers only where they are enabled."""
        for flags, first in (((), "/diagnosis"), (("--collector.talkers",), "/metrics")):
            self.serve("--collector.flows.min-interval=1m", *flags)
            self.wire.ask(first, SOON)
            timestamp = self.it.metrics().get("conntrack_walk_timestamp_seconds")
            for path in ("/diagnosis", "/talkers?by=pair", "/diagnosis"):
                self.ask(path, SOON)
                self.assertEqual(self.it.metrics().get("conntrack_walk_timestamp_seconds"), timestamp, (flags, path))

    def test_the_page_of_a_host_that_is_well(self):
        self.serve()
        self.check_page(self.ask("/diagnosis", SOON)["verdict"])


class FullTable(Server):

    def test_the_page_says_it(self):
        """Over a connection from before: new ones fail."""
        self.enter(testlib.limit_lock())
        limit = testlib.table_limit()
        if not 0 < limit <= 1 << 21:
            self.skipTest(f"nf_conntrack_max is {limit}: too many entries for a test")
        self.serve("--collector.flows.limit=10000")
        self.check_page({"severity": "ok", "title": "All is well"})
        self.fill(limit - oracle.entries(self.namespace), "--timeout=432000", "--status=seen_reply,assured",
                  "--source=10.9.0.1")
        title = f"The conntrack table is full: {limit} of {limit} entries"
        page = self.wire.ask("/")
        self.assertIn(title, html.unescape(page.text))
        verdict = self.ask("/diagnosis", SOON)["verdict"]
        self.assertEqual(verdict, {"severity": "critical", "title": title})
        self.check_page(verdict)


class Talkers(Server):

    def setUp(self):
        self.serve()
        for i in range(1, 30):
            self.fill(5 * i, f"--source=10.9.{i % 3}.{i}", f"--destination=198.18.{i % 7}.0",
                      f"--destination-port={100 + i % 5}", f"--state={('syn_sent', 'established')[i % 2]}",
                      "--timeout=100000")
        self.fill(70, "--family=6", "--source=2001:db8::7", "--timeout=100000")
        self.fill(40, "--protocol=udp", "--destination-port=53", "--timeout=100000")

    def exact(self, by, source="::/0", destination="::/0", port=None, state=None):
        """Counter over conntrack -L."""
        def within(text, prefix):
            address, network = ipaddress.ip_address(text), ipaddress.ip_network(prefix)
            return prefix == "::/0" or (address.version == network.version and address in network)

        counted = collections.Counter()
        for flow in oracle.flows(self.namespace):
            there = flow.original
            if (within(there["src"], source) and within(there["dst"], destination) and
                    port in (None, there.get("dport")) and (state is None or flow.state == state)):
                text = {key: str(ipaddress.ip_address(there[key])) for key in ("src", "dst")}
                counted[{"source": text["src"], "destination": text["dst"], "destination-port": there.get("dport"),
                         "pair": f"{text['src']} {text['dst']}"}[by]] += 1
        return counted

    def test_an_exact_count(self):
        filters = ({}, {"source": "10.9.1.0/24"}, {"source": "10.9.0.3"}, {"destination": "198.18.2.0/23"},
                   {"port": "103"}, {"state": "syn_sent"}, {"source": "2001:db8::/32"}, {"port": "53"},
                   {"source": "10.9.0.0/16", "port": "101", "state": "established"}, {"destination": "192.0.2.1"})
        for by in ("source", "destination", "destination-port", "pair"):
            for chosen in filters:
                with self.subTest((by, chosen)):
                    self.check_count(by, chosen)

    def check_count(self, by, chosen):
        given = self.ask("/talkers?" + "&".join(f"{k}={v}" for k, v in {"by": by, "limit": "1000", **chosen}.items()))
        exact = self.exact(by, **chosen)
        self.assertEqual({talker["value"]: talker["flows"] for talker in given["talkers"]}, exact)
        self.assertEqual([talker["flows"] for talker in given["talkers"]], sorted(exact.values(), reverse=True))
        self.assertEqual((given["flows"], given["other"], given["error_max"], given["complete"]),
                         (sum(exact.values()), 0, 0, True))
        said = self.command("talkers", f"--by={by}", "--limit=1000", *(f"--{k}={v}" for k, v in chosen.items()))
        self.assertEqual(without_time(said), without_time(given))

    def test_the_rest_is_other(self):
        exact = self.exact("source")
        given = self.ask("/talkers?by=source&limit=3")
        self.assertEqual([talker["flows"] for talker in given["talkers"]], [n for _, n in exact.most_common(3)])
        self.assertEqual(given["other"], sum(exact.values()) - sum(n for _, n in exact.most_common(3)))


class TrackingActive(Server):
    """Told by the connection that asks, whatever the table holds."""

    def active(self):
        """{family: value} over a new connection."""
        given = self.it.metrics()
        return {family: given.get(ACTIVE, family=family) for family in ("ipv4", "ipv6")}

    def check_active(self, **scraped):
        """Of the family that nobody asks over: 0, or not known to who may not read /proc/net/ip_tables_names."""
        active = self.active()
        for family, value in scraped.items():
            self.assertEqual(active.pop(family), value)
        self.assertTrue(all(value in (0, None) for value in active.values()), active)

    def test_rules_come_and_go(self):
        self.serve(rules=None)
        self.assertEqual(self.active()["ipv4"], 0)
        self.namespace.nft(TRACK % "inet")
        self.assertEqual(self.active()["ipv4"], 1)
        self.namespace.nft("delete table inet track")
        self.assertIn(self.active()["ipv4"], (0, None, 1), "what came a second ago may still count")
        time.sleep(4)
        self.assertIn(self.active()["ipv4"], (0, None))

    def test_ipv6(self):
        self.serve("--web.listen-address=[::1]:0", rules=None)
        self.check_active(ipv6=0)
        self.namespace.nft(TRACK % "ip6")
        self.check_active(ipv6=1)

    def test_one_family(self):
        self.serve(rules=TRACK % "ip")
        self.check_active(ipv4=1)

    def test_loopback_exempt_and_others_tracked(self):
        self.serve(rules=(TRACK % "inet") +
                   "\ntable inet raw { chain c { type filter hook output priority -300; oif lo notrack; }; }")
        other = self.enter(testlib.Namespace())
        testlib.link(self.namespace, other, "eth0", "eth0")
        self.namespace.address("eth0", "10.1.0.1/24")
        other.address("eth0", "10.1.0.2/24")
        sender = self.namespace.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sender.close)
        sender.sendto(b"?", ("10.1.0.2", 9))
        self.assertEqual(self.active()["ipv4"], 1)
        time.sleep(6)
        self.assertNotEqual(self.active()["ipv4"], 0, "nothing new came, and what came is in the table")
        sender.sendto(b"?", ("10.1.0.2", 9))
        time.sleep(6)
        sender.sendto(b"?", ("10.1.0.2", 9))
        self.assertEqual(self.active()["ipv4"], 1)


if __name__ == "__main__":
    testlib.main()
