# SPDX-License-Identifier: GPL-2.0-or-later
"""A bounded walk: what it costs does not grow with the table, and what it counts is a uniform sample.

First the CPU of a walk and of a scrape of a running server's flows (that of the collector process), with the limit
that both have unless told otherwise, at that limit and above it, beside a walk without a limit.

Then many fresh tables, each in a namespace of its own, which is a hash order of its own, filled from a seed of its
own. Each is walked without a limit, which tells the truth, and with one. Of N flows n were read, so a kind that K of
them have is hypergeometric in a fair sample; its standard error is sqrt(p(1 - p)/n (N - n)/(N - 1)) with p = K/N. One of
about 370 fair shares is more than three of them off: how many should be is the sum of the exact probabilities, and the bound
is what a fair sample exceeds once in a million runs, whatever the breakdowns, which all count the same flows, have to
do with one another. "rms" is the root mean square of all errors in standard errors: 1 in a fair sample. "bias" is the
mean error of one share over all tables, in standard errors of that mean, of the share where it is the largest.
"""

import collections
import contextlib
import math
import statistics
import time

from benchlib import WALK, median, run_time, table, testlib, timed

LIMIT = 262144
LIMITS = (16384, 65536, LIMIT)  # of fresh tables
FLAT_SIZES = (LIMIT, 1000000, 4000000)
TABLE_SIZES = (1000000, 4000000)
FLAT_GOAL = 1.1
SCRAPES = 3  # of each kind on one table
# Kinds that would expire, or come nearer to it than another bound, between two walks.
FILL = ("--mix", "--timeout=500")
FLAGS = ("--collector.disable-defaults", "--collector.table", "--collector.flows")
BREAKDOWNS = ("conntrack_flows", "conntrack_tcp_flows", "conntrack_flows_by_reply", "conntrack_flows_by_path",
              "conntrack_flows_by_nat", "conntrack_flows_offloaded", "conntrack_flows_expiring")
ERRORS, ERRORS_EVER = 3, 5
CHANCE = 1e-6  # that a fair sample exceeds the bound
DOCUMENTED_SHARES = (0.5, 0.1, 0.01, 0.001)


class Table:
    """A fresh table of about so many flows: those the kernel refuses, since a chain is full, are not there."""

    def __init__(self, flows, seed):
        self.flows, self.seed = flows, seed
        self.namespace = testlib.Namespace()

    def __enter__(self):
        self.namespace.__enter__()
        said = self.namespace.run(testlib.FILL, *FILL, f"--count={self.flows}", f"--seed={self.seed}")
        counts = dict(word.split("=") for word in said.split())
        self.flows, self.refused = int(counts["inserted"]), int(counts["refused"])
        return self

    def __exit__(self, *_):
        # Else the kernel removes them when it comes to it, beside what is measured next.
        self.namespace.run("conntrack", "-F")
        self.namespace.__exit__()


# What it costs


def walk(namespace, limit):
    return timed(namespace.command(WALK, "walk", str(limit), "0"))


def scrape(exporter):
    """The same of a scrape: its wall time and the CPU of the collector process."""
    collector = exporter.pids()[1]
    before, start = run_time(collector), time.monotonic()
    given = exporter.metrics("/metrics?collect[]=flows")
    wall = time.monotonic() - start
    time.sleep(0.05)  # what it does behind the answer is of the scrape, too
    return {"wall": wall, "cpu": run_time(collector) - before, "walked": given.get("conntrack_walk_flows")}


def cost(flows, seed, limit):
    """One table's samples."""
    taken = {"walk": [], "scrape": [], "whole": []}
    with Table(flows, seed) as given, testlib.Exporter(given.namespace, "--collector.flows.min-interval=0s",
                                                       f"--collector.flows.limit={limit}") as exporter:
        scrape(exporter)
        for _ in range(SCRAPES):
            taken["walk"].append(walk(given.namespace, limit))
            taken["scrape"].append(scrape(exporter))
        taken["whole"].append(walk(given.namespace, 0))
        return {"flows": given.flows, "refused": given.refused, **taken}


def costs(sizes, limit, rounds):
    """Of each round one table of each size, in turns."""
    return {"limit": limit, "rounds": [[cost(flows, 1000 * number + i, limit) for i, flows in enumerate(sizes)]
                                       for number in range(rounds)]}


def cost_report(given):
    rows, ratios = [], []
    for i, first in enumerate(given["rounds"][0]):
        here = {kind: [sample for each in given["rounds"] for sample in each[i][kind]]
                for kind in ("walk", "scrape", "whole")}
        ratio = {kind: statistics.median(median(each[i][kind], "cpu") / median(each[0][kind], "cpu")
                                         for each in given["rounds"]) for kind in here}
        ratios += [ratio["walk"], ratio["scrape"]]
        rows.append([first["flows"], first["refused"], *(cell for kind, samples in here.items() for cell in (
            f"{median(samples, 'cpu'):.3f}", f"{ratio[kind]:.2f}"))])
    text = table(["flows", "refused", "walk CPU s", "/ first", "scrape CPU s", "/ first", "without limit CPU s", "/ first"],
                 rows)
    verdict = "met" if max(ratios) <= FLAT_GOAL else "missed"
    return f"limit {given['limit']}\n\n{text}\n" + \
        f"goal: above the limit at most {FLAT_GOAL:.2f} of the CPU at the limit: {verdict} ({max(ratios):.2f})\n"


# What it counts


def name_of(key):
    name, labels = key
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in sorted(labels)) + "}"


def counts_of(namespace, limit, flows, read):
    """{share: flows} of one walk, which is checked to have read so many."""
    given = testlib.metrics(namespace, *FLAGS, f"--collector.flows.limit={limit}")
    said = given.get("conntrack_entries"), given.get("conntrack_walk_flows"), given.get("conntrack_walk_complete"), \
        given.sum("conntrack_flows")
    if said != (flows, read, read == flows, flows):
        raise AssertionError(f"limit {limit}, {flows} flows: entries, flows read, complete, sum: {said}")
    return {name_of(key): int(value) for key, value in given.samples.items() if key[0] in BREAKDOWNS}


def sample(flows, seed, limits):
    """One fresh table: how many flows of each kind there are, and how many the walk read."""
    with Table(flows, seed) as given:
        truth = counts_of(given.namespace, 0, given.flows, given.flows)
        read = {}
        for limit in limits:
            scaled = counts_of(given.namespace, limit, given.flows, limit)
            if missed := [key for key in truth if truth[key] in (0, given.flows) and scaled[key] != truth[key]]:
                raise AssertionError(f"nobody or everybody is of these kinds: {missed}")
            # A scaled count is less than 1 off, so that what it was scaled from is known.
            read[limit] = {key: round(scaled[key] * limit / given.flows) for key in truth}
        kept = [key for key in truth if 0 < truth[key] < given.flows]
        return {"flows": given.flows, "refused": given.refused, "truth": {key: truth[key] for key in kept},
                "read": {str(limit): {key: read[limit][key] for key in kept} for limit in limits}}


def deviation(flows, limit, kind):
    """The standard deviation of how many of a kind are read."""
    share = kind / flows
    return math.sqrt(limit * share * (1 - share) * (flows - limit) / (flows - 1))


def tail(flows, limit, kind, start):
    """P(X >= start) of a hypergeometric X, start above its mean."""
    if start > min(kind, limit):
        return 0

    def log_choose(n, k):
        return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)

    term = math.exp(log_choose(kind, start) + log_choose(flows - kind, limit - start) - log_choose(flows, limit))
    total = 0
    while term > total * 1e-9:
        total += term
        term *= (kind - start) * (limit - start) / ((start + 1) * (flows - kind - limit + start + 1))
        start += 1
    return total


def chance(flows, limit, kind, errors):
    """The probability that a share of a fair sample is more than so many standard errors off."""
    mean, off = limit * kind / flows, errors * deviation(flows, limit, kind)
    above = tail(flows, limit, kind, math.floor(mean + off) + 1)
    return above + tail(flows, limit, flows - kind, math.floor(limit - mean + off) + 1)


def poisson_bound(mean, beyond):
    """The least number that a Poisson variable exceeds with at most this probability."""
    number, term = 0, math.exp(-mean)
    tail_left = 1 - term
    while tail_left > beyond:
        number += 1
        term *= mean / number
        tail_left -= term
    return number


def bound(expected):
    """Of {breakdown: expected}: what all of them together exceed with probability CHANCE at most."""
    return sum(poisson_bound(mean, CHANCE / len(expected)) for mean in expected.values())


def breakdown(key):
    """Shares that no flow has two of; those of expiring are cumulative, so each is alone."""
    return key if key.startswith("conntrack_flows_expiring") else key.split("{")[0]


def judge(tables, limit):
    """What errors the samples of one size and limit have."""
    errors, expected, ever = collections.defaultdict(list), collections.defaultdict(float), 0
    for given in tables:
        flows = given["flows"]
        for key, kind in given["truth"].items():
            off = given["read"][str(limit)][key] - limit * kind / flows
            errors[key].append(off / deviation(flows, limit, kind))
            expected[breakdown(key)] += chance(flows, limit, kind, ERRORS)
            ever += chance(flows, limit, kind, ERRORS_EVER)
    every = [error for list_ in errors.values() for error in list_]
    always = [list_ for list_ in errors.values() if len(list_) == len(tables)]
    return {"shares": len(errors), "comparisons": len(every), "beyond": sum(abs(error) > ERRORS for error in every),
            "expected": sum(expected.values()), "bound": bound(expected), "most": max(map(abs, every)),
            "ever": ever, "rms": math.sqrt(sum(error * error for error in every) / len(every)),
            "bias": max(abs(sum(list_)) / math.sqrt(len(list_)) for list_ in always)}


def is_fair(judged):
    return judged["beyond"] <= judged["bound"] and judged["most"] <= ERRORS_EVER


def judgements(result):
    """[(flows wanted, limit, tables, judgement)]"""
    if "judged" in result:
        return result["judged"]
    return [(given["wanted"], limit, given["tables"], judge(given["tables"], limit))
            for given in result["sampling"] for limit in result["limits"]]


def sample_report(result):
    rows, fair = [], True
    for wanted, limit, tables, judged in judgements(result):
        fair = fair and is_fair(judged)
        refused = statistics.median(given["refused"] for given in tables)
        rows.append([wanted, f"{refused:.0f}", limit, len(tables), judged["shares"], judged["comparisons"], judged["beyond"],
                     f"{judged['expected']:.1f}", judged["bound"], f"{judged['most']:.2f}", f"{judged['ever']:.4f}",
                     f"{judged['rms']:.3f}", f"{judged['bias']:.2f}"])
    text = table(["flows", "refused", "limit", "tables", "shares", "compared", "> 3 errors", "expected", "bound", "most",
                  "expected > 5", "rms", "bias"], rows)
    return text + f"\ngoal: no more shares than the bound beyond {ERRORS} standard errors, none beyond {ERRORS_EVER}: " + \
        f"{'met' if fair else 'missed'}\n" + \
        f"not one beyond {ERRORS} in all the comparisons would be chance, too: of a fair sample as many are as expected\n"


def kept(result):
    """Of thousands of shares what was found of them."""
    return {"limits": result["limits"], "judged": [[wanted, limit, len(tables), judged]
                                                   for wanted, limit, tables, judged in judgements(result)]}


def summary(result):
    """Markdown: the error to expect of a share at a limit, and what it was beside that in the tables of this run."""
    limits = result["limits"]
    lines = ["The error to expect of a share, two standard errors (19 of 20 shares are nearer), by the limit:", "",
             "| share of the table | " + " | ".join(f"limit {limit}" for limit in limits) + " |",
             "|---|" + "---|" * len(limits)]
    for share in DOCUMENTED_SHARES:
        cells = []
        for limit in limits:
            off = 2 * math.sqrt(share * (1 - share) / limit)
            cells.append(f"±{100 * off:.2g} points, ±{100 * off / share:.2g} % of it")
        lines.append(f"| {100 * share:g} % | " + " | ".join(cells) + " |")
    measured = collections.defaultdict(list)
    for wanted, limit, _, judged in judgements(result):
        measured[limit].append(f"{judged['rms']:.2f} of {wanted} flows")
    lines.append("| measured / expected | " + " | ".join(", ".join(measured[limit]) for limit in limits) + " |")
    return lines


def measure(plan):
    testlib.need("conntrack", "ip")
    limit, limits = (500, (100, 500)) if plan.quick else (LIMIT, LIMITS)
    flat_sizes, sizes = ((500, 1500, 3000), (3000,)) if plan.quick else (FLAT_SIZES, TABLE_SIZES)
    tables = 3 if plan.quick else plan.tables
    with contextlib.nullcontext() if plan.quick else testlib.raised_limit(2 * max(flat_sizes)):
        return {"cost": costs(flat_sizes, limit, plan.rounds), "limits": limits,
                "sampling": [{"wanted": flows, "tables": [sample(flows, seed, limits) for seed in range(1, tables + 1)]}
                             for flows in sizes]}


def report(result):
    return f"{cost_report(result['cost'])}\n{sample_report(result)}\n" + "\n".join(summary(result)) + "\n"
