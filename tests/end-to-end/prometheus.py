# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Prometheus scrapes the exporter."""

import os
import re

from common import TestCase, testlib, wait_until
from secured import HITS, LOGIN, PASSWORD, TLS, Secured, login

import servers  # pylint: disable=wrong-import-order

testlib.need("prometheus", "ss")

CONFIG = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
- job_name: conntrack
  static_configs: [{targets: ['127.0.0.1:%d']}]
"""


class RealPrometheus(TestCase):
    def test_scrapes(self):
        it = self.exporter()
        prometheus = self.enter(servers.Prometheus(it.namespace, CONFIG % it.port))
        wait_until(lambda: prometheus.value("count_over_time(up[1m])") or 0 >= 3, 30, "Prometheus scraped three times")
        self.assertEqual(prometheus.value("min_over_time(up[1m])"), 1)
        metrics = it.metrics()
        self.assertEqual(prometheus.value("scrape_samples_scraped"), len(metrics.samples))
        self.assertEqual(prometheus.value("scrape_samples_post_metric_relabeling"), len(metrics.samples))
        self.assertEqual(prometheus.value("conntrack_entries"), metrics.get("conntrack_entries"))
        self.assertEqual(prometheus.value("conntrack_entries_limit"), metrics.get("conntrack_entries_limit"))
        target = prometheus.data("/api/v1/targets")["activeTargets"][0]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        stored = {labels for labels in prometheus.query('{job="conntrack"}')
                  if not dict(labels)["__name__"].startswith(("up", "scrape_"))}
        self.assertEqual({(dict(labels)["__name__"], frozenset(labels) - {("__name__", dict(labels)["__name__"]),
                                                                         ("job", "conntrack"),
                                                                         ("instance", f"127.0.0.1:{it.port}")})
                          for labels in stored}, set(metrics.samples))
        metadata = prometheus.data("/api/v1/metadata?metric=conntrack_tcp_memory_bytes")
        self.assertEqual([(row["type"], row["unit"]) for row in metadata["conntrack_tcp_memory_bytes"]],
                         [("gauge", "bytes")])
        with self.subTest("one connection is kept from scrape to scrape"):
            peers = self.peers(it)
            before = prometheus.value("count_over_time(up[1m])")
            wait_until(lambda: prometheus.value("count_over_time(up[1m])") >= before + 2, 30, "two more scrapes")
            self.assertEqual(len(peers), 1)
            self.assertEqual(self.peers(it), peers)

    @staticmethod
    def peers(it):
        """Clients that are connected to the exporter."""
        lines = it.namespace.run("ss", "-Htn", "state", "established", f"( sport = :{it.port} )")
        return re.findall(r"\S+:\d+ +(\S+:\d+)", lines)


class SecuredPrometheus(Secured):
    def config(self, port, password):
        """The one that is shipped, with this exporter for its targets, and no rules."""
        with open(os.path.join(testlib.SOURCE, "deploy", "prometheus", "prometheus-tls.yml"), encoding="utf-8") as file:
            text = file.read()
        for pattern, to in ((r"scrape_interval: 15s", "scrape_interval: 1s"), (r"scrape_timeout: 10s", "scrape_timeout: 1s"),
                            (r"\nrule_files:\n(  .*\n)+", "\n"), (r"\nalerting:\n(  .*\n)+", "\n"),
                            (r"secrets/ca.crt", self.place.file("ca.crt")), (r"secrets/password", self.place.write(password, password)),
                            (r'targets: \[.*\]', f'targets: ["localhost:{port}"]')):
            text, count = re.subn(pattern, to, text)
            self.assertEqual(count, 1, pattern)
        return text

    def test_tls_and_a_password(self):
        """And one that has another password gets nothing."""
        it = self.start(TLS + LOGIN)
        # They ask at the same moment from one address, which may have one password looked at at a time.
        self.assertEqual(self.tls(it).ask("/-/healthy", login()).status, 200)
        good, bad = (self.enter(servers.Prometheus(it.namespace, self.config(it.port, word))) for word in (PASSWORD, "wrong"))
        wait_until(lambda: bad.value("up") is not None, 30, "Prometheus scraped with a wrong password")
        wait_until(lambda: (good.value("count_over_time(up[1m])") or 0) >= 3, 30, "Prometheus scraped three times")
        self.assertEqual(good.value("min_over_time(up[1m])"), 1)
        names = {dict(labels)["__name__"] for labels in good.query('{job="conntrack"}')}
        self.assertLessEqual({"conntrack_entries", "conntrack_flows", "conntrack_exporter_build_info"}, names)
        self.assertEqual(good.value("scrape_samples_scraped"), len(good.query('{job="conntrack",__name__!~"up|scrape_.*"}')))
        self.assertEqual(bad.value("max_over_time(up[1m])"), 0)
        self.assertIn("401 Unauthorized", bad.data("/api/v1/targets")["activeTargets"][0]["lastError"])
        self.assertEqual(good.value(HITS + '{limit="login"}'), 0)


if __name__ == "__main__":
    testlib.main()
