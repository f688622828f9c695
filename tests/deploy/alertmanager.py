# SPDX-License-Identifier: GPL-2.0-or-later
"""Alertmanager's configuration: by amtool, and which alert inhibits which in a real Alertmanager."""

import http.client
import json
import time

import common
from common import testlib
from servers import Alertmanager

CONFIG = common.path("alertmanager", "alertmanager.yml")
DROPPED, STEADY = "ConntrackNewFlowsDropped", "ConntrackEstablishedSteadyNewFlowsDropped"
FILLING, SOON, EVICTIONS = "ConntrackTableFilling", "ConntrackTableFullSoon", "ConntrackEvictions"
DOWN, FLOOD = "ConntrackExporterDown", "ConntrackUnrepliedFlood"

# (alertname, severity, more labels) that fire: the ones of them that are inhibited, by their place.
CASES = {
    "critical inhibits warning and info of one name":
        ([(FILLING, "critical"), (FILLING, "warning"), (FILLING, "info")], {1, 2}),
    "warning inhibits info of one name":
        ([(FILLING, "warning"), (FILLING, "info")], {1}),
    "names differ, so both are told":
        ([(FLOOD, "critical"), (FILLING, "warning")], set()),
    "another host is none of its business":
        ([(FILLING, "critical"), (FILLING, "warning", {"instance": "b"}), (SOON, "warning", {"instance": "b"})], set()),
    "another job neither":
        ([(FILLING, "critical"), (FILLING, "warning", {"job": "other"})], set()),
    "the seed case says all of the plain one":
        ([(STEADY, "critical"), (DROPPED, "critical"), (DROPPED, "critical", {"instance": "b"})], {1}),
    "a full table needs no word on its filling, but on what fills it":
        ([(DROPPED, "critical"), (FILLING, "critical"), (FILLING, "warning"), (SOON, "warning"), (EVICTIONS, "warning"),
          (FLOOD, "warning"), ("ConntrackDeadWeight", "warning"), ("ConntrackHashChainsTooLong", "warning")], {1, 2, 3, 4}),
    "the seed case does so, too":
        ([(STEADY, "critical"), (FILLING, "critical"), (EVICTIONS, "warning")], {1, 2}),
    "drops of a table that is not full explain nothing else":
        ([(DROPPED, "warning"), (SOON, "warning"), (EVICTIONS, "warning"), (FILLING, "warning")], set()),
    "over nine tenths is sooner than soon":
        ([(FILLING, "critical"), (SOON, "warning")], {1}),
    "over three quarters is not":
        ([(FILLING, "warning"), (SOON, "warning")], set()),
    "what cannot be scraped cannot be judged":
        ([(DOWN, "critical"), (STEADY, "critical"), (DROPPED, "critical"), (FLOOD, "warning"), ("ConntrackWalkSampled", "info"),
          (FILLING, "critical", {"instance": "b"}), ("NodeDown", "critical"),
          ("ConntrackExporterWebConfigReloadFailed", "warning")], {1, 2, 3, 4, 7}),
    "no tracking, so no tracked sockets":
        ([("ConntrackTrackingInactive", "warning", {"family": "ipv4"}), ("ConntrackEstablishedUntracked", "warning")], {1}),
    "too few buckets, and it shows":
        ([("ConntrackHashChainsTooLong", "warning"), ("ConntrackBucketsTooFew", "info")], {1}),
    "two causes, two alerts":
        ([(DROPPED, "critical"), ("ConntrackListenOverflow", "warning"), ("ConntrackEphemeralPortsNearlyGone", "critical")], set()),
    "alerts without instance or job are left alone":
        ([(FILLING, "critical", {"instance": "", "job": ""}), (FILLING, "warning", {"instance": "", "job": ""}),
          ("ConntrackFleet", "critical", {"instance": "", "job": ""}), ("Other", "critical", {"instance": "", "job": ""}),
          ("Other", "warning", {"instance": "", "job": ""})], set()),
    "others' alerts are their own business":
        ([("NodeFull", "critical"), ("NodeFull", "warning")], set()),
}

ROUTES = {("critical", FILLING): "page", ("critical", DOWN): "page", ("warning", FILLING): "ticket",
          ("info", "ConntrackWalkSampled"): "notes", ("unknown", "Other"): "ticket"}


class Config(testlib.TestCase):
    """By amtool."""

    def setUp(self):
        common.need(self, "amtool")

    def test_config(self):
        out = testlib.run("amtool", "check-config", CONFIG)
        self.assertIn("8 inhibit rules", out)
        self.assertIn("3 receivers", out)

    def test_routes(self):
        for (severity, name), receiver in ROUTES.items():
            with self.subTest(severity=severity):
                testlib.run("amtool", "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}",
                            f"severity={severity}", f"alertname={name}", "job=conntrack", "instance=a")

    def test_no_secrets(self):
        text = common.read("alertmanager", "alertmanager.yml")
        self.assertNotRegex(text, r"(?im)^[^#]*(password|token|secret|api_key|credentials)\w*:")
        self.assertEqual(3, text.count("url: http://127.0.0.1:5001/"))


def labels_of(case, name, severity, more=None):
    """The labels of an alert of a case; which case it is stands in a label that no rule looks at."""
    labels = {"alertname": name, "severity": severity, "job": "conntrack", "instance": "a", **(more or {})}
    if labels["instance"]:
        labels["instance"] += f".case{case}"
    return {"case": str(case), **{label: value for label, value in labels.items() if value}}


def key_of(labels):
    return tuple(sorted(labels.items()))


class Inhibition(testlib.TestCase):
    """In a real Alertmanager, to which all cases are given at once, each with hosts of its own."""

    def setUp(self):
        common.need(self, "prometheus-alertmanager")
        text = common.read("alertmanager", "alertmanager.yml")
        self.server = self.enter(Alertmanager(self.enter(testlib.Namespace()), text))

    def post(self, labels):
        connection = http.client.HTTPConnection("server", timeout=10)
        connection.sock = self.enter(self.server.namespace.socket())
        connection.sock.connect(("127.0.0.1", self.server.port))
        connection.request("POST", "/api/v2/alerts", json.dumps([{"labels": each} for each in labels]),
                           {"Content-Type": "application/json"})
        self.assertEqual(200, connection.getresponse().status)

    def test_inhibition(self):
        began = time.monotonic()
        testlib.wait_until(lambda: self.server.alerts() is not None, 20, "Alertmanager answers")
        expected = {key_of(labels_of(case, *alert)): place in inhibited
                    for case, (fires, inhibited) in enumerate(CASES.values()) for place, alert in enumerate(fires)}
        self.post([labels_of(case, *alert) for case, (fires, _) in enumerate(CASES.values()) for alert in fires])
        found = {}

        def settled():
            found.update({key_of(alert["labels"]): bool(alert["status"]["inhibitedBy"]) for alert in self.server.alerts()})
            return found == expected

        # It takes them in one after the other.
        try:
            testlib.wait_until(settled, 5, "all of it")
        except AssertionError:
            pass
        for case, name in enumerate(CASES):
            with self.subTest(name):
                own = [key for key in expected if dict(key)["case"] == str(case)]
                self.assertEqual({key: expected[key] for key in own}, {key: found.get(key) for key in own})
        self.assertEqual(len(expected), len(found))
        print(f"{len(CASES)} cases of inhibition: {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    testlib.main()
