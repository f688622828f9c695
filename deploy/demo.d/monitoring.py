# SPDX-License-Identifier: GPL-2.0-or-later
"""Prometheus, Alertmanager and a webhook; the shipped rules and routes, made quicker; and what all of them see."""

import glob
import http.server
import json
import os
import re
import socketserver
import urllib.parse

from lab import POLL_S, Loop, Process

DEPLOY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROMETHEUS_PORT, ALERTMANAGER_PORT, WEBHOOK_PORT = 9090, 9093, 9094
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = r"(\d+)([smhd])"
# A window that a rule divides by, in seconds: "[5m]) / 300".
DIVIDED = re.compile(rf"\[{DURATION}\]\) / (\d+)\b")
WINDOW = re.compile(rf"\[{DURATION}(?=[\]:])")
OFFSET = re.compile(rf"\boffset {DURATION}\b")
SETTINGS = "for|keep_firing_for|interval|group_wait|group_interval|repeat_interval"
SETTING = re.compile(rf"^(\s*({SETTINGS})): {DURATION}$", re.M)

PROMETHEUS = """\
global:
  scrape_interval: {scrape}s
  scrape_timeout: {scrape}s
  evaluation_interval: 1s
rule_files: [rules/*.yml]
alerting:
  alertmanagers:
    - static_configs: [targets: ['127.0.0.1:{alertmanager}']]
scrape_configs:
  - job_name: conntrack
    static_configs:
      - targets: ['{target}']
        labels: {{instance: server}}
"""


class Hurry:
    """Makes a minute of the shipped files shorter, so that nobody waits; nothing else of them changes."""

    WINDOW_MIN_S = 10  # five scrapes
    RESEND_MIN_S = 2   # Alertmanager takes an alert for resolved when it was not sent for four times that.
    LEAST_S = 1

    def __init__(self, minute):
        self.minute = minute  # what a minute becomes, in seconds
        self.changes = set()  # "for: 10m -> 10s" and the like

    def _shorter(self, number, unit, least):
        # Never longer than it was.
        was = int(number) * SECONDS[unit]
        return min(was, max(round(was * self.minute / 60), least))

    def _note(self, what, number, unit, seconds):
        self.changes.add(f"{what.format(number + unit)} -> {seconds}s")

    def _window(self, found):
        seconds = self._shorter(*found.group(1, 2), self.WINDOW_MIN_S)
        self._note("[{}]", *found.group(1, 2), seconds)
        return f"[{seconds}s"

    def _divided(self, found):
        if int(found[1]) * SECONDS[found[2]] != int(found[3]):
            return found[0]
        return f"[{found[1]}{found[2]}]) / {self._shorter(*found.group(1, 2), self.WINDOW_MIN_S)}"

    def _offset(self, found):
        seconds = self._shorter(*found.group(1, 2), self.WINDOW_MIN_S)
        self._note("offset {}", *found.group(1, 2), seconds)
        return f"offset {seconds}s"

    def _setting(self, found):
        seconds = self._shorter(*found.group(3, 4), self.LEAST_S)
        self._note(found[2] + ": {}", *found.group(3, 4), seconds)
        return f"{found[1]}: {seconds}s"

    def resend(self):
        """How often Prometheus sends an alert that stays as it is; 1m by default."""
        seconds = self._shorter(1, "m", self.RESEND_MIN_S)
        self._note("resend-delay: {}", "1", "m", seconds)
        return f"{seconds}s"

    def rules(self, text):
        """The text of a rules file, quicker."""
        for pattern, shorten in ((DIVIDED, self._divided), (WINDOW, self._window), (OFFSET, self._offset),
                                 (SETTING, self._setting)):
            text = pattern.sub(shorten, text)
        return text

    def routes(self, text):
        """The text of alertmanager.yml, quicker."""
        return SETTING.sub(self._setting, text)


def to_webhook(text):
    """An alertmanager.yml whose receivers keep their names and all are the webhook; each has a path of its own."""
    blocks = re.split(r"(?m)^(?=[a-z_]+:)", text)
    names = [name for block in blocks if block.startswith("receivers:")
             for name in re.findall(r"(?m)^ *- name: *['\"]?([^'\"\n]+)", block)]
    receivers = "".join(f"  - name: {name}\n    webhook_configs:\n      - url: http://127.0.0.1:{WEBHOOK_PORT}/"
                        f"{urllib.parse.quote(name)}\n        send_resolved: true\n" for name in names)
    return "".join(block for block in blocks if not block.startswith(("receivers:", "templates:"))) + \
        f"\nreceivers:\n{receivers}"


def read(*parts):
    """The text of a file below deploy/."""
    with open(os.path.join(DEPLOY, *parts), encoding="utf-8") as file:
        return file.read()


def write(text, *parts):
    os.makedirs(os.path.dirname(os.path.join(*parts)), exist_ok=True)
    with open(os.path.join(*parts), "w", encoding="utf-8") as file:
        file.write(text)


class Prometheus(Process):
    """Prometheus with the shipped rules, made quicker; asked over its own API."""

    def __init__(self, namespace, root, directory, url, target, hurry, scrape_interval):
        path, seen = directory
        write(PROMETHEUS.format(scrape=scrape_interval, alertmanager=ALERTMANAGER_PORT, target=target),
              path, "prometheus.yml")
        for file in glob.glob(os.path.join(DEPLOY, "prometheus", "rules", "*.yml")):
            write(hurry.rules(read(file)), path, "rules", os.path.basename(file))
        super().__init__("Prometheus", namespace, root.command(
            f"--config.file={seen}/prometheus.yml", f"--storage.tsdb.path={seen}/data",
            f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}", f"--web.external-url={url}/", "--log.level=warn",
            f"--rules.alert.resend-delay={hurry.resend()}"),
            os.path.join(path, "prometheus.log"))
        self.namespace = namespace

    def ask(self, path, **query):
        """What stands under "data" of an API answer; None while there is none."""
        answer = self.namespace.get(PROMETHEUS_PORT, f"/api/v1/{path}?{urllib.parse.urlencode(query)}")
        return answer and answer["data"]

    def value(self, expression):
        """The only value of an expression; None when it has none or many."""
        data = self.ask("query", query=expression)
        return float(data["result"][0]["value"][1]) if data and len(data["result"]) == 1 else None


class Alertmanager(Process):
    """Alertmanager with the shipped routes and inhibitions, made quicker, and the webhook for every receiver."""

    def __init__(self, namespace, root, directory, url, hurry):
        path, seen = directory
        write(to_webhook(hurry.routes(read("alertmanager", "alertmanager.yml"))), path, "alertmanager.yml")
        super().__init__("Alertmanager", namespace, root.command(
            f"--config.file={seen}/alertmanager.yml",
            f"--storage.path={seen}/alertmanager", f"--web.listen-address=127.0.0.1:{ALERTMANAGER_PORT}",
            f"--web.external-url={url}/", "--cluster.listen-address=", "--log.level=warn"),
            os.path.join(path, "alertmanager.log"))
        self.namespace = namespace

    def alerts(self):
        """The alerts it holds, those that are inhibited included; None while it does not answer."""
        return self.namespace.get(ALERTMANAGER_PORT, "/api/v2/alerts")


class Webhook(Loop):
    """What Alertmanager calls: the place of a pager, a chat or a ticket system. Keeps the bodies; tells of each."""

    def __init__(self, namespace, tell):
        super().__init__()
        self.received = []
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            """One notification."""

            def do_POST(self):  # pylint: disable=invalid-name
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()
                webhook.received.append(body)
                for alert in body["alerts"]:
                    tell(f"Webhook, receiver {body['receiver']}: {alert['status'].upper()} {_named(_key(alert))} on "
                         f"{alert['labels']['instance']}: {alert['annotations']['summary']}")

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = socketserver.TCPServer(("127.0.0.1", WEBHOOK_PORT), Handler, bind_and_activate=False)
        self.server.socket.close()
        self.server.socket = namespace.socket()
        self.server.timeout = POLL_S
        self.server.server_bind()
        self.server.server_activate()

    def once(self):
        self.server.handle_request()
        return 0

    def all_resolved(self):
        """Whether whatever was told to be firing was told to be resolved since."""
        last = {_key(alert): alert["status"] for body in list(self.received) for alert in body["alerts"]}
        return "firing" not in last.values()

    def told(self, alert, severity, status):
        """The alert of the first notification that says so; None when there is none."""
        return next((told for body in list(self.received) for told in body["alerts"]
                     if (*_key(told), told["status"]) == (alert, severity, status)), None)

    def __exit__(self, *_):
        self.stop()
        self.server.server_close()


class History(Loop):
    """Asks Prometheus and Alertmanager again and again, keeps the states that alerts were in, tells of changes."""

    EVERY_S = 0.2

    def __init__(self, prometheus, alertmanager, tell):
        super().__init__()
        self.prometheus, self.alertmanager, self.tell = prometheus, alertmanager, tell
        self.seen = set()     # (alert, severity, state); the states are those of both programs
        self.active = {}      # (alert, severity) -> state, as Prometheus said last
        self.held = {}        # (alert, severity) -> alert, as Alertmanager said last
        self.inhibitors = {}  # (alert, severity) -> the one that inhibits it; of several, Alertmanager names any
        self.inhibited = set()  # (inhibited, by), each an (alert, severity)

    def once(self):
        given = self.prometheus.ask("alerts")
        if given is not None:
            self._see_active({_key(alert): alert["state"] for alert in given["alerts"]})
        given = self.alertmanager.alerts()
        if given is not None:
            self._see_held({_key(alert): alert for alert in given})
        return self.EVERY_S

    def _see_active(self, active):
        for key in sorted(self.active.keys() | active.keys()):
            before, now = self.active.get(key, "inactive"), active.get(key, "inactive")
            if before != now:
                self.tell(f"Prometheus: {_named(key)}: {before} -> {now}")
        self.seen |= {(*key, state) for key, state in active.items()}
        self.active = active

    def _see_held(self, held):
        inhibitors = {}
        for key, alert in held.items():
            self.seen.add((*key, alert["status"]["state"]))
            inhibitors[key] = next((other for other, by in held.items()
                                    if by["fingerprint"] in alert["status"]["inhibitedBy"]), None)
            self.inhibited.add((key, inhibitors[key]))
            if inhibitors[key] and not self.inhibitors.get(key):
                self.tell(f"Alertmanager: {_named(key)} is suppressed, inhibited by {_named(inhibitors[key])}")
        self.held, self.inhibitors = held, inhibitors

    def table(self):
        """Rows of texts: what both programs hold of each alert."""
        held = self.held
        return [("alert", "severity", "in Prometheus", "in Alertmanager", "inhibited by")] + [
            (*key, state, held[key]["status"]["state"] if key in held else "",
             _named(self.inhibitors[key]) if self.inhibitors.get(key) else "")
            for key, state in sorted(self.active.items())]


def _key(alert):
    return alert["labels"]["alertname"], alert["labels"]["severity"]


def _named(key):
    return f"{key[0]} ({key[1]})"
