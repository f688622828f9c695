# SPDX-License-Identifier: GPL-2.0-or-later
"""What the parts of tests/bench/run share: timing, medians, tables, the machine, the peers."""

import contextlib
import decimal
import http.client
import os
import platform
import re
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import testlib  # noqa: E402
from servers import Server, ask  # noqa: E402

WALK = os.path.join(testlib.BUILD, "tests", "bench", "bench_walk")
TIME = os.path.join(testlib.BUILD, "tests", "bench", "bench_time")
TICKS = os.sysconf("SC_CLK_TCK")
KIB, MIB = 1024, 2**20
# Debian's service would start and stay, so it is only unpacked: deploy/unpack DIR prometheus-node-exporter
NODE_EXPORTER = "prometheus-node-exporter"
SMALL = 10000  # entries that every host's table holds
TIMEOUT_S = 100000  # of the flows of filled(), at least


def timed(command, repeat=1):
    """Runs a command with its output thrown away: wall, user and system seconds, peak resident bytes.

    Repeated, it is the mean of runs one after another: what is short needs it, for the kernel splits CPU time into
    user's and system's by its ticks.
    """
    wall, user, system, resident = map(float, testlib.run(TIME, str(repeat), *command).split())
    return {"wall": wall, "user": user, "system": system, "cpu": user + system, "resident": int(resident) * KIB}


def walked(mode, flows_limit=0, lookups_limit=0, passes=1):
    """As timed(), the mean of so many passes of bench_walk without its start; "count" is what it printed."""
    count, wall, user, system, resident = testlib.run(WALK, mode, str(flows_limit), str(lookups_limit),
                                                      str(passes)).split()
    return {"wall": float(wall), "user": float(user), "system": float(system), "cpu": float(user) + float(system),
            "resident": int(resident) * KIB, "count": int(count)}


@contextlib.contextmanager
def filled(flows, room=0):
    """A namespace whose table has so many flows of every kind, none of which expires soon, and room for more."""
    entries = flows + room + flows // 10
    # A small table has room under any limit, and need not wait for others who move it. The limit comes first: it is
    # one of the host's, and a namespace may not write it.
    limit = testlib.raised_limit(entries) if entries > SMALL else contextlib.nullcontext()
    with limit, testlib.Namespace() as namespace, namespace.inside():
        written = testlib.run(testlib.FILL, f"--count={flows}", "--mix", f"--timeout={TIMEOUT_S}")
        if written != f"inserted={flows} refused=0\n":
            raise RuntimeError(f"of {flows} flows: {written}")
        try:
            yield namespace
        finally:
            testlib.run("conntrack", "-F")  # The kernel would do it later, beside what is measured next.


def interleaved(contenders, rounds):
    """{name: [sample]} of {name: function}, round by round, since a machine's speed drifts; the first one warms up.

    Each round begins with another one, so that none always comes behind the same.
    """
    taken = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds + 1):
        start = number % len(names)
        for name in names[start:] + names[:start]:
            sample = contenders[name]()
            if number > 0:
                taken[name].append(sample)
    return taken


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


def spread(samples, key):
    """(least, most)"""
    values = [sample[key] for sample in samples]
    return min(values), max(values)


def ratios(samples, others, key="cpu"):
    """How many times the others' a value is, in each round, so that no drift is in it."""
    return [sample[key] / other[key] for sample, other in zip(samples, others)]


def ratio(samples, others, key="cpu"):
    """The median of these."""
    return statistics.median(ratios(samples, others, key))


def digits(value, wanted=3):
    """A number with so many digits, never with an exponent."""
    return format(decimal.Decimal(f"{value:#.{wanted}g}"), "f")


def thousands(number):
    """A whole number with its thousands apart, as README has them."""
    return f"{number:,}".replace(",", " ")


def median_and_spread(samples, key="cpu", unit=1e-3):
    """Both as text, in units: 2.68 (2.51 to 2.93)"""
    least, most = spread(samples, key)
    return f"{digits(median(samples, key) / unit)} ({digits(least / unit)} to {digits(most / unit)})"


def markdown(columns, rows):
    """The lines of a table; all but the first column are to the right."""
    return ["".join(f"| {cell} " for cell in row) + "|"
            for row in [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]]


def strangers(flows):
    """About how many entries the whole host has beside these; None where it cannot be told.

    The kernel has one hash table for all network namespaces: a dump passes by the flows of the others, and pays.
    """
    try:
        with open("/proc/slabinfo", encoding="ascii") as slabs:
            line = next(line.split() for line in slabs if line.startswith("nf_conntrack "))
    except (OSError, StopIteration):
        return None
    return max(0, int(line[1]) - flows)


def table(columns, rows):
    """Text of rows under their titles, the first column to the left."""
    cells = [[str(cell) for cell in row] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in cells) + "\n"


def cpu(pid):
    """CPU seconds of a process and its threads: (user, system)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) / TICKS, int(fields[12]) / TICKS


def run_time(pid):
    """CPU seconds of a process and its threads, to the nanosecond."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread may end
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as schedstat:
                total += int(schedstat.read().split()[0])
    return total / 1e9


def memory(pid):
    """Bytes of a process: resident, its share of pages that others have too, and the peak of the first."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        fields = {line.split(":")[0]: line.split()[1] for line in rollup.readlines()[1:]}
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    return {"rss": int(fields["Rss"]) * KIB, "pss": int(fields["Pss"]) * KIB, "peak": int(peak) * KIB}


def machine():
    """What the figures come from."""
    with open("/proc/cpuinfo", encoding="ascii") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "")
    buckets = None
    with contextlib.suppress(FileNotFoundError):
        with open("/proc/sys/net/netfilter/nf_conntrack_buckets", encoding="ascii") as file:
            buckets = int(file.read())
    return {"cpus": os.cpu_count(), "model": model, "kernel": re.match(r"[\d.]+", platform.release())[0],
            "architecture": platform.machine(), "buckets": buckets,
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")}


class NodeExporter(Server):
    """Debian's node_exporter with these collectors only."""

    def __init__(self, namespace, *collectors):
        super().__init__(namespace)
        self.collectors = collectors

    def command(self):
        return [NODE_EXPORTER, f"--web.listen-address=127.0.0.1:{self.port}", "--web.disable-exporter-metrics",
                "--log.level=error", "--collector.disable-defaults",
                *(f"--collector.{name}" for name in self.collectors)]

    def __enter__(self):
        super().__enter__()
        testlib.wait_until(lambda: ask(self.namespace, self.port, "/metrics"), 20, "node_exporter answers")
        return self


class Scraper:
    """Asks a server whose CPU time is that of these processes."""

    def __init__(self, namespace, port, pids, path="/metrics"):
        self.namespace = namespace
        self.port = port
        self.pids = pids
        self.path = path

    @contextlib.contextmanager
    def connected(self):
        """A connection; kept while others are measured it would be idle for too long."""
        connection = http.client.HTTPConnection("server", timeout=600)
        connection.sock = self.namespace.socket()
        connection.sock.connect(("127.0.0.1", self.port))
        try:
            yield connection
        finally:
            connection.close()

    def get(self, connection):
        connection.request("GET", self.path)
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(f"{self.path}: {answer.status}: {body}")
        return body

    def metrics(self):
        with self.connected() as connection:
            return testlib.Metrics(self.get(connection))

    def used(self):
        """Seconds of all processes: on a CPU to the nanosecond, of these about in user mode and in the kernel."""
        user, system = map(sum, zip(*map(cpu, self.pids)))
        return sum(map(run_time, self.pids)), user, system

    def sample(self, scrapes=1):
        """As timed(), the mean of so many scrapes. The two parts of the CPU time are in whole ticks."""
        with self.connected() as connection:
            before, start = self.used(), time.monotonic()
            for _ in range(scrapes):
                self.get(connection)
            wall = time.monotonic() - start
        ran, user, system = (now - then for now, then in zip(self.used(), before))
        return {"wall": wall / scrapes, "cpu": ran / scrapes, "user": user / scrapes, "system": system / scrapes,
                "resident": sum(memory(pid)["peak"] for pid in self.pids)}
