# SPDX-License-Identifier: GPL-2.0-or-later
"""A walk over few flows beside many of other namespaces.

The kernel keeps the flows of all namespaces in one hash table. A dump passes by those of the others with softirqs off
until a read is full: over few flows one recv() may take as long as the whole table. Where a namespace has no flow the
exporter asks for no dump.
"""

import contextlib
import json
import os

from benchlib import WALK, digits, filled, markdown, median, spread, table, testlib, thousands, walked

NEEDS = ("conntrack", "ip")
TRAFFIC = os.path.join(os.path.dirname(WALK), "traffic")
PAGE = str(min(os.sysconf("SC_PAGESIZE"), 8192))  # what the exporter reads at once
OTHERS, QUICK_OTHERS = 1000000, 3000
OWN, QUICK_OWN = (0, 10, 1000, 20000), (0, 10, 1000)


def sample(namespace, flows):
    """A walk, and the longest that the kernel was at one read of a bare dump, which the exporter spares where nothing is."""
    with namespace.inside():
        longest = json.loads(testlib.run(TRAFFIC, "dump", PAGE))["slices"]["max"] / 1e6 if flows else 0
        return {**walked("walk"), "longest": longest}


def measure_own(flows, rounds):
    """Samples with so many own flows, alone or beside what is there."""
    with filled(flows) if flows else testlib.Namespace() as namespace:
        samples = [sample(namespace, flows) for _ in range(rounds + 1)][1:]
    if any(each["count"] != flows for each in samples):
        raise AssertionError(f"{flows} flows: {samples}")
    return {"flows": flows, "samples": samples}


def measure(plan):
    others, own = (QUICK_OTHERS, QUICK_OWN) if plan.quick else (OTHERS, OWN)
    result = {"others": others, "alone": [measure_own(flows, plan.rounds) for flows in own]}
    # The limit is one for all namespaces, and each is held to it by itself.
    with filled(others) if not plan.quick else contextlib.nullcontext():
        result["beside"] = [measure_own(flows, plan.rounds) for flows in own]
    return result


def cells(each):
    least, most = spread(each["samples"], "wall")
    return [f"{digits(1e3 * median(each['samples'], 'wall'))} ({digits(1e3 * least)} to {digits(1e3 * most)})",
            digits(1e3 * median(each["samples"], "longest"))]


def rows(result):
    return [[thousands(alone["flows"]), *cells(alone), *cells(beside)]
            for alone, beside in zip(result["alone"], result["beside"])]


def columns(result):
    beside = f"beside {thousands(result['others'])}"
    return ["own flows", "alone: walk ms", "longest read ms", f"{beside}: walk ms", "longest read ms"]


def report(result):
    return table(columns(result), rows(result))


def summary(result):
    return ["Milliseconds of a walk over few flows, median (least to most), alone and beside those of other namespaces, "
            "and the longest time that softirqs were off:", "", *markdown(columns(result), rows(result))]


brief = summary
