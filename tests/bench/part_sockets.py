# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets by state and the join, beside ss and node_exporter's tcpstat.

"floor" receives sock_diag's dump of the TCP sockets of both families and throws it away, "a dump each" the two of one
family each, which others ask for; "dump" is what the exporter does for its counts by state. The scrapes are those of
running servers, the exporter's of both its processes. Only what ss takes has the start of a program in it. "sockets"
are the counts by state with what else the collector has, "+ ports" the same and the ephemeral ports, "correlation" the
join with the flows without any reuse, a walk over all of them included, and over those of other namespaces.
"""

import contextlib
import os
import subprocess

from benchlib import NODE_EXPORTER, WALK, NodeExporter, Scraper, interleaved, markdown, median, median_and_spread, \
    spread, table, testlib, thousands, timed, walked

NEEDS = ("nft", "ss", NODE_EXPORTER)
HOLD = os.path.join(os.path.dirname(WALK), "bench_hold")
SIZES = (1000, 20000, 100000)
QUICK_SIZES = (200,)
SCRAPES = 5  # in one sample: the clock of user and system time is coarse; one is enough of what takes long
GOAL = 0.5
WALKS = {"floor": "sockets-floor", "a dump each": "sockets-two", "dump": "sockets"}
STATES = {"ESTAB": "established", "SYN-SENT": "syn_sent", "SYN-RECV": "syn_recv", "FIN-WAIT-1": "fin_wait1",
          "FIN-WAIT-2": "fin_wait2", "TIME-WAIT": "time_wait", "UNCONN": "close", "CLOSE-WAIT": "close_wait",
          "LAST-ACK": "last_ack", "LISTEN": "listen", "CLOSING": "closing"}
TRACK = "table inet track { chain c { type filter hook output priority 0; ct state new accept; }; }"

# What README and the plot show, and as what.
SUMMARY = {"floor": "bare dump", "scrape: sockets": "scrape of `sockets`",
           "scrape: sockets + ports": "scrape of `sockets` and `ports`",
           "scrape: correlation": "scrape of `correlation`",
           "ss -tan": "`ss -tan`", "ss -s": "`ss -s`", "tcpstat": "scrape of node_exporter's tcpstat"}
CURVES = {"floor": "the kernel's bare dump", "scrape: sockets": "scrape of sockets", "ss -tan": "ss -tan",
          "tcpstat": "node_exporter: tcpstat"}


class Holder:
    """Sockets of a namespace until the with block ends."""

    def __init__(self, namespace, sockets):
        self.process = namespace.popen(HOLD, str(sockets), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def fill(self):
        """Waits until all are there, those in TIME_WAIT included."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "held\n":
            raise RuntimeError("the sockets cannot be had")
        return {}


@contextlib.contextmanager
def scrapers(namespace):
    """{name: (Scraper, scrapes of one sample)} of the exporter and of node_exporter."""
    paths = {"scrape: sockets": ("collect[]=sockets", SCRAPES),
             "scrape: sockets + ports": ("collect[]=sockets&collect[]=ports", SCRAPES),
             "scrape: correlation": ("collect[]=correlation", 1)}
    with testlib.Exporter(namespace, "--collector.flows.min-interval=0s", "--collector.flows.limit=0") as ours, \
            NodeExporter(namespace, "tcpstat") as node:
        found = {name: (Scraper(namespace, ours.port, ours.pids(), f"/metrics?{query}"), scrapes)
                 for name, (query, scrapes) in paths.items()}
        testlib.wait_until(lambda: "listen" in namespace.run("ss", "-ltnH", f"sport = {node.port}").lower(), 20,
                           f"{NODE_EXPORTER} listens")
        found["tcpstat"] = Scraper(namespace, node.port, [node.process.pid]), SCRAPES
        yield found


def listed(namespace):
    """Sockets by state as ss -tan lists them."""
    counts = dict.fromkeys(STATES.values(), 0)
    for line in namespace.run("ss", "-tanH").splitlines():
        counts[STATES[line.split()[0]]] += 1
    return counts


def check(namespace, scraper):
    """The exporter's counts are those of ss -tan; nothing but a TIME_WAIT that ends changes in between."""
    with scraper.connected() as connection:
        scraper.get(connection)
        for _ in range(3):
            before = listed(namespace)
            metrics = testlib.Metrics(scraper.get(connection))
            ours = {state: int(metrics.sum("conntrack_tcp_sockets", state=state)) for state in before}
            if ours == before:
                return before
    raise AssertionError(f"by state {ours}, ss -tan says {before}")


def walked_inside(namespace, mode):
    with namespace.inside():
        return walked(mode, passes=SCRAPES)


def measure_size(namespace, sockets, rounds):
    with Holder(namespace, sockets) as holder:
        holder.fill()
        with scrapers(namespace) as servers:
            contenders = {"": holder.fill}
            contenders |= {name: lambda mode=mode: walked_inside(namespace, mode) for name, mode in WALKS.items()}
            contenders |= {f"ss {flag}": lambda flag=flag: timed(namespace.command("ss", flag))
                           for flag in ("-tan", "-s")}
            contenders |= {name: lambda scraper=scraper, scrapes=scrapes: scraper.sample(scrapes)
                           for name, (scraper, scrapes) in servers.items()}
            counts = check(namespace, servers["scrape: sockets"][0])
            samples = interleaved(contenders, rounds)
            del samples[""]
            return {"sockets": sum(counts.values()), "states": counts, "samples": samples}


def measure(plan):
    results = []
    for sockets in QUICK_SIZES if plan.quick else SIZES:
        with testlib.Namespace() as namespace, testlib.raised_limit(4 * sockets):
            namespace.nft(TRACK)
            results.append(measure_size(namespace, sockets, plan.rounds))
    return results


def cheaper_peer(samples):
    return min(("ss -tan", "tcpstat"), key=lambda name: median(samples[name], "cpu"))


def report_size(result):
    samples = result["samples"]
    peer = cheaper_peer(samples)
    cheaper = median(samples[peer], "cpu")
    rows = []
    for name, taken in samples.items():
        least, most = spread(taken, "cpu")
        rows.append([name, *(f"{1e3 * median(taken, key):.1f}" for key in ("wall", "user", "system", "cpu")),
                     f"{1e3 * least:.1f} to {1e3 * most:.1f}", f"{median(taken, 'resident') / 2**20:.1f}",
                     f"{median(taken, 'cpu') / cheaper:.2f}"])
    states = ", ".join(f"{n} {state}" for state, n in result["states"].items() if n)
    return f"{result['sockets']} sockets: {states}\n\n" + \
        table(["", "wall ms", "user ms", "system ms", "CPU ms", "from to", "MiB", f"/ {peer}"], rows)


def report(results):
    return "\n".join(map(report_size, results))


def goals(results):
    shares = [median(result["samples"]["scrape: sockets"], "cpu") /
              median(result["samples"][cheaper_peer(result["samples"])], "cpu") for result in results]
    sizes = ", ".join(thousands(result["sockets"]) for result in results)
    return [(f"CPU of a scrape of the counts by state of {sizes} TCP sockets against the cheaper of `ss -tan` and "
             "node_exporter's tcpstat", ", ".join(f"{share:.2f}" for share in shares), f"at most {GOAL:.2f}",
             max(shares) <= GOAL)]


def summary(results):
    return ["CPU milliseconds, user plus system, median (least to most), by TCP sockets:", ""] + markdown(
        ["", *(thousands(result["sockets"]) for result in results)],
        [[title, *(median_and_spread(result["samples"][name]) for result in results)]
         for name, title in SUMMARY.items()])


brief = summary


def curves(results):
    return "TCP sockets", {label: [(result["sockets"], median(result["samples"][name], "cpu")) for result in results]
                           for name, label in CURVES.items()}
