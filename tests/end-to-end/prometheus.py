# SPDX-License-Identifier: GPL-2.0-or-later
"""A real Prometheus scrapes the exporter."""

import http.client
import json
import os
import re
import signal
import tempfile
import urllib.parse

from common import TestCase, free_port, testlib, wait_until

testlib.need("prometheus", "ss")

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: conntrack
  static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


class Prometheus:
    """A server with one target, in the target's namespace."""

    def __init__(self, exporter):
        self.exporter = exporter
        self.directory = tempfile.TemporaryDirectory(prefix="prometheus-")

    def __enter__(self):
        config = os.path.join(self.directory.name, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(port=self.exporter.port))
        self.port = free_port(self.exporter.namespace)
        self.log = open(os.path.join(self.directory.name, "log"), "w+", encoding="utf-8")
        self.process = self.exporter.namespace.popen(
            "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.directory.name}/data",
            f"--web.listen-address=127.0.0.1:{self.port}", stdout=self.log, stderr=self.log)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()
        self.directory.cleanup()

    def get(self, path):
        """The data of an API answer; None while the server is not there."""
        connection = http.client.HTTPConnection("prometheus", timeout=10)
        try:
            connection.sock = self.exporter.namespace.socket()
            connection.sock.connect(("127.0.0.1", self.port))
            connection.request("GET", path)
            answer = connection.getresponse()
            return json.loads(answer.read())["data"] if answer.status == 200 else None
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()

    def query(self, expression):
        """{name and labels: value} of an instant query."""
        data = self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return {} if data is None else {tuple(sorted(row["metric"].items())): float(row["value"][1])
                                        for row in data["result"]}

    def value(self, expression):
        """The only value; None when there is none."""
        values = list(self.query(expression).values())
        return values[0] if len(values) == 1 else None


class RealPrometheus(TestCase):
    def test_scrapes(self):
        it = self.exporter()
        prometheus = self.enter(Prometheus(it))
        wait_until(lambda: prometheus.value("count_over_time(up[1m])") or 0 >= 3, 30, "Prometheus scraped three times")
        self.assertEqual(prometheus.value("min_over_time(up[1m])"), 1)
        metrics = it.metrics()
        self.assertEqual(prometheus.value("scrape_samples_scraped"), len(metrics.samples))
        self.assertEqual(prometheus.value("scrape_samples_post_metric_relabeling"), len(metrics.samples))
        self.assertEqual(prometheus.value("conntrack_entries"), metrics.get("conntrack_entries"))
        self.assertEqual(prometheus.value("conntrack_entries_limit"), metrics.get("conntrack_entries_limit"))
        target = prometheus.get("/api/v1/targets")["activeTargets"][0]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
        stored = {labels for labels in prometheus.query('{job="conntrack"}')
                  if not dict(labels)["__name__"].startswith(("up", "scrape_"))}
        self.assertEqual({(dict(labels)["__name__"], frozenset(labels) - {("__name__", dict(labels)["__name__"]),
                                                                         ("job", "conntrack"),
                                                                         ("instance", f"127.0.0.1:{it.port}")})
                          for labels in stored}, set(metrics.samples))
        metadata = prometheus.get("/api/v1/metadata?metric=conntrack_tcp_memory_bytes")
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
