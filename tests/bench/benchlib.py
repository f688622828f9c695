# SPDX-License-Identifier: GPL-2.0-or-later
"""What the parts of tests/bench/run share: timing, medians, tables, the machine, the peers."""

import os
import platform
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import testlib  # noqa: E402
from servers import Server  # noqa: E402

WALK = os.path.join(testlib.BUILD, "tests", "bench", "bench_walk")
TICKS = os.sysconf("SC_CLK_TCK")
KIB, MIB = 1024, 2**20
# Debian's service would start and stay, so it is only unpacked: deploy/unpack DIR prometheus-node-exporter
NODE_EXPORTER = "prometheus-node-exporter"


def timed(command):
    """Runs a command with its output thrown away: wall, user and system seconds, peak resident bytes."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {child.returncode}")
    return {"wall": wall, "user": used.ru_utime, "system": used.ru_stime, "cpu": used.ru_utime + used.ru_stime,
            "resident": used.ru_maxrss * KIB}


def interleaved(contenders, rounds):
    """{name: [sample]} of {name: function}, round by round, since a machine's speed drifts; the first round warms up."""
    taken = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, measure in contenders.items():
            sample = measure()
            if number > 0:
                taken[name].append(sample)
    return taken


def median(samples, key):
    return statistics.median(sample[key] for sample in samples)


def spread(samples, key):
    """(least, most)"""
    values = [sample[key] for sample in samples]
    return min(values), max(values)


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
    return {"cpus": os.cpu_count(), "model": model, "kernel": platform.release(), "architecture": platform.machine(),
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
