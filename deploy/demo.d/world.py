# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the incident happens: four namespaces, the links between them, the exporter and its monitoring."""

import contextlib
import os
import re
import tempfile

from lab import End, Failed, Forwarder, Namespace, Process, Root, link
from monitoring import ALERTMANAGER_PORT, PROMETHEUS_PORT, Alertmanager, History, Prometheus, Webhook
from traffic import Clients, Leak, Newcomers, Service

EXPORTER_PORT, SERVICE_PORT = 10066, 8080
CLIENTS = 100        # So many that a scrape or a newcomer more, which are connections too, makes no difference.
LIMIT_MAX = 1_000_000
ENTRY_BYTES = 320           # of struct nf_conn with its extensions, rounded up
SERVERS_BYTES = 300 << 20   # Prometheus, Alertmanager and the exporter
START_S = 20
LIMIT = "/proc/sys/net/netfilter/nf_conntrack_max"

# What tracks, as a firewall does. Loopback is exempt, as README.md advises, so that the status page can be opened while
# the table is full.
RULES = """\
table inet firewall {
    chain input { type filter hook input priority 0; ct state { new, established, related } accept; }
    chain exempt { type filter hook output priority raw; oifname "lo" notrack; }
}
"""


def refusal(limit, memory_bytes):
    """Why a table with this limit is not filled here; None when it can be."""
    needed = limit * ENTRY_BYTES + SERVERS_BYTES
    if limit == 0:
        return "nf_conntrack_max is 0, no limit: such a table is never full"
    if limit > LIMIT_MAX:
        return f"nf_conntrack_max is {limit}: the demo fills a table to its limit, up to one of {LIMIT_MAX}"
    if memory_bytes < needed:
        return f"{memory_bytes >> 20} MiB of memory are available, the demo takes {needed >> 20} MiB"
    return None


def memory_bytes():
    """Memory that is available on this host."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(r"MemAvailable: +(\d+) kB", file.read())[1]) << 10


class World:
    """All that is made; gone at the end of the with block."""

    def __init__(self, exporter, hurry, watch):
        self.exporter, self.hurry, self.watch = exporter, hurry, watch
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def enter(self, context):
        """Enters a context that is left at the end, and looked after meanwhile if it can be."""
        value = self.stack.enter_context(context)
        if hasattr(value, "check"):
            self.watch.checked.append(value)
        return value

    def make_namespaces(self):
        """client, backends and monitoring, each linked to the server, which routes between them and tracks."""
        self.client, self.server, self.backends, self.monitoring = (
            self.enter(Namespace(role)) for role in ("client", "server", "backends", "monitoring"))
        self.near = self._link(1, self.client, "clients")
        self.far = self._link(2, self.backends, "backends")
        self._link(3, self.monitoring, "monitoring")
        self.server.sysctl("net.ipv4.ip_forward", 1)
        self.server.run("ip", "route", "add", f"{Leak.SOURCE}/32", "via", self.near.address)
        self.server.run("ip", "route", "add", f"{Leak.DESTINATIONS}/24", "via", self.far.address)
        self.server.run("nft", "-f", "-", text=RULES)
        with self.server.inside():
            if not os.path.exists(LIMIT):
                raise Failed("this kernel has no nf_conntrack")
            with open(LIMIT, encoding="ascii") as file:
                self.limit = int(file.read())

    def _link(self, number, namespace, device):
        """A link to the server, and the default route over it; returns the end that is not the server's."""
        gateway = End(self.server, device, f"02:00:00:00:{number:02}:01", f"10.66.{number}.1")
        end = End(namespace, "eth0", f"02:00:00:00:{number:02}:02", f"10.66.{number}.2", gateway)
        link(end, gateway)
        namespace.run("ip", "route", "add", "default", "via", gateway.address)
        return end

    def start_servers(self, scrape_interval):
        """Exporter, Prometheus, Alertmanager, webhook. urls are what leads to them from this host."""
        logs = self.enter(tempfile.TemporaryDirectory(prefix="conntrack-demo-"))
        self.enter(Process("the exporter", self.server, (self.exporter,), os.path.join(logs, "exporter.log")))
        self.watch.wait(lambda: self.metric("conntrack_entries") is not None, START_S, "the exporter answers")
        self.webhook = self.enter(Webhook(self.monitoring, self.watch.tell))
        page, prometheus, alertmanager = (self.enter(Forwarder(*to)).url for to in (
            (self.server, EXPORTER_PORT), (self.monitoring, PROMETHEUS_PORT), (self.monitoring, ALERTMANAGER_PORT)))
        root = Root("prometheus-alertmanager")
        self.alertmanager = self.enter(Alertmanager(self.monitoring, root, self.enter(root.directory()), alertmanager,
                                                    self.hurry))
        root = Root("prometheus")
        self.prometheus = self.enter(Prometheus(self.monitoring, root, self.enter(root.directory()), prometheus,
                                                f"10.66.3.1:{EXPORTER_PORT}", self.hurry, scrape_interval))
        self.history = self.enter(History(self.prometheus, self.alertmanager, self.watch.tell))
        self.watch.wait(lambda: self.alertmanager.alerts() is not None, START_S, "Alertmanager answers")
        self.watch.wait(lambda: self.prometheus.value('up{job="conntrack"}'), START_S, "Prometheus scrapes")
        self.urls = (("the exporter's status page", f"{page}/"),
                     ("Prometheus: alerts, graphs", f"{prometheus}/classic/alerts"),
                     ("Alertmanager: its API, Debian's has no pages", f"{alertmanager}/api/v2/alerts"))

    def start_traffic(self):
        """A service on the server, clients that stay, and one that comes anew every second."""
        address = ("10.66.1.1", SERVICE_PORT)
        self.enter(Service(self.server, address))
        self.clients = self.enter(Clients(self.client, address, CLIENTS))
        self.newcomers = self.enter(Newcomers(self.client, address))

    def start_leak(self):
        self.leak = self.enter(Leak(self.server, self.near, self.far))

    # What is looked at, with the tools an administrator has.

    def metric(self, name):
        """A sample without labels, of what the exporter serves; None when there is none.

        Only what needs no walk over the table is asked for: Prometheus must not wait behind it.
        """
        served = self.server.get(EXPORTER_PORT, "/metrics?collect[]=table&collect[]=stat")
        found = re.search(rf"(?m)^{name} (\S+)$", served or "")
        return float(found[1]) if found else None

    def diagnose(self, seconds, lines):
        """The first lines of what the exporter says without its server. It looks twice, so many seconds apart."""
        command = self.server.command(self.exporter, "diagnose", f"--interval={seconds}s")
        return "\n".join(self.watch.run(command, START_S).splitlines()[:lines])

    def talkers(self, *flags):
        """What the exporter says of who holds the table."""
        return self.watch.run(self.server.command(self.exporter, "talkers", *flags), START_S)

    def summary(self):
        """What ss -s says of TCP. Its other numbers are of the whole host, whatever the namespace."""
        return re.search(r"TCP: .*(estab \d+)", self.server.run("ss", "-s"))[1]

    def _connections(self, port):
        """Those who have an ESTABLISHED connection to a port of the server."""
        listed = self.server.run("ss", "-Htn", "state", "established", f"sport = :{port}")
        return [line.split()[-1] for line in listed.splitlines()]

    def established(self):
        """How many ESTABLISHED connections the service has."""
        return len([peer for peer in self._connections(SERVICE_PORT) if self.near.address in peer])

    def scraper(self):
        """From where Prometheus is connected to the exporter; None when it is not."""
        return next((peer for peer in self._connections(EXPORTER_PORT) if "10.66.3.2" in peer), None)

    def look(self):
        """What there is to see on the server, as texts by name."""
        tried = self.newcomers.results[-1][1]
        return {
            "ss -s": self.summary(),
            "ss -tn, connections to the service": f"{self.established()} ESTABLISHED",
            "their questions answered": f"{self.clients.answered} of {self.clients.asked}",
            "a new connection": "timed out" if tried is None else f"{tried * 1000:.1f} ms",
            "conntrack_entries": f"{self.metric('conntrack_entries'):.0f} of {self.limit}",
            "conntrack_stat_drop_total": f"{self.metric('conntrack_stat_drop_total'):.0f}",
        }
