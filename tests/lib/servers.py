# SPDX-License-Identifier: GPL-2.0-or-later
"""Real Prometheus and Alertmanager, each in a network namespace, asked over their own APIs."""

import http.client
import json
import os
import shutil
import signal
import tempfile
import urllib.parse

import testlib


def ask(namespace, port, path, method="GET"):
    """The body of the answer of 127.0.0.1:port; None while the server is not there or not ready."""
    connection = http.client.HTTPConnection("server", timeout=30)
    try:
        connection.sock = namespace.socket()
        connection.sock.settimeout(30)
        connection.sock.connect(("127.0.0.1", port))
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.read() if answer.status == 200 else None
    except ConnectionRefusedError:
        return None
    finally:
        connection.close()


class Server:
    """A program that serves HTTP on 127.0.0.1:port of a namespace, from start to end of the with block."""

    def __init__(self, namespace, parent=None):
        self.namespace = namespace
        self.directory = tempfile.TemporaryDirectory(prefix="server-", dir=parent)
        self.port = testlib.free_port(namespace)
        self.process = None

    def command(self):
        """The command line; files of it go into self.directory.name."""
        raise NotImplementedError

    def write(self, name, text):
        """Puts a file into the server's directory and returns its path."""
        path = os.path.join(self.directory.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def __enter__(self):
        with open(os.path.join(self.directory.name, "log"), "w", encoding="utf-8") as log:
            self.process = self.namespace.popen(*self.command(), stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.directory.cleanup()

    def logged(self):
        with open(os.path.join(self.directory.name, "log"), encoding="utf-8") as log:
            return log.read()

    def get(self, path):
        """The JSON of an answer; None while the server is not there or not ready."""
        answer = ask(self.namespace, self.port, path)
        return None if answer is None else json.loads(answer)


class Prometheus(Server):
    """config is the text of prometheus.yml; relative paths in it start at self.directory.name."""

    def __init__(self, namespace, config, *flags):
        super().__init__(namespace)
        self.config = config
        self.flags = flags

    def command(self):
        return ["prometheus", f"--config.file={self.write('prometheus.yml', self.config)}",
                f"--storage.tsdb.path={self.directory.name}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                *self.flags]

    def data(self, path):
        """What stands under "data" of an API answer; None while the server is not there."""
        answer = self.get(path)
        return None if answer is None else answer["data"]

    def query(self, expression):
        """{name and labels: value} of an instant query."""
        data = self.data("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return {} if data is None else {tuple(sorted(row["metric"].items())): float(row["value"][1])
                                        for row in data["result"]}

    def value(self, expression):
        """The only value; None when there is none."""
        values = list(self.query(expression).values())
        return values[0] if len(values) == 1 else None


class Agent(Prometheus):
    """Prometheus in agent mode: it has no queries, and writes what it scrapes to another."""

    def command(self):
        return ["prometheus", "--enable-feature=agent", f"--config.file={self.write('prometheus.yml', self.config)}",
                f"--storage.agent.path={self.directory.name}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                *self.flags]


class Alertmanager(Server):
    """config is the text of alertmanager.yml."""

    PROGRAM = "prometheus-alertmanager"

    def __init__(self, namespace, config, *flags):
        # Debian's has paths below /usr/share built in: only unpacked, it has the directory it is in for its root.
        self.root = shutil.which(self.PROGRAM).removesuffix(f"/usr/bin/{self.PROGRAM}")
        if self.root:
            os.makedirs(f"{self.root}/tmp", exist_ok=True)
        super().__init__(namespace, f"{self.root}/tmp" if self.root else None)
        self.config = config
        self.flags = flags

    def command(self):
        self.write("alertmanager.yml", self.config)
        directory = self.directory.name.removeprefix(self.root)
        return [*(["chroot", self.root] if self.root else []), self.PROGRAM, f"--config.file={directory}/alertmanager.yml",
                f"--storage.path={directory}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=", *self.flags]

    def alerts(self):
        """The alerts it holds, inhibited ones included; None while it is not there."""
        return self.get("/api/v2/alerts")
