# SPDX-License-Identifier: GPL-2.0-or-later
"""Prometheus' configurations and rules: by promtool, by the thresholds of the diagnosis, and in a real Prometheus."""

import functools
import glob
import json
import os
import re
import shutil
import tempfile
import time

import common
from common import testlib

try:
    import yaml
except ImportError:
    testlib.skip("python3-yaml is not installed")
from servers import Prometheus  # pylint: disable=wrong-import-position

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT_TESTS = sorted(glob.glob(os.path.join(HERE, "rules", "*.yml")))
RULES = ["conntrack.rules.yml", "conntrack.alerts.yml"]
CONFIGS = ["prometheus.yml", "prometheus-tls.yml", "prometheus-file-sd.yml"]
RUNBOOK = "https://example.org/conntrack_exporter/runbooks/{}.md"
# What Prometheus itself makes.
OWN_METRICS = {"up"}
WORDS = {"and", "or", "unless", "bool", "on", "ignoring", "group_left", "group_right", "by", "without", "offset"}
WINDOW = re.compile(r"\[(\d+)([md])\]")
TRACK = "table inet t { chain c { type filter hook output priority 0; ct state new accept; }; }"

# Of an alert and its severity: what it compares with, in the expression's order, and the threshold of the diagnosis.
# Numbers instead of names are what the diagnosis has no threshold for; comments in the rules say why.
THRESHOLDS = {
    ("ConntrackTableFilling", "warning"): ["USAGE_WARNING"],
    ("ConntrackTableFilling", "critical"): ["USAGE_CRITICAL"],
    ("ConntrackTableFullSoon", "warning"): ["FILLING_S", "USAGE_FILLING", "USAGE_FULL"],
    ("ConntrackNewFlowsDropped", "critical"): [0, "USAGE_FULL", 0],
    ("ConntrackNewFlowsDropped", "warning"): [0, "USAGE_FULL", 0],
    ("ConntrackEstablishedSteadyNewFlowsDropped", "critical"): [0, "USAGE_FULL", 0, 0, 0.9],
    ("ConntrackEvictions", "warning"): [0],
    ("ConntrackInsertFailures", "warning"): [0.1],
    ("ConntrackHashChainsTooLong", "warning"): [0],
    ("ConntrackUnrepliedFlood", "warning"): [0, "HALF_OPEN_SHARE", "FLOWS_NOTABLE", "USAGE_CROWDED"],
    ("ConntrackDeadWeight", "warning"): ["DEAD_SHARE", "FLOWS_NOTABLE", "USAGE_CROWDED"],
    ("ConntrackEstablishedUntracked", "warning"): [0.5, 0.1, 10, 0],
    ("ConntrackTrackingInactive", "warning"): [0, 1, 1, 0.5, 0.1],
    ("ConntrackBucketsTooFew", "info"): [0, "LIMIT_PER_BUCKET_MAX"],
    ("ConntrackListenOverflow", "warning"): [0],
    ("ConntrackEphemeralPortsNearlyGone", "warning"): ["LIMIT_SHARE_WARNING"],
    ("ConntrackEphemeralPortsNearlyGone", "critical"): ["LIMIT_SHARE_CRITICAL"],
    ("ConntrackWalkSampled", "info"): [0],
    ("ConntrackCollectorFailing", "warning"): [0, 0, 0],
    ("ConntrackExporterWebConfigReloadFailed", "warning"): [0],
    ("ConntrackExporterDown", "critical"): [0],
}


def load(*parts):
    return yaml.safe_load(common.read("prometheus", *parts))


def all_rules():
    return [rule for file in RULES for group in load("rules", file)["groups"] for rule in group["rules"]]


ALERTS = [rule for rule in all_rules() if "alert" in rule]
RECORDS = [rule for rule in all_rules() if "record" in rule]


def bare(expression):
    """An expression without strings, matchers, windows and lists of labels."""
    for pattern in (r'"(?:[^"\\]|\\.)*"', r"\{[^}]*\}", r"\[[^]]*\]", r"\b(?:by|without|on|ignoring|group_left)\s*\([^)]*\)"):
        expression = re.sub(pattern, " ", expression)
    return expression


def metrics_of(expression):
    """The names of the metrics in an expression."""
    return set(re.findall(r"(?<![\w:.])[a-zA-Z_:][\w:]*\b(?!\s*\()", bare(expression))) - WORDS


def metrics_of_rule(rule):
    """The metrics of a rule's expression, and of the queries within its annotations."""
    found = metrics_of(rule["expr"])
    for text in rule.get("annotations", {}).values():
        found.update(re.findall(r'printf "([\w:]+)\{', text))
    return found


def compared(expression):
    """The numbers that an expression compares with, in its order, a factor of the right side included."""
    return [float(number) for number in re.findall(r"(?:==|!=|[<>]=?)\s*(\d+(?:\.\d+)?)", bare(expression))]


def thresholds():
    """{name: value} of collectors/thresholds.h."""
    with open(os.path.join(testlib.SOURCE, "collectors", "thresholds.h"), encoding="utf-8") as header:
        found = re.findall(r"^#define (\w+) (\d+(?:\.\d+)?)$", header.read(), re.M)
    return {name: float(value) for name, value in found}


@functools.cache
def unit_tests():
    """The tests of tests/deploy/rules."""
    tests = []
    for name in UNIT_TESTS:
        with open(name, encoding="utf-8") as file:
            tests += yaml.safe_load(file)["tests"]
    return tests


def left_open(text):
    """Rules whose windows leave out a sample at their start, as those of Prometheus 3 do."""
    text = WINDOW.sub(lambda m: f"[{int(m[1]) * {'m': 60000, 'd': 86400000}[m[2]] - 1}ms]", text)
    return text.replace("/ 300", "/ 299.999")


class Files(testlib.TestCase):
    """By promtool."""

    def setUp(self):
        common.need(self, "promtool")
        self.directory = self.enter(tempfile.TemporaryDirectory(prefix="rules-"))

    def test_configs(self):
        there = os.path.join(self.directory, "prometheus")
        shutil.copytree(common.path("prometheus"), there)
        os.mkdir(os.path.join(there, "secrets"))
        for secret in ("ca.crt", "password"):
            with open(os.path.join(there, "secrets", secret), "w", encoding="ascii") as file:
                file.write("secret")
        for config in CONFIGS:
            self.assertEqual(2, testlib.run("promtool", "check", "config", os.path.join(there, config)).count("rules found"))
            loaded = load(config)
            self.assertEqual(["rules/" + file for file in RULES], loaded["rule_files"], config)
            self.assertEqual(["conntrack"], [job["job_name"] for job in loaded["scrape_configs"]], config)
            self.assertEqual([{"static_configs": [{"targets": ["localhost:9093"]}]}], loaded["alerting"]["alertmanagers"])

    def test_file_sd_finds_the_example(self):
        files = load("prometheus-file-sd.yml")["scrape_configs"][0]["file_sd_configs"][0]["files"]
        self.assertEqual([common.path("prometheus", "targets", "conntrack.yml")],
                         [found for file in files for found in glob.glob(common.path("prometheus", file))])

    def test_lint(self):
        for file in RULES:
            testlib.run("promtool", "check", "rules", "--lint=all", "--lint-fatal", common.path("prometheus", "rules", file))

    def test_units(self):
        began = time.monotonic()
        testlib.run("promtool", "test", "rules", *UNIT_TESTS)
        print(f"unit tests of {len(RECORDS)} recording rules and {len(ALERTS)} alerts: {time.monotonic() - began:.1f} s")

    def test_units_in_left_open_windows(self):
        tests = []
        for file in RULES:
            with open(os.path.join(self.directory, file), "w", encoding="utf-8") as rules:
                rules.write(left_open(common.read("prometheus", "rules", file)))
        for file in UNIT_TESTS:
            tests.append(os.path.join(self.directory, "test-" + os.path.basename(file)))
            with open(file, encoding="utf-8") as before, open(tests[-1], "w", encoding="utf-8") as after:
                after.write(before.read().replace("../../../deploy/prometheus/rules/", ""))
        testlib.run("promtool", "test", "rules", *tests)


class Rules(testlib.TestCase):
    """What no tool checks."""

    def test_alerts_are_whole(self):
        for rule in ALERTS:
            name = rule["alert"]
            with self.subTest(name):
                self.assertRegex(name, r"^Conntrack([A-Z][a-z]+)+$")
                self.assertRegex(rule["for"], r"^\d+[mh]$")
                self.assertEqual(["severity"], list(rule["labels"]))
                self.assertIn(rule["labels"]["severity"], ("critical", "warning", "info"))
                self.assertEqual(["summary", "description", "runbook_url"], list(rule["annotations"]))
                self.assertRegex(rule["annotations"]["summary"], r"^[^{}]+\.$")
                self.assertIn("{{ $labels.instance }}", rule["annotations"]["description"])
                self.assertEqual(RUNBOOK.format(name), rule["annotations"]["runbook_url"])

    def test_records_are_named_level_metric_operations(self):
        for rule in RECORDS:
            self.assertRegex(rule["record"], r"^(instance(_[a-z]+)?|job):conntrack_[a-z_]+:[a-z0-9_]+$")

    def test_names_are_not_taken_twice(self):
        names = [rule["record"] for rule in RECORDS] + [(rule["alert"], rule["labels"]["severity"]) for rule in ALERTS]
        self.assertEqual(len(names), len(set(names)))

    def test_runbooks_exist(self):
        if not os.path.isdir(common.path("runbooks")):
            self.skipTest("deploy/runbooks is not there")
        pages = {os.path.basename(page) for page in glob.glob(common.path("runbooks", "Conntrack*.md"))}
        self.assertEqual({rule["alert"] + ".md" for rule in ALERTS}, pages)

    def test_thresholds_are_those_of_the_diagnosis(self):
        defined = thresholds()
        # Each entry is in two chains, so both of these say the same.
        self.assertEqual(defined["CHAIN_AVERAGE_MAX"], 2 * defined["LIMIT_PER_BUCKET_MAX"])
        for rule in ALERTS:
            name = rule["alert"], rule["labels"]["severity"]
            with self.subTest(name):
                expected = [defined[number] if isinstance(number, str) else number for number in THRESHOLDS[name]]
                self.assertEqual(expected, compared(rule["expr"]))

    def test_each_alert_is_tested_firing_and_not(self):
        for rule in ALERTS:
            name, severity = rule["alert"], rule["labels"]["severity"]
            with self.subTest(alert=name, severity=severity):
                fires = [any(alert["exp_labels"]["severity"] == severity for alert in case["exp_alerts"])
                         for test in unit_tests() for case in test.get("alert_rule_test", ()) if case["alertname"] == name]
                self.assertIn(True, fires)
                self.assertIn(False, fires)

    def test_each_record_is_tested_with_a_value_and_without(self):
        for rule in RECORDS:
            with self.subTest(rule["record"]):
                found = [bool(case["exp_samples"]) for test in unit_tests() for case in test.get("promql_expr_test", ())
                         if case["expr"] == rule["record"]]
                self.assertIn(True, found)
                self.assertIn(False, found)

    def test_grammar_of_prometheus_3(self):
        if not shutil.which("node") or not os.path.isdir(os.path.join(common.NODE_MODULES, "@prometheus-io/lezer-promql")):
            self.skipTest("node or the npm package @prometheus-io/lezer-promql is not here")
        expressions = [rule["expr"] for rule in all_rules()] + ["sum by (a (b)"]
        errors = json.loads(common.node("promql.js", input=json.dumps(expressions)))
        self.assertIsNotNone(errors.pop())
        self.assertEqual([None] * len(errors), errors)


class Live(testlib.TestCase):
    """Over a real exporter."""

    def setUp(self):
        """Two hosts with tracking on one, an ESTABLISHED connection between them, and one over loopback."""
        common.need(self, "nft", "ip")
        self.near, far = self.enter(testlib.Namespace()), self.enter(testlib.Namespace())
        testlib.link(self.near, far, "near", "far")
        self.near.address("near", "10.0.0.1/24")
        far.address("far", "10.0.0.2/24")
        self.near.nft(TRACK)
        listener = self.enter(far.socket())
        listener.bind(("10.0.0.2", 443))
        listener.listen()
        client = self.enter(self.near.socket())
        client.settimeout(10)
        client.connect(("10.0.0.2", 443))
        web_config = self.enter(tempfile.NamedTemporaryFile("w", suffix=".yml"))
        os.chmod(web_config.name, 0o644)
        self.target = self.exporter(f"--web.config.file={web_config.name}", namespace=self.near)

    def test_metrics_exist(self):
        known = self.target.metrics().names() | {rule["record"] for rule in RECORDS} | OWN_METRICS
        for rule in all_rules():
            with self.subTest(rule.get("alert") or rule["record"]):
                self.assertEqual(set(), metrics_of_rule(rule) - known)

    def test_all_rules_evaluate(self):
        """Each recording rule has a value, and each alert could have one."""
        common.need(self, "prometheus")
        config = common.read("prometheus", "prometheus.yml")
        for before, after in (("localhost:10066", f"127.0.0.1:{self.target.port}"), ("rules/", ""),
                              ("interval: 15s", "interval: 1s"), ("timeout: 10s", "timeout: 1s")):
            self.assertIn(before, config)
            config = config.replace(before, after)
        began = time.monotonic()
        prometheus = Prometheus(self.near, config)
        for file in RULES:
            prometheus.write(file, common.read("prometheus", "rules", file).replace("interval: 5m", "interval: 1s"))
        self.enter(prometheus)
        missing = {rule["record"] for rule in RECORDS}
        filled = 0

        def all_there():
            nonlocal filled
            filled += 1
            # The table grows, so that it has a time to be full at.
            self.near.run(testlib.FILL, "--count=50", f"--source=10.1.{filled // 256}.{filled % 256}")
            missing.difference_update(dict(key)["__name__"] for key in prometheus.query('{__name__=~".+:.+:.+"}'))
            time.sleep(0.3)
            return not missing

        try:
            testlib.wait_until(all_there, 30, "a value of each recording rule")
        except AssertionError as error:
            raise AssertionError(f"no value of {sorted(missing)}") from error
        testlib.wait_until(lambda: "unknown" not in self.health(prometheus), 10, "each rule evaluated")
        self.assertEqual({"ok"}, self.health(prometheus))
        self.assertEqual({}, prometheus.query('ALERTS{severity=~"critical|warning"}'))
        print(f"a value of each recording rule after {time.monotonic() - began:.1f} s")

    @staticmethod
    def health(prometheus):
        """What is said of the rules' health; an error of a rule stands there in place of "ok"."""
        return {rule.get("lastError") or rule["health"] for group in prometheus.data("/api/v1/rules")["groups"]
                for rule in group["rules"]}


if __name__ == "__main__":
    testlib.main()
