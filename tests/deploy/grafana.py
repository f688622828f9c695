# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboards and provisioning files by the rules that Grafana's linter and its file provisioning have.

The linter is not a Debian package, so its rules are made again here, under its names. Each is shown to fail.
"""

import copy
import itertools
import os
import re
import subprocess
import sys
import tempfile
import unittest

from common import need, path, read, testlib

try:
    import yaml
except ImportError:
    testlib.skip("python3-yaml is not installed")
from dashboards import (FILES, FLEET, HOST, annotations, load, panels, queries,  # pylint: disable=wrong-import-position
                        selectors, substitute)

TYPES = {"timeseries", "stat", "gauge", "table"}
UNITS = {"none", "short", "percentunit", "bytes", "s", "pps", "ops", "cps"}
DATASOURCE = {"type": "prometheus", "uid": "$datasource"}
MATCHERS = {'job=~"$job"', 'instance=~"$instance"'}
COLUMNS = 24
EXCLUDED_RULE = "target-counter-agg-rule"


def variables(dashboard):
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def texts(value):
    """Every string in a JSON value, keys among them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def query_variable(name, label, query):
    def rule(dashboard):
        variable = variables(dashboard).get(name, {})
        wanted = {"type": "query", "label": label, "datasource": DATASOURCE, "multi": True, "includeAll": True,
                  "allValue": ".+", "query": query}
        return [f"{key} of ${name} is {variable.get(key)!r}" for key in wanted if variable.get(key) != wanted[key]]
    return rule


def by_dashboard(host, fleet):
    """A rule that differs between the two."""
    return lambda dashboard: (fleet if dashboard["uid"] == "conntrack-fleet" else host)(dashboard)


def template_datasource(dashboard):
    found = [variable for variable in variables(dashboard).values() if variable["type"] == "datasource"]
    named = [(variable["name"], variable["label"], variable["query"]) for variable in found]
    return [] if named == [("datasource", "Data source", "prometheus")] else [f"datasource variables: {named}"]


def on_time_change_reload(dashboard):
    return [f"${name} has refresh {variable['refresh']}" for name, variable in variables(dashboard).items()
            if variable["type"] == "query" and variable["refresh"] != 2]


def unused_variables(dashboard):
    used = " ".join(texts([dashboard["panels"], dashboard["annotations"]]))
    return [f"${name} is not used" for name in variables(dashboard) if f"${name}" not in used]


def uneditable(dashboard):
    return [] if dashboard["editable"] is False else ["editable is not false"]


def panel_datasource(dashboard):
    return [f"{panel['title']}: {datasource}" for panel in panels(dashboard)
            for datasource in (panel["datasource"], *(target["datasource"] for target in panel["targets"]))
            if datasource != DATASOURCE]


def title_and_description(dashboard):
    return [f"panel {panel['id']} lacks {key}" for panel in panels(dashboard) for key in ("title", "description")
            if not panel.get(key)]


def panel_units(dashboard):
    def units(panel):
        yield panel["fieldConfig"]["defaults"].get("unit")
        for override in panel["fieldConfig"]["overrides"]:
            yield from (row["value"] for row in override["properties"] if row["id"] == "unit")
    return [f"{panel['title']}: {unit}" for panel in panels(dashboard) for unit in units(panel) if unit not in UNITS]


def panel_no_targets(dashboard):
    return [f"{panel['title']} asks nothing" for panel in panels(dashboard)
            if not panel["targets"] or not all(target["expr"] for target in panel["targets"])]


def ranges(dashboard):
    """(title, function, metric, range) of every range."""
    for panel, target in queries(dashboard):
        for function, metric, span in re.findall(r"(\w+) ?\((\w+)\{[^}]*\}\[([^\]]*)\]", target["expr"]):
            yield panel["title"], function, metric, span


def rate_interval(dashboard):
    return [f"{title}: {function}({metric}[{span}])" for title, function, metric, span in ranges(dashboard)
            if function in ("rate", "irate", "increase") and span != "$__rate_interval"]


def counter_aggregation(dashboard):
    """Counters under rate(), irate() and increase() only."""
    under = {(title, metric) for title, function, metric, _ in ranges(dashboard)
             if function not in ("rate", "irate", "increase")}
    bare = {(panel["title"], metric) for panel, target in queries(dashboard)
            for metric, _, span in selectors(target["expr"]) if span is None}
    return [f"{title}: {metric}" for title, metric in sorted(under | bare) if metric.endswith("_total")]


def job_and_instance(dashboard):
    asked = [(panel["title"], target["expr"]) for panel, target in queries(dashboard)]
    asked += [(annotation["name"], annotation["expr"]) for annotation in annotations(dashboard)]
    return [f"{title}: {metric}" for title, expression in asked for metric, labels, _ in selectors(expression)
            if not MATCHERS <= set((labels or "").split(", "))]


def model(dashboard):
    wanted = {"id": None, "schemaVersion": 39, "timezone": "browser", "graphTooltip": 1, "tags": ["conntrack"]}
    problems = [f"{key} is {dashboard.get(key)!r}" for key in wanted if dashboard.get(key, 0) != wanted[key]]
    problems += [f"{key} is there" for key in ("__inputs", "__requires", "elements", "layout") if key in dashboard]
    problems += [f"{key} is missing" for key in ("refresh", "version", "title", "description")
                 if not dashboard.get(key)]
    if not re.fullmatch(r"[a-zA-Z0-9_-]{8,40}", dashboard["uid"]):
        problems.append(f"uid {dashboard['uid']!r}")
    if dashboard["time"] != {"from": "now-1h", "to": "now"}:
        problems.append(f"time {dashboard['time']}")
    return problems + [f"{text!r} is no variable of the dashboard" for text in texts(dashboard) if "${DS_" in text]


def panel_types(dashboard):
    return [f"{panel['title']} is a {panel['type']}" for panel in panels(dashboard) if panel["type"] not in TYPES]


def unique_ids(dashboard):
    ids = [panel["id"] for panel in (*dashboard["panels"], *(inner for row in dashboard["panels"]
                                                              for inner in row.get("panels", ())))]
    return [f"id {number} is there twice" for number in set(ids) if ids.count(number) > 1]


def unique_ref_ids(dashboard):
    return [f"{panel['title']}: refIds {ids}" for panel in panels(dashboard)
            for ids in [[target["refId"] for target in panel["targets"]]] if len(set(ids)) != len(ids)]


def grid(dashboard):
    """Within 24 columns, nothing upon anything else, and headings above what they head."""
    problems = []
    for placed in (dashboard["panels"], *(row["panels"] for row in dashboard["panels"] if row.get("collapsed"))):
        places = [(panel["title"], panel["gridPos"]) for panel in placed]
        problems += [f"{title} at {place}" for title, place in places
                     if min(place.values()) < 0 or place["x"] + place["w"] > COLUMNS or 0 in (place["w"], place["h"])]
        problems += [f"{one} lies upon {other}" for (one, a), (other, b) in itertools.combinations(places, 2)
                     if a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"] and
                     a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]]
        tops = [(place["y"], place["x"]) for _, place in places]
        problems += [] if tops == sorted(tops) else ["panels are not in the order they are seen in"]
    return problems


def built_in_annotation(dashboard):
    found = [a["datasource"] for a in dashboard["annotations"]["list"] if a.get("builtIn") == 1]
    return [] if found == [{"type": "grafana", "uid": "-- Grafana --"}] else [f"built-in annotations of {found}"]


def legends(dashboard):
    """Series of one panel have names of their own: a label, or a text that no other has."""
    problems = []
    for panel in panels(dashboard):
        names = [target["legendFormat"] for target in panel["targets"]]
        if panel["type"] != "table" and not all(names) or len(set(names)) != len(names):
            problems.append(f"{panel['title']}: {names}")
    return problems


def links_by_tag(dashboard):
    return [] if [(link["type"], link["tags"]) for link in dashboard["links"]] == [("dashboards", ["conntrack"])] else [
        "no link to the other dashboards by their tag"]


def first(dashboard, kind="timeseries"):
    return next(panel for panel in panels(dashboard) if panel["type"] == kind)


def change(*keys, value, kind=None):
    """A dashboard with one thing changed: of the first panel of a kind, or of itself."""
    def changed(dashboard):
        at = first(dashboard, kind) if kind else dashboard
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = value
    return changed


def place_upon(dashboard):
    one, other = itertools.islice((p for p in dashboard["panels"] if p["type"] != "row"), 2)
    other["gridPos"] = dict(one["gridPos"])


RATE = "sum(rate(conntrack_stat_drop_total{job=~\"$job\", instance=~\"$instance\"}[5m]))"
EXPRESSION = ("targets", 0, "expr")
# The rule and what breaks it.
RULES = {
    "template-datasource-rule": (template_datasource, change("templating", "list", 0, "name", value="ds")),
    "template-job-rule": (
        by_dashboard(query_variable("job", "Job", "label_values(conntrack_entries, job)"),
                     query_variable("job", "Job", "label_values(instance:conntrack_entries:ratio, job)")),
        change("templating", "list", 1, "multi", value=False)),
    "template-instance-rule": (
        by_dashboard(
            query_variable("instance", "Instance", 'label_values(conntrack_entries{job=~"$job"}, instance)'),
            query_variable("instance", "Instance",
                           'label_values(instance:conntrack_entries:ratio{job=~"$job"}, instance)')),
        change("templating", "list", 2, "allValue", value=".*")),
    "template-on-time-change-reload-rule": (on_time_change_reload,
                                            change("templating", "list", 1, "refresh", value=1)),
    "template-unused-rule": (unused_variables, lambda d: d["templating"]["list"].append(
        {"name": "spare", "type": "custom"})),
    "uneditable-dashboard-rule": (uneditable, change("editable", value=True)),
    "panel-datasource-rule": (panel_datasource, change("targets", 0, "datasource", value={"uid": "prometheus"},
                                                       kind="stat")),
    "panel-title-description-rule": (title_and_description, change("description", value="", kind="table")),
    "panel-units-rule": (panel_units, change("fieldConfig", "defaults", "unit", value="percent", kind="table")),
    "panel-no-targets-rule": (panel_no_targets, change("targets", value=[], kind="table")),
    "target-rate-interval-rule": (rate_interval, change(*EXPRESSION, value=RATE, kind="timeseries")),
    EXCLUDED_RULE: (counter_aggregation, change(*EXPRESSION, value='conntrack_stat_drop_total{job=~"$job", '
                                                                   'instance=~"$instance"}', kind="table")),
    "target-job-rule and target-instance-rule": (
        job_and_instance, change(*EXPRESSION, value='conntrack_entries{job=~"$job"}', kind="stat")),
    "the Classic model": (model, change("elements", value={})),
    "no input of an import": (model, change("datasource", "uid", value="${DS_PROMETHEUS}", kind="table")),
    "types of panels": (panel_types, change("type", value="graph", kind="table")),
    "unique ids": (unique_ids, change("id", value=1, kind="table")),
    "unique refIds": (unique_ref_ids, lambda d: first(d)["targets"].append(first(d)["targets"][0])),
    "24 columns": (grid, change("gridPos", "x", value=23, kind="table")),
    "places of their own": (grid, place_upon),
    "the built-in annotation": (built_in_annotation, change("annotations", "list", 0, "builtIn", value=0)),
    "legends": (legends, change("targets", 0, "legendFormat", value="", kind="timeseries")),
    "links by tag": (links_by_tag, change("links", value=[])),
}


class Rules(unittest.TestCase):
    def test_there_are_two(self):
        self.assertEqual(FILES, sorted([HOST, FLEET]))
        self.assertEqual(len({load(name)["uid"] for name in FILES}), 2)

    def test_rules(self):
        excluded = yaml.safe_load(read("grafana", "dashboards", ".lint"))["exclusions"]
        self.assertEqual(list(excluded), [EXCLUDED_RULE])
        entries = {(entry["dashboard"], entry["panel"]) for entry in excluded[EXCLUDED_RULE]["entries"]}
        needed = set()
        for name in FILES:
            dashboard = load(name)
            for rule, (check, _) in RULES.items():
                with self.subTest(rule, dashboard=name):
                    problems = check(dashboard)
                    if rule == EXCLUDED_RULE:
                        found = {(dashboard["title"], problem.rsplit(": ", 1)[0]) for problem in problems}
                        needed |= found & entries
                        problems = found - entries
                    self.assertFalse(problems)
        self.assertEqual(needed, entries, "exclusions that nothing needs")

    def test_each_rule_can_fail(self):
        for name in FILES:
            for rule, (check, breakage) in RULES.items():
                with self.subTest(rule, dashboard=name):
                    broken = copy.deepcopy(load(name))
                    before = check(broken)
                    breakage(broken)
                    self.assertGreater(len(check(broken)), len(before))

    def test_current(self):
        done = subprocess.run([sys.executable, path("grafana", "generate"), "--check"], capture_output=True, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_links_to_the_host(self):
        links = [link["url"] for panel in panels(load(FLEET)) for override in panel["fieldConfig"]["overrides"]
                 for row in override["properties"] if row["id"] == "links" for link in row["value"]]
        self.assertEqual(len(links), len([panel for panel in panels(load(FLEET)) if panel["type"] == "table"]))
        for link in links:
            self.assertTrue(link.startswith(f"/d/{load(HOST)['uid']}?"), link)
            for name in ("datasource", "job", "instance"):
                self.assertIn(f"var-{name}=$", link)

    def test_the_host_needs_no_recording_rules(self):
        for panel, target in queries(load(HOST)):
            for metric, _, _ in selectors(target["expr"]):
                self.assertNotIn(":", metric, panel["title"])


class Expressions(unittest.TestCase):
    def test_parse(self):
        need(self, "promtool")
        expressions = [expression for name in FILES for expression in
                       [target["expr"] for _, target in queries(load(name))] +
                       [annotation["expr"] for annotation in annotations(load(name))]]
        self.assertGreater(len(expressions), 100)
        rules = [{"record": f"dashboard:query:{n}", "expr": substitute(expression, 60)}
                 for n, expression in enumerate(expressions)]
        self.assertEqual(self.check(rules), (0, f"SUCCESS: {len(rules)} rules found"))
        rules[7]["expr"] += " +"
        self.assertNotEqual(self.check(rules)[0], 0)

    def check(self, rules):
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}, file)
            file.flush()
            done = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True,
                                  check=False)
        return done.returncode, done.stdout.split("\n", 1)[1].strip()


def expression_of(dashboard, title):
    """The only query of a panel, with all hosts chosen and a range of a minute."""
    target, = (target for panel, target in queries(dashboard) if panel["title"] == title)
    return substitute(target["expr"], 60)


# Counters scraped each 15 s: drop, insert_failed and chaintoolong by CPU, and by how much a full table and races
# raised them between the third and the last sample: those within a minute that ends between two scrapes.
COUNTERS = {
    "a race, the first one ever": ([("7 7 7 7 8 8", "0 0 0 0 1 1", "0 0 0 0 0 0")], 0, 1),
    "a full table": ([("7 17 27 37 47 57", "0 0 0 0 0 0", "0 0 0 0 0 0")], 30, 0),
    "both at once": ([("7 7 7 7 10 10", "0 0 0 0 1 1", "0 0 0 0 0 0")], 2, 1),
    "chains that were too long": ([("7 7 7 7 7 7", "0 0 0 0 5 5", "0 0 0 0 5 5")], 0, 0),
    "a race on one CPU, a full table on another": (
        [("7 7 7 7 8 8", "0 0 0 0 1 1", "0 0 0 0 0 0"), ("0 0 0 0 4 4", "3 3 3 3 3 3", "1 1 1 1 1 1")], 4, 1),
    "a tool's entries into a chain that was too long": ([("7 7 7 7 17 17", "0 0 0 0 0 0", "0 0 0 0 5 5")], 10, 0),
    "a tool's entries on one CPU, races on another": (
        [("7 7 7 7 7 7", "0 0 0 0 0 0", "0 0 0 0 5 5"), ("0 0 0 0 3 3", "0 0 0 0 3 3", "0 0 0 0 0 0")], 3, 0),
    "Linux before 5.15": ([("7 7 7 7 9 9", "0 0 0 0 1 1", None)], 1, 1),
    "a reboot": ([("70 70 70 70 0 0", "9 9 9 9 0 0", "2 2 2 2 0 0")], 0, 0),
    "nothing": ([("7 7 7 7 7 7", "3 3 3 3 3 3", "1 1 1 1 1 1")], 0, 0),
}


class Values(unittest.TestCase):
    """What expressions make of series that are given."""

    def test_refused(self):
        """What a full table refused, told from what was lost in races: exactly 0 where it is none."""
        need(self, "promtool")
        host = load(HOST)
        tests = []
        for name, (cpus, full, races) in COUNTERS.items():
            series = [{"series": f'conntrack_stat_{counter}_total{{job="conntrack", instance="a", cpu="{cpu}"}}',
                       "values": values}
                      for cpu, row in enumerate(cpus)
                      for counter, values in zip(("drop", "insert_failed", "chaintoolong"), row) if values]
            tests.append({"name": name, "interval": "15s", "input_series": series, "promql_expr_test": [
                {"expr": f"round({expression_of(host, title)}, 0.0001)", "eval_time": "80s",
                 "exp_samples": [{"labels": "{}", "value": round(growth / 45, 4)}]}
                for title, growth in (("Table full: packets of new flows refused", full), ("Insertion races", races))]})
        self.assertEqual(self.run_tests(tests), "")
        tests[0]["promql_expr_test"][0]["exp_samples"][0]["value"] = 1
        self.assertIn("FAILED", self.run_tests(tests))

    def test_hosts_down(self):
        """Tiers of a host count once, and what is not there is not 0."""
        need(self, "promtool")
        expression = expression_of(load(FLEET), "Hosts down")
        tests = []
        for name, states, down in (("no host", {}, None), ("all up", {"a": "1", "b": "11"}, 0),
                                   ("both tiers down", {"a": "1", "b": "00"}, 1), ("one tier down", {"a": "0", "b": "10"}, 2)):
            series = [{"series": f'up{{job="conntrack", instance="{instance}", tier="{tier}"}}', "values": state}
                      for instance, tiers in states.items() for tier, state in enumerate(tiers)]
            series.append({"series": 'up{job="conntrack_federation", instance="shard"}', "values": "0"})
            tests.append({"name": name, "interval": "15s", "input_series": series, "promql_expr_test": [
                {"expr": expression, "eval_time": "0s",
                 "exp_samples": [] if down is None else [{"labels": "{}", "value": down}]}]})
        self.assertEqual(self.run_tests(tests), "")

    @staticmethod
    def run_tests(tests):
        """What promtool finds wrong."""
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            yaml.safe_dump({"evaluation_interval": "15s", "tests": tests}, file)
            file.flush()
            done = subprocess.run(["promtool", "test", "rules", file.name], capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else done.stdout + done.stderr


def steps(dashboard, title):
    """Where the colours of a panel begin, the first one left out."""
    panel = next(panel for panel in panels(dashboard) if panel["title"] == title)
    return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]][1:]


def column_steps(dashboard, title, column):
    panel = next(panel for panel in panels(dashboard) if panel["title"] == title)
    override = next(row for row in panel["fieldConfig"]["overrides"] if row["matcher"]["options"] == column)
    value = next(row["value"] for row in override["properties"] if row["id"] == "thresholds")
    return [step["value"] for step in value["steps"]][1:]


COMPARISON = re.compile(r"(?:>=|<=|==|>|<) (?:bool )?([0-9.]+)\b")
# Tiles of the findings, and the alert of the same condition.
TILES = {
    "Table filling": "ConntrackTableFilling", "New flows dropped": "ConntrackNewFlowsDropped",
    "Evictions": "ConntrackEvictions", "Insertion races": "ConntrackInsertFailures",
    "Hash chains too long": "ConntrackHashChainsTooLong", "Too few buckets": "ConntrackBucketsTooFew",
    "Unreplied flood": "ConntrackUnrepliedFlood", "Dead weight": "ConntrackDeadWeight",
    "Untracked sockets": "ConntrackEstablishedUntracked", "Accept queue overflows": "ConntrackListenOverflow",
    "Ephemeral ports": "ConntrackEphemeralPortsNearlyGone", "Walk sampled": "ConntrackWalkSampled",
    "Collector failing": "ConntrackCollectorFailing",
}
# What an alert asks of the past, or beside its condition, and a tile does not.
HISTORY = {"Untracked sockets": {0.1, 10.0}}
SEVERITY = {"info": 1, "warning": 2, "critical": 3}
# Without the alert's look at the past it is no more than information, as in the diagnosis.
TILE_SEVERITY = {"Untracked sockets": {SEVERITY["info"]}}


class Thresholds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.alerts = [rule for group in yaml.safe_load(read("prometheus", "rules", "conntrack.alerts.yml"))["groups"]
                      for rule in group["rules"]]
        with open(os.path.join(testlib.SOURCE, "collectors", "thresholds.h"), encoding="utf-8") as file:
            cls.header = {name: float(value)
                          for name, value in re.findall(r"#define (\w+) ([0-9.]+)$", file.read(), re.M)}
        cls.host, cls.fleet = load(HOST), load(FLEET)

    def bounds(self, alert):
        """What the expressions of an alert compare with, 0 left out."""
        found = {float(number) for rule in self.alerts if rule["alert"] == alert
                 for number in COMPARISON.findall(rule["expr"])}
        self.assertTrue(found, alert)
        return found - {0}

    def severities(self, alert):
        return {SEVERITY[rule["labels"]["severity"]] for rule in self.alerts if rule["alert"] == alert}

    def test_tiles(self):
        tiles = {target["legendFormat"]: target["expr"] for panel, target in queries(self.host)
                 if panel["title"] == "Findings"}
        self.assertEqual(set(tiles), set(TILES))
        for title, expression in tiles.items():
            with self.subTest(title):
                compared = {float(number) for number in re.findall(r" bool ([0-9.]+)", expression)} - {0}
                self.assertEqual(compared, self.bounds(TILES[title]) - HISTORY.get(title, set()))
                severity = re.match(r"(\d) \* max", expression)
                self.assertEqual({int(severity[1])} if severity else {SEVERITY["warning"], SEVERITY["critical"]},
                                 TILE_SEVERITY.get(title) or self.severities(TILES[title]))

    def test_steps_are_the_alerts(self):
        usage = [self.header["USAGE_WARNING"], self.header["USAGE_CRITICAL"]]
        ports = [self.header["LIMIT_SHARE_WARNING"], self.header["LIMIT_SHARE_CRITICAL"]]
        self.assertEqual(sorted(self.bounds("ConntrackTableFilling")), usage)
        self.assertEqual(sorted(self.bounds("ConntrackEphemeralPortsNearlyGone")), ports)
        for found, wanted in (
                (steps(self.host, "Table usage"), usage), (steps(self.host, "Ephemeral ports"), ports),
                (steps(self.fleet, "Usage of the fullest hosts"), usage),
                (column_steps(self.fleet, "Fullest tables", "usage"), usage),
                (column_steps(self.fleet, "Fullest tables", "ephemeral ports"), ports),
                (column_steps(self.fleet, "Fewest ephemeral ports left", "in use"), ports),
                (steps(self.host, "Orphaned sockets of their limit"), ports),
                (steps(self.host, "TCP memory of its limit"), ports),
                (steps(self.host, "Open files of their limit"), ports),
                (steps(self.host, "Entries per bucket"), [self.header["LIMIT_PER_BUCKET_MAX"]]),
                (steps(self.host, "Dead weight"), [self.header["DEAD_SHARE"]]),
                (column_steps(self.fleet, "Most dead weight", "dead weight"), [self.header["DEAD_SHARE"]]),
                (steps(self.host, "Time until full"), [self.header["FILLING_S"]]),
                (column_steps(self.fleet, "Full soonest", "time until full"), [self.header["FILLING_S"]])):
            self.assertEqual(found, wanted)
        self.assertEqual(self.bounds("ConntrackBucketsTooFew"), {self.header["LIMIT_PER_BUCKET_MAX"]})
        self.assertIn(self.header["DEAD_SHARE"], self.bounds("ConntrackDeadWeight"))
        self.assertIn(self.header["FILLING_S"], self.bounds("ConntrackTableFullSoon"))
        self.assertIn(self.header["HALF_OPEN_SHARE"], self.bounds("ConntrackUnrepliedFlood"))
        self.assertIn(steps(self.host, "Untracked sockets to other hosts")[0],
                      self.bounds("ConntrackEstablishedUntracked"))

    def test_what_is_down_as_the_alert(self):
        jobs = {re.search(r'up\{job=~"([^"]+)"\}', rule["expr"])[1] for rule in self.alerts
                if rule["alert"] == "ConntrackExporterDown"}
        for dashboard in (self.host, self.fleet):
            asked = [labels for _, target in queries(dashboard) for metric, labels, _ in selectors(target["expr"])
                     if metric == "up"]
            self.assertEqual([re.findall(r'job=~"([^"$]+)"', labels) for labels in asked], [list(jobs)])

    def test_numbers_in_titles_and_queries_of_the_fleet(self):
        asked = {panel["title"]: panel["targets"][0]["expr"] for panel in panels(self.fleet) if panel["type"] == "stat"}
        self.assertIn(f"> {self.header['USAGE_WARNING']:g})", asked["Above 75 %"])
        self.assertIn(f"> {self.header['USAGE_CRITICAL']:g})", asked["Above 90 %"])
        self.assertIn(f"< {self.header['FILLING_S']:g})", asked["Full within an hour"])

    def test_the_time_until_full_as_the_alert(self):
        """Between the same shares, where the panel itself does not compare with the hour its colours do."""
        wanted = self.bounds("ConntrackTableFullSoon")
        self.assertEqual(len(wanted), 3)
        for dashboard, title in ((self.host, "Time until full"), (self.fleet, "Full within an hour"),
                                 (self.fleet, "Full soonest"), (self.fleet, "Fullest tables")):
            expression, = (target["expr"] for panel, target in queries(dashboard)
                           if panel["title"] == title and target["legendFormat"] in ("", "until full", "hosts"))
            compared = {float(number) for number in COMPARISON.findall(expression)} - {0}
            self.assertEqual(compared | {self.header["FILLING_S"]}, wanted, title)

    def test_absent_is_not_zero(self):
        """Counts of a fleet that nothing is known of are unknown."""
        for panel, target in queries(self.fleet):
            self.assertNotIn("vector(", target["expr"], panel["title"])
            if panel["type"] == "stat":
                self.assertEqual(panel["fieldConfig"]["defaults"]["noValue"], "unknown", panel["title"])


class Provisioning(unittest.TestCase):
    """What Grafana reads at its start, and where the compose file mounts it."""

    def read(self, *parts):
        return yaml.safe_load(read("grafana", "provisioning", *parts))

    def test_datasources(self):
        given = self.read("datasources", "conntrack.yml")
        self.assertEqual(given["apiVersion"], 1)
        prometheus, alertmanager = given["datasources"]
        self.assertEqual(set(prometheus), {"name", "uid", "type", "access", "url", "isDefault", "jsonData"})
        self.assertEqual((prometheus["type"], prometheus["access"], prometheus["isDefault"]),
                         ("prometheus", "proxy", True))
        self.assertEqual(prometheus["jsonData"]["httpMethod"], "POST")
        self.assertEqual(prometheus["jsonData"]["timeInterval"], "15s")
        self.assertEqual(prometheus["jsonData"]["prometheusType"], "Prometheus")
        self.assertEqual(prometheus["jsonData"]["alertmanagerUid"], alertmanager["uid"])
        self.assertEqual((alertmanager["type"], alertmanager["jsonData"]["implementation"]),
                         ("alertmanager", "prometheus"))

    def test_dashboards(self):
        given = self.read("dashboards", "conntrack.yml")
        self.assertEqual(given["apiVersion"], 1)
        provider, = given["providers"]
        self.assertEqual(set(provider), {"name", "orgId", "folder", "type", "disableDeletion", "updateIntervalSeconds",
                                         "allowUiUpdates", "options"})
        self.assertEqual((provider["orgId"], provider["type"], provider["allowUiUpdates"]), (1, "file", False))
        self.assertEqual(provider["options"], {"path": "/var/lib/grafana/dashboards/conntrack",
                                               "foldersFromFilesStructure": False})

    def test_compose_mounts_them(self):
        if not os.path.exists(path("docker", "compose.yaml")):
            self.skipTest("there is no compose file")
        services = yaml.safe_load(read("docker", "compose.yaml"))["services"]
        mounts = dict(mount.split(":")[:2][::-1] for mount in services["grafana"]["volumes"] if isinstance(mount, str))
        for target, source in (("/etc/grafana/provisioning", "provisioning"),
                               (self.read("dashboards", "conntrack.yml")["providers"][0]["options"]["path"],
                                "dashboards")):
            self.assertEqual(os.path.normpath(os.path.join(path("docker"), mounts[target])), path("grafana", source))
        for datasource in self.read("datasources", "conntrack.yml")["datasources"]:
            self.assertIn(re.fullmatch(r"http://([\w-]+):\d+", datasource["url"])[1], services)


if __name__ == "__main__":
    testlib.main()
