# SPDX-License-Identifier: GPL-2.0-or-later
"""The incident, step by step. Each step shows what it saw, and fails when it did not see it."""

import collections
import select
import sys
import textwrap
import time

from lab import Failed
from monitoring import Hurry
from traffic import Leak, Newcomers
from world import CLIENTS, START_S, World, memory_bytes, refusal

SCRAPE_S = 2  # A walk over the full table fits into it, on a slow machine, too.
FILL_S, ALERT_S = 180, 60
REFUSED_IN_A_ROW = 3
FILLING, DROPPED = "ConntrackTableFilling", "ConntrackNewFlowsDropped"
STEADY = "ConntrackEstablishedSteadyNewFlowsDropped"

# How quick it is: what a minute of the shipped rules becomes, how long all is well, between the looks of a diagnosis.
Pace = collections.namedtuple("Pace", "minute_s calm_s diagnose_s")
NORMAL, FAST = Pace(1, 8, 3), Pace(0.5, 3, 1)


class Incident:
    """Plays the steps; what they made is gone at the end of the with block."""

    def __init__(self, exporter, pace, hold, screen, watch):
        self.pace, self.hold, self.screen, self.watch = pace, hold, screen, watch
        self.say, self.hurry = screen.say, Hurry(pace.minute_s)
        self.world = World(exporter, self.hurry, watch)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.world.__exit__()

    def play(self):
        for number, (title, step) in enumerate(STEPS, 1):
            self.watch.check()
            self.screen.step(number, len(STEPS), title)
            step(self)

    # What steps wait for

    def see(self, alert, severity, state):
        """Waits until an alert was in that state, in Prometheus or in Alertmanager."""
        self.watch.wait(lambda: (alert, severity, state) in self.world.history.seen, ALERT_S,
                        f"{alert} ({severity}) is {state}")

    def see_told(self, alert, severity, status):
        """Waits until the webhook was told of an alert; returns the alert as it was told."""
        return self.watch.wait(lambda: self.world.webhook.told(alert, severity, status), ALERT_S,
                               f"the webhook is told that {alert} ({severity}) is {status}")

    def see_inhibited(self, alert, severity, by):
        """Waits until Alertmanager suppresses an alert because of another one."""
        self.watch.wait(lambda: ((alert, severity), by) in self.world.history.inhibited, ALERT_S,
                        f"Alertmanager suppresses {alert} ({severity}) because of {by[0]} ({by[1]})")

    def see_steady(self):
        """Failed when what is connected suffers."""
        established, clients = self.world.established(), self.world.clients
        # A newcomer may be there as well.
        if established < CLIENTS or clients.failed:
            raise Failed(f"{established} of {CLIENTS} connections are ESTABLISHED, {clients.failed} of {clients.asked} "
                         "questions got no answer")

    def see_scrapes(self):
        """Says how Prometheus scraped; Failed when it had to connect anew, or its last scrape failed."""
        prometheus, seconds = self.world.prometheus, round(time.monotonic() - self.calm_since)
        now, up = self.world.scraper(), prometheus.value('up{job="conntrack"}')
        if now != self.scrapes_over or up != 1:
            raise Failed(f"Prometheus scraped over {self.scrapes_over}, and now, with up {up}, over {now}")
        worked, of = (int(prometheus.value(f'{function}_over_time(up{{job="conntrack"}}[{seconds}s])') or 0)
                      for function in ("sum", "count"))
        self.say(f"Prometheus: {worked} of {of} scrapes worked, all over the connection from before, {now} in ss. "
                 "A new one would have timed out like any other.")

    def fill(self, share):
        """Lets the leak go on until so much of the table is used."""
        leak, until = self.world.leak, round(self.world.limit * share)
        leak.until = until
        self.watch.wait(lambda: leak.entries() >= until, FILL_S, f"the table has {until} entries")
        entries, limit = leak.entries(), self.world.limit
        self.say(f"The table has {entries} of {limit} entries, {entries / limit:.0%}. "
                 f"All are between other hosts: ss -s still says {self.world.summary()}.")

    # The steps

    def build(self):
        world = self.world
        world.make_namespaces()
        why_not = refusal(world.limit, memory_bytes())
        if why_not:
            raise Failed(why_not)
        self.say("Made the network namespaces client, server, backends and monitoring. A look into one of them:")
        self.screen.lines(f"  nsenter --net={world.server.path} ss -tn")
        self.say(f"The limit of a conntrack table is this host's nf_conntrack_max, {world.limit} entries. Each "
                 "namespace counts for itself against it: the server's table can be full while the host's own is not.")
        world.start_servers(SCRAPE_S)
        self.say("The exporter, Prometheus and Alertmanager run. While this lasts you can open")
        self.screen.table(world.urls)
        self.say("Rules and routes are those of deploy/prometheus and deploy/alertmanager, but a minute is made "
                 f"{self.pace.minute_s:g} s, no window less than {Hurry.WINDOW_MIN_S} s, and every receiver a webhook:")
        self.say("  " + ", ".join(sorted(self.hurry.changes)))

    def calm(self):
        world = self.world
        world.start_traffic()
        self.say(f"{CLIENTS} clients are connected to the server and stay; one more connects anew every second.")
        self.scrapes_over, self.calm_since = world.scraper(), time.monotonic()
        self.watch.sleep(self.pace.calm_s)
        self.before = world.look()
        self.screen.table(self.before.items())
        self.see_steady()
        if None in world.newcomers.since(0):
            raise Failed("a new connection failed before anything had happened")
        self.say(f"conntrack_exporter diagnose: {world.diagnose(self.pace.diagnose_s, 1)}")
        groups = self.watch.wait(lambda: world.prometheus.ask("rules", type="alert"), START_S, "Prometheus has rules")
        if world.history.active:
            raise Failed(f"alerts without a reason: {world.history.active}")
        self.say(f"Prometheus: {sum(len(group['rules']) for group in groups['groups'])} alert rules, none active.")

    def warn(self):
        self.say(f"A host behind the server, {Leak.SOURCE}, opens connections through it and never closes one, like a "
                 "connection pool that leaks. The packets are real and every handshake is completed, so the flows are "
                 "ESTABLISHED and assured: they stay for five days, and the kernel may not evict them.")
        self.world.start_leak()
        self.fill(0.80)
        for state in ("pending", "firing"):
            self.see(FILLING, "warning", state)
        self.see_told(FILLING, "warning", "firing")

    def worsen(self):
        self.fill(0.93)
        for state in ("pending", "firing"):
            self.see(FILLING, "critical", state)
        self.see_told(FILLING, "critical", "firing")
        self.see_inhibited(FILLING, "warning", (FILLING, "critical"))

    def full(self):
        world = self.world
        world.leak.onward = True
        self.fill(1)
        began = time.monotonic()
        self.watch.wait(lambda: world.newcomers.since(began)[-REFUSED_IN_A_ROW:] == [None] * REFUSED_IN_A_ROW, ALERT_S,
                        f"{REFUSED_IN_A_ROW} new connections in a row time out")
        self.say(f"{REFUSED_IN_A_ROW} new connections in a row got no answer in {Newcomers.PATIENCE_S} s. The server:")
        self.screen.table([("", "before", "now"),
                           *((name, self.before[name], now) for name, now in world.look().items())])
        self.see_steady()
        self.say("What is connected goes on, and ss shows nothing unusual: only new flows need an entry.")

    def explain(self):
        self.screen.lines("$ conntrack_exporter diagnose")
        said = self.world.diagnose(self.pace.diagnose_s, 3)
        self.screen.lines(textwrap.indent(said, "  "))
        if not said.startswith("critical: The conntrack table is full"):
            raise Failed("the diagnosis does not say that the table is full")
        self.screen.lines("$ conntrack_exporter talkers --by=source --limit=1")
        said = self.world.talkers("--by=source", "--limit=1")
        self.screen.lines(textwrap.indent(said, "  "))
        if Leak.SOURCE not in said:
            raise Failed(f"the exporter does not name {Leak.SOURCE}")

    def alert(self):
        for alert in (DROPPED, STEADY):
            for state in ("pending", "firing"):
                self.see(alert, "critical", state)
        told = self.see_told(STEADY, "critical", "firing")
        self.see_inhibited(DROPPED, "critical", (STEADY, "critical"))
        self.screen.table(self.world.history.table())
        self.say(f"What the webhook was told: {told['annotations']['description']}")
        self.see_scrapes()

    def look_around(self):
        if not self.hold:
            self.say("Not held; --hold stays here until Enter.")
            return
        self.say("It stays like this. Look around:")
        self.screen.table(self.world.urls)
        self.say("Enter goes on to the recovery, ^C ends everything now.")
        while not select.select([sys.stdin], [], [], 0)[0]:
            self.watch.sleep(0.2)
        sys.stdin.readline()

    def recover(self):
        world = self.world
        world.leak.stop()
        command = ("conntrack", "-D", "--orig-src", Leak.SOURCE)
        self.say(f"The leak is stopped and its entries are deleted, in the server's namespace: {' '.join(command)}")
        self.watch.run(world.server.command(*command), FILL_S)
        began = time.monotonic()
        took = self.watch.wait(lambda: world.newcomers.since(began), ALERT_S, "a new connection is tried")[0]
        if took is None:
            raise Failed("a new connection still fails")
        self.screen.table(world.look().items())
        self.see_steady()
        self.say(f"New connections work again. The {CLIENTS} clients have lost neither a connection nor an answer.")

    def clear(self):
        history = self.world.history
        self.watch.wait(lambda: not history.active, ALERT_S, "no alert is active in Prometheus")
        for alert in (FILLING, STEADY):
            self.see_told(alert, "critical", "resolved")
        self.watch.wait(self.world.webhook.all_resolved, ALERT_S, "the webhook is told that all of it is resolved")
        self.watch.wait(lambda: not history.held, ALERT_S, "Alertmanager holds no alert")
        self.say("Every step was seen. No alert is active any more.")


STEPS = (
    ("A server, its clients and its monitoring", Incident.build),
    ("All is well", Incident.calm),
    ("A leak fills the table: the warning", Incident.warn),
    ("It goes on: critical, which inhibits the warning", Incident.worsen),
    ("The table is full", Incident.full),
    ("What the exporter says on the server, without any connection", Incident.explain),
    ("ESTABLISHED is steady and new flows are dropped: the alert that says so", Incident.alert),
    ("A look around", Incident.look_around),
    ("Recovery", Incident.recover),
    ("All clear", Incident.clear),
)
