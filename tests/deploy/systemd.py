# SPDX-License-Identifier: GPL-2.0-or-later
"""The units by systemd-analyze and by a real systemd, and the examples beside them by what reads them."""

import gzip
import http.client
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import common
from common import testlib

import booted  # pylint: disable=wrong-import-order
import certificates  # pylint: disable=wrong-import-order

testlib.need("systemd-analyze")
UNIT, SOCKET = "conntrack_exporter.service", "conntrack_exporter.socket"
PORT = 10066
EXPOSURE_MAX = 17  # in tenths
CAP_NET_ADMIN = 0x1000
DYNAMIC_UIDS = range(61184, 65520)
HASHER_NICE = 19  # AUTH_HASHER_NICE

GROUP = "adm"
# The password is swordfish.
WEB_CONFIG = """
tls_server_config: {cert_file: web.crt, key_file: web.key}
basic_auth_users: {prometheus: $2y$04$E7McEDnZqjxNRyFOmGdv6OpNvpnhdZv7CzOweXPPVp7WG8koAvCyy}
"""

# Everything in systemd.exec(5) and systemd.resource-control(5) of systemd 252 that takes something away from a service.
HARDENING = """
AmbientCapabilities AppArmorProfile CapabilityBoundingSet DevicePolicy DynamicUser ExecPaths InaccessiblePaths
IPAddressAllow IPAddressDeny KeyringMode LimitCORE LimitNOFILE LockPersonality MemoryDenyWriteExecute MemoryMax
NoExecPaths NoNewPrivileges PrivateDevices PrivateIPC PrivateMounts PrivateNetwork PrivateTmp PrivateUsers ProcSubset
ProtectClock ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules
ProtectKernelTunables ProtectProc ProtectSystem ReadOnlyPaths RemoveIPC RestrictAddressFamilies RestrictFileSystems
RestrictNamespaces RestrictRealtime RestrictSUIDSGID RootDirectory RootImage SecureBits SELinuxContext
SmackProcessLabel SystemCallArchitectures SystemCallErrorNumber SystemCallFilter TasksMax TemporaryFileSystem UMask
""".split()
MODULES = {"nf_conntrack": "NF_CONNTRACK", "nf_conntrack_netlink": "NF_CT_NETLINK", "inet_diag": "INET_DIAG",
           "tcp_diag": "INET_TCP_DIAG", "udp_diag": "INET_UDP_DIAG"}
# Not of one network namespace, so that no test may set them.
OF_THE_HOST = {"net.netfilter.nf_conntrack_max", "net.netfilter.nf_conntrack_buckets"}


def settings(text):
    """The lines that are no comment."""
    return [line for line in text.splitlines() if line and line[0] not in "#;"]


class Files(testlib.TestCase):
    def test_the_units_are_well_formed(self):
        directory = self.enter(tempfile.TemporaryDirectory())
        for name in (UNIT, SOCKET):
            # What is not installed here stands for what is.
            text = common.read("systemd", name).replace("ExecStart=/usr/bin/conntrack_exporter",
                                                        f"ExecStart={testlib.EXPORTER}")
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(os.path.join(directory, name)
                                                                          for name in (UNIT, SOCKET))],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        # Of the units of the machine it has something to say as well.
        said = [line for line in done.stdout.splitlines() if "conntrack" in line or directory in line]
        self.assertEqual((said, done.returncode), ([], 0), done.stdout)

    def test_exposure(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}",
                               "--no-pager", common.path("systemd", UNIT)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        print(done.stdout.splitlines()[-1])
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_hardening_line_is_set_or_explained(self):
        text = common.read("systemd", UNIT)
        missing = [name for name in HARDENING if not re.search(rf"^(# .*)?\b{name}=", text, re.M)]
        self.assertEqual(missing, [])
        for line in settings(text):
            self.assertRegex(line, r"\A(\[\w+\]|[A-Z]\w+=.*)\Z")

    def test_the_example_of_flags(self):
        """Every ARGS, commented out or not, is a command line that the exporter takes."""
        lines = re.findall(r'^#?ARGS="(.*)"$', common.read("systemd", "default", "conntrack_exporter"), re.M)
        self.assertGreater(len(lines), 2)
        self.assertEqual(settings(common.read("systemd", "default", "conntrack_exporter")), ['ARGS=""'])
        for line in lines:
            done = subprocess.run([testlib.EXPORTER, *shlex.split(line), "--help"], capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, b""), line)

    def test_modules(self):
        names = settings(common.read("systemd", "modules-load.d", "conntrack_exporter.conf"))
        self.assertEqual(sorted(names), sorted(MODULES))
        release = os.uname().release
        for path in ("/proc/config.gz", f"/boot/config-{release}"):
            if os.path.exists(path):
                with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
                    config = file.read()
                break
        else:
            self.skipTest("the kernel does not say how it was built")
        for name in names:
            self.assertRegex(config, rf"(?m)^CONFIG_{MODULES[name]}=[ym]$", name)

    def test_sysctls(self):
        text = common.read("systemd", "sysctl.d", "conntrack_exporter.conf")
        self.assertEqual(settings(text), [], "nothing is in force unless somebody wants it")
        found = re.findall(r"^#([a-z].*)$", text, re.M)
        namespace = self.enter(testlib.Namespace())
        for line in found:
            key, value = re.fullmatch(r"(net\.netfilter\.nf_conntrack_\w+) = (\d+)", line).groups()
            namespace.run("sysctl", "-n", key)
            if key not in OF_THE_HOST:
                namespace.run("sysctl", "-q", "-w", f"{key}={value}")
                self.assertEqual(namespace.sysctl(key), value)
        self.assertGreater(len(found), 10)
        self.assertLessEqual(OF_THE_HOST, {line.split(" ")[0] for line in found})


class Machine(testlib.TestCase):
    """The units in a machine that systemd has booted."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("nft"):
            raise unittest.SkipTest("nft is not installed")
        start = time.monotonic()
        cls.namespace = cls.enter_class(testlib.Namespace())
        files = {"/usr/bin/conntrack_exporter": testlib.EXPORTER}
        for name in (UNIT, SOCKET):
            files[f"/etc/systemd/system/{name}"] = common.path("systemd", name)
        cls.machine = cls.enter_class(booted.Booted(cls.namespace, files))
        print(f"booted in {time.monotonic() - start:.1f} s")

    def setUp(self):
        self.addCleanup(self.reset)

    def reset(self):
        self.machine.run("systemctl", "stop", SOCKET, UNIT)
        self.machine.run("systemctl", "reset-failed", UNIT, check=False)
        self.configure()

    def configure(self, args="", drop_in=""):
        """Flags, and what is added to the unit."""
        os.makedirs(self.machine.path("/etc/default"), exist_ok=True)
        with open(self.machine.path("/etc/default/conntrack_exporter"), "w", encoding="utf-8") as file:
            file.write(f'ARGS="{args}"\n')
        directory = self.machine.path(f"/etc/systemd/system/{UNIT}.d")
        shutil.rmtree(directory, ignore_errors=True)
        if drop_in:
            os.mkdir(directory)
            with open(f"{directory}/test.conf", "w", encoding="utf-8") as file:
                file.write(f"[Service]\n{drop_in}\n")
        self.machine.run("systemctl", "daemon-reload")

    def start(self, unit=UNIT):
        """Starts the unit; returns when it says that it is ready."""
        try:
            self.machine.run("systemctl", "start", unit)
        except RuntimeError as error:
            raise AssertionError(f"{error}\n{self.journal()}") from error

    def journal(self):
        return self.machine.run("journalctl", "--no-pager", "--output=cat", f"--unit={UNIT}")

    def property(self, name, unit=UNIT):
        return self.machine.properties(unit, name)[name]

    def answer(self, path, host="127.0.0.1", tls=None, headers=None):
        connection = http.client.HTTPConnection(host, PORT, timeout=10)
        connection.sock = self.namespace.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            connection.sock.settimeout(10)
            connection.sock.connect((host, PORT))
            if tls:
                connection.sock = tls.wrap_socket(connection.sock, server_hostname="localhost")
            connection.request("GET", path, headers=headers or {})
            return testlib.Answer(connection.getresponse())
        finally:
            connection.close()

    def ask(self, path, host="127.0.0.1"):
        """The text of an answer that is 200."""
        answer = self.answer(path, host)
        self.assertEqual(answer.status, 200, answer.text)
        return answer.text

    def statuses(self):
        """The fields of /proc/PID/status of the web and of the collector process."""
        web = int(self.property("MainPID"))
        with open(self.machine.path(f"/proc/{web}/task/{web}/children"), encoding="ascii") as file:
            (collector,) = file.read().split()
        found = []
        for pid in (web, collector):
            with open(self.machine.path(f"/proc/{pid}/status"), encoding="utf-8") as file:
                found.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
        return found

    def nice_values(self):
        """Of the threads of the web process, in their order."""
        directory = self.machine.path(f"/proc/{self.property('MainPID')}/task")
        found = []
        for thread in sorted(os.listdir(directory), key=int):
            with open(os.path.join(directory, thread, "stat"), encoding="utf-8") as file:
                # The name, in brackets, may have blanks; this is field 19.
                found.append(int(file.read().rpartition(")")[2].split()[16]))
        return found

    def kill(self, number, collector=False):
        """Sends a signal to the web process, or to the collector process."""
        pid = [int(fields["NSpid"].split()[0]) for fields in self.statuses()][collector]
        self.machine.run("kill", f"-{number.name[3:]}", str(pid))


class Service(Machine):
    def test_life(self):
        self.namespace.nft("table inet t { chain c { type filter hook output priority 0; ct state new accept; }; }")
        before = len(self.journal())
        self.start()
        # Ready is ready.
        metrics = testlib.Metrics(self.ask("/metrics"))
        success = {dict(labels)["collector"]: value for (name, labels), value in metrics.samples.items()
                   if name == "conntrack_scrape_collector_success"}
        self.assertEqual(set(success.values()), {1}, success)
        self.assertGreaterEqual(metrics.get("conntrack_entries"), 1)
        self.assertEqual(self.property("StatusText"), f"Listening on [::]:{PORT}")
        self.assertEqual(self.property("WatchdogUSec"), "30s")
        web, collector = self.statuses()
        for fields in (web, collector):
            self.assertIn(int(fields["Uid"].split()[0]), DYNAMIC_UIDS)
            self.assertEqual(len(set(fields["Uid"].split() + fields["Gid"].split())), 1)
            self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"))
            self.assertGreater(int(fields["Seccomp_filters"]), 1)  # systemd's and its own
            for which in ("CapAmb", "CapInh"):
                self.assertEqual(int(fields[which], 16), 0)
        self.assertEqual([int(fields["CapEff"], 16) for fields in (web, collector)], [0, CAP_NET_ADMIN])
        self.kill(signal.SIGHUP)
        self.ask("/-/ready")
        self.machine.run("systemctl", "stop", UNIT)
        self.assertEqual(self.machine.properties(UNIT, "Result", "ExecMainStatus", "NRestarts", "ActiveState"),
                         {"Result": "success", "ExecMainStatus": "0", "NRestarts": "0", "ActiveState": "inactive"})
        testlib.wait_until(lambda: "Received a signal, finishing running scrapes" in self.journal()[before:], 10,
                           "the journal has it all")
        self.assertNotRegex(self.journal()[before:], "level=(WARN|ERROR)")
        if testlib.has_landlock():
            self.assertNotIn("without Landlock", self.journal()[before:])

    def test_a_web_configuration(self):
        """By the drop-in: as it is, with files that root alone can read; then with files of a group."""
        drop_in = common.read("systemd", "web-config", "conntrack_exporter.conf")
        by_copies, by_group = re.findall(r'^# ARGS="(.*)"$', drop_in, re.M)
        directory = self.machine.path("/etc/conntrack_exporter")
        os.makedirs(directory)
        authority = certificates.Authority(directory, "ca")
        authority.issue("web")
        with open(os.path.join(directory, "web.yml"), "w", encoding="utf-8") as file:
            file.write(WEB_CONFIG)
        for name in os.listdir(directory):
            os.chmod(os.path.join(directory, name), 0o600)
        tls, login = authority.trusted(), {"Authorization": "Basic cHJvbWV0aGV1czpzd29yZGZpc2g="}

        def serial():
            with self.namespace.socket() as plain:
                plain.connect(("127.0.0.1", PORT))
                with tls.wrap_socket(plain, server_hostname="localhost") as sock:
                    return sock.getpeercert()["serialNumber"]

        def check():
            before = len(self.journal())
            self.start()
            self.assertEqual(self.answer("/-/ready", tls=tls).status, 401)
            self.assertEqual(self.answer("/-/ready", tls=tls, headers=login).text, "Ready\n")
            self.assertEqual(self.nice_values(), [0, HASHER_NICE])
            self.assertNotRegex(self.journal()[before:], "level=(WARN|ERROR)")
            self.machine.run("systemctl", "reload", UNIT)
            testlib.wait_until(lambda: "The web configuration was read again" in self.journal()[before:], 10, "it is read")

        # As in a machine that is none of a test, where systemd makes it so: the directory of copies is mounted elsewhere.
        self.machine.run("mount", "--make-rshared", "/")
        self.configure(by_copies, drop_in.replace("[Service]\n", ""))
        check()
        self.machine.run("systemctl", "stop", UNIT)
        shutil.chown(directory, group=GROUP)
        for name in "web.yml", "web.crt", "web.key":
            shutil.chown(os.path.join(directory, name), group=GROUP)
            os.chmod(os.path.join(directory, name), 0o640)
        without_copies = re.sub(r"(?m)^(LoadCredential=.*|\[Service\])\n", "", drop_in)
        self.configure(by_group, without_copies.replace("#SupplementaryGroups=ssl-cert", f"SupplementaryGroups={GROUP}"))
        check()
        before = serial()
        authority.issue("web")
        self.machine.run("systemctl", "reload", UNIT)
        testlib.wait_until(lambda: serial() != before, 10, "what was renewed is served")

    def test_a_start_that_fails(self):
        for args, text in (("--nonsense", "unknown long flag '--nonsense', try --help"),
                           ("--web.listen-address=192.0.2.1:1", "Cannot assign requested address"),
                           ("--web.systemd-socket", "no socket activation file descriptors found")):
            self.configure(args, "Restart=no")
            with self.assertRaises(RuntimeError):
                self.machine.run("systemctl", "start", UNIT)
            self.assertEqual(self.machine.properties(UNIT, "Result", "ExecMainStatus"),
                             {"Result": "exit-code", "ExecMainStatus": "1"})
            testlib.wait_until(lambda text=text: text in self.journal(), 10, text)

    def test_the_words_of_flags(self):
        """As the examples say of what is within the quotes of ARGS."""
        for args, words in (("--a=$HOME$$ --b=${HOME}%h", ["--a=$HOME$$", "--b=${HOME}%h"]),
                            ("'--a=b c'  --d", ["--a=b c", "--d"]),
                            (r"\"--a=b c\" --d", ["--a=b c", "--d"]),
                            (r"--a=b\ c \\\\", ["--a=b c", "\\"])):
            self.configure(args, "Type=oneshot\nRestart=no\nWatchdogSec=0\nStandardOutput=journal\nExecStart=\n"
                                 "ExecStart=/usr/bin/printf '<%%s>' $ARGS")
            before = len(self.journal())
            self.start()
            wanted = "".join(f"<{word}>" for word in words)
            testlib.wait_until(lambda before=before, wanted=wanted: wanted in self.journal()[before:], 5, wanted)

    def restarted(self):
        properties = self.machine.properties(UNIT, "NRestarts", "ActiveState", "SubState")
        return properties == {"NRestarts": "1", "ActiveState": "active", "SubState": "running"}

    def test_the_end_of_the_collector_process(self):
        self.configure(drop_in="RestartSec=100ms")
        self.start()
        self.kill(signal.SIGKILL, collector=True)
        testlib.wait_until(self.restarted, 10, "it is started again")
        self.ask("/-/ready")

    def test_the_watchdog(self):
        self.configure(drop_in="RestartSec=100ms\nWatchdogSec=2s")
        self.start()
        moments = set()

        def is_fed():
            moments.add(self.property("WatchdogTimestampMonotonic"))
            return len(moments) > 3

        testlib.wait_until(is_fed, 20, "systemd hears of it three times")
        self.assertEqual(self.property("NRestarts"), "0")
        self.kill(signal.SIGSTOP)
        testlib.wait_until(self.restarted, 20, "it is ended and started again")
        testlib.wait_until(lambda: "Watchdog timeout" in self.journal(), 10, "systemd says why")
        self.ask("/-/ready")


class Socket(Machine):
    def test_on_demand_and_across_restarts(self):
        self.configure("--web.systemd-socket")
        self.start(SOCKET)
        self.assertEqual(self.property("ActiveState"), "inactive")
        self.assertEqual(self.ask("/-/ready"), "Ready\n")
        self.assertEqual(self.property("ActiveState"), "active")
        self.assertEqual(self.property("StatusText"), f"Listening on [::]:{PORT}")
        self.assertEqual(self.ask("/-/ready", "::1"), "Ready\n")
        # Nobody is refused while it is restarted.
        restarts = subprocess.Popen(self.machine.command("sh", "-c", f"for i in 1 2 3; do systemctl restart {UNIT}; done"))
        n = 0
        while restarts.poll() is None or n < 20:
            self.assertEqual(self.ask("/-/healthy"), "Healthy\n")
            n += 1
        self.assertEqual(restarts.returncode, 0)
        # Ended, the next one starts it again.
        self.machine.run("systemctl", "stop", UNIT)
        self.assertEqual(self.ask("/-/ready"), "Ready\n")


del Machine

if __name__ == "__main__":
    testlib.main()
