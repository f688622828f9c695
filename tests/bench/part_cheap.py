# SPDX-License-Identifier: GPL-2.0-or-later
"""The cheap tier: scrapes a second, latency, memory, start and idleness, beside node_exporter.

wrk asks for table and stat over connections that stay open, so many at once. It and the server have the same CPUs; "CPU
us" is what one scrape took of them in all processes and threads of the server. "node_exporter" has its collector
conntrack, which shows the same, "node_exporter, 3" also sockstat and netstat, and so "ours, 4" netstat and sockets.
"""

import contextlib
import os
import re
import subprocess
import time

from benchlib import MIB, NODE_EXPORTER, NodeExporter, digits, interleaved, markdown, median, median_and_spread, \
    memory, run_time, spread, table, testlib

NEEDS = ("wrk", "ip", NODE_EXPORTER)
PATH = "/metrics?collect[]=table&collect[]=stat"
COLLECTORS = ("conntrack",)
MORE_COLLECTORS = ("conntrack", "sockstat", "netstat")
MORE_PATH = PATH + "&collect[]=netstat&collect[]=sockets"
OURS, THEIRS, OURS_MORE, THEIRS_MORE = "ours", "node_exporter", "ours, 4", "node_exporter, 3"
PAIRS = ((OURS, THEIRS), (OURS_MORE, THEIRS_MORE))  # with the same to say
UNASKED = (OURS, f"{OURS}, never asked")  # of the idle ones
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
GOAL_RATE, GOAL_P99_S, GOAL_MEMORY, GOAL_START_S = 20, 0.002, 1 / 3, 0.05


def task_statuses(pids):
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread may end
                with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
                    yield file.read()


def switches(pids):
    """How often threads went to sleep or were put aside so far."""
    return sum(int(number) for text in task_statuses(pids)
               for number in re.findall(r"voluntary_ctxt_switches:\s+(\d+)", text))


def load(namespace, server, connections, seconds):
    """One run of wrk against (pids, port, path); a machine may be too busy for a single scrape, then it is repeated."""
    pids, port, path = server
    scrapes = 0
    while not scrapes:
        before = sum(map(run_time, pids))
        text = namespace.run("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
                             f"http://127.0.0.1:{port}{path}")
        spent = sum(map(run_time, pids)) - before
        scrapes = int(re.search(r"(\d+) requests in", text).group(1))
    if "Non-2xx" in text or "Socket errors" in text:
        raise AssertionError(f"wrk saw errors:\n{text}")
    latency = {percent: float(value) * UNITS[unit]
               for percent, value, unit in re.findall(r"(50|99)% +([\d.]+)(us|ms|s|m)\b", text)}
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1)), "median": latency["50"],
            "p99": latency["99"], "cpu": spent / scrapes}


def is_there(namespace, port, path):
    with namespace.socket() as client:
        try:
            client.connect(("127.0.0.1", port))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return client.recv(12) == b"HTTP/1.1 200"
        except OSError:
            return False


def start(namespace, command, port, path):
    """Seconds from just before the start of a server to its first answer; then it is ended."""
    began = time.monotonic()
    process = namespace.popen(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not is_there(namespace, port, path):
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]}: exit {process.returncode}")
            time.sleep(0.001)
        return {"seconds": time.monotonic() - began}
    finally:
        process.terminate()
        process.wait()


def starts(namespace, rounds):
    port = testlib.free_port(namespace)
    theirs = NodeExporter(namespace, *COLLECTORS)
    ours = [testlib.EXPORTER, f"--web.listen-address=127.0.0.1:{port}"]
    with theirs.directory:
        return interleaved({
            OURS: lambda: start(namespace, ours, port, PATH),
            THEIRS: lambda: start(namespace, theirs.command(), theirs.port, "/metrics"),
        }, rounds)


def kept_connection(namespace, port, path):
    """A connection that was asked on once, and stays open."""
    client = namespace.socket()
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    client.recv(1 << 20)
    return client


def idle(namespace, servers, seconds):
    """{name: switches} of servers nobody asks meanwhile, and of those asked on a connection that stays."""
    with testlib.Exporter(namespace) as unasked, contextlib.ExitStack() as stack:
        watched = {UNASKED[1]: unasked.pids()}
        for name, (pids, port, path) in servers.items():
            stack.enter_context(kept_connection(namespace, port, path))
            watched[name] = pids
        time.sleep(1)
        before = {name: switches(pids) for name, pids in watched.items()}
        time.sleep(seconds)
        return {name: switches(pids) - before[name] for name, pids in watched.items()}


@contextlib.contextmanager
def all_servers(namespace):
    """{name: (pids, port, path)}"""
    with testlib.Exporter(namespace) as ours, NodeExporter(namespace, *COLLECTORS) as theirs, \
            NodeExporter(namespace, *MORE_COLLECTORS) as more:
        servers = {OURS: (ours.pids(), ours.port, PATH), THEIRS: ([theirs.process.pid], theirs.port, "/metrics"),
                   THEIRS_MORE: ([more.process.pid], more.port, "/metrics")}
        for pids, port, path in servers.values():
            testlib.wait_until(lambda port=port, path=path: is_there(namespace, port, path), 20, "an answer")
        yield servers
        refused = ours.metrics().nonzero("conntrack_exporter_http_limit_hits_total")
        if refused:
            raise AssertionError(f"limits were hit: {refused}")


def measure(plan):
    connections, seconds, idle_seconds = ((8,), 1, 2) if plan.quick else ((1, 8, 32), 5, 30)
    with testlib.Namespace() as namespace:
        with all_servers(namespace) as servers:
            pids, port, _ = servers[OURS]
            asked = {**servers, OURS_MORE: (pids, port, MORE_PATH)}
            if plan.quick:
                asked = {name: asked[name] for name in (OURS, THEIRS)}
            loads = {n: interleaved({name: lambda server=server, n=n: load(namespace, server, n, seconds)
                                     for name, server in asked.items()}, plan.rounds) for n in connections}
            held = {name: [memory(pid) for pid in pids] for name, (pids, _, _) in servers.items()}
            woken = idle(namespace, servers, idle_seconds)
        if plan.quick and any(woken[name] for name in UNASKED):
            raise AssertionError(f"somebody woke up without being asked: {woken}")
        return {"loads": loads, "memory": held, "idle_seconds": idle_seconds, "idle": woken,
                "starts": starts(namespace, 2 if plan.quick else 4 * plan.rounds)}


def report_loads(loads):
    rows = []
    for n, samples in loads.items():
        rate = {name: median(taken, "rate") for name, taken in samples.items()}
        for name, taken in samples.items():
            least, most = spread(taken, "rate")
            rows.append([f"{name}, {n} at once", f"{rate[name]:.0f}", f"{least:.0f} to {most:.0f}",
                         *(f"{median(taken, key) * 1e3:.2f}" for key in ("median", "p99")),
                         f"{median(taken, 'cpu') * 1e6:.0f}", f"{rate[OURS] / rate[name]:.1f}"])
    columns = ["", "scrapes/s", "from to", "median ms", "p99 ms", "CPU us", "ours / this"]
    return table(columns, rows)


def sums_of(held):
    """{name: bytes} of all processes of a server."""
    return {name: {key: sum(one[key] for one in processes) for key in ("rss", "pss", "peak")}
            for name, processes in held.items()}


def report_memory(held):
    rows = [[name, *(f"{values[key] / MIB:.2f}" for key in ("rss", "pss", "peak"))]
            for name, values in sums_of(held).items()]
    return table(["after that", "resident MiB", "proportional MiB", "peak MiB"], rows)


def report_starts(taken):
    rows = [[name, f"{median(samples, 'seconds') * 1e3:.1f}", f"{min(s['seconds'] for s in samples) * 1e3:.1f}"]
            for name, samples in taken.items()]
    return table(["start to first answer", "median ms", "least ms"], rows)


def report(result):
    idle_rows = [[name, number] for name, number in result["idle"].items()]
    return "\n".join([
        report_loads(result["loads"]), report_memory(result["memory"]), report_starts(result["starts"]),
        table([f"idle for {result['idle_seconds']} s", "wake-ups"], idle_rows), ""])


def goals(result):
    loads = result["loads"]
    at_once = f"{', '.join(loads)} at once"
    found = []
    for us, them in PAIRS:
        if all(them in samples for samples in loads.values()):
            times = [median(samples[us], "rate") / median(samples[them], "rate") for samples in loads.values()]
            found.append((f"scrapes a second, {at_once}, \"{us}\" against \"{them}\"",
                          ", ".join(f"{each:.1f}" for each in times), f"at least {GOAL_RATE} times",
                          min(times) >= GOAL_RATE))
    p99 = [median(samples[OURS], "p99") for samples in loads.values()]
    held = sums_of(result["memory"])
    memory_share = held[OURS]["pss"] / held[THEIRS]["rss"]
    started = median(result["starts"][OURS], "seconds")
    woken = [result["idle"][name] for name in UNASKED]
    return [
        *found,
        (f"p99 of a scrape, {at_once}", ", ".join(f"{each * 1e3:.2f}" for each in p99) + " ms",
         f"under {GOAL_P99_S * 1e3:.0f} ms", max(p99) < GOAL_P99_S),
        ("memory of both processes (proportional) against node_exporter's resident", f"{memory_share:.2f}",
         "at most a third", memory_share <= GOAL_MEMORY),
        ("from start to first answer", f"{started * 1e3:.0f} ms", f"under {GOAL_START_S * 1e3:.0f} ms",
         started < GOAL_START_S),
        (f"wake-ups in {result['idle_seconds']} s when idle, asked before and never asked",
         ", ".join(map(str, woken)), "none", not any(woken))]


def summary(result):
    rows = [[name, n, median_and_spread(taken, "rate", 1),
             *(digits(median(taken, key) * 1e3) for key in ("median", "p99")), f"{median(taken, 'cpu') * 1e6:.0f}"]
            for n, samples in result["loads"].items() for name, taken in samples.items()]
    resident = {name: sum(one["pss" if name == OURS else "rss"] for one in processes) / MIB
                for name, processes in result["memory"].items()}
    started = {name: median(samples, "seconds") * 1e3 for name, samples in result["starts"].items()}
    return ["`table` and `stat` over kept connections, so many at once; wrk, which asks, has the same CPUs. node_exporter "
            "has `conntrack`, which shows the same; \"node_exporter, 3\" also `sockstat` and `netstat`, and so \"ours, 4\" "
            "`netstat` and `sockets`. Scrapes that wait for the same share one collection, so with 8 and 32 at once there are "
            "fewer collections than scrapes; node_exporter has one for each:", "",
            *markdown(["", "at once", "scrapes a second", "median ms", "p99 ms", "CPU us"], rows), "",
            f"Memory after that: {resident[OURS]:.1f} MiB proportional of both processes, node_exporter "
            f"{resident[THEIRS]:.1f} MiB resident. From start to first answer {started[OURS]:.0f} ms, node_exporter "
            f"{started[THEIRS]:.0f} ms. Wake-ups in {result['idle_seconds']} s without a scrape: "
            f"{result['idle'][OURS]}."]


brief = summary
