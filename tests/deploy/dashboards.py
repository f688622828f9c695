# SPDX-License-Identifier: GPL-2.0-or-later
"""The dashboards of deploy/grafana as their tests see them."""

import json
import os
import re

from common import path, read

FILES = sorted(name for name in os.listdir(path("grafana", "dashboards")) if name.endswith(".json"))
HOST, FLEET = "conntrack.json", "conntrack-fleet.json"
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
METRIC = re.compile(r"(?:\w+:)?(?:conntrack|process|scrape)_\w+(?::\w+)?|ALERTS|up")
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}(?:\[([^\]]*)\])?")
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')


def load(name):
    return json.loads(read("grafana", "dashboards", name))


def panels(dashboard):
    """Its panels but for the headings of rows, those of collapsed rows included."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def queries(dashboard):
    """(panel, target) of each."""
    return [(panel, target) for panel in panels(dashboard) for target in panel["targets"]]


def annotations(dashboard):
    """Those that ask Prometheus."""
    return [annotation for annotation in dashboard["annotations"]["list"] if "expr" in annotation]


def substitute(expression, interval_s, instance=".+"):
    """As Grafana does, with all jobs and instances chosen unless one is given."""
    for name, value in (("__rate_interval_ms", interval_s * 1000), ("__rate_interval", f"{interval_s}s"),
                        ("job", ".+"), ("instance", instance), ("top", 20)):
        expression = re.sub(rf"\${name}\b", lambda _, value=value: str(value), expression)
    assert "$" not in expression, expression
    return expression


def selectors(expression):
    """[(metric, what stands in its braces, its range or None)]; a name without braces has None there."""
    found = [(name, labels, span or None) for name, labels, span in SELECTOR.findall(expression)]
    bare = NAME.findall(TEXT.sub("", SELECTOR.sub("", expression)))
    return found + [(name, None, None) for name in bare if METRIC.fullmatch(name)]


def named_labels(text):
    """Labels that a legend or an annotation's text names."""
    return set(re.findall(r"\{\{ *(\w+) *\}\}", text))
