# SPDX-License-Identifier: GPL-2.0-or-later
"""The compose file: against its schema, and that its parts fit each other and the files it mounts."""

import copy
import json
import os
import re
import shutil
import subprocess
import unittest

import common
from common import testlib

common.need_node("dclint", "ajv")
try:
    import yaml
except ImportError:
    testlib.skip("python3-yaml is not installed")

FILE = common.path("docker", "compose.yaml")


def complaints(*files):
    """What the schema says against each file."""
    return json.loads(common.node("compose.js", input=json.dumps(files)))


def has_plugin():
    return shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True,
                                                     check=False).returncode == 0


class Compose(testlib.TestCase):
    def setUp(self):
        self.file = yaml.safe_load(common.read("docker", "compose.yaml"))
        self.services = self.file["services"]

    def test_valid(self):
        self.assertEqual(complaints(self.file), [[]])

    def test_invalid_is_refused(self):
        def broken(**change):
            file = copy.deepcopy(self.file)
            file["services"]["exporter"].update(change)
            return file

        said = complaints(broken(netwrk_mode="host"), broken(cap_add="NET_ADMIN"), broken(read_only=[]),
                          broken(volumes=[{"source": "/a"}]))
        self.assertEqual([bool(one) for one in said], [True] * 4)

    def test_rights(self):
        self.assertEqual(self.services.keys(), {"exporter", "prometheus", "alertmanager", "grafana"})
        for name, service in self.services.items():
            self.assertEqual((service["network_mode"], service["cap_drop"], service["read_only"]), ("host", ["ALL"], True))
            self.assertEqual(service["security_opt"], ["no-new-privileges:true"])
            self.assertEqual(service.get("cap_add", []), ["NET_ADMIN"] if name == "exporter" else [])

    def test_versions_are_pinned(self):
        with open(os.path.join(testlib.SOURCE, "meson.build"), encoding="utf-8") as file:
            own = re.search(r"version: '(.*?)'", file.read()).group(1)
        for name, service in self.services.items():
            self.assertRegex(service["image"], r"^[a-z/-]+:v?\d+\.\d+\.\d+$")
            self.assertEqual("build" in service, name == "exporter")
        self.assertEqual(self.services["exporter"]["image"], f"conntrack-exporter:v{own}")
        build = self.services["exporter"]["build"]
        context = os.path.normpath(os.path.join(os.path.dirname(FILE), build["context"]))
        self.assertEqual(context, testlib.SOURCE)
        self.assertTrue(os.path.isfile(os.path.join(context, build["dockerfile"])))

    def test_mounts_are_there(self):
        volumes = set()
        for service in self.services.values():
            for source, target, *options in (volume.split(":") for volume in service.get("volumes", ())):
                self.assertTrue(target.startswith("/"))
                if "/" in source:
                    self.assertEqual(options, ["ro"])
                    self.assertTrue(os.listdir(os.path.join(os.path.dirname(FILE), source)))
                else:
                    volumes.add(source)
        self.assertEqual(volumes, self.file["volumes"].keys())

    def listens(self, name):
        """The one address a service listens at."""
        found, = re.findall(r"--web\.listen-address=(\S+)", " ".join(self.services[name]["command"]))
        return found

    def test_they_find_each_other(self):
        def as_ip(address):
            return address.replace("localhost", "127.0.0.1")

        for name in ("exporter", "prometheus", "alertmanager"):
            self.assertRegex(self.listens(name), r"^127\.0\.0\.1:\d+$")
        self.assertEqual(self.services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"], "127.0.0.1")
        prometheus = yaml.safe_load(common.read("prometheus", "prometheus.yml"))
        target, = prometheus["scrape_configs"][0]["static_configs"][0]["targets"]
        self.assertEqual(as_ip(target), self.listens("exporter"))
        target, = prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
        self.assertEqual(as_ip(target), self.listens("alertmanager"))
        names = dict(entry.split(":") for entry in self.services["grafana"]["extra_hosts"])
        sources = common.path("grafana", "provisioning", "datasources")
        for source in (one for name in os.listdir(sources)
                       for one in yaml.safe_load(common.read(sources, name))["datasources"]):
            host, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()
            self.assertEqual(f"{names[host]}:{port}", self.listens(source["type"]))
        dashboards = common.path("grafana", "provisioning", "dashboards")
        for provider in (one for name in os.listdir(dashboards)
                         for one in yaml.safe_load(common.read(dashboards, name))["providers"]):
            self.assertIn(f"../grafana/dashboards:{provider['options']['path']}:ro", self.services["grafana"]["volumes"])

    @unittest.skipUnless(has_plugin(), "the docker command has no compose plugin")
    def test_docker_compose(self):
        testlib.run("docker", "compose", "-f", FILE, "config", "--quiet")

    @unittest.skipUnless(shutil.which("yamllint"), "yamllint is not installed")
    def test_yamllint(self):
        testlib.run("yamllint", "--strict", "-d", common.YAMLLINT, FILE)


if __name__ == "__main__":
    testlib.main()
