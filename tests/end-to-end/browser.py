# SPDX-License-Identifier: GPL-2.0-or-later
"""A headless Chromium in a network namespace, driven over the WebDriver protocol of chromedriver."""

import base64
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

from common import testlib

START_TIMEOUT_S = 60
COMMAND_TIMEOUT_S = 120
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
         "--hide-scrollbars")


def need():
    """Ends the test as skipped when there is no browser."""
    testlib.need("chromedriver")
    if not CHROMIUM:
        testlib.skip("chromium is not installed")


class Browser:
    """One window. What the page says on the console and asks of the network is kept."""

    def __init__(self, namespace):
        self.namespace = namespace

    def __enter__(self):
        # pylint: disable=consider-using-with
        self.home = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        self.output = open(os.path.join(self.home.name, "log"), "w+", encoding="utf-8")
        self.driver = self.namespace.popen("chromedriver", "--port=0", stdout=self.output, stderr=subprocess.STDOUT,
                                           env={**os.environ, "HOME": self.home.name})
        self.session = None
        try:
            self.port = self._wait_for_port()
            options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={self.home.name}/profile"]}
            self.session = self._post("/session", capabilities={"alwaysMatch": {
                "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                "timeouts": {"script": 30000, "pageLoad": 60000}}})["sessionId"]
            # What the first empty page does is not the test's.
            self.open("about:blank")
            self.console()
            self.requests()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self._call("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=START_TIMEOUT_S)
            self.output.close()
            self.home.cleanup()

    def _wait_for_port(self):
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and self.driver.poll() is None:
            with open(self.output.name, encoding="utf-8") as output:
                found = re.search(r"on port (\d+)\.$", output.read(), re.M)
            if found:
                return int(found.group(1))
            time.sleep(0.05)
        raise RuntimeError("chromedriver does not start")

    def _call(self, method, path, body=None):
        connection = http.client.HTTPConnection("localhost", timeout=COMMAND_TIMEOUT_S)
        connection.sock = self.namespace.socket(socket.AF_INET)
        try:
            connection.sock.settimeout(COMMAND_TIMEOUT_S)
            connection.sock.connect(("127.0.0.1", self.port))
            connection.request(method, path, body=body, headers={"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{path}: {value['error']}: {value['message']}")
        return value

    def _post(self, path, **arguments):
        return self._call("POST", path, json.dumps(arguments))

    def command(self, name, **arguments):
        return self._post(f"/session/{self.session}/{name}", **arguments)

    def devtools(self, command, **params):
        """A command of the DevTools protocol."""
        return self.command("goog/cdp/execute", cmd=command, params=params)

    def open(self, url):
        self.command("url", url=url)

    def run(self, script, *args):
        """Runs JavaScript in the page; what it returns."""
        return self.command("execute/sync", script=script, args=args)

    def text(self, selector):
        """The text of the first element, as it is in the document."""
        return self.run("const node = document.querySelector(arguments[0]); return node && node.textContent", selector)

    def texts(self, selector):
        """The text of every such element."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)", selector)

    def console(self):
        """What was said on the console since the last call: (level, message)."""
        return [(entry["level"], entry["message"]) for entry in self.command("se/log", type="browser")]

    def requests(self):
        """The URLs that were asked for since the last call, in their order."""
        events = [json.loads(entry["message"])["message"] for entry in self.command("se/log", type="performance")]
        return [event["params"]["request"]["url"] for event in events
                if event["method"] == "Network.requestWillBeSent"]

    def window(self, width, height, mobile=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=mobile)

    def color_scheme(self, scheme):
        """light or dark, as the user's system would ask for."""
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path, whole=True):
        """Writes a PNG of the window, or of the whole page."""
        data = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
