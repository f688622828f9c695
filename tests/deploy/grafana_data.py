# SPDX-License-Identifier: GPL-2.0-or-later
"""Every query of the dashboards has data from a real Prometheus that scrapes real exporters.

Two hosts: near, which is a third full, grows and is looked at in every way, and far, whose table is full and drops new flows.
"""

import os
import re
import socket
import tempfile
import threading
import time
import urllib.parse

from common import read, testlib

try:
    import yaml
except ImportError:
    testlib.skip("python3-yaml is not installed")
import servers  # pylint: disable=wrong-import-position
from dashboards import (FILES, FLEET, HOST, annotations, load, named_labels,  # pylint: disable=wrong-import-position
                        panels, queries, selectors, substitute)

testlib.need("ip", "nft", "prometheus", "ss")

NEAR, FAR, NEAR6, FAR6 = "10.1.0.1", "10.1.0.2", "fd00::1", "fd00::2"
PORT = 80
SCRAPE_S = 1
INTERVAL_S = 4 * SCRAPE_S  # of $__rate_interval, as Grafana makes it of the scrape interval
WAIT_S = 20  # for all queries together
LIMIT = testlib.table_limit()
LIMIT_MAX = 1 << 21
TRACK = ("table inet track { chain pre { type filter hook prerouting priority 0; ct state new accept; };"
         " chain out { type filter hook output priority 0; ct state new accept; }; }")
CONFIG = """
global: {scrape_interval: %ds, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [rules.yml, alerts.yml]
scrape_configs:
- job_name: conntrack
  static_configs: [{targets: ['%s', '%s']}]
- job_name: prometheus
  static_configs: [{targets: ['127.0.0.1:%d']}]
"""
# The kernel has these in the host's network namespace only.
HOST_ONLY = {"tcp_max_orphans": "131072\n", "tcp_mem": "143952\t191938\t287904\n"}

if not 0 < LIMIT <= LIMIT_MAX:
    testlib.skip(f"nf_conntrack_max is {LIMIT}: too many entries for a test")


def host_procfs(directory):
    """/proc as the host's network namespace shows it: what is missing elsewhere, and else the real one."""
    os.chmod(directory, 0o755)
    for inside, real, own in (("", "/proc", {"sys", "net"}), ("sys", "/proc/sys", {"net"}),
                              ("sys/net", "/proc/sys/net", {"ipv4"}),
                              ("sys/net/ipv4", "/proc/sys/net/ipv4", HOST_ONLY)):
        os.makedirs(os.path.join(directory, inside), exist_ok=True)
        for name in os.listdir(real):
            if name not in own and not name.isdigit():
                os.symlink(os.path.join(real, name), os.path.join(directory, inside, name))
    os.symlink("/proc/self/net", os.path.join(directory, "net"))
    for name, text in HOST_ONLY.items():
        with open(os.path.join(directory, "sys/net/ipv4", name), "w", encoding="ascii") as file:
            file.write(text)


class Fleet:
    """The two hosts with traffic that goes on until the end of the with block."""

    def __init__(self, test):
        self.test = test
        self.near, self.far = test.enter_class(testlib.Namespace()), test.enter_class(testlib.Namespace())
        testlib.link(self.near, self.far, "eth0", "eth0")
        self.near.address("eth0", NEAR + "/24", NEAR6 + "/64")
        self.far.address("eth0", FAR + "/24", FAR6 + "/64")
        for namespace in (self.near, self.far):
            namespace.nft(TRACK)
        self.listeners = [self.listen(self.far, FAR), self.listen(self.far, FAR6), self.listen(self.near, "127.0.0.1")]
        self.pairs = [self.connect(listener) for listener in self.listeners]
        self.udp = self.open(self.near, socket.AF_INET, socket.SOCK_DGRAM)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.talk, daemon=True)

    def open(self, namespace, *kind):
        sock = namespace.socket(*kind)
        self.test.addClassCleanup(sock.close)
        sock.settimeout(5)
        return sock

    def listen(self, namespace, address):
        sock = self.open(namespace, socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.bind((address, PORT))
        sock.listen(16)
        return sock

    def connect(self, listener):
        sock = self.open(self.near, listener.family)
        sock.connect(listener.getsockname()[:2])
        there, _ = listener.accept()
        self.test.addClassCleanup(there.close)
        return sock, there

    def talk(self):
        """Connections that carry something, new flows of near, and, once far is full, SYNs that it drops."""
        step = 0
        while not self.ended.wait(0.25):
            step += 1
            for one, other in self.pairs:
                one.sendall(b"word")
                other.recv(16)
            self.udp.sendto(b"word", (FAR, 53))
            testlib.run(*self.near.command(testlib.FILL, "--count=20", f"--first-port={1024 + 20 * step}"))
            with self.near.socket() as begun:
                begun.setblocking(False)
                begun.connect_ex((FAR, PORT))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


class Data(testlib.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.enter_class(testlib.limit_lock())
        began = time.monotonic()
        cls.fleet = Fleet(cls)
        procfs = cls.enter_class(tempfile.TemporaryDirectory())
        host_procfs(procfs)
        with open(os.path.join(procfs, "web.yml"), "w", encoding="utf-8"):
            pass
        cls.exporters = {
            # An empty web configuration changes nothing but that it has metrics.
            "near": cls.enter_class(testlib.Exporter(cls.fleet.near, "--collector.talkers", f"--path.procfs={procfs}",
                                                     f"--web.config.file={procfs}/web.yml")),
            "far": cls.enter_class(testlib.Exporter(cls.fleet.far, f"--web.listen-address={FAR}:0",
                                                    "--collector.flows.limit=20000"))}
        cls.instances = {"near": f"127.0.0.1:{cls.exporters['near'].port}", "far": f"{FAR}:{cls.exporters['far'].port}"}
        # Once far is full it takes no connection any more. Prometheus keeps the one it has.
        cls.exposed = set.union(*(it.metrics().names() for it in cls.exporters.values()))
        cls.enter_class(cls.fleet)
        cls.prometheus = servers.Prometheus(cls.fleet.near, "")
        cls.prometheus.config = CONFIG % (SCRAPE_S, *cls.instances.values(), cls.prometheus.port)
        cls.prometheus.write("rules.yml", read("prometheus", "rules", "conntrack.rules.yml"))
        cls.prometheus.write("alerts.yml", cls.impatient(read("prometheus", "rules", "conntrack.alerts.yml")))
        cls.enter_class(cls.prometheus)
        scrapes = 'sum(count_over_time(up{job="conntrack"}[1m]))'
        testlib.wait_until(lambda: (cls.prometheus.value(scrapes) or 0) >= 4, 30, "Prometheus scraped both twice")
        # Enough for a forecast.
        testlib.run(*cls.fleet.near.command(testlib.FILL, f"--count={3 * LIMIT // 10}", "--status=assured,seen_reply",
                                            "--source=10.9.0.1"))
        testlib.run(*cls.fleet.far.command(testlib.FILL, f"--count={LIMIT}", "--status=assured,seen_reply",
                                           "--first-port=1"))
        drops = f'instance:conntrack_table_full_drops:rate5m{{instance="{cls.instances["far"]}"}}'
        testlib.wait_until(lambda: cls.prometheus.value(drops), 30, "far drops new flows, and Prometheus knows")
        print(f"set up in {time.monotonic() - began:.1f} s")
        cls.patience_ends = time.monotonic() + WAIT_S

    @staticmethod
    def impatient(alerts):
        """The alerts without `for`, all of them evaluated as often as the others."""
        groups = yaml.safe_load(alerts)
        for group in groups["groups"]:
            group.pop("interval", None)
            for rule in group["rules"]:
                rule.pop("for", None)
                rule.pop("keep_firing_for", None)
        return yaml.safe_dump(groups)

    def api(self, endpoint, **parameters):
        return self.prometheus.data(f"/api/v1/{endpoint}?{urllib.parse.urlencode(parameters)}")

    def ask(self, target, instance=".+"):
        """The series of a target, as its panel asks: now, or over the last seconds."""
        expression = substitute(target["expr"], INTERVAL_S, instance)
        if target.get("instant"):
            data = self.api("query", query=expression)
            return [(row["metric"], [row["value"]]) for row in data["result"]]
        now = time.time()
        data = self.api("query_range", query=expression, start=now - 3, end=now, step=1)
        return [(row["metric"], row["values"]) for row in data["result"]]

    def wait_for(self, target, what):
        """The series of a target, once there are some."""
        return testlib.wait_until(lambda: self.ask(target), max(0, self.patience_ends - time.monotonic()),
                                  f"{what}: {target['expr']}")

    def eventually(self, check):
        """Runs a check until it holds: under load a scrape fails now and then, and the next one makes up for it."""
        while True:
            try:
                check()
                return
            except (AssertionError, IndexError, ValueError):
                if time.monotonic() > self.patience_ends:
                    raise
                time.sleep(0.2)

    def check_target(self, panel, target, name):
        """Waits until there is data, and looks whether it has the labels that the panel shows."""
        series = self.wait_for(target, panel["title"])
        wanted = named_labels(target["legendFormat"])
        if panel["type"] == "table":
            shown = next(row["options"] for row in panel["transformations"] if row["id"] == "organize")
            wanted |= {column for column in shown["renameByName"] if not column.startswith("Value")}
        for labels, values in series:
            self.assertEqual(wanted - set(labels), set(), f"{name}: {panel['title']}")
            self.assertTrue(all(float(value) == float(value) for _, value in values),
                            f"{name}: {panel['title']}: not a number: {target['expr']}")
        if not wanted:
            self.assertEqual(len(series), 1, f"{name}: {panel['title']}: one name for several series")

    def test_each_query_has_data(self):
        asked = 0
        for name in FILES:
            for panel, target in queries(load(name)):
                with self.subTest(panel["title"], dashboard=name, target=target["legendFormat"]):
                    self.check_target(panel, target, name)
                    asked += 1
        self.assertGreater(asked, 100)
        print(f"{asked} queries have data")

    def test_annotations(self):
        for name in FILES:
            for annotation in annotations(load(name)):
                with self.subTest(annotation["name"], dashboard=name):
                    series = self.wait_for({"expr": annotation["expr"]}, annotation["name"])
                    wanted = named_labels(annotation["titleFormat"] + annotation["textFormat"])
                    for labels, _ in series:
                        self.assertEqual(wanted - set(labels), set())

    def test_variables_find_both_hosts(self):
        for name in FILES:
            found = {}
            for variable in load(name)["templating"]["list"]:
                if variable["type"] == "query":
                    match, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]).groups()
                    found[variable["name"]] = set(self.api(
                        f"label/{label}/values", **{"match[]": substitute(match, INTERVAL_S)}))
            self.assertEqual(found, {"job": {"conntrack"}, "instance": set(self.instances.values())})

    def value(self, dashboard, title, legend="", instance=".+"):
        """The latest value of a panel's series."""
        target = next(target for panel, target in queries(load(dashboard))
                      if panel["title"] == title and target["legendFormat"].startswith(legend))
        (_, values), = self.ask(target, instance)
        return float(values[-1][1])

    def test_the_incident_can_be_read(self):
        """A full table, as the first two rows show it: dropped packets, and sockets that stay."""
        self.eventually(self.check_host)
        self.eventually(self.check_near)
        self.eventually(self.check_fleet)

    def check_host(self):
        self.assertGreaterEqual(self.value(HOST, "Table usage"), 1)
        self.assertGreater(self.value(HOST, "New flows dropped"), 0)
        # None for far: it is full.
        self.assertGreater(self.value(HOST, "Time until full"), 0)
        until_full = next(target for panel, target in queries(load(HOST)) if panel["title"] == "Time until full")
        self.assertEqual(self.ask(until_full, self.instances["far"]), [])
        for finding, severity in (("Table filling", 3), ("New flows dropped", 3), ("Hash chains too long", 0),
                                  ("Insertion races", 0), ("Ephemeral ports", 0), ("Collector failing", 0)):
            self.assertEqual(self.value(HOST, "Findings", finding), severity, finding)
        title = "ESTABLISHED sockets, table usage and drops"
        established = sum(len(namespace.run("ss", "-Htn", "state", "established").splitlines())
                          for namespace in (self.fleet.near, self.fleet.far))
        # This test asks Prometheus over a connection of its own.
        self.assertAlmostEqual(self.value(HOST, title, "ESTABLISHED sockets"), established, delta=2)
        self.assertGreater(self.value(HOST, title, "dropped packets"), 0)
        known, = (self.ask(target) for panel, target in queries(load(HOST))
                  if panel["title"].startswith("ESTABLISHED sockets: "))
        self.assertGreaterEqual({labels["tracking"]: float(values[-1][1]) for labels, values in known}["tracked"], 6)

    def check_near(self):
        near = self.instances["near"]
        self.assertLess(self.value(HOST, "Table usage", instance=near), 0.5)
        self.assertGreater(self.value(HOST, "Time until full", instance=near), 0)
        self.assertEqual(self.value(HOST, "New flows dropped", instance=near), 0)
        self.assertEqual(self.value(HOST, "Findings", "New flows dropped", instance=near), 0)

    def check_fleet(self):
        for legend, wanted in (("above 90 %", 1), ("below 50 %", 1), ("50 %", 0), ("75 %", 0)):
            self.assertEqual(self.value(FLEET, "Hosts by usage", legend), wanted, legend)
        self.assertEqual(self.value(FLEET, "Dropping new flows"), 1)
        self.assertEqual(self.value(FLEET, "Hosts"), 2)
        self.assertEqual(self.value(FLEET, "Hosts down"), 0)
        soonest = next(target for panel, target in queries(load(FLEET)) if panel["title"] == "Full soonest")
        self.assertEqual({labels["instance"] for labels, _ in self.ask(soonest)}, {self.instances["near"]})

    def test_rows_of_the_fleet_are_hosts(self):
        self.eventually(self.check_rows)

    def check_rows(self):
        for title, hosts in (("Fullest tables", {"near", "far"}), ("Dropping new flows", {"far"})):
            panel = next(panel for panel in panels(load(FLEET)) if (panel["title"], panel["type"]) == (title, "table"))
            rows = {labels["instance"] for labels, _ in self.ask(panel["targets"][0])}
            self.assertEqual(rows, {self.instances[host] for host in hosts}, title)

    def test_every_metric_is_shown(self):
        """The host's dashboard has all that the exporter exposes, and nothing that it does not."""
        shown = {metric for _, target in queries(load(HOST)) for metric, _, _ in selectors(target["expr"])}
        self.assertEqual(self.exposed - shown, set())
        # Prometheus adds these to every target.
        self.assertEqual(shown - self.exposed, {"up", "scrape_duration_seconds", "scrape_samples_scraped"})

    def test_others_are_left_out(self):
        """With all jobs chosen, nothing of Prometheus itself, which exposes some of the same names."""
        self.eventually(self.check_others)

    def check_others(self):
        self.assertEqual(self.prometheus.value('count(process_open_fds{job="prometheus"})'), 1)
        resident = self.prometheus.value('sum(process_resident_memory_bytes{job="conntrack"})')
        self.assertLess(self.value(HOST, "Memory", "resident"), 1.5 * resident)
        self.assertLess(self.value(HOST, "Series", "series"), 300)
        up = next(target for panel, target in queries(load(HOST)) if panel["title"] == "Up")
        self.assertEqual({labels["instance"] for labels, _ in self.ask(up)}, set(self.instances.values()))
        started = next(row for row in annotations(load(HOST)) if "process_start_time_seconds" in row["expr"])
        self.assertEqual({labels["job"] for labels, _ in self.ask({"expr": started["expr"]})}, {"conntrack"})

    def test_recording_rules_are_there(self):
        rules = yaml.safe_load(read("prometheus", "rules", "conntrack.rules.yml"))
        recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"]}
        asked = {metric for _, target in queries(load(FLEET)) for metric, _, _ in selectors(target["expr"])
                 if ":" in metric}
        self.assertTrue(asked)
        self.assertEqual(asked - recorded, set())


if __name__ == "__main__":
    testlib.main()
