# SPDX-License-Identifier: GPL-2.0-or-later
"""What deploy/prometheus/ has for many hosts, each file with a real Prometheus.

Shards below a federation, an agent that writes to a receiver, a host scraped in two tiers.
"""

import os
import re

from common import becomes, path, read, testlib, whole_scrape

import servers  # pylint: disable=wrong-import-order

testlib.need("prometheus", "promtool")

HOSTS = 16  # addresses of one exporter
SHARDS = 4
RULES = path("prometheus", "rules", "*.yml")
OWN = re.compile("up|scrape_.+")  # what Prometheus itself says of a target


def faster(text, kind):
    """A configuration with seconds for quarters of a minute, so that the tiers keep their ratio."""
    text = re.sub(r"scrape_timeout: \w+", "scrape_timeout: 1s", text)
    text = re.sub(r"scrape_interval: (\d+)s", lambda found: f"scrape_interval: {int(found.group(1)) // 15}s", text)
    if kind is not servers.Agent:  # it has no rules
        text = re.sub(r"  evaluation_interval: \w+\n", "", text)
        text = replaced(text, "global:\n", "global:\n  evaluation_interval: 1s\n")
    return text.replace("rules/*.yml", RULES)


def replaced(text, old, new):
    assert text.count(old) == 1, f"{old!r} is not there once"
    return text.replace(old, new)


def names(series):
    """Names and labels of a query's result, without what Prometheus says of its targets."""
    return {labels for labels in series if not OWN.fullmatch(dict(labels)["__name__"])}


def labelled(samples, **labels):
    """An exposition's samples as a query gives them, with these labels more."""
    return {tuple(sorted({"__name__": name, **dict(have), **labels}.items())) for name, have in samples}


class Fleet(testlib.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.namespace = cls.enter_class(testlib.Namespace())
        cls.namespace.nft("table inet track { chain c { type filter hook output priority 0; ct state new accept; }; }")
        cls.namespace.run(testlib.FILL, "--count=500", "--mix")
        cls.exporter = cls.enter_class(testlib.Exporter(cls.namespace, "--web.listen-address=0.0.0.0:0"))
        cls.addresses = [f"127.0.0.{host + 1}:{cls.exporter.port}" for host in range(HOSTS)]
        cls.shards = [cls.start(cls.shard(number), cls.addresses) for number in range(SHARDS)]
        cls.upper = cls.start(re.sub(r"targets: \[.*\]", f"targets: {[f'127.0.0.1:{s.port}' for s in cls.shards]}",
                                     read("prometheus", "federation.yml")))
        cls.receiver = cls.start("global:\n  scrape_interval: 15s\nrule_files: [rules/*.yml]\n", [],
                                 "--web.enable-remote-write-receiver")
        cls.agent = cls.start(replaced(read("prometheus", "agent.yml"), "url: http://localhost:9090/",
                                       f"url: http://127.0.0.1:{cls.receiver.port}/"), cls.addresses[:1],
                              kind=servers.Agent)
        cls.tiers = cls.start(read("prometheus", "tiers.yml"), cls.addresses[:1])

    @classmethod
    def start(cls, text, addresses=(), *flags, kind=servers.Prometheus):
        server = kind(cls.namespace, faster(text, kind), *flags)
        os.mkdir(os.path.join(server.directory.name, "targets"))
        server.write("targets/hosts.yml", f"- targets: {list(addresses)}\n")
        return cls.enter_class(server)

    @staticmethod
    def shard(number):
        text = replaced(read("prometheus", "shard.yml"), 'shard: "0"', f'shard: "{number}"')
        return replaced(text, 'regex: "0"', f'regex: "{number}"')

    def wait(self, condition, what):
        return testlib.wait_until(condition, 30, what)

    def exposition(self):
        return whole_scrape(self.exporter).samples.keys()

    def test_shards(self):
        self.wait(lambda: sum(server.value("sum(up)") or 0 for server in self.shards) == len(self.addresses),
                  "the shards scrape all hosts")
        theirs = [[dict(labels)["instance"] for labels in server.query("up")] for server in self.shards]
        self.assertEqual(sorted(sum(theirs, [])), sorted(self.addresses))
        self.assertTrue(all(theirs), f"a shard without hosts: {theirs}")

    def test_federation(self):
        """The upper server has the recorded series of all shards and their up, with the shard's labels, and nothing else."""
        below = '{__name__=~"(job|instance):.+"}'

        def recorded():
            found = set()
            for number, server in enumerate(self.shards):
                found |= {tuple(sorted({**dict(labels), "shard": str(number), "replica": "a"}.items()))
                          for labels in server.query(below)}
            return found

        self.wait(lambda: self.upper.value("sum(job:conntrack_instances:count)") == HOSTS, "all hosts are counted above")
        self.wait(lambda: recorded() == names(self.upper.query('{__name__=~".+"}')), "the same series above as below")
        self.assertGreater(len(recorded()), HOSTS * 5)
        federated = self.upper.query('up{job="conntrack"}')
        self.assertEqual({(dict(labels)["instance"], dict(labels)["replica"]) for labels in federated},
                         {(address, "a") for address in self.addresses})
        self.assertEqual(len(federated), HOSTS)
        of_hosts = {labels for labels in recorded() if dict(labels).get("instance") == self.addresses[0]
                    and dict(labels)["__name__"].startswith("instance:")}
        self.assertLessEqual(len(of_hosts) + 1, 14)  # in SCALE.md; one less while the table does not grow
        self.assertGreaterEqual(len(of_hosts) + 1, 13)

    def test_as_many_shards_as_the_files_say(self):
        targets, = re.findall(r"targets: \[(.*)\]", read("prometheus", "federation.yml"))
        self.assertEqual(len(targets.split(",")), SHARDS)
        self.assertIn(f"modulus: {SHARDS}\n", read("prometheus", "shard.yml"))

    def test_alerts_of_a_pair_are_one(self):
        """What Prometheus made of shard.yml: the label by which a pair differs does not reach Alertmanager."""
        loaded = self.shards[0].data("/api/v1/status/config")["yaml"]
        alerting = loaded.split("\nalerting:\n")[1].split("\nscrape_configs:")[0]
        self.assertRegex(alerting, r"(?s)alert_relabel_configs:\n.*regex: replica\n.*action: labeldrop\n.*alertmanagers:")
        self.assertGreater(self.upper.value("max(job:conntrack_entries:ratio_max)"), 0)

    def test_agent(self):
        """What the agent scrapes arrives whole, and rules are evaluated where it arrives."""
        self.wait(lambda: self.receiver.value('up{cluster="example"}') == 1, "samples arrive")
        labels = {"job": "conntrack", "instance": self.addresses[0], "cluster": "example", "replica": "a"}
        self.wait(lambda: self.receiver.value("instance:conntrack_entries:ratio"), "a rule is evaluated")
        wanted, arrived = labelled(self.exposition(), **labels), '{cluster="example", __name__!~".+:.+|ALERTS.*"}'
        becomes(self, lambda: names(self.receiver.query(arrived)), wanted)
        self.assertEqual(self.receiver.value("conntrack_ephemeral_ports"),
                         self.exporter.metrics().get("conntrack_ephemeral_ports"))
        self.assertEqual(names(self.receiver.query("instance:conntrack_entries:ratio")),
                         labelled([("instance:conntrack_entries:ratio", ())], **labels))

    def test_agent_receivers(self):
        """Each receiver that the comments name."""
        text = read("prometheus", "agent.yml")
        urls = re.findall(r"^ +#.* (http://[^\s,]+)", text, re.M)
        self.assertEqual(len(urls), 4)
        text = replaced(text, "# headers:", "headers:")
        for url in urls:
            with self.subTest(url):
                file = self.agent.write("variant.yml", replaced(text, "http://localhost:9090/api/v1/write", url))
                testlib.run("promtool", "check", "config", "--agent", file)

    def test_tiers(self):
        """Two scrapes have the series of one; only what Prometheus says of them has the tier."""
        self.wait(lambda: self.tiers.value("sum(up)") == 2, "both tiers are scraped")
        labels = {"job": "conntrack", "instance": self.addresses[0]}
        wanted = labelled(self.exposition(), **labels)
        becomes(self, lambda: names(self.tiers.query('{__name__=~".+", __name__!~".+:.+|ALERTS.*"}')), wanted)
        self.wait(lambda: self.tiers.value("instance:conntrack_established_flows_absent:ratio") is not None, "a rule of the "
                  "second tier is evaluated")
        self.assertEqual({dict(series)["tier"] for series in self.tiers.query("up")}, {"cheap", "walk"})
        becomes(self, lambda: self.tiers.value("sum(scrape_samples_post_metric_relabeling)"), len(self.exposition()))
        self.wait(lambda: (self.tiers.value("count_over_time(conntrack_walk_flows[1m])") or 0) >= 2, "two walks")
        for cheap, walk in ("conntrack_entries", "conntrack_walk_flows"), ('up{tier="cheap"}', 'up{tier="walk"}'):
            times = self.tiers.value(f"sum(count_over_time({cheap}[1m])) / sum(count_over_time({walk}[1m]))")
            self.assertTrue(2 < times <= 4.5, times)


if __name__ == "__main__":
    testlib.main()
