# SPDX-License-Identifier: GPL-2.0-or-later
"""Real Prometheus and Alertmanager, each in a network namespace, asked over their own APIs."""

import http.client
import json
import os
import signal
import tempfile
import urllib.parse

import testlib


class Server:
    """A program that serves HTTP on 127.0.0.1:port of a namespace, from start to end of the with block."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.directory = tempfile.TemporaryDirectory(prefix="server-")
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
        connection = http.client.HTTPConnection("server", timeout=10)
        try:
            connection.sock = self.namespace.socket()
            connection.sock.connect(("127.0.0.1", self.port))
            connection.request("GET", path)
            answer = connection.getresponse()
            return json.loads(answer.read()) if answer.status == 200 else None
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()


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


class Alertmanager(Server):
    """config is the text of alertmanager.yml."""

    def __init__(self, namespace, config, *flags):
        super().__init__(namespace)
        self.config = config
        self.flags = flags

    def command(self):
        return ["prometheus-alertmanager", f"--config.file={self.write('alertmanager.yml', self.config)}",
                f"--storage.path={self.directory.name}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=", *self.flags]

    def alerts(self):
        """The alerts it holds, inhibited ones included; None while it is not there."""
        return self.get("/api/v2/alerts")
