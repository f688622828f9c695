# SPDX-License-Identifier: GPL-2.0-or-later
"""What the expositions hold: every family with exactly its labels, and what other programs say of the formats."""

import fnmatch
import os
import re
import subprocess
import sys

from common import ACCEPT_OPENMETRICS, COLLECTORS, TestCase, Wire, add_flow, descriptors, still, testlib, wait_until

sys.path.append("/usr/lib/python3/dist-packages")  # where Debian puts modules, whichever python3 runs this
try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    testlib.skip("python3-prometheus-client is not installed")

testlib.need("promtool", "conntrack")

FAMILY = ("family", "ipv4 ipv6")
PROTOCOL = ("protocol", "tcp udp icmp icmpv6 sctp gre dccp udplite other")
FLOW_STATE = ("state", "none syn_sent syn_recv established fin_wait close_wait last_ack time_wait close syn_sent2 "
                       "offloaded")
SOCKET_STATE = ("state", "established syn_sent syn_recv fin_wait1 fin_wait2 time_wait close close_wait last_ack listen "
                         "closing")
LIMIT = ("limit", "header_size body connections connections_per_address idle_time request_time requests rate login")
COLLECTOR = ("collector", " ".join(COLLECTORS))
TIMEOUTS = {
    "tcp": "syn_sent syn_recv established fin_wait close_wait last_ack time_wait close max_retrans unacknowledged",
    "udp": "unreplied stream",
    "udplite": "unreplied stream",
    "icmp": "any",
    "icmpv6": "any",
    "sctp": "closed cookie_wait cookie_echoed established shutdown_sent shutdown_recd shutdown_ack_sent "
            "heartbeat_sent heartbeat_acked",
    "gre": "unreplied stream",
    "dccp": "request respond partopen open closereq closing timewait",
    "other": "any",
}
SETTINGS = "acct checksum dccp_loose events helper log_invalid tcp_be_liberal tcp_ignore_invalid_rst tcp_loose " \
           "tcp_max_retrans timestamp"


def has_setting(name):
    """Whether this kernel has the file."""
    return os.path.exists(f"/proc/sys/net/netfilter/nf_conntrack_{name}")


def has_timeout(protocol, state):
    name = "generic" if protocol == "other" else protocol
    return has_setting(f"{name}_timeout" + ("" if state in ("unreplied", "any") else f"_{state}"))


# Two labels whose values come in pairs.
TIMEOUT = ("protocol/state", " ".join(f"{protocol}/{state}" for protocol, states in TIMEOUTS.items()
                                      for state in states.split() if has_timeout(protocol, state)))
SETTING = ("name", " ".join(name for name in SETTINGS.split() if has_setting(name)))

# Collector, type, name, labels with all their values.
CONTRACT = (
    ("table", "gauge", "conntrack_entries"),
    ("table", "gauge", "conntrack_entries_limit"),
    ("table", "gauge", "conntrack_buckets"),
    ("table", "gauge", "conntrack_expectations_limit"),
    ("table", "gauge", "conntrack_entry_size_bytes"),
    ("stat", "counter", "conntrack_stat_found_total"),
    ("stat", "counter", "conntrack_stat_invalid_total"),
    ("stat", "counter", "conntrack_stat_insert_total"),
    ("stat", "counter", "conntrack_stat_insert_failed_total"),
    ("stat", "counter", "conntrack_stat_drop_total"),
    ("stat", "counter", "conntrack_stat_early_drop_total"),
    ("stat", "counter", "conntrack_stat_error_total"),
    ("stat", "counter", "conntrack_stat_search_restart_total"),
    ("stat", "counter", "conntrack_stat_clash_resolve_total"),
    ("stat", "counter", "conntrack_stat_chaintoolong_total"),
    ("flows", "gauge", "conntrack_flows", FAMILY, PROTOCOL),
    ("flows", "gauge", "conntrack_tcp_flows", FAMILY, FLOW_STATE),
    ("flows", "gauge", "conntrack_flows_by_reply", PROTOCOL, ("reply", "unreplied replied assured")),
    ("flows", "gauge", "conntrack_flows_by_path", ("path", "inbound outbound loopback forwarded")),
    ("flows", "gauge", "conntrack_flows_by_nat", ("nat", "none source destination both")),
    ("flows", "gauge", "conntrack_flows_offloaded", ("to", "software hardware")),
    ("flows", "gauge", "conntrack_flows_expiring", ("within", "10s 1m 10m 1h 1d")),
    ("flows", "gauge", "conntrack_walk_flows"),
    ("flows", "gauge", "conntrack_walk_complete"),
    ("flows", "gauge", "conntrack_walk_duration_seconds"),
    ("flows", "gauge", "conntrack_walk_timestamp_seconds"),
    ("correlation", "gauge", "conntrack_established_sockets", ("tracking", "tracked mismatched untracked"),
     ("path", "loopback remote")),
    ("correlation", "gauge", "conntrack_established_flows", ("socket", "present absent forwarded")),
    ("sockets", "gauge", "conntrack_tcp_sockets", FAMILY, SOCKET_STATE),
    ("sockets", "gauge", "conntrack_udp_sockets", FAMILY, ("state", "connected unconnected")),
    ("sockets", "gauge", "conntrack_tcp_sockets_orphaned"),
    ("sockets", "gauge", "conntrack_tcp_sockets_orphaned_limit"),
    ("sockets", "gauge", "conntrack_tcp_memory_bytes"),
    ("sockets", "gauge", "conntrack_tcp_memory_bytes_limit"),
    ("sockets", "gauge", "conntrack_file_handles"),
    ("sockets", "gauge", "conntrack_file_handles_limit"),
    ("sockets", "gauge", "conntrack_tcp_listeners"),
    ("sockets", "gauge", "conntrack_tcp_listeners_full"),
    ("sockets", "gauge", "conntrack_tcp_accept_queue_max_ratio"),
    ("netstat", "counter", "conntrack_tcp_listen_overflows_total"),
    ("netstat", "counter", "conntrack_tcp_listen_drops_total"),
    ("netstat", "counter", "conntrack_tcp_request_queue_full_drops_total"),
    ("netstat", "counter", "conntrack_tcp_request_queue_full_cookies_total"),
    ("netstat", "counter", "conntrack_tcp_active_opens_total"),
    ("netstat", "counter", "conntrack_tcp_passive_opens_total"),
    ("netstat", "counter", "conntrack_tcp_attempt_fails_total"),
    ("netstat", "counter", "conntrack_tcp_syn_retransmits_total"),
    ("ports", "gauge", "conntrack_ephemeral_ports"),
    ("ports", "gauge", "conntrack_ephemeral_ports_in_use_max"),
    ("settings", "gauge", "conntrack_timeout_seconds", TIMEOUT),
    ("settings", "gauge", "conntrack_setting", SETTING),
    (None, "gauge", "conntrack_scrape_collector_duration_seconds", COLLECTOR),
    (None, "gauge", "conntrack_scrape_collector_success", COLLECTOR),
    ("exporter", "gauge", "conntrack_exporter_build_info"),
    ("web", "counter", "conntrack_exporter_http_limit_hits_total", LIMIT),
    ("exporter", "counter", "process_cpu_seconds_total"),
    ("exporter", "gauge", "process_max_fds"),
    ("exporter", "gauge", "process_open_fds"),
    ("exporter", "gauge", "process_resident_memory_bytes"),
    ("exporter", "gauge", "process_start_time_seconds"),
    ("exporter", "gauge", "process_threads"),
    ("exporter", "gauge", "process_virtual_memory_bytes"),
)
# Sysctls that only the first network namespace has.
HOST_ONLY = {"sys/net/ipv4/tcp_max_orphans": "conntrack_tcp_sockets_orphaned_limit",
             "sys/net/ipv4/tcp_mem": "conntrack_tcp_memory_bytes_limit"}


def expand(labels):
    """All label sets of a family, in the order of the table."""
    sets = [frozenset()]
    for name, values in labels:
        sets = [have | set(zip(name.split("/"), value.split("/"))) for have in sets for value in values.split()]
    return sets


def expected(collectors=COLLECTORS, absent=(), exporter=("exporter", "web")):
    """{name: (type, label sets)} of an exposition."""
    wanted = {*collectors, None, *exporter}
    return {name: (kind, [labels for labels in expand(labels)
                          if not any(n == "collector" and v not in collectors for n, v in labels)])
            for collector, kind, name, *labels in CONTRACT if collector in wanted and name not in absent}


def absent_families(namespace):
    return [name for path, name in HOST_ONLY.items() if not namespace.run("sh", "-c", f"ls /proc/{path} || true")]


class Parsed:
    """A text exposition read strictly: HELP, TYPE, samples, each family in one group."""

    def __init__(self, text):
        self.types, self.helps, self.sets, self.order = {}, {}, {}, []
        lines = text.split("\n")
        assert lines.pop() == "", "the last line has no end"
        name = None
        for number, line in enumerate(lines):
            if line.startswith("# HELP "):
                _, _, name, self.helps[name] = line.split(" ", 3)
                assert name not in self.order, f"HELP twice: {name}"
                self.order.append(name)
                self.sets[name] = []
                assert lines[number + 1].startswith(f"# TYPE {name} "), f"no TYPE behind HELP: {name}"
            elif line.startswith("# TYPE "):
                _, _, typed, self.types[typed] = line.split(" ")
                assert typed == name, line
            else:
                match = testlib.SAMPLE.match(line)
                assert match and match.group(1) == name, f"a sample outside its family: {line}"
                self.sets[name].append(frozenset(testlib.LABEL.findall(match.group(2) or "")))


class Contract(TestCase):
    """The table of metrics that users build on."""

    def check(self, text, wanted):
        parsed = Parsed(text)
        if "conntrack_exporter_build_info" in parsed.sets:
            (labels,) = parsed.sets["conntrack_exporter_build_info"]
            self.assertEqual({name for name, _ in labels}, {"version", "revision", "branch", "compiler"})
            parsed.sets["conntrack_exporter_build_info"] = [frozenset()]
        # Of each family it may be there, or cannot be told.
        if "conntrack_tracking_active" in parsed.sets:
            tracking = parsed.sets.pop("conntrack_tracking_active")
            parsed.order.remove("conntrack_tracking_active")
            self.assertEqual(parsed.types["conntrack_tracking_active"], "gauge")
            self.assertEqual(tracking, [labels for labels in expand([FAMILY]) if labels in tracking])
        self.assertEqual(set(parsed.order), set(wanted))
        for name, (kind, sets) in wanted.items():
            with self.subTest(name):
                self.assertEqual(parsed.types[name], kind)
                self.assertEqual(parsed.sets[name], sets)
                self.assertGreater(len(parsed.helps[name]), 10)
        return parsed

    def test_a_scrape_has_every_family_with_all_its_labels(self):
        it = self.exporter()
        parsed = self.check(it.request().text, expected(absent=absent_families(it.namespace)))
        first = min(i for i, name in enumerate(parsed.order) if name.startswith("conntrack_scrape_collector_"))
        names = {collector: {name for c, _, name, *_ in CONTRACT if c == collector} for collector in COLLECTORS}
        for collector, families in names.items():
            self.assertLess(max(parsed.order.index(name) for name in families & set(parsed.order)), first, collector)

    def test_one_collector_has_its_own_families_only(self):
        it = self.exporter()
        absent = absent_families(it.namespace)
        for collector in COLLECTORS:
            text = it.request(f"/metrics?collect[]={collector}").text
            self.check(text, expected([collector], absent))

    def test_the_first_network_namespace_has_the_limits_too(self):
        if any(not os.path.exists(f"/proc/{path}") for path in HOST_ONLY):
            self.skipTest("this is not the first network namespace")
        self.check(testlib.run(testlib.EXPORTER, "metrics"), expected(exporter=["exporter"]))

    def test_without_what_describes_the_exporter(self):
        it = self.exporter("--web.disable-exporter-metrics")
        self.check(it.request().text, expected(absent=absent_families(it.namespace), exporter=()))

    def test_one_series_per_cpu(self):
        it = self.exporter("--collector.stat.per-cpu")
        with open("/sys/devices/system/cpu/possible", encoding="ascii") as possible:
            cpus = range(int(re.split("[-,]", possible.read().strip())[-1]) + 1)
        parsed = Parsed(it.request("/metrics?collect[]=stat").text)
        for collector, kind, name, *_ in CONTRACT:
            if collector == "stat":
                self.assertEqual((parsed.types[name], parsed.sets[name]),
                                 (kind, [frozenset({("cpu", str(cpu))}) for cpu in cpus]))

    def test_switched_off_collectors(self):
        it = self.exporter("--collector.disable-defaults", "--collector.stat")
        self.check(it.request().text, expected(["stat"]))

    def test_process_metrics_are_the_sum_of_both_processes(self):
        it = self.exporter()
        pids = it.pids()
        before = len(descriptors(pids[0]))
        it.request()
        wait_until(lambda: len(descriptors(pids[0])) == before, 5, "the first connection ended")
        with Wire(it) as wire:
            metrics = testlib.Metrics(wire.ask("/metrics", "Connection: close").text)
            self.assertTrue(wire.closed())
            wait_until(lambda: len(descriptors(pids[0])) == before, 5, "the second connection ended")
        held = sum(len(descriptors(pid)) for pid in pids)
        self.assertEqual(metrics.get("process_open_fds"), held + 1)  # and the connection that is closed now
        self.assertEqual(metrics.get("process_max_fds"), sum(self.max_fds(pid) for pid in pids))
        self.assertEqual(metrics.get("process_threads"), 2)
        with open("/proc/stat", encoding="ascii") as stat:
            boot = int(re.search(r"^btime (\d+)$", stat.read(), re.M).group(1))
        with open(f"/proc/{pids[0]}/stat", encoding="ascii") as stat:
            ticks = int(stat.read().rsplit(")", 1)[1].split()[19])
        self.assertAlmostEqual(metrics.get("process_start_time_seconds"), boot + ticks / os.sysconf("SC_CLK_TCK"),
                               delta=3)

    @staticmethod
    def max_fds(pid):
        with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
            return int(re.search(r"^Max open files +(\d+)", limits.read(), re.M).group(1))


class OtherPrograms(TestCase):
    """Formats as others read them, with some flows in the table."""

    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())
        add_flow(self.namespace, "tcp", "192.0.2.1", "192.0.2.2")
        add_flow(self.namespace, "udp", "192.0.2.1", "127.0.0.1")
        add_flow(self.namespace, "udp", "2001:db8::1", "2001:db8::2")
        self.it = self.exporter(namespace=self.namespace)

    def test_promtool_finds_nothing(self):
        for text in (self.it.request(headers={"Accept": "text/plain"}).text, testlib.run(testlib.EXPORTER, "metrics")):
            done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_help_names_what_there_is(self):
        there = testlib.metrics(self.namespace, "--collector.talkers").names() | self.it.metrics().names()
        named = re.findall(r"\b(?:conntrack|process)_\w*\*?", testlib.run(testlib.EXPORTER, "--help"))
        self.assertIn("conntrack_stat_*", named)
        missing = {name for name in named if not fnmatch.filter(there, name)}
        self.assertEqual(missing - set(absent_families(self.namespace)), {
            "conntrack_exporter", "conntrack_exporter_http_unauthorized_total",
            "conntrack_exporter_web_config_last_reload_successful"})  # only where there is a file

    def test_the_strict_openmetrics_parser_reads_the_same_samples(self):
        # On one connection: from one scrape to the next nothing changes in the namespace.
        wire = self.enter(Wire(self.it))
        text = wire.ask("/metrics").text
        self.assertEqual(testlib.Metrics(text).get("conntrack_walk_flows"), 3)
        openmetrics = wire.ask("/metrics", f"Accept: {ACCEPT_OPENMETRICS}").text
        families = list(text_string_to_metric_families(openmetrics))
        samples = {(sample.name, frozenset(sample.labels.items())): float(sample.value)
                   for family in families for sample in family.samples}
        self.assertEqual(set(samples), set(testlib.Metrics(text).samples))
        unmoved = testlib.Metrics("\n".join(still(text))).samples
        self.assertEqual({key: samples[key] for key in unmoved}, unmoved)
        kinds = {name.removesuffix("_total") if kind == "counter" else name: kind
                 for name, (kind, _) in expected(absent=absent_families(self.namespace)).items()}
        types = {family.name: family.type for family in families}
        self.assertEqual(types.pop("conntrack_tracking_active", "gauge"), "gauge")
        self.assertEqual(types, kinds)
        helps = Parsed(text).helps
        self.assertEqual({family.name: family.documentation for family in families},
                         {name.removesuffix("_total") if kinds.get(name) is None else name: help_
                          for name, help_ in helps.items()})

    def test_openmetrics_units(self):
        openmetrics = self.it.request(headers={"Accept": ACCEPT_OPENMETRICS}).text
        units = {family.name: family.unit for family in text_string_to_metric_families(openmetrics)}
        for name, unit in units.items():
            suffix = name.rsplit("_", 1)[1]
            self.assertEqual(unit, suffix if suffix in ("bytes", "seconds", "ratio") else "", name)

    def test_openmetrics_ends_with_its_mark(self):
        openmetrics = self.it.request(headers={"Accept": ACCEPT_OPENMETRICS}).text
        self.assertEqual(re.findall(r"^# (?!TYPE |UNIT |HELP ).*$", openmetrics, re.M), ["# EOF"])
        self.assertTrue(openmetrics.endswith("\n# EOF\n"))
        self.assertNotRegex(openmetrics, r"\r|\n\n| \n|  ")


if __name__ == "__main__":
    testlib.main()
