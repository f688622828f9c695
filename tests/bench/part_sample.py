# SPDX-License-Identifier: GPL-2.0-or-later
"""A bounded walk: what it costs does not grow with the table, and what it counts is a uniform sample.

First the CPU of a walk and of a scrape of a running server's flows (that of the collector process), with the limit
that both have unless told otherwise, at that limit and above it, beside a walk without a limit.

Then many fresh tables, each in a namespace of its own, which is a hash order of its own, filled from a seed of its own.
Each is walked without a limit, which tells the truth, and with one. Of N flows n were read, so a kind that K of them
have is hypergeometric in a fair sample; its standard error is sqrt(p(1 - p)/n (N - n)/(N - 1)) with p = K/N. One of
about 370 fair shares is more than three of them off: how many should be is the sum of the exact probabilities, and the
bound is what a fair sample exceeds at most once in a million runs. It is the sum of bounds of the shares above and of
those below in each breakdown: where one share of two is too large, the other is too small, and the breakdowns all count
the same flows. "rms" is the root mean square of all errors in standard errors: 1 in a fair sample. "bias" is the mean
error of one share over all tables, in standard errors of that mean, of the share where it is the largest.
"""

import collections
import contextlib
import math
import statistics
import time

from benchlib import WALK, digits, markdown, median, run_time, spread, table, testlib, thousands, timed

NEEDS = ("conntrack", "ip")
LIMIT = 262144
LIMITS = (16384, 65536, LIMIT)  # of fresh tables
FLAT_SIZES = (LIMIT, 1000000, 4000000)
TABLE_SIZES = (1000000, 4000000)
FLAT_GOAL = 1.1
KINDS = {"walk": "walk, default limit", "scrape": "scrape of `flows`", "whole": "walk, no limit"}
SCRAPES = 3  # of each kind on one table
# Kinds that would expire, or come nearer to it than another bound, between two walks.
FILL = ("--mix", "--timeout=500")
FLAGS = ("--collector.disable-defaults", "--collector.table", "--collector.flows")
BREAKDOWNS = ("conntrack_flows", "conntrack_tcp_flows", "conntrack_flows_by_reply", "conntrack_flows_by_path",
              "conntrack_flows_by_nat", "conntrack_flows_offloaded", "conntrack_flows_expiring")
ERRORS, ERRORS_EVER = 3, 5
BIAS_MAX, RMS_MAX = 5, 1.1
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


def condensed(rounds, i, kind):
    """CPU seconds of the samples of one size, and what they are of the smallest size's: the median over the rounds."""
    samples = [sample for each in rounds for sample in each[i][kind]]
    least, most = spread(samples, "cpu")
    return {"median": median(samples, "cpu"), "least": least, "most": most, "ratio": statistics.median(
        median(each[i][kind], "cpu") / median(each[0][kind], "cpu") for each in rounds)}


def cost_sizes(given):
    """[{"flows", "refused", kind: condensed}] by size."""
    if "sizes" in given:
        return given["sizes"]
    return [{"flows": first["flows"], "refused": first["refused"],
             **{kind: condensed(given["rounds"], i, kind) for kind in KINDS}}
            for i, first in enumerate(given["rounds"][0])]


def flatness(result):
    """The largest ratio of what has the limit."""
    return max(size[kind]["ratio"] for size in cost_sizes(result["cost"]) for kind in ("walk", "scrape"))


def cost_report(given):
    rows = [[size["flows"], size["refused"], *(cell for kind in KINDS for cell in (
        f"{size[kind]['median']:.3f}", f"{size[kind]['ratio']:.2f}"))] for size in cost_sizes(given)]
    columns = ["flows", "refused", "walk CPU s", "/ first", "scrape CPU s", "/ first", "without limit CPU s", "/ first"]
    return f"limit {given['limit']}\n\n{table(columns, rows)}"


def cost_summary(given):
    """Markdown: median (least to most), and the ratio to the first size."""
    def cell(number, cpu):
        text = "{} ({} to {})".format(*(digits(cpu[key] * 1e3) for key in ("median", "least", "most")))
        return f"{text}, {cpu['ratio']:.2f}" if number > 0 else text

    sizes = cost_sizes(given)
    rows = [[title, *(cell(i, size[kind]) for i, size in enumerate(sizes))] for kind, title in KINDS.items()]
    return ["CPU milliseconds, user plus system (of a scrape that of the collector process), median (least to most), "
            f"and the ratio to the first, by the flows in the table; the limit is {thousands(given['limit'])}:", "",
            *markdown(["", *(thousands(size["flows"]) for size in sizes)], rows)]


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
    """The probabilities that a share of a fair sample is more than so many standard errors above, and below."""
    mean, off = limit * kind / flows, errors * deviation(flows, limit, kind)
    return tail(flows, limit, kind, math.floor(mean + off) + 1), \
        tail(flows, limit, flows - kind, math.floor(limit - mean + off) + 1)


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
    """Of {(breakdown, side): expected}: what all of them together exceed with probability CHANCE at most.

    The shares of one breakdown keep one another from being too large, and from being too small; so those of one side
    are no more often many than if they were independent. One too large and another too small go together.
    """
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
            for side, probability in enumerate(chance(flows, limit, kind, ERRORS)):
                expected[breakdown(key), side] += probability
            ever += sum(chance(flows, limit, kind, ERRORS_EVER))
    every = [error for list_ in errors.values() for error in list_]
    always = [list_ for list_ in errors.values() if len(list_) == len(tables)]
    return {"shares": len(errors), "comparisons": len(every), "beyond": sum(abs(error) > ERRORS for error in every),
            "expected": sum(expected.values()), "bound": bound(expected), "most": max(map(abs, every)),
            "ever": ever, "rms": math.sqrt(sum(error * error for error in every) / len(every)),
            "bias": max(abs(sum(list_)) / math.sqrt(len(list_)) for list_ in always)}


def is_fair(judged):
    return judged["beyond"] <= judged["bound"] and judged["most"] <= ERRORS_EVER and judged["bias"] <= BIAS_MAX and \
        judged["rms"] <= RMS_MAX


def judgements(result):
    """[(flows wanted, limit, tables, refused flows of the median one, judgement)], of what tables there are"""
    if "judged" in result:
        return result["judged"]
    return [(given["wanted"], limit, len(given["tables"]), statistics.median(one["refused"] for one in given["tables"]),
             judge(given["tables"], limit))
            for given in result["sampling"] if given["tables"] for limit in result["limits"]]


def sample_report(result):
    rows = [[wanted, f"{refused:.0f}", limit, tables, judged["shares"], judged["comparisons"], judged["beyond"],
             f"{judged['expected']:.1f}", judged["bound"], f"{judged['most']:.2f}", f"{judged['ever']:.4f}",
             f"{judged['rms']:.3f}", f"{judged['bias']:.2f}"]
            for wanted, limit, tables, refused, judged in judgements(result)]
    columns = ["flows", "refused", "limit", "tables", "shares", "compared", "> 3 errors", "expected", "bound", "most",
               "expected > 5", "rms", "bias"]
    return table(columns, rows) + \
        f"\nnot one beyond {ERRORS} in all the comparisons would be chance, too: of a fair sample as many are as " \
        "expected\n"


def kept(result):
    """Of thousands of shares what was found of them, and of the samples of a walk's cost medians and spreads."""
    return {"cost": {"limit": result["cost"]["limit"], "sizes": cost_sizes(result["cost"])},
            "limits": result["limits"], "judged": judgements(result)}


def expected_errors(limits):
    """Markdown: the error to expect of a share at a limit."""
    rows = []
    for share in DOCUMENTED_SHARES:
        off = {limit: 2 * math.sqrt(share * (1 - share) / limit) for limit in limits}
        rows.append([f"{100 * share:g} %", *(f"±{100 * off[limit]:.2g} points, ±{100 * off[limit] / share:.2g} % of it"
                                             for limit in limits)])
    return ["The error to expect of a share, two standard errors (19 of 20 shares are nearer), by the limit:", "",
            *markdown(["share of the table", *map(thousands, limits)], rows)]


def brief(result):
    ratios = [size[kind]["ratio"] for size in cost_sizes(result["cost"])[1:] for kind in ("walk", "scrape")]
    largest = cost_sizes(result["cost"])[-1]
    lines = [f"Above the limit a larger table costs no more: a walk and a scrape of {thousands(largest['flows'])} flows take "
             f"{min(ratios):.2f} to {max(ratios):.2f} times the CPU time of those at the limit of "
             f"{thousands(result['cost']['limit'])}.", "", *expected_errors(result["limits"])]
    judged = [each[-1] for each in judgements(result)]
    if judged:
        lines += ["", f"In {thousands(sum(each['comparisons'] for each in judged))} comparisons with the truth, in fresh "
                      f"tables, the root mean square of the errors was {min(each['rms'] for each in judged):.2f} to "
                      f"{max(each['rms'] for each in judged):.2f} of the standard error, and the worst "
                      f"{max(each['most'] for each in judged):.1f} of it."]
    return lines


def summary(result):
    """Markdown: what a bounded walk costs, the error to expect of a share at a limit, and the errors there were."""
    lines = [*cost_summary(result["cost"]), "", *expected_errors(result["limits"])]
    rows = [[f"{tables} of {thousands(wanted)} flows", thousands(limit), thousands(judged["comparisons"]),
             judged["beyond"], f"{judged['expected']:.1f}", judged["bound"], f"{judged['most']:.2f}",
             f"{judged['rms']:.2f}", f"{judged['bias']:.2f}"]
            for wanted, limit, tables, _, judged in judgements(result)]
    if rows:
        columns = ["tables", "limit", "comparisons", f"beyond {ERRORS}", "expected", "bound", "worst", "rms", "bias"]
        lines += ["", "The errors there were of the shares of fresh tables, in standard errors. \"bound\" is what a fair sample "
                      "exceeds at most once in a million runs, and wide, for all breakdowns count the same flows; the sharper "
                      "figures are the root mean square, 1 in a fair sample, and the bias, the largest mean error of one "
                      "share in standard errors of that mean:", "", *markdown(columns, rows)]
    return lines


def goals(result):
    most = flatness(result)
    found = [("CPU of a walk and of a scrape above the limit against that at the limit", f"{most:.2f}",
              f"at most {FLAT_GOAL:.2f}", most <= FLAT_GOAL)]
    judged = [each[-1] for each in judgements(result)]
    if judged:
        found.append((f"shares beyond {ERRORS} standard errors", ", ".join(str(each["beyond"]) for each in judged),
                      f"not above the bound, none beyond {ERRORS_EVER}, bias at most {BIAS_MAX}, rms at most {RMS_MAX}",
                      all(map(is_fair, judged))))
    return found


def measure(plan):
    limit, limits = (500, (100, 500)) if plan.quick else (LIMIT, LIMITS)
    flat_sizes, sizes = ((500, 1500, 3000), (3000,)) if plan.quick else (FLAT_SIZES, TABLE_SIZES)
    tables = 3 if plan.quick else plan.tables
    with contextlib.nullcontext() if plan.quick else testlib.raised_limit(2 * max(flat_sizes)):
        return {"cost": costs(flat_sizes, limit, plan.rounds), "limits": limits,
                "sampling": [{"wanted": flows, "tables": [sample(flows, seed, limits) for seed in range(1, tables + 1)]}
                             for flows in sizes]}


def report(result):
    return f"{cost_report(result['cost'])}\n{sample_report(result)}\n" + "\n".join(summary(result)) + "\n"
