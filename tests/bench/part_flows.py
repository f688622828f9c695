# SPDX-License-Identifier: GPL-2.0-or-later
"""What a look at all flows costs, from the bare dump to a whole scrape, beside today's tools.

"floor" receives ctnetlink's dump in the largest reads that the kernel fills, 32 KiB, and throws it away, "floor, small"
the same in those of the exporter, a page each, for which packets wait less long (see traffic). "walk" is the exporter's without a limit, "+ join" the same and
what correlation needs, "+ talkers" and what talkers need, "+ both" and both; "lookups" is what the join does beside the
walk (the sockets' dump and a lookup for each), "walk, default" the walk with the limit that it has unless told
otherwise. None of these has a program's start in it. "conntrack -L" and "conntrack -S" are the commands, "/proc" is
cat /proc/net/nf_conntrack. The scrapes are those of running servers: the exporter's without reuse, of its collector
flows and of all that are on by default, both its processes together; and node_exporter's with its collector conntrack,
which has no more to say than how many flows there are and what the kernel counted.
"""

import contextlib
import os
import resource
import signal

from benchlib import NODE_EXPORTER, MIB, NodeExporter, Scraper, digits, filled, interleaved, markdown, median, \
    median_and_spread, ratio, ratios, spread, strangers, table, testlib, thousands, timed, walked

NEEDS = ("conntrack", "ip", "nft", NODE_EXPORTER)
DEFAULT_LIMIT = 262144
SIZES = (10000, 100000, DEFAULT_LIMIT, 1000000)
QUICK_SIZES = (1000, 3000)
SOCKETS = 1 / 50  # of the flows
PASSES_FLOWS = 50000  # A sample has at least this many, which take some 50 ms.
REPEATS = 40  # in a sample of what costs the same with any table
PROC = "/proc/net/nf_conntrack"
GOAL = 1.10
SCRAPE_INTERVAL_S = 15
STRANGERS = 1 / 4  # of the flows, from where on the report names them
WALKS = {"floor": ("floor-large", 0), "floor, small": ("floor", 0), "walk": ("walk", 0), "+ join": ("join", 0),
         "+ talkers": ("talkers", 0), "+ both": ("all", 0), "lookups": ("lookups", 0),
         "walk, default": ("walk", DEFAULT_LIMIT)}
SCRAPES = {"scrape: flows": "/metrics?collect[]=flows", "scrape": "/metrics"}
NODE_SCRAPE = "node_exporter"
# What README and the plot show, and as what.
SUMMARY = {"floor": "bare dump", "floor, small": "bare dump in reads of a page", "walk": "walk, no limit",
           "walk, default": "walk, default limit",
           "scrape: flows": "scrape of `flows`", "scrape": "scrape, all default collectors",
           "conntrack -L": "`conntrack -L`", "/proc": "`cat /proc/net/nf_conntrack`",
           NODE_SCRAPE: "scrape of node_exporter's `conntrack` (the count only)"}
CURVES = {"floor": "bare dump", "walk": "walk, no limit", "walk, default": "walk, default limit",
          "scrape": "scrape, all default collectors", "conntrack -L": "conntrack -L",
          NODE_SCRAPE: "node_exporter: the count only"}


@contextlib.contextmanager
def connections(namespace, sockets):
    """Loopback connections with this many sockets, half of them here, half in a child process, that were tracked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, sockets // 2 + 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    namespace.nft("table inet track { chain c { type filter hook output priority 0; ct state new accept; }; }")
    listener = namespace.socket()
    listener.bind(("127.0.0.1", 80))
    listener.listen(1000)
    child = os.fork()
    if child == 0:
        try:
            held = [listener.accept() for _ in range(sockets // 2)]
            held[0][0].recv(1)
        finally:
            os._exit(0)  # What the parent cleans up is not the child's to clean up.
    clients = []
    try:
        for i in range(sockets // 2):
            clients.append(namespace.socket())
            clients[i].bind((f"127.0.{i // 10000 + 1}.1", 0))
            clients[i].connect(("127.0.0.1", 80))
        # From now on nothing changes the table, scrapes included.
        namespace.nft("delete table inet track")
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for sock in [listener, *clients]:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def scrapers(namespace):
    """{name: Scraper} of the exporter and of node_exporter.

    Each has a server of its own, for a walk has the parts that anyone wanted of the server within the last minute.
    """
    with contextlib.ExitStack() as stack:
        found = {}
        for name, path in SCRAPES.items():
            ours = stack.enter_context(testlib.Exporter(namespace, "--collector.flows.min-interval=0s"))
            found[name] = Scraper(namespace, ours.port, ours.pids(), path)
        node = stack.enter_context(NodeExporter(namespace, "conntrack"))
        found[NODE_SCRAPE] = Scraper(namespace, node.port, [node.process.pid])
        yield found


def contenders(servers, passes, repeats):
    found = {name: lambda mode=mode, limit=limit: walked(mode, limit, 0, passes)
             for name, (mode, limit) in WALKS.items()}
    found["conntrack -L"] = lambda: timed(["conntrack", "-L"], passes)
    if os.path.exists(PROC):
        found["/proc"] = lambda: timed(["cat", PROC], passes)
    found["conntrack -S"] = lambda: timed(["conntrack", "-S"], repeats)
    found |= {name: lambda name=name: servers[name].sample(passes) for name in SCRAPES}
    found[NODE_SCRAPE] = lambda: servers[NODE_SCRAPE].sample(repeats)
    return found


def check(flows, samples, servers):
    """All of them saw the same table, for nothing changes it."""
    seen = {"conntrack -C": int(testlib.run("conntrack", "-C"))}
    for name, (mode, _) in WALKS.items():
        if mode != "lookups":
            seen |= {f"{name}, round {i + 1}": sample["count"] for i, sample in enumerate(samples[name])}
    metrics = servers["scrape"].metrics()
    seen["conntrack_walk_flows"] = metrics.get("conntrack_walk_flows")
    seen["conntrack_flows"] = metrics.sum("conntrack_flows")
    seen["conntrack_entries"] = metrics.get("conntrack_entries")
    seen["node_nf_conntrack_entries"] = servers[NODE_SCRAPE].metrics().get("node_nf_conntrack_entries")
    for name, count in seen.items():
        limited = name.startswith(("walk, default", "conntrack_walk_flows"))
        wanted = min(flows, DEFAULT_LIMIT) if limited else flows
        if count != wanted:
            raise AssertionError(f"{name}: {count} flows, not {wanted}")


def measure_size(flows, plan):
    passes, repeats = (1, 2) if plan.quick else (max(1, PASSES_FLOWS // flows), REPEATS)
    sockets = int(flows * SOCKETS)
    with filled(flows - sockets // 2, sockets // 2) as namespace, connections(namespace, sockets), \
            scrapers(namespace) as servers:
        samples = interleaved(contenders(servers, passes, repeats), plan.rounds)
        check(flows, samples, servers)
        return {"flows": flows, "sockets": sockets, "strangers": strangers(flows), "samples": samples}


def measure(plan):
    return [measure_size(flows, plan) for flows in (QUICK_SIZES if plan.quick else SIZES)]


def report_size(result):
    samples = result["samples"]
    rows = []
    for name, taken in samples.items():
        least, most = spread(taken, "cpu")
        rows.append([name, *(f"{1e3 * median(taken, key):.2f}" for key in ("wall", "user", "system", "cpu")),
                     f"{1e3 * least:.2f} to {1e3 * most:.2f}", f"{median(taken, 'resident') / MIB:.1f}",
                     f"{ratio(taken, samples['floor']):.2f}"])
    noise = ""
    if (result["strangers"] or 0) > result["flows"] * STRANGERS:
        noise = f"The host has about {thousands(result['strangers'])} flows of other namespaces, which every dump " \
                "passes by and pays for: these figures are too high.\n\n"
    return f"{thousands(result['flows'])} flows, {thousands(result['sockets'])} sockets\n\n" + noise + \
        table(["", "wall ms", "user ms", "system ms", "CPU ms", "from to", "peak MiB", "/ floor"], rows) + "\n"


def report(results):
    return "".join(map(report_size, results))


def goals(results):
    last = results[-1]["samples"]
    times = ratio(last["walk"], last["floor"])
    return [(f"CPU of a walk over {thousands(results[-1]['flows'])} flows against the bare dump's", f"{times:.2f}",
             f"at most {GOAL:.2f}", times <= GOAL)]


def summary(results):
    shown = {name: title for name, title in SUMMARY.items() if name in results[0]["samples"]}
    last = results[-1]["samples"]
    lines = ["CPU milliseconds, user plus system, median (least to most), by the flows in the table:", ""]
    lines += markdown(["", *(thousands(result["flows"]) for result in results)],
                      [[title, *(median_and_spread(result["samples"][name]) for result in results)]
                       for name, title in shown.items()])
    resident = ", ".join(f"{title} {median(last[name], 'resident') / MIB:.1f}"
                         f"{' (of both processes, shared pages counted twice)' if name in SCRAPES else ''}"
                         for name, title in shown.items())
    times = ratios(last["walk"], last["floor"])
    small = ratio(last["walk"], last["floor, small"])
    return [*lines, "", f"A walk takes {ratio(last['walk'], last['floor']):.2f} times the CPU of the bare dump "
                        f"(rounds: {min(times):.2f} to {max(times):.2f}; below 1 is noise), and {small:.2f} times that of "
                        f"one in reads of a page. Peak resident MiB with the "
                        f"largest table: {resident}."]


def brief(results):
    """What a scrape costs of a CPU, and what the table says."""
    last, default = results[-1], median(results[-1]["samples"]["scrape"], "cpu")
    smaller = ", ".join(f"{digits(median(result['samples']['scrape'], 'cpu'))} s with {thousands(result['flows'])}"
                        for result in results[:2])
    return [f"A scrape by all default collectors takes {digits(default)} s of CPU time with {thousands(last['flows'])} flows, "
            f"and no more with more of them; {smaller}. At one scrape in {SCRAPE_INTERVAL_S} s that is "
            f"{100 * default / SCRAPE_INTERVAL_S:.0f} % of one CPU. A lower `--collector.flows.limit` costs less in "
            "proportion.", "", *summary(results)]


def curves(results):
    """For the plot: title, what the size is, {label: [(size, CPU seconds)]}."""
    return "Flows in the table", {label: [(result["flows"], median(result["samples"][name], "cpu"))
                                          for result in results] for name, label in CURVES.items()}
