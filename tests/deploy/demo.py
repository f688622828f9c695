#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""deploy/demo, watched from beside: what it shows has to be what Prometheus, Alertmanager, ss and conntrack say."""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from common import path, read, testlib
from testlib import TestCase, need, run, table_limit, wait_until

sys.path.insert(0, path("demo.d"))

import monitoring  # noqa: E402  pylint: disable=wrong-import-position
import world  # noqa: E402  pylint: disable=wrong-import-position

need("conntrack", "ip", "nft", "nsenter", "prometheus", "prometheus-alertmanager", "promtool", "amtool", "ss", "sysctl")

LIMIT = table_limit()
ROLES = ("client", "server", "backends", "monitoring")
FILLING, DROPPED = "ConntrackTableFilling", "ConntrackNewFlowsDropped"
STEADY = "ConntrackEstablishedSteadyNewFlowsDropped"
CLIENT, SERVICE = "10.66.1.2", ("10.66.1.1", 8080)
STEP_S = 120       # Each part of it has a shorter bound of its own.
END_S = 15
PATIENCE_S = 1.5
NETWORK = ("/proc/sys/net/netfilter/*", "/proc/sys/net/ipv4/*forward*", "/proc/sys/net/ipv4/conf/*/forwarding")


def host():
    """What the demo must leave as it is, as texts."""
    files = sorted(file for pattern in NETWORK for file in glob.glob(pattern)
                   if os.path.isfile(file) and not file.endswith("_count"))
    settings = {}
    for file in files:
        try:
            with open(file, encoding="ascii") as setting:
                settings[file] = setting.read()
        except PermissionError:  # write-only
            pass
    return settings, run("ip", "-o", "link"), run("ip", "route"), run("nft", "list", "ruleset")


def files():
    """The directories of a demo that are there."""
    root = os.path.realpath(path("..", "build-prometheus", "tmp"))
    return {name for directory in (root, tempfile.gettempdir())
            for name in glob.glob(os.path.join(directory, "conntrack-demo-*"))}


def in_namespaces(inodes):
    """Processes that are in one of these network namespaces."""
    found = []
    for process in glob.glob("/proc/[0-9]*"):
        try:
            if os.stat(f"{process}/ns/net").st_ino in inodes:
                with open(f"{process}/comm", encoding="ascii") as comm:
                    found.append((int(process.split("/")[-1]), comm.read().strip()))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            pass
    return found


class Demo:
    """A running demo; what it writes is read all the time."""

    def __init__(self, *flags):
        self.flags = flags
        self.output = []  # lines

    def __enter__(self):
        self.process = subprocess.Popen([path("demo"), "--fast", f"--exporter={testlib.EXPORTER}", *self.flags],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        # It is what deploy/demo becomes, so its namespaces have this number.
        self.namespaces = {role: testlib.Namespace() for role in ROLES}
        for role, namespace in self.namespaces.items():
            namespace.name = f"demo-{self.process.pid}-{role}"
        return self

    def _read(self):
        for line in self.process.stdout:
            self.output.append(line.rstrip("\n"))

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.reader.join(END_S)
            self.process.stdin.close()
            self.process.stdout.close()

    @property
    def text(self):
        return "\n".join(self.output)

    def wait_for(self, pattern, seconds=STEP_S):
        """Waits for something in the output and returns the match."""
        def found():
            match = re.search(pattern, self.text)
            if not match and self.process.poll() is not None:
                self.reader.join(END_S)
                raise AssertionError(f"it has ended, exit {self.process.returncode}, without {pattern!r}:\n{self.text}")
            return match
        return wait_until(found, seconds, f"{pattern!r} in the output:\n{self.text}")

    def inodes(self):
        return {os.stat(f"/run/netns/{namespace.name}").st_ino for namespace in self.namespaces.values()}

    def entries(self):
        return int(self.namespaces["server"].run("conntrack", "-C"))

    def peers(self):
        """The ends of the clients' connections to the service."""
        listed = self.namespaces["server"].run("ss", "-Htn", "state", "established", f"sport = :{SERVICE[1]}")
        return {line.split()[-1] for line in listed.splitlines() if CLIENT in line}

    def connects(self):
        """Whether a new connection of the client is answered."""
        with self.namespaces["client"].socket() as sock:
            sock.settimeout(PATIENCE_S)
            try:
                sock.connect(SERVICE)
                sock.sendall(b"is there anybody\n")
                return sock.recv(100) == b"is there anybody\n"
            except TimeoutError:
                return False


class Observer:
    """Asks Prometheus and Alertmanager over the ports that the demo tells of, and ss, five times a second."""

    def __init__(self, demo):
        self.demo = demo
        self.page = demo.wait_for(r"status page +(http://\S+)/")[1]
        self.prometheus = demo.wait_for(r"Prometheus: alerts, graphs +(http://[^/]+)/")[1]
        self.alertmanager = demo.wait_for(r"Alertmanager: its API\S* .* (http://[^/]+)/")[1]
        self.seen = {}         # (alert, severity) -> states in Prometheus, each once as it comes
        self.routed = {}       # the same for Alertmanager
        self.inhibited = set() # (alert, severity, by whom)
        self.peers = []
        self.most_entries = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    @staticmethod
    def get(url):
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()

    def query(self, expression):
        """The value of an expression with one."""
        query = urllib.parse.urlencode({"query": expression})
        (row,) = json.loads(self.get(f"{self.prometheus}/api/v1/query?{query}"))["data"]["result"]
        return float(row["value"][1])

    def alerts(self):
        return json.loads(self.get(f"{self.prometheus}/api/v1/alerts"))["data"]["alerts"]

    def held(self):
        return json.loads(self.get(f"{self.alertmanager}/api/v2/alerts"))

    @staticmethod
    def _note(seen, states):
        for key in seen.keys() | states.keys():
            had, state = seen.setdefault(key, ["inactive"]), states.get(key, "inactive")
            if had[-1] != state:
                had.append(state)

    def look(self):
        self._note(self.seen, {_key(alert): alert["state"] for alert in self.alerts()})
        held = {alert["fingerprint"]: alert for alert in self.held()}
        self._note(self.routed, {_key(alert): alert["status"]["state"] for alert in held.values()})
        self.inhibited |= {(*_key(alert), _key(held[by])) for alert in held.values()
                           for by in alert["status"]["inhibitedBy"] if by in held}
        self.peers.append(self.demo.peers())
        self.most_entries = max(self.most_entries, self.demo.entries())

    def _run(self):
        while not self.stopping.wait(0.2):
            try:
                self.look()
            except (OSError, RuntimeError):  # It ends just now.
                pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()


def _key(alert):
    return alert["labels"]["alertname"], alert["labels"]["severity"]


class DemoCase(TestCase):
    def setUp(self):
        # Others let go of it with the limit as they found it.
        self.enter(testlib.limit_lock())
        if world.refusal(LIMIT, world.memory_bytes()):
            self.skipTest(world.refusal(LIMIT, world.memory_bytes()))
        self.host, self.files = host(), files()

    def check_clean(self, demo, inodes):
        """Nothing of it is left and nothing of the host was changed."""
        self.assertEqual(glob.glob(f"/run/netns/demo-{demo.process.pid}-*"), [])
        self.assertEqual(in_namespaces(inodes), [])
        self.assertEqual(files(), self.files)
        self.assertEqual(host(), self.host)


class Whole(DemoCase):
    def test_incident(self):
        started = time.monotonic()
        with Demo("--hold") as demo, Observer(demo) as observer:
            demo.wait_for(r"--- 2/10 ")
            inodes = demo.inodes()
            self.assertTrue(demo.connects(), "a new connection while all is well")
            self.assertEqual(observer.alerts(), [])
            demo.wait_for(r"--- 3/10 ")
            began = len(observer.peers)

            demo.wait_for(r"Enter goes on")
            self.check_held(demo, observer)
            demo.process.stdin.write("\n")
            demo.process.stdin.flush()

            demo.wait_for(r"--- 10/10 ")
            self.assertTrue(demo.connects(), "a new connection after the recovery")
            self.assertLess(demo.entries(), LIMIT / 100)
            lasting = set.intersection(*observer.peers[began:])
            self.assertGreaterEqual(len(lasting), world.CLIENTS, "a connection was lost")
            demo.wait_for(r"Every step was seen")
            self.assertEqual(demo.process.wait(END_S), 0, demo.text)
        self.check_seen(observer)
        self.assertRegex(demo.text, r"(?s)" + ".*".join(f"--- {n}/10 " for n in range(1, 11)))
        self.assertNotIn("\033", demo.text)
        self.check_clean(demo, inodes)
        print(f"the demo took {time.monotonic() - started:.0f} s")

    def check_held(self, demo, observer):
        """The incident at its worst, which stays until it is told to go on."""
        # More than one may be lucky: the kernel may have collected an expired entry just then.
        self.assertIn((False, False), [(demo.connects(), demo.connects()) for _ in range(3)])
        self.assertGreaterEqual(demo.entries(), LIMIT * 0.999)
        self.check_most(int(observer.query("max_over_time(conntrack_entries[5m])")))
        self.assertGreater(observer.query("conntrack_stat_drop_total"), 0)
        self.assertEqual(observer.query("conntrack_stat_insert_failed_total"), 0)
        self.assertEqual(observer.query('up{job="conntrack"}'), 1)
        self.assertGreaterEqual(observer.query('conntrack_established_flows{socket="forwarded"}'), LIMIT * 0.99)
        firing = {_key(alert) for alert in observer.alerts() if alert["state"] == "firing"}
        self.assertLessEqual({(FILLING, "warning"), (FILLING, "critical"), (DROPPED, "critical"), (STEADY, "critical")},
                             firing)
        active = {_key(alert) for alert in observer.held() if alert["status"]["state"] == "active"}
        active.discard(("ConntrackWalkSampled", "info"))  # a slow machine
        self.assertEqual(active, {(STEADY, "critical")}, "all others are inhibited")
        # The pages that the reader is told to open do open, although the table is full.
        self.assertIn("<title>", observer.get(f"{observer.page}/"))
        self.assertIn(STEADY, observer.get(f"{observer.prometheus}/classic/alerts"))
        sent = [float(line.split()[-1]) for line in observer.get(f"{observer.alertmanager}/metrics").splitlines()
                if line.startswith(("alertmanager_notifications_total{integration=\"webhook\"",
                                    "alertmanager_notifications_failed_total{integration=\"webhook\""))]
        self.assertGreaterEqual(max(sent), 3, "notifications to the webhook")
        self.assertEqual(min(sent), 0, "failed ones")

    def check_most(self, entries):
        """The limit; what is about to be turned away may be counted just then: on each CPU a packet, and the netlink
        request that it interrupted."""
        self.assertGreaterEqual(entries, LIMIT)
        self.assertLessEqual(entries, LIMIT + 2 * os.cpu_count())

    def check_seen(self, observer):
        """What was seen over the whole time."""
        for key in ((FILLING, "warning"), (FILLING, "critical"), (DROPPED, "critical"), (STEADY, "critical")):
            self.assertEqual(observer.seen[key][:3], ["inactive", "pending", "firing"], key)
        self.assertEqual({states[-1] for states in observer.seen.values()}, {"inactive"})
        self.assertEqual(observer.routed[FILLING, "warning"][:3], ["inactive", "active", "suppressed"])
        self.assertIn((FILLING, "warning", (FILLING, "critical")), observer.inhibited)
        self.assertIn((DROPPED, "critical", (STEADY, "critical")), observer.inhibited)
        self.assertEqual({states[-1] for states in observer.routed.values()}, {"inactive"})
        self.check_most(observer.most_entries)
        for alert in (FILLING, STEADY):
            for status in ("FIRING", "RESOLVED"):
                self.assertIn(f"Webhook, receiver page: {status} {alert} (critical) on server", observer.demo.text)


class Ends(DemoCase):
    def end(self, demo):
        """Waits for the demo's end; returns its exit code."""
        return demo.process.wait(END_S)

    def test_interrupted_while_the_table_fills(self):
        with Demo("--no-hold") as demo:
            demo.wait_for(r"--- 3/10 ")
            inodes = demo.inodes()
            wait_until(lambda: demo.entries() > LIMIT / 20, STEP_S, "it fills")
            # As ^C does: every process of the terminal's foreground is sent it.
            os.killpg(demo.process.pid, signal.SIGINT)
            self.assertEqual(self.end(demo), 128 + signal.SIGINT)
        self.assertIn("SIGINT: ending here.", demo.text)
        self.check_clean(demo, inodes)

    def test_terminated_at_the_start(self):
        with Demo() as demo:
            wait_until(lambda: os.path.exists(f"/run/netns/{demo.namespaces['monitoring'].name}"), STEP_S, "namespaces")
            inodes = demo.inodes()
            demo.process.send_signal(signal.SIGTERM)
            self.assertEqual(self.end(demo), 128 + signal.SIGTERM)
        self.check_clean(demo, inodes)

    def test_failing_step(self):
        with Demo() as demo:
            demo.wait_for(r"--- 2/10 ")
            inodes = demo.inodes()
            (pid,) = [pid for pid, name in in_namespaces(inodes) if name == "prometheus"]
            os.kill(pid, signal.SIGKILL)
            self.assertEqual(self.end(demo), 1)
        self.assertIn("error: Prometheus has ended by itself, exit -9", demo.text)
        self.assertNotIn("Every step was seen", demo.text)
        self.check_clean(demo, inodes)


class Parts(TestCase):
    def demo(self, *args):
        return subprocess.run([path("demo"), *args], capture_output=True, text=True, check=False, timeout=60)

    def test_arguments(self):
        shown = self.demo("--help")
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        for flag in ("--fast", "--hold", "--no-hold", "--exporter=FILE"):
            self.assertIn(f"  {flag} ", shown.stdout)
        for wrong in ("--nonsense", "--exporter=", "fast"):
            refused = self.demo(wrong)
            self.assertEqual((refused.returncode, refused.stdout, refused.stderr),
                             (2, "", f"error: unknown argument '{wrong}', try --help\n"))

    def test_refusals(self):
        plenty = 1 << 40
        self.assertIsNone(world.refusal(262144, plenty))
        self.assertIsNone(world.refusal(1_000_000, plenty))
        self.assertEqual(world.refusal(1_000_001, plenty),
                         "nf_conntrack_max is 1000001: the demo fills a table to its limit, up to one of 1000000")
        self.assertEqual(world.refusal(0, plenty), "nf_conntrack_max is 0, no limit: such a table is never full")
        self.assertEqual(world.refusal(262144, 100 << 20),
                         "100 MiB of memory are available, the demo takes 380 MiB")

    def test_what_becomes_quicker(self):
        hurry = monitoring.Hurry(1)
        self.assertEqual(hurry.rules("  delta(a[5m]) / 300 + rate(b[1h]) / 300 + max_over_time(c[2d:1m] offset 1h)\n"
                                     "  for: 10m\n  keep_firing_for: 30s\n  at > 3600 for: 5m in a text\n"),
                         "  delta(a[10s]) / 10 + rate(b[60s]) / 300 + max_over_time(c[2880s:1m] offset 60s)\n"
                         "  for: 10s\n  keep_firing_for: 1s\n  at > 3600 for: 5m in a text\n")
        self.assertEqual(hurry.changes, {"[5m] -> 10s", "[1h] -> 60s", "[2d] -> 2880s", "offset 1h -> 60s",
                                         "for: 10m -> 10s", "keep_firing_for: 30s -> 1s"})
        self.assertEqual(monitoring.Hurry(0.5).routes("  group_wait: 30s\n  repeat_interval: 4h"),
                         "  group_wait: 1s\n  repeat_interval: 120s")
        self.assertEqual(hurry.rules("rate(a[5s])"), "rate(a[5s])", "never longer")

    def test_shipped_files_stay_valid(self):
        with tempfile.TemporaryDirectory() as directory:
            for minute in (1, 0.5):
                hurry = monitoring.Hurry(minute)
                for file in glob.glob(path("prometheus", "rules", "*.yml")):
                    quick = os.path.join(directory, os.path.basename(file))
                    monitoring.write(hurry.rules(monitoring.read(file)), quick)
                    self.assertEqual(re.findall(r"\[\d+[mhd]", monitoring.read(quick)), [])
                    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", quick)
                quick = os.path.join(directory, "alertmanager.yml")
                shipped = read("alertmanager", "alertmanager.yml")
                monitoring.write(monitoring.to_webhook(hurry.routes(shipped)), quick)
                n_rules = len(re.findall(r"- source_matchers:", shipped))
                self.assertIn(f" {n_rules} inhibit rules", run("amtool", "check-config", quick))
                for name in re.findall(r"- name: (\w+)", shipped):
                    self.assertIn(f"url: http://127.0.0.1:9094/{name}\n", monitoring.read(quick))
                self.assertNotIn("5001", monitoring.read(quick))


if __name__ == "__main__":
    testlib.main()
