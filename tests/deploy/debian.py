# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package: built, looked at by lintian, installed into a Debian 12, started as its unit does, purged."""

import glob
import gzip
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

import common
import install
import root
from booted import Booted
from common import testlib

NAME = "prometheus-conntrack-exporter"
PORT = 10066
UNITS = (testlib.run("sh", "-c", "pkg-config --variable=systemdsystemunitdir systemd || true").strip() or
         "/usr/lib/systemd/system").lstrip("/")
DOC = f"usr/share/doc/{NAME}"
LINKS = {"usr/bin/conntrack_exporter": NAME, "usr/share/man/man1/conntrack_exporter.1.gz": f"{NAME}.1.gz"}
DEFAULTS = f"etc/default/{NAME}"
LIBRARIES = {"libc6", "libcap-ng0", "libcrypt1", "libgnutls30", "libjansson4", "libmicrohttpd12", "libmnl0",
             "libnetfilter-conntrack3", "libnettle8", "libseccomp2", "libyaml-0-2", "zlib1g"}
USER_ID = 61234  # as systemd makes them for DynamicUser=


def files_of(deb):
    """{path: mode} of what is no directory."""
    listing = testlib.run("dpkg-deb", "--contents", deb)
    lines = [line.split(None, 5) for line in listing.splitlines()]
    return {line[5][2:].split(" -> ")[0]: line[0] for line in lines if not line[0].startswith("d")}


def without_gz(paths):
    """What the package's tools may have compressed counts as it was."""
    return {re.sub(r"\.gz$", "", path) for path in paths}


class Package(testlib.TestCase):
    """One package and one root for all tests, which go on from one another by their names."""

    @classmethod
    def setUpClass(cls):
        testlib.need("dpkg-buildpackage", "dh", "lintian", "curl", "mmdebstrap")
        root.need_mounts()
        root.need_suite()
        began = time.monotonic()
        # By a relative name, in the tree or not.
        directory = tempfile.TemporaryDirectory(prefix="debian-", dir=testlib.BUILD)
        cls.addClassCleanup(directory.cleanup)
        where, name = os.path.split(directory.name)
        cls.revision = subprocess.run(["git", "-c", f"safe.directory={testlib.SOURCE}", "-C", testlib.SOURCE, "rev-parse",
                                       "--short=12", "HEAD"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                      check=False).stdout.strip() if shutil.which("git") else ""
        with subprocess.Popen([common.path("debian", "build"), name], cwd=where, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "DEB_BUILD_OPTIONS": "noautodbgsym"}) as build:
            cls.addClassCleanup(build.kill)
            root.base()
            output = build.communicate()[0]
        if build.returncode != 0:
            raise AssertionError(f"no package was built:\n{output[-5000:]}")
        print(f"built in {time.monotonic() - began:.0f} s")
        cls.deb, = glob.glob(f"{directory.name}/{NAME}_*.deb")
        cls.changes, = glob.glob(f"{directory.name}/{NAME}_*.changes")
        cls.left = set(os.listdir(directory.name))
        # pylint: disable-next=consider-using-with
        cls.lintian = subprocess.Popen(["lintian", "--allow-root", "--fail-on", "error,warning", cls.changes],
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        cls.addClassCleanup(cls.lintian.kill)
        cls.debian = cls.enter_class(root.Root())
        cls.namespace = cls.enter_class(testlib.Namespace())
        cls.before = cls.debian.files()

    def read(self, path):
        with open(self.debian.path(path), encoding="utf-8") as file:
            return file.read()

    def test_1_files(self):
        files = files_of(self.deb)
        self.assertEqual(without_gz(files), {
            DEFAULTS, f"{UNITS}/{NAME}.service", f"{UNITS}/{NAME}.socket",
            f"usr/share/zsh/vendor-completions/_{NAME}", f"usr/share/lintian/overrides/{NAME}",
            *without_gz(LINKS), f"{DOC}/changelog", f"{DOC}/changelog.Debian", f"{DOC}/copyright", f"{DOC}/README.Debian",
            *(f"usr/{path}" for path in install.shared(NAME, f"share/doc/{NAME}"))})
        for path, mode in files.items():
            wanted = "lrwxrwxrwx" if path in LINKS else "-rwxr-xr-x" if path.startswith("usr/bin/") else "-rw-r--r--"
            self.assertEqual(mode, wanted, path)
        self.assertEqual({name.split(".")[-1] for name in self.left}, {"deb", "changes", "buildinfo"})

    def test_1_fields(self):
        def field(name):
            return testlib.run("dpkg-deb", "--field", self.deb, name).strip()

        version = re.search(r"version: '([\d.]+)'", self.source("meson.build"))[1]
        self.assertEqual([field(name) for name in ("Package", "Version", "Section", "Priority", "Suggests")],
                         [NAME, f"{version}-1", "net", "optional", "prometheus, prometheus-alertmanager"])
        self.assertEqual(field("Architecture"), testlib.run("dpkg", "--print-architecture").strip())
        self.assertEqual({name.split()[0] for name in field("Depends").split(", ")}, LIBRARIES)
        self.assertEqual(testlib.run("dpkg-deb", "--info", self.deb, "conffiles"), f"/{DEFAULTS}\n")
        self.assertIn(f"## {version}", self.source("CHANGELOG.md"))

    @staticmethod
    def source(*parts):
        with open(os.path.join(testlib.SOURCE, *parts), encoding="utf-8") as file:
            return file.read()

    def test_2_install(self):
        shutil.copy(self.deb, self.debian.path("tmp/package.deb"))
        self.debian.run("dpkg", "--install", "/tmp/package.deb")
        os.unlink(self.debian.path("tmp/package.deb"))
        # The service is on, the socket is not.
        links = [path for path in self.debian.files() if path.startswith("etc/systemd") and NAME in path]
        self.assertEqual(links, [f"etc/systemd/system/multi-user.target.wants/{NAME}.service"])
        self.assertEqual(os.readlink(self.debian.path(links[0])), f"/{UNITS}/{NAME}.service")
        self.assertEqual(re.findall("^[^#].*", self.read(DEFAULTS), re.M), ['ARGS=""'])
        # What alerts and advice name works as printed.
        for path, target in LINKS.items():
            self.assertEqual(os.readlink(self.debian.path(path)), target)
        said = self.debian.run("conntrack_exporter", "--version")
        self.assertEqual(said, self.debian.run(NAME, "--version"))
        if self.revision:
            self.assertIn(f"revision: {self.revision}", said)

    def test_3_texts(self):
        for flag, path in {"--help-man": f"usr/share/man/man1/{NAME}.1.gz",
                           "--completion-script-bash": f"usr/share/bash-completion/completions/{NAME}",
                           "--completion-script-zsh": f"usr/share/zsh/vendor-completions/_{NAME}"}.items():
            with open(self.debian.path(path), "rb") as file:
                installed = file.read()
            installed = gzip.decompress(installed) if path.endswith(".gz") else installed
            self.assertEqual(installed.decode(), self.debian.run(NAME, flag))
            self.assertIn(NAME, installed.decode())
            self.assertNotIn("conntrack_exporter ", installed.decode())
        self.assertTrue(self.debian.run(NAME, "--help").startswith(f"usage: {NAME} "))
        for unit in ("service", "socket"):
            self.assertNotIn("conntrack_exporter", re.sub(r"https?://\S+", "", self.read(f"{UNITS}/{NAME}.{unit}")))

    def command_of_unit(self):
        """What systemd starts: ExecStart with the words of ARGS, which EnvironmentFile has."""
        unit = self.read(f"{UNITS}/{NAME}.service")
        self.assertEqual(re.findall("^EnvironmentFile=-(.*)", unit, re.M), [f"/{DEFAULTS}"])
        self.assertRegex(unit, "(?m)^AmbientCapabilities=CAP_NET_ADMIN$")
        line, = re.findall("^ExecStart=(.*)", unit, re.M)
        args = dict(word.split("=", 1) for word in shlex.split(self.read(DEFAULTS), comments=True))["ARGS"]
        words = []
        for word in line.split():
            words += shlex.split(args) if word == "$ARGS" else [word]
        return words

    def serve(self, port):
        """Starts it as the unit does, with one capability and a user id of nobody, and returns what it answers."""
        limits = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", "--no-new-privs",
                  "--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin", "--bounding-set=-all,+net_admin"]
        process = self.namespace.popen(*self.debian.command(*limits, *self.command_of_unit()))
        try:
            return self.namespace.run(*self.debian.command(
                "curl", "--silent", "--show-error", "--fail", "--retry", "15", "--retry-delay", "1",
                "--retry-connrefused", f"http://localhost:{port}/metrics"))
        finally:
            self.stop(process)

    def stop(self, process):
        """unshare passes no signal on."""
        pid = process.pid
        for _ in range(2):
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
                pid = int((children.read().split() or [pid])[0])
            if os.readlink(f"/proc/{pid}/exe").endswith(NAME):
                break
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(process.wait(timeout=20), 0)

    def test_4_unit_serves(self):
        metrics = testlib.Metrics(self.serve(PORT))
        self.assertEqual(metrics.get("conntrack_scrape_collector_success", collector="flows"), 1)
        self.assertEqual(metrics.sum("conntrack_tcp_sockets", state="listen"), 1)

    def test_5_defaults_file_has_the_flags(self):
        with open(self.debian.path(DEFAULTS), "a", encoding="utf-8") as file:
            file.write('ARGS="--web.listen-address=127.0.0.1:10067 --no-collector.flows"\n')
        metrics = testlib.Metrics(self.serve(PORT + 1))
        self.assertIsNone(metrics.get("conntrack_scrape_collector_success", collector="flows"))

    def own_test(self, command):
        """debian/tests/metrics, as autopkgtest runs it."""
        said = testlib.run(*command("sh", "-c", common.read("debian", "tests", "metrics")))
        self.assertGreater(int(said), 100)

    def test_6_own_test_of_the_package(self):
        self.own_test(lambda *args: self.namespace.command(*self.debian.command(*args)))

    def test_6_systemd(self):
        """To install it is to start it, and to remove it is to stop it."""
        machine = Booted(self.namespace, {"/tmp/package.deb": self.deb}, root.base())
        try:
            self.enter(machine)
        except SystemExit:
            self.skipTest("systemd cannot be process 1 here")
        machine.run("dpkg", "--install", "/tmp/package.deb")
        self.assertEqual(machine.properties(f"{NAME}.service", "ActiveState", "UnitFileState", "Type", "NRestarts"),
                         {"ActiveState": "active", "UnitFileState": "enabled", "Type": "notify", "NRestarts": "0"})
        self.assertEqual(machine.properties(f"{NAME}.socket", "ActiveState", "UnitFileState"),
                         {"ActiveState": "inactive", "UnitFileState": "disabled"})
        self.own_test(machine.command)
        metrics = testlib.Metrics(machine.run("curl", "--silent", "--fail", f"http://localhost:{PORT}/metrics"))
        self.assertEqual(metrics.get("conntrack_scrape_collector_success", collector="flows"), 1)
        machine.run("dpkg", "--install", "/tmp/package.deb")
        self.assertEqual(machine.properties(f"{NAME}.service", "ActiveState"), {"ActiveState": "active"})
        # On demand, as README.Debian says.
        with open(machine.path(f"/{DEFAULTS}"), "w", encoding="utf-8") as file:
            file.write("ARGS=--web.systemd-socket\n")
        machine.run("systemctl", "disable", "--now", f"{NAME}.service")
        machine.run("systemctl", "enable", "--now", f"{NAME}.socket")
        self.own_test(machine.command)
        machine.run("dpkg", "--purge", NAME)
        self.assertEqual(machine.properties(f"{NAME}.service", "LoadState"), {"LoadState": "not-found"})
        self.assertEqual(machine.run("pidof", NAME, check=False), "")
        self.assertEqual(machine.run("find", "/etc/systemd", "-name", f"{NAME}*"), "")

    def test_7_upgrade_keeps_the_flags(self):
        shutil.copy(self.deb, self.debian.path("tmp/package.deb"))
        self.debian.run("dpkg", "--install", "/tmp/package.deb")
        os.unlink(self.debian.path("tmp/package.deb"))
        self.assertIn("10067", self.read(DEFAULTS))

    def test_8_purge_leaves_nothing(self):
        self.debian.run("dpkg", "--remove", NAME)
        self.assertTrue(os.path.exists(self.debian.path(DEFAULTS)))
        self.assertFalse(os.path.exists(self.debian.path(f"usr/bin/{NAME}")))
        self.debian.run("dpkg", "--purge", NAME)
        changed = set(self.debian.files()) ^ set(self.before)
        self.assertEqual(changed - {"var/log/dpkg.log"}, set())

    def test_9_lintian_finds_nothing(self):
        said = self.lintian.communicate(timeout=120)[0]
        self.assertEqual(re.findall("^[EW]: .*", said, re.M), [])
        self.assertEqual(self.lintian.returncode, 0, said)


if __name__ == "__main__":
    testlib.main()
