# SPDX-License-Identifier: GPL-2.0-or-later
"""What a walk each second takes from the traffic of a router, beside other ways to use its CPU.

A client, a router that tracks connections and has a full table, and a server, each in a namespace; traffic as fast as
it goes, and connections at a low and steady rate for the latency, each timed from when it was due, so that one which
waits does not hide that those behind it do. What happens meanwhile: "idle" nothing, "walk" a scrape each second that
walks the table, all of it, "scrape" the same with all default collectors, "conntrack -L" that command each second,
"spin" a process that only uses as much CPU as "walk" does. A loss is against the mean of the idle samples before and
after. With two CPUs, "free" pins nothing and has a sender on each CPU; "apart" has all traffic on the first CPU and the
rest on the second, so that only locks and caches are shared (and, where both are threads of one core, its units);
"same" has the router's softirqs on the second, where the rest is, too.

iperf3 sends no more than 128 flows and wrk connects from one address only; neither counts what a router lets pass nor
times a connect, so the traffic is made by a small program of our own.
"""

import contextlib
import json
import os
import re
import statistics
import threading
import time

from benchlib import cpu, markdown, table, testlib, thousands, timed

NEEDS = ("conntrack", "ip", "nft", "ss", "taskset")
TRAFFIC = os.path.join(testlib.BUILD, "tests", "bench", "traffic")
CLIENT, SERVER = "10.201.0.2", "10.202.0.2"
UDP_PORT, TCP_PORT, FIRST_PORT, UDP_FLOWS = "9", "80", "20000", "256"
PACED = 1000  # connections a second
WORKERS_MAX = 8
# The pairs between two idle samples are compared with the mean of both.
ORDER = ("idle", "walk", "scrape", "idle", "conntrack -L", "spin", "idle")
BUFFERS = ("4096", "16384", "32768")
PATHS = {"walk": "/metrics?collect[]=flows", "scrape": "/metrics"}


def cpus():
    """Those there are for this."""
    return sorted(os.sched_getaffinity(0))


class Road:
    """The three namespaces, the full table, and who runs where."""

    def __init__(self, client, router, server, variant):
        self.client, self.router, self.server = client, router, server
        pinned = variant != "free"
        self.traffic_pin, self.other_pin = (["taskset", "-c", str(n)] if pinned else [] for n in (cpus() * 2)[:2])
        self.workers = 1 if pinned else min(WORKERS_MAX, len(cpus()))

    def traffic(self, *args):
        return json.loads(self.client.run(*self.traffic_pin, TRAFFIC, *map(str, args)))


def counted(namespace, name):
    """Packets of a named counter."""
    return int(re.search(r"packets (\d+)", namespace.run("nft", "list", "counter", "inet", "bench", name)).group(1))


def build(client, router, server):
    testlib.link(client, router, "road", "left")
    testlib.link(server, router, "road", "right")
    client.address("road", *(f"10.201.0.{2 + i}/24" for i in range(WORKERS_MAX)))
    router.address("left", "10.201.0.1/24")
    router.address("right", "10.202.0.1/24")
    server.address("road", f"{SERVER}/24")
    client.run("ip", "route", "add", "default", "via", "10.201.0.1")
    server.run("ip", "route", "add", "default", "via", "10.202.0.1")
    router.sysctl("net.ipv4.ip_forward", 1)
    # So that what the traffic leaves does not make the table grow: a connection ends with a reset.
    router.sysctl("net.netfilter.nf_conntrack_tcp_timeout_close", 1)
    router.sysctl("net.netfilter.nf_conntrack_udp_timeout_stream", 3600)
    router.nft(f"""table inet bench {{
        counter fresh {{ }}
        chain c {{ type filter hook forward priority 0; policy drop; ct state established accept;
            ct state new udp dport {UDP_PORT} counter name fresh accept; ct state new accept; }}; }}""")
    # Counted and dropped before a socket, so that the rate is the router's and not that of a receiver.
    server.nft(f"""table inet bench {{
        counter received {{ }}
        chain c {{ type filter hook prerouting priority -300;
            udp dport {UDP_PORT} counter name received drop; }}; }}""")


def fill(router, flows):
    """Flows that do not expire meanwhile, those of the packets among them."""
    def fill_kind(count, *args):
        router.run(testlib.FILL, f"--count={count}", "--timeout=86400", *args)

    fill_kind(flows * 6 // 10, "--status=seen_reply,assured")
    fill_kind(flows * 2 // 10, "--family=6", "--status=seen_reply,assured")
    fill_kind(flows - flows * 8 // 10, "--protocol=udp")
    fill_kind(UDP_FLOWS, "--protocol=udp", "--status=seen_reply,assured", f"--source={CLIENT}",
              f"--destination={SERVER}", f"--first-port={FIRST_PORT}", f"--destination-port={UDP_PORT}",
              "--vary=source")


def steer(namespace, device, number):
    """Has what a device receives handled by this CPU; None leaves it where it came in."""
    # Words of 32 bits, the highest first.
    mask = "0" if number is None else f"{1 << number % 32:x}" + ",00000000" * (number // 32)
    namespace.run("unshare", "--mount", "sh", "-c", f"mount -t sysfs bench /sys && echo {mask} > "
                  f"/sys/class/net/{device}/queues/rx-0/rps_cpus")


@contextlib.contextmanager
def road(variant, client, router, server):
    """The road with its server, for one of the variants."""
    here = Road(client, router, server, variant)
    for namespace, device, which in ((router, "left", 1), (router, "right", 1), (client, "road", 0),
                                     (server, "road", 0)):
        steer(namespace, device, cpus()[which] if variant == "same" else None)
    child = server.popen(*here.traffic_pin, TRAFFIC, "serve", SERVER, TCP_PORT)
    try:
        testlib.wait_until(lambda: server.run("ss", "-Hltn", f"sport = :{TCP_PORT}"), 10, "the server listens")
        yield here
    finally:
        child.kill()
        child.wait()


class Load:
    """Something that happens each second beside the traffic; act() returns the CPU seconds that it took.

    When the with block is left: .cpu is that per second, .runs how often it was.
    """

    def __init__(self, act):
        self.act, self.used, self.error = act, [], None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.repeat)

    def repeat(self):
        start = time.monotonic()
        try:
            while not self.stop.is_set():
                self.used.append(self.act())
                self.stop.wait(-(time.monotonic() - start) % 1)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def __enter__(self):
        self.start = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stop.set()
        self.thread.join()
        if self.error and not kind:
            raise self.error
        self.runs = len(self.used)
        self.cpu = sum(self.used) / max(self.runs, time.monotonic() - self.start)


class Loads:
    """What can happen meanwhile, by name."""

    def __init__(self, here, exporter, flows):
        self.here, self.exporter, self.flows = here, exporter, flows
        self.pids = exporter.pids()
        self.spin_ms = 0  # as much as the last "walk" used
        self.walked = []
        self.slices = {}  # microseconds that each recv() of the last dump took

    def scrape(self, path):
        before = self.exporter_cpu()
        walked = self.exporter.metrics(path).sum("conntrack_walk_flows")
        assert walked >= self.flows, f"a walk read {walked} flows"
        self.walked.append(walked)
        return self.exporter_cpu() - before

    def exporter_cpu(self):
        return sum(sum(cpu(pid)) for pid in self.pids)

    def act(self, name):
        """CPU seconds of one time."""
        if name == "idle":
            return 0
        if name in PATHS:
            return self.scrape(PATHS[name])
        if name in BUFFERS:
            dump = json.loads(self.here.router.run(*self.here.other_pin, TRAFFIC, "dump", name))
            self.slices = dump["slices"]
            return dump["cpu"]
        command = ["conntrack", "-L"] if name == "conntrack -L" else [TRAFFIC, "burn", str(self.spin_ms)]
        return timed(self.here.router.command(*self.here.other_pin, *command))["cpu"]

    def during(self, name, traffic, seconds):
        """A sample of this traffic while that happens."""
        with Load(lambda: self.act(name)) as load:
            sample = traffic(self.here, seconds)
        if name == "walk":
            self.spin_ms = round(sum(load.used) / load.runs * 1000)
        return {"load": name, **sample, "cpu": load.cpu, "runs": load.runs}


def send_packets(here, seconds):
    before = counted(here.server, "received")
    sent = here.traffic("packets", CLIENT, FIRST_PORT, UDP_FLOWS, SERVER, UDP_PORT, here.workers, round(seconds * 1000))
    received = counted(here.server, "received") - before
    assert 0 < received <= sent["sent"], f"{received} of {sent} packets came"
    return {**sent, "received": received, "rate": received / sent["seconds"]}


def connect(here, seconds, workers, per_second):
    made = here.traffic("connect", CLIENT, SERVER, TCP_PORT, workers, per_second, round(seconds * 1000))
    assert made["made"] > 0, made
    return {**made, "rate": made["made"] / made["seconds"]}


TRAFFICS = {
    "packets": send_packets,
    "connections": lambda here, seconds: connect(here, seconds, here.workers, 0),
    "paced": lambda here, seconds: connect(here, seconds, 1, PACED),
}


def add_losses(samples):
    """Gives each sample but the idle ones what is lost against the idle ones around it."""
    idle = [i for i, sample in enumerate(samples) if sample["load"] == "idle"]
    for i, sample in enumerate(samples):
        if i not in idle:
            around = [max(n for n in idle if n < i), min(n for n in idle if n > i)]
            sample["loss"] = 1 - sample["rate"] / statistics.mean(samples[n]["rate"] for n in around)


def measure_variant(plan, variant, namespaces, flows):
    """{traffic: [sample]}, and of the paced connections with dumps of other buffer sizes."""
    seconds = 0.2 if plan.quick else 2
    taken = {name: [] for name in (*TRAFFICS, "buffers")}
    with road(variant, *namespaces) as here, \
            testlib.Exporter(here.router, "--collector.flows.min-interval=0s", "--collector.flows.limit=0",
                             prefix=here.other_pin) as exporter:
        loads = Loads(here, exporter, flows)
        for _ in range(plan.rounds):
            for name, traffic in TRAFFICS.items():
                samples = [loads.during(load, traffic, seconds) for load in ORDER]
                add_losses(samples)
                taken[name] += samples
            for size in BUFFERS:
                taken["buffers"].append({**loads.during(size, TRAFFICS["paced"], seconds), "slices": loads.slices})
        assert min(loads.walked) >= flows
    return taken


def measure(plan):
    flows = 2000 if plan.quick else 262144
    variants = ("free",) if plan.quick or len(cpus()) < 2 else ("free", "apart", "same")
    with testlib.Namespace() as client, testlib.Namespace() as router, testlib.Namespace() as server, \
            contextlib.nullcontext() if plan.quick else testlib.raised_limit(flows * 2 + 400000):
        build(client, router, server)
        fill(router, flows)
        result = {"flows": int(router.run("conntrack", "-C")), "variants": {}}
        for variant in variants:
            result["variants"][variant] = measure_variant(plan, variant, (client, router, server), flows)
        result["flows_at_end"] = int(router.run("conntrack", "-C"))
        assert counted(router, "fresh") == 0, "packets came that belong to no flow"
        assert result["flows_at_end"] >= flows
    return result


def of(samples, load, *keys):
    """The values of a load's samples."""
    values = [sample for sample in samples if sample["load"] == load]
    for key in keys:
        values = [value[key] for value in values]
    return values


def middle(values, form, scale=1):
    return format(statistics.median(values) * scale, form)


def loss(samples, load):
    """Median, and least to most, in percent."""
    values = [100 * value for value in of(samples, load, "loss")] if load != "idle" else []
    return [f"{statistics.median(values):.1f}", f"{min(values):.1f} to {max(values):.1f}"] if values else ["", ""]


def times(samples, load, what):
    return [middle(of(samples, load, what, "p50"), ".0f"), middle(of(samples, load, what, "p99"), ".0f"),
            f"{max(of(samples, load, what, 'max')):.0f}"]


def failures(taken):
    """How many connections were never made, if any: they have no times."""
    failed = sum(sample.get("failed", 0) for samples in taken.values() for sample in samples)
    return f"connections that failed, which have no times: {failed}\n" if failed else ""


def report_variant(taken):
    rates, waits, chunks = [], [], []
    for load in dict.fromkeys(ORDER):
        both = taken["packets"] + taken["connections"]
        rates.append([load, middle(of(taken["packets"], load, "rate"), ".0f"), *loss(taken["packets"], load),
                      middle(of(taken["connections"], load, "rate"), ".0f"), *loss(taken["connections"], load),
                      middle(of(both, load, "cpu"), ".2f")])
        waits.append([load, *times(taken["connections"], load, "connect"), *times(taken["paced"], load, "connect"),
                      *times(taken["paced"], load, "first_byte")])
    for size in BUFFERS:
        chunks.append([f"{int(size) // 1024} KiB", *times(taken["buffers"], size, "slices"),
                       middle(of(taken["buffers"], size, "cpu"), ".2f")])
        waits.append([f"dump, {int(size) // 1024} KiB", "", "", "", *times(taken["buffers"], size, "connect"),
                      *times(taken["buffers"], size, "first_byte")])
    return table(["", "packets/s", "loss %", "from to", "connections/s", "loss %", "from to", "CPU s/s"], rates) + \
        "\nmicroseconds\n" + \
        table(["", "connect p50", "p99", "max", "paced p50", "p99", "max", "first byte p50", "p99", "max"], waits) + \
        "\nmicroseconds of a dump's recv(), with softirqs off\n" + \
        table(["buffer", "p50", "p99", "max", "CPU s/s"], chunks) + failures(taken)


def report(result):
    return f"{result['flows']} flows\n" + \
        "".join(f"\n{variant}\n{report_variant(taken)}" for variant, taken in result["variants"].items())


def kept(result):
    """Without the times that are in no row of the summary."""
    def only(samples, *keys):
        return [{key: sample[key] for key in ("load", *keys) if key in sample} for sample in samples]

    return {"flows": result["flows"], "variants": {
        variant: {"packets": only(taken["packets"], "rate", "loss", "cpu"),
                  "connections": only(taken["connections"], "rate", "loss", "failed"),
                  "paced": only(taken["paced"], "connect", "failed")}
        for variant, taken in result["variants"].items()}}


def variant_rows(variant, taken):
    rows = [[variant, "packets/s", "loss", "connections/s", "loss", "connect p50, p99, paced", "CPU"]]
    for load in dict.fromkeys(ORDER):
        lost = [f"{part[0]} %" if part[0] else "" for part in (loss(taken["packets"], load), loss(taken["connections"], load))]
        waits = times(taken["paced"], load, "connect")
        rows.append([load, middle(of(taken["packets"], load, "rate"), ".0f"), lost[0],
                     middle(of(taken["connections"], load, "rate"), ".0f"), lost[1], f"{waits[0]} us, {waits[1]} us",
                     f"{middle(of(taken['packets'], load, 'cpu'), '.0f', 100)} %"])
    return markdown(rows[0], rows[1:])


def brief(result):
    """The variant that hurts most."""
    variant, taken = list(result["variants"].items())[-1]
    return [f"Through a router of {thousands(result['flows'])} flows whose softirqs are on the CPU of the walk, by what happens "
            "on it each second: a walk over all of them, a scrape by all default collectors, `conntrack -L`, or a process that "
            "only uses as much CPU as the walk. Packets as fast as they go, connections one after another, and paced ones, "
            f"{PACED} a second. A negative loss is noise:", "", *variant_rows(variant, taken)]


def summary(result):
    """Rows of Markdown: what is lost, and what a connection waits, by what happens meanwhile."""
    lines = [f"Through a router of {thousands(result['flows'])} flows, by what happens on it each second: a walk over all of "
             "them, a scrape by all default collectors, `conntrack -L`, or a process that only uses as much CPU as the walk. "
             "\"free\" pins nothing, \"apart\" has the traffic on one CPU and all that on the other, \"same\" has the router's "
             "softirqs on the CPU of the walk. A negative loss is noise:", ""]
    for variant, taken in result["variants"].items():
        lines += variant_rows(variant, taken)
        if failed := failures(taken):
            lines += ["", f"{variant}, {failed.rstrip()}."]
        lines.append("")
    return lines[:-1]
