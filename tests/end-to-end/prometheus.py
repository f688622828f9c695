# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Prometheus scrapes the exporter."""

import re

from common import TestCase, testlib, wait_until

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


if __name__ == "__main__":
    testlib.main()
