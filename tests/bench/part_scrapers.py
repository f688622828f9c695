# SPDX-License-Identifier: GPL-2.0-or-later
"""Several scrapers of one exporter: how many walks the host pays for.

CPU is that of both processes, from the first request to the last answer of a server that has just been started; the
walks are the different values of conntrack_walk_timestamp_seconds in the scrapes, /diagnosis has its own beside them.
Answers with gzip are made once for all, too. "known" scrapers have asked before, so that the exporter knows which parts
of a walk are wanted.
"""

import collections
import gzip
import http.client
import statistics
import threading
import time

from benchlib import filled, interleaved, markdown, median, run_time, table, testlib, thousands

NEEDS = ("conntrack", "ip")
DEFAULT_LIMIT = 262144
SCRAPERS = 8
GOAL = 1.2
DEADLINE_S = 1
DEFAULT_INTERVAL_S = 5
NOW = "--collector.flows.min-interval=0s"
GZIP = {"Accept-Encoding": "gzip"}
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
PATIENCE_S = 120  # enough for eight walks

Scrape = collections.namedtuple("Scrape", "path headers delay times", defaults=("/metrics", {}, 0, 1))
Scenario = collections.namedtuple("Scenario", "name scrapes flags known is_goal", defaults=((), False, False))


def timeout(seconds):
    return {"X-Prometheus-Scrape-Timeout-Seconds": str(seconds)}


def collecting(*names):
    return "/metrics?" + "&".join(f"collect[]={name}" for name in names)


EQUAL = [Scrape()] * SCRAPERS
SETS = [Scrape(path) for path in (
    "/metrics", collecting("flows"), collecting("flows", "table"), collecting("flows", "stat"),
    collecting("flows", "correlation"), collecting("flows", "sockets"), "/metrics?exclude[]=ports",
    "/metrics?exclude[]=settings")]
PATIENT_SETS = [scrape._replace(headers=timeout(PATIENCE_S)) for scrape in SETS]
FORMATS = [Scrape(headers={**accept, **packed})
           for accept in ({}, OPENMETRICS) for packed in ({}, GZIP)] * (SCRAPERS // 4)
TIMEOUTS = [Scrape(headers=timeout(seconds)) for seconds in (10, 12, 15, 20, 30, 40, 50, 60)]
SCENARIOS = (
    Scenario("1", [Scrape()]),
    Scenario("8 at once", EQUAL, is_goal=True),
    Scenario("8, one each 0.1 s", [Scrape(delay=0.1 * i) for i in range(SCRAPERS)]),
    Scenario("8, half of them with gzip", [Scrape(), Scrape(headers=GZIP)] * (SCRAPERS // 2)),
    Scenario("8, text and OpenMetrics, with and without gzip", FORMATS),
    Scenario("8 with timeouts of 10 to 60 s", TIMEOUTS),
    Scenario("8 with different collect[]", SETS),
    Scenario("8 with different collect[], known", SETS, known=True),
    Scenario("1 and /diagnosis", [Scrape(), Scrape("/diagnosis", delay=0.1)]),
    Scenario("8 at once, no reuse", EQUAL, (NOW,), is_goal=True),
    Scenario("8, half of them with gzip, no reuse", [Scrape(), Scrape(headers=GZIP)] * (SCRAPERS // 2), (NOW,)),
    Scenario("8, text and OpenMetrics, with and without gzip, no reuse", FORMATS, (NOW,)),
    Scenario("8 with different collect[], no reuse", PATIENT_SETS, (NOW,)),
)
QUICK = ("1", "8 at once", "8, one each 0.1 s")


class Asker(threading.Thread):
    """A scraper with a connection, which asks from its time behind the signal on, each second if more than once."""

    def __init__(self, exporter, scrape, start):
        super().__init__(daemon=True)  # one that is left must not keep the program
        self.connection = http.client.HTTPConnection("exporter", timeout=PATIENCE_S)
        self.connection.sock = exporter.connect(PATIENCE_S)
        self.scrape, self.start_signal = scrape, start
        self.walls, self.statuses, self.metrics = [], [], []

    def run(self):
        self.start_signal.wait()
        began = time.monotonic() + self.scrape.delay
        for number in range(self.scrape.times):
            time.sleep(max(0, began + number - time.monotonic()))
            self.ask()
        self.connection.close()

    def ask(self):
        began = time.monotonic()
        self.connection.request("GET", self.scrape.path, headers=self.scrape.headers)
        answer = testlib.Answer(self.connection.getresponse())
        self.walls.append(time.monotonic() - began)
        self.statuses.append(answer.status)
        if answer.status == 200 and self.scrape.path.startswith("/metrics"):
            packed = answer.headers["Content-Encoding"] == "gzip"
            self.metrics.append(testlib.Metrics((gzip.decompress(answer.body) if packed else answer.body).decode()))


def burst(exporter, scrapes):
    """All of them ask; what that took, and what they got."""
    start = threading.Event()
    askers = [Asker(exporter, scrape, start) for scrape in scrapes]
    for asker in askers:
        asker.start()
    pids, began = exporter.pids(), time.monotonic()
    before = sum(map(run_time, pids))
    start.set()
    for asker in askers:
        asker.join()
    wall = time.monotonic() - began
    time.sleep(0.05)  # what they do behind the answer is of the scrape, too
    cpu = sum(map(run_time, pids)) - before

    def values(name):
        return [value for asker in askers for given in asker.metrics if (value := given.get(name)) is not None]

    statuses = [status for asker in askers for status in asker.statuses]
    if not values("conntrack_walk_flows"):
        raise RuntimeError(f"nobody was told of a walk: {statuses}")
    return {"cpu": cpu, "wall": wall, "longest": max(max(asker.walls, default=0) for asker in askers),
            "walks": len(set(values("conntrack_walk_timestamp_seconds"))),
            "complete": min(values("conntrack_walk_complete")), "asked": sum(scrape.times for scrape in scrapes),
            "answered": statuses.count(200)}


def play(namespace, scenario, limit):
    with testlib.Exporter(namespace, f"--collector.flows.limit={limit}", *scenario.flags) as exporter:
        if scenario.known:
            burst(exporter, scenario.scrapes)
            time.sleep(DEFAULT_INTERVAL_S)
        return burst(exporter, scenario.scrapes)


def deadline(namespace):
    """A walk without a limit for a scraper who has less time than it takes."""
    with testlib.Exporter(namespace, "--collector.flows.limit=0") as exporter:
        return burst(exporter, [Scrape(headers=timeout(DEADLINE_S))])


def measure(plan):
    flows, seconds = (3000, 2) if plan.quick else (1000000, 10)
    each_second = Scenario(f"8 each second for {seconds} s", [Scrape(times=seconds)] * SCRAPERS)
    scenarios = [scenario for scenario in SCENARIOS if not plan.quick or scenario.name in QUICK or scenario.is_goal]
    result = {"seconds": seconds, "limits": {}}
    with filled(flows) as namespace:
        result["flows"] = int(namespace.run("conntrack", "-C"))
        for limit in (0, 500 if plan.quick else DEFAULT_LIMIT):
            taken = interleaved({scenario.name: lambda scenario=scenario, limit=limit: play(namespace, scenario, limit)
                                 for scenario in scenarios}, plan.rounds)
            taken[each_second.name] = [play(namespace, each_second, limit)]
            result["limits"][str(limit)] = taken
        # A walk that is over soon is not cut; and a busy machine may have no time at all in one second.
        result["deadline"] = [] if plan.quick else [deadline(namespace) for _ in range(plan.rounds)]
    if plan.quick:
        check(result)
    return result


def check(result):
    """What holds on a busy machine, too."""
    for taken in result["limits"].values():
        for name in ("1", "8 at once"):
            if any(sample["walks"] != 1 for sample in taken[name]):
                raise AssertionError(f"{name}: {taken[name]}")


def scenario_rows(taken):
    one = median(taken["1"], "cpu")
    for name, samples in taken.items():
        walks = sorted({sample["walks"] for sample in samples})
        cpu = median(samples, "cpu")
        yield [name, samples[0]["asked"], min(sample["answered"] for sample in samples),
               "-".join(str(n) for n in (walks[0], walks[-1])[:len(walks)]), f"{cpu:.3f}", f"{cpu / one:.2f}",
               f"{median(samples, 'longest'):.2f}"]


def goals(result):
    found = []
    for limit, taken in result["limits"].items():
        one = median(taken["1"], "cpu")
        ratios = [median(taken[scenario.name], "cpu") / one for scenario in SCENARIOS if scenario.is_goal]
        of_what = "without a limit" if limit == "0" else f"with a limit of {thousands(int(limit))}"
        found.append((f"CPU of {SCRAPERS} scrapers at once {of_what}, with and without reuse, against that of one",
                      ", ".join(f"{ratio:.2f}" for ratio in ratios), f"at most {GOAL:.2f}", max(ratios) <= GOAL))
    if result["deadline"]:
        longest = max(sample["longest"] for sample in result["deadline"])
        found.append(("longest answer of a walk without a limit that takes longer than the scrape timeout of "
                      f"{DEADLINE_S} s", f"{longest:.2f} s", "within the timeout", longest < DEADLINE_S))
    return found


def report(result):
    text = f"{result['flows']} flows\n"
    for limit, taken in result["limits"].items():
        rows = table(["scrapers", "asked", "answered", "walks", "CPU s", "/ one", "longest s"], scenario_rows(taken))
        text += f"\nlimit {limit}{' (none)' if limit == '0' else ''}\n\n{rows}"
    if not result["deadline"]:
        return text
    longest = max(sample["longest"] for sample in result["deadline"])
    whole = statistics.median(sample["wall"] for sample in result["limits"]["0"]["1"])
    cut = all(sample["complete"] == 0 for sample in result["deadline"])
    return f"{text}\nwithout a limit, a scrape timeout of {DEADLINE_S} s: answered within {longest:.2f} s, " + \
        f"the walk {'cut short' if cut else 'whole'}; the whole takes {whole:.2f} s\n"


def brief(result):
    limit, taken = list(result["limits"].items())[-1]
    ratio = median(taken["8 at once"], "cpu") / median(taken["1"], "cpu")
    others = median(taken["8 with different collect[], no reuse"], "cpu") / median(taken["1"], "cpu")
    return [f"{SCRAPERS} scrapers at once, {thousands(result['flows'])} flows, limit {thousands(int(limit))}: {ratio:.2f} times "
            f"the CPU time of one. Without reuse (`--collector.flows.min-interval=0s`), each with another `collect[]`: "
            f"{others:.1f} times."]


def summary(result):
    lines = [f"Scrapers at once, {thousands(result['flows'])} flows:"]
    for limit, taken in result["limits"].items():
        lines += ["", "Without a limit:" if limit == "0" else f"With a limit of {thousands(int(limit))}:", "",
                  *markdown(["scrapers", "asked", "answered", "walks", "CPU s", "of one", "longest s"],
                            scenario_rows(taken))]
    return lines
