# SPDX-License-Identifier: GPL-2.0-or-later
"""The numbers of deploy/SCALE.md that do not depend on the machine, beside a live exporter and a real Prometheus."""

import json
import platform
import re

from common import becomes, path, read, testlib, whole_scrape

import servers  # pylint: disable=wrong-import-order

testlib.need("ip", "nft", "prometheus")

ACCEPT = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
          "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
CHEAP, WALK = ["table", "stat", "netstat", "settings"], ["flows", "correlation", "sockets", "ports"]
# What a network namespace of a test may lack and the host's has.
HOST_ONLY = [("conntrack_tcp_sockets_orphaned_limit", {}), ("conntrack_tcp_memory_bytes_limit", {}),
             ("conntrack_tracking_active", {"family": "ipv4"}), ("conntrack_tracking_active", {"family": "ipv6"})]
BYTES_MAY_DIFFER_BY = 0.1
TALKERS = 7
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ['{rules}']
scrape_configs:
- job_name: conntrack
  static_configs: [{{targets: ['10.66.0.2:{port}', '127.0.0.1:9']}}]
"""
LIMITED = "- {{job_name: {name}, {limit}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"


def marked(name):
    """{first column: second column} of the table between two marks of SCALE.md."""
    text = read("SCALE.md")
    begin, end = (text.index(f"<!-- {name}:{edge} -->") for edge in ("begin", "end"))
    return dict(re.findall(r"^\| (?!what)(.+?) \| ([^|]*?) \|", text[begin:end], re.M))


def number(text):
    """A number of the page, of which some have spaces between the thousands."""
    return int(text.replace(" ", ""))


def formula(text, **values):
    """The value of a formula of the page."""
    words = {name.lower(): str(value) for name, value in values.items()}
    terms = re.sub(r"[a-z]+", lambda found: words[found.group()], text.strip("`").lower()).replace("×", "*")
    assert re.fullmatch(r"[\d +*()-]+", terms), terms
    return eval(terms)  # pylint: disable=eval-used


class Scale(testlib.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.here, cls.there = cls.enter_class(testlib.Namespace()), cls.enter_class(testlib.Namespace())
        testlib.link(cls.here, cls.there, "here", "there")
        cls.here.address("here", "10.66.0.1/24")
        cls.there.address("there", "10.66.0.2/24")
        for namespace, device in (cls.here, "here"), (cls.there, "there"):
            namespace.run("ip", "link", "set", device, "gso_max_segs", "1")  # what is counted are packets of the wire
        cls.there.nft("table inet t { chain c { type filter hook output priority 0; ct state new accept; }; }")
        cls.there.run(testlib.FILL, "--count=2000", "--mix")
        cls.exporter = cls.enter_class(testlib.Exporter(cls.there, "--web.listen-address=0.0.0.0:0"))
        cls.prometheus = cls.enter_class(servers.Prometheus(
            cls.here, CONFIG.format(port=cls.exporter.port, rules=path("prometheus", "rules", "*.yml"))))
        cls.rows = marked("counted")
        cls.limits = {name.strip("`"): number(value) for name, value in marked("limits").items() if "value" not in name}
        cls.limits["sample_limit"] = len(whole_scrape(cls.exporter).samples)
        jobs = [LIMITED.format(name=f"{name}_{what}", limit=f"{name}: {value - (what == 'less')}", port=cls.exporter.port)
                for name, value in cls.limits.items() for what in ("fits", "less")]
        cls.limited = cls.enter_class(servers.Prometheus(
            cls.there, "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n" + "".join(jobs)))

    def count(self, samples):
        """How many there would be in the host's own network namespace."""
        return len(samples) + sum((name, frozenset(labels.items())) not in samples for name, labels in HOST_ONLY)

    def test_collectors(self):
        always = whole_scrape(self.exporter, "/metrics?collect[]=ports").samples
        self.assertEqual(number(self.rows["the exporter itself: process, build, limits of HTTP"]),
                         len([key for key in always if re.match("process_|conntrack_exporter_", key[0])]))
        own = number(self.rows["the exporter itself: process, build, limits of HTTP"]) + 2
        for collector in CHEAP + WALK:
            with self.subTest(collector):
                there = whole_scrape(self.exporter, f"/metrics?collect[]={collector}").samples
                host = [(name, labels) for name, labels in HOST_ONLY
                        if name.startswith({"sockets": "conntrack_tcp", "settings": "conntrack_tracking"}.get(collector, "-"))]
                missing = sum((name, frozenset(labels.items())) not in there for name, labels in host)
                if collector != "settings" or platform.release().startswith("6.18"):
                    self.assertEqual(number(self.rows[f"`{collector}`"]), len(there) - own + missing)
        self.assertEqual(number(self.rows["how each of the eight collectors went"]), 2 * len(CHEAP + WALK))

    def test_sums(self):
        rows = list(self.rows.items())
        where = [name for name, _ in rows].index("**a scrape**")
        scrape = number(self.rows["**a scrape**"])
        self.assertEqual(scrape, sum(number(value) for _, value in rows[:where]))
        if platform.release().startswith("6.18"):
            self.assertEqual(scrape, self.count(whole_scrape(self.exporter).samples))
        without = scrape + number(self.rows["Prometheus' own of a target: `up`, `scrape_*`"])
        self.assertEqual(number(self.rows["**without rules**"]), without)
        self.assertEqual(number(self.rows["**with rules**"]), without + number(self.rows["recorded"]))
        self.assertLess(without, 250)
        tiers = marked("tiers")
        each = {"cheap": CHEAP, "walk": WALK}
        once = {"cheap": number(self.rows["the exporter itself: process, build, limits of HTTP"]), "walk": 0}
        for tier, collectors in each.items():
            samples = sum(number(self.rows[f"`{name}`"]) + 2 for name in collectors) + once[tier]
            self.assertEqual(number(tiers[tier]), samples + number(self.rows["Prometheus' own of a target: `up`, `scrape_*`"]))

    def test_formulas(self):
        default = len(testlib.metrics(self.there).samples)
        per_cpu = testlib.metrics(self.there, "--collector.stat.per-cpu").samples
        cpus = sum(name == "conntrack_stat_drop_total" for name, _ in per_cpu)
        self.assertEqual(formula(self.rows["`--collector.stat.per-cpu`"], CPUs=cpus), len(per_cpu) - default)
        for i in range(TALKERS + 3):
            self.there.run(testlib.FILL, "--count=50", f"--source=10.7.{i}.1", f"--destination=10.8.{i}.1",
                           f"--destination-port={7000 + i}")
        talkers = testlib.metrics(self.there, "--collector.talkers", f"--collector.talkers.limit={TALKERS}").samples
        self.assertEqual(formula(self.rows["`--collector.talkers`"], K=TALKERS), len(talkers) - default)

    def test_recorded(self):
        """The most that the rules record of a host, and what an alert adds."""
        host = 'instance!~"127.*"'
        testlib.wait_until(lambda: self.prometheus.value('count_over_time(up{%s}[1m])' % host) or 0 >= 2, 30, "scrapes")
        self.there.run(testlib.FILL, "--count=3000", "--source=10.9.0.1")
        recorded = '{__name__=~".+:.+", %s}' % host
        testlib.wait_until(lambda: self.prometheus.query("instance:conntrack_entries:seconds_to_limit"), 30, "it grows")

        def of_the_host():
            return {labels for labels in self.prometheus.query(recorded) if "instance" in dict(labels)}

        becomes(self, lambda: len(of_the_host()), number(self.rows["recorded"]))
        level = [labels for labels in of_the_host() if dict(labels)["__name__"].startswith("instance:")]
        self.assertEqual(len(level), number(self.rows["of those recorded, the `instance:` level"]))
        jobs = {labels for labels in self.prometheus.query('{__name__=~".+:.+"}') if "instance" not in dict(labels)}
        self.assertEqual(len(jobs), number(self.rows["recorded of the whole job"]))
        own = self.prometheus.query('{__name__=~"up|scrape_.+", %s}' % host)
        self.assertEqual(len(own), number(self.rows["Prometheus' own of a target: `up`, `scrape_*`"]))
        down = testlib.wait_until(lambda: self.prometheus.query('{__name__=~"ALERTS.*", alertname="ConntrackExporterDown"}'),
                                  30, "an alert is pending")
        self.assertEqual(len(down), number(self.rows["each alert that is pending or fires"]))

    def test_bytes(self):
        rows = marked("bytes")
        whole_scrape(self.exporter)
        plain = self.exporter.request(headers={"Accept": ACCEPT})
        packed = self.exporter.request(headers={"Accept": ACCEPT, "Accept-Encoding": "gzip"})
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        wire = self.on_the_wire()
        print(f"{len(plain.body)} bytes, {len(packed.body)} with gzip, {wire:.0f} on the network", end=" ")
        self.close(rows["plain"], len(plain.body))
        self.close(rows["gzip"], len(packed.body))
        self.close(rows["on the network, both ways, gzip"], wire)

    def close(self, text, measured):
        self.assertLess(abs(number(text) - measured), BYTES_MAY_DIFFER_BY * measured, f"SCALE.md has {text}, not {measured:.0f}")

    def on_the_wire(self):
        """Bytes of a scrape over a connection that stays, with Ethernet's headers."""
        def moved():
            stats = json.loads(self.there.run("ip", "-s", "-j", "link", "show", "dev", "there"))[0]["stats64"]
            return stats["rx"]["bytes"] + stats["tx"]["bytes"]

        def scrapes():
            return self.prometheus.value('count_over_time(up{instance!~"127.*"}[5m])') or 0

        testlib.wait_until(lambda: scrapes() >= 1, 30, "a scrape")
        first, bytes_first = self.edge(scrapes, moved)
        testlib.wait_until(lambda: scrapes() >= first + 4, 30, "four scrapes more")
        last, bytes_last = self.edge(scrapes, moved)
        return (bytes_last - bytes_first) / (last - first)

    @staticmethod
    def edge(scrapes, moved):
        """Both counts at a time between two scrapes."""
        before = scrapes()
        testlib.wait_until(lambda: scrapes() > before, 30, "the next scrape")
        return scrapes(), moved()

    def test_limits(self):
        """Each limit that a scrape just fits into, and one less."""
        self.assertEqual(number(marked("limits")["`label_value_length_limit`"]),
                         max(len(name) for name in self.exporter.metrics().names()))
        wanted = {f"{name}_{what}": float(what == "fits") for name in self.limits for what in ("fits", "less")}

        becomes(self, lambda: {dict(labels)["job"]: up for labels, up in self.limited.query("up").items()}, wanted)


if __name__ == "__main__":
    testlib.main()
