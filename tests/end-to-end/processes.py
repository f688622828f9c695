# SPDX-License-Identifier: GPL-2.0-or-later
"""The two processes: what each may do and holds, whoever starts them."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from common import (COLLECTORS, SECCOMP, TestCase, add_flow, descriptors, gone, socket_inodes, status, successes,
                    table_inodes, testlib, wait_until)

testlib.need("setpriv", "unshare", "conntrack")
with open("/proc/self/uid_map", encoding="ascii") as uid_map:
    if uid_map.read().split()[2] == "1":
        testlib.skip("the user namespace that this runs in has no other users")

ALL_1 = dict.fromkeys(COLLECTORS, 1)
UNPRIVILEGED = {**ALL_1, "flows": 0, "correlation": 0}
CAP_NET_ADMIN = 0x1000
# FILES_WANTED, SERVICE_FILES_MAX
WEB_FILES, COLLECTOR_FILES = 1024, 64
# The limit comes over netlink.
SYSCTLS = [f"/proc/sys/net/netfilter/nf_conntrack_{name}"
           for name in ("count", "buckets", "expect_max", "acct", "timestamp", "events")]
NOTHING = ("Max core file size", "Max locked memory", "Max msgqueue size", "Max realtime priority",
           *(["Max processes"] if SECCOMP else []))
WITHOUT_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}  # LeakSanitizer cannot run beside strace
NOBODY = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
AMBIENT = (*NOBODY, "--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin")
ROOT_STAYS = ("Both processes go on as root, though without its capabilities: to take another user id they need CAP_SETUID "
              "and CAP_SETGID at the start")
# With the file for the names of hosts.
ASK = 'mount --bind "$0" "$(readlink -f /etc/resolv.conf)" && exec "$@"'
OWN_NAMESPACE = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"')


class NamespaceOf(testlib.Namespace):
    """The network namespace that a process is in; its sockets only."""

    def __init__(self, pid):
        super().__init__()
        self.pid = pid

    def enter(self):
        return os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def capabilities(pid):
    """(effective, permitted, bounding, inheritable, ambient)"""
    fields = status(pid)
    return tuple(int(fields[f"Cap{which}"], 16) for which in ("Eff", "Prm", "Bnd", "Inh", "Amb"))


class TwoProcesses(TestCase):
    @classmethod
    def setUpClass(cls):
        namespace = cls.enter_class(testlib.Namespace())
        cls.it = cls.enter_class(testlib.Exporter(namespace))
        cls.it.request()
        cls.web, cls.collector = cls.it.pids()
        # The listener and the channel are left.
        wait_until(lambda: len(socket_inodes(cls.web)) <= 2, 10, "the connection of the request has ended")

    def test_there_are_two_with_one_thread_each(self):
        self.assertEqual(self.web, self.it.process.pid)
        found = testlib.run("ip", "netns", "pids", self.it.namespace.name).split()
        self.assertEqual(sorted(map(int, found)), sorted((self.web, self.collector)))
        for pid in (self.web, self.collector):
            self.assertEqual(status(pid)["Threads"], "1")

    def test_the_web_process_has_no_rights(self):
        fields = status(self.web)
        self.assertEqual(set(fields["Uid"].split() + fields["Gid"].split()), {"65534"})
        self.assertEqual(fields["Groups"].strip(), "")
        self.assertEqual(capabilities(self.web), (0, 0, 0, 0, 0))

    def test_the_collector_process_has_one_capability(self):
        fields = status(self.collector)
        self.assertEqual(set(fields["Uid"].split() + fields["Gid"].split()), {"65534"})
        self.assertEqual(fields["Groups"].strip(), "")
        self.assertEqual(capabilities(self.collector), (CAP_NET_ADMIN, CAP_NET_ADMIN, CAP_NET_ADMIN, 0, 0))

    def test_neither_can_gain_rights_or_be_looked_into(self):
        for pid in (self.web, self.collector):
            fields = status(pid)
            self.assertEqual(fields["NoNewPrivs"], "1")
            if SECCOMP:
                self.assertEqual((fields["Seccomp"], fields["Seccomp_filters"]), ("2", "1"))
            # Files of a process that is not dumpable belong to root.
            self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)

    def test_each_is_limited(self):
        """The table of /proc/PID/limits: soft and hard."""
        for pid, files in ((self.web, WEB_FILES), (self.collector, COLLECTOR_FILES)):
            with open(f"/proc/{pid}/limits", encoding="ascii") as file:
                found = {line[:26].rstrip(): tuple(line[26:68].split()) for line in file}
            expected = dict.fromkeys(NOTHING, ("0", "0")) | {"Max open files": (str(files), str(files))}
            self.assertEqual({which: found[which] for which in expected}, expected)

    def test_each_holds_only_its_own_descriptors(self):
        def kinds(pid):
            found = [re.sub(r"[0-9]+(?=/)|:\[\d+\]", "", target) for number, target in descriptors(pid).items()
                     if number > 2]
            return {kind: found.count(kind) for kind in found}

        self.assertEqual(kinds(self.web), {
            "socket": 2,                   # the listener, the channel
            "anon_inode:[eventpoll]": 2,   # ours, libmicrohttpd's
            "anon_inode:[signalfd]": 1, "/proc//stat": 1, "/proc//fd": 1})
        self.assertEqual(kinds(self.collector), {
            "socket": 1 + len(socket_inodes(self.collector) & table_inodes(self.collector, "netlink")),
            "/proc//stat": 1, "/proc//fd": 1, **dict.fromkeys(SYSCTLS, 1)})
        for pid, sysctls in ((self.web, []), (self.collector, SYSCTLS)):
            own = {target for target in descriptors(pid).values() if target.startswith("/proc/")}
            self.assertEqual(own, {f"/proc/{pid}/stat", f"/proc/{pid}/fd", *sysctls})

    def test_descriptors_are_closed_on_exec(self):
        for pid in (self.web, self.collector):
            for number in descriptors(pid):
                with open(f"/proc/{pid}/fdinfo/{number}", encoding="ascii") as info:
                    flags = int(re.search(r"flags:\t(\d+)", info.read()).group(1), 8)
                self.assertTrue(number <= 2 or flags & os.O_CLOEXEC, (pid, number))

    def test_what_was_inherited_is_closed(self):
        with open("/dev/zero", encoding="ascii") as file:
            it = self.exporter(pass_fds=[file.fileno()])
            for pid in it.pids():
                self.assertNotIn("/dev/zero", descriptors(pid).values())

    def test_a_build_without_filter_says_so_once_for_each(self):
        lines = re.findall(r"msg=\"(\w+) process runs without a system call filter\"", self.it.logged())
        self.assertEqual(sorted(lines), [] if SECCOMP else ["Collector", "Web"])

    def test_the_web_process_has_no_netlink_socket(self):
        inodes = socket_inodes(self.web)
        self.assertEqual(inodes & table_inodes(self.web, "netlink"), set())
        listening = inodes & table_inodes(self.web, "tcp")
        self.assertEqual(len(listening), 1)
        self.assertEqual(inodes - listening - table_inodes(self.web, "unix"), set())
        self.assertEqual(len(inodes & table_inodes(self.web, "unix")), 1)

    def test_the_collector_process_has_no_socket_but_netlink(self):
        inodes = socket_inodes(self.collector)
        netlink = inodes & table_inodes(self.collector, "netlink")
        self.assertGreater(len(netlink), 0)
        self.assertEqual(inodes & table_inodes(self.collector, "tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"),
                         set())
        self.assertEqual(len(inodes - netlink), 1)
        self.assertEqual(inodes - netlink, inodes & table_inodes(self.collector, "unix"))


class Commands(TestCase):
    """What prints something once has the rights of the collector process."""

    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())

    def check_rights(self, pid):
        fields = status(pid)
        self.assertEqual(capabilities(pid), (CAP_NET_ADMIN, CAP_NET_ADMIN, CAP_NET_ADMIN, 0, 0))
        self.assertEqual(fields["NoNewPrivs"], "1")
        self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)
        if SECCOMP:
            self.assertEqual((fields["Seccomp"], fields["Seccomp_filters"]), ("2", "1"))

    def run_until_confined(self, *args, collector=lambda pid: pid, **kwargs):
        """A command, and the process of it that has dropped its rights."""
        process = self.enter(self.namespace.popen(testlib.EXPORTER, *args, stdout=subprocess.PIPE, **kwargs))
        self.addCleanup(process.kill)
        pid = collector(process.pid)
        wait_until(lambda: capabilities(pid)[0] == CAP_NET_ADMIN and (not SECCOMP or status(pid)["Seccomp"] == "2"), 10,
                   "it has dropped its rights")
        return process, pid

    def test_diagnose(self):
        with open("/dev/zero", encoding="ascii") as file:
            _, pid = self.run_until_confined("diagnose", "--interval=30s", pass_fds=[file.fileno()])
            self.check_rights(pid)
            self.assertNotIn("/dev/zero", descriptors(pid).values())

    def test_what_was_inherited_is_closed(self):
        """By each command, before there is a socket or another process."""
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        directory = self.enter(tempfile.TemporaryDirectory())
        trace, output = os.path.join(directory, "trace"), os.path.join(directory, "file")
        for args in (("metrics",), ("metrics", f"--output={output}"), ("talkers",), ("diagnose", "--interval=1s")):
            testlib.run(*self.namespace.command("strace", "-f", "-o", trace, "-e",
                                                "trace=close_range,clone,clone3,fork,vfork,socket", testlib.EXPORTER,
                                                *args), env={**os.environ, **WITHOUT_LEAKS})
            with open(trace, encoding="utf-8") as lines:
                first = lines.readline()
            self.assertRegex(first, r"^\d+ +close_range\(3, 4294967295, 0\) += 0$", args)

    def test_who_writes_the_file_does_not_look_at_the_kernel(self):
        """A directory that is root's: the process that collects could not write there."""
        directory = self.enter(tempfile.TemporaryDirectory())
        trace = os.path.join(directory, "trace")
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        file = os.path.join(directory, "file")
        testlib.run(*self.namespace.command("strace", "-f", "-o", trace, "-e",
                                            "trace=socket,rename,capset,landlock_restrict_self,fsync", testlib.EXPORTER,
                                            "metrics", f"--output={file}"), env={**os.environ, **WITHOUT_LEAKS})
        with open(trace, encoding="utf-8") as lines:
            calls = re.findall(r"^(\d+) +(\w+)\(.*= \d+", lines.read(), re.M)
        pids = {name: {pid for pid, other in calls if other == name} for _, name in calls}
        self.assertEqual(len(pids["socket"]), 1)
        self.assertEqual(pids["socket"], pids["capset"])
        self.assertEqual(pids["rename"], pids["fsync"])
        self.assertFalse(pids["rename"] & pids["socket"])
        if testlib.has_landlock():
            # The other one does it to send no signals.
            self.assertLessEqual(pids["socket"], pids["landlock_restrict_self"])
        self.assertIn("conntrack_entries", pathlib.Path(file).read_text(encoding="utf-8"))


class OtherUsers(TestCase):
    """Started by somebody else than a full root."""

    @classmethod
    def setUpClass(cls):
        # Where everyone may run it, wherever the build is.
        directory = tempfile.mkdtemp(prefix="exporter-")
        cls.addClassCleanup(shutil.rmtree, directory)
        os.chmod(directory, 0o755)
        cls.program = shutil.copy(testlib.EXPORTER, directory)
        os.chmod(cls.program, 0o755)

    def start(self, *prefix):
        return self.exporter(namespace=self.one_flow(), prefix=prefix, program=self.program)

    def one_flow(self):
        """A namespace with one flow in its table."""
        namespace = self.enter(testlib.Namespace())
        add_flow(namespace, "udp", "192.0.2.1", "192.0.2.2")
        return namespace

    def check_rights(self, it, uid):
        web, collector = it.pids()
        self.assertEqual((capabilities(web)[:2], capabilities(web)[3:]), ((0, 0), (0, 0)))
        self.assertEqual((capabilities(collector)[:2], capabilities(collector)[3:]),
                         ((CAP_NET_ADMIN, CAP_NET_ADMIN), (0, 0)))
        for pid in (web, collector):
            self.assertEqual(set(status(pid)["Uid"].split()), {str(uid)})
            self.assertEqual(status(pid)["NoNewPrivs"], "1")

    def asking(self, namespace):
        """A process that waits for the address of a name."""
        resolver = self.enter(namespace.socket(socket.AF_INET, socket.SOCK_DGRAM))
        resolver.bind(("127.0.0.1", 53))
        resolver.settimeout(10)
        file = self.enter(tempfile.NamedTemporaryFile("w"))
        file.write("nameserver 127.0.0.1\noptions timeout:20 attempts:1\n")
        file.flush()
        os.chmod(file.name, 0o644)
        process = self.enter(namespace.popen("unshare", "--mount", "sh", "-c", ASK, file.name, *NOBODY, self.program,
                                                  "--web.listen-address=nobody.example.org:0", stderr=subprocess.DEVNULL))
        self.addCleanup(process.kill)
        self.assertIn(b"example", resolver.recv(512))
        return process

    def test_nobody_looks_into_one_that_does_not_serve_yet(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.asking(self.enter(testlib.Namespace()))
            for pid in (process.pid, *testlib.children(process.pid)):
                self.assertEqual(os.stat(f"/proc/{pid}/environ").st_uid, 0)
                with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
                    self.assertRegex(limits.read(), r"(?m)^Max core file size +0 +0 ")
            collector, = testlib.children(process.pid)
            process.send_signal(number)
            self.assertEqual(process.wait(timeout=5), 0)
            wait_until(lambda pid=collector: gone(pid), 10, "the collector process ends")

    def test_ambient_capability(self):
        it = self.start(*AMBIENT)
        self.assertEqual(successes(it.metrics()), ALL_1)
        self.check_rights(it, 65534)
        self.assertNotIn("CAP_NET_ADMIN", it.logged())

    def check_stays_root(self, it, line):
        self.assertEqual(successes(it.metrics()), ALL_1)
        self.check_rights(it, 0)
        self.assertEqual(re.findall(r"level=(\w+) msg=\"(Both processes .*)\"", it.logged()), [line])

    def test_root_that_must_stay(self):
        for missing in ("-setuid,-setgid", "-setuid", "-setgid"):
            with self.subTest(missing):
                it = self.start("setpriv", "--inh-caps=-all", f"--bounding-set={missing}")
                self.check_stays_root(it, ("WARN", ROOT_STAYS))

    def test_root_of_a_user_namespace(self):
        if subprocess.run([*OWN_NAMESPACE[:3], "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("the kernel makes no user namespaces in a chroot")
        it = self.start(*OWN_NAMESPACE)
        it.namespace = NamespaceOf(it.process.pid)
        # The only id that the namespace maps.
        self.check_stays_root(it, ("INFO", "Both processes go on as user id 0: their user namespace has no other"))

    def test_ordinary_user_in_a_user_namespace(self):
        if subprocess.run([*NOBODY, *OWN_NAMESPACE[:3], "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("user namespaces are not allowed to users here")
        it = self.start(*NOBODY, *OWN_NAMESPACE)
        it.namespace = NamespaceOf(it.process.pid)
        self.assertEqual(successes(it.metrics()), ALL_1)
        self.check_rights(it, 65534)

    def check_without_capability(self, it):
        for _ in range(3):
            metrics = it.metrics()
            self.assertEqual(successes(metrics), UNPRIVILEGED)
        for path in ("/metrics?collect[]=flows", "/metrics?collect[]=table"):
            it.metrics(path)
        names = metrics.names()
        self.assertEqual({name for name in names if "_flows" in name or "walk" in name}, set())
        self.assertEqual(metrics.get("conntrack_entries"), 1)
        self.assertEqual(metrics.get("conntrack_entries_limit"),
                         int(it.namespace.sysctl("net.netfilter.nf_conntrack_max")))
        self.assertEqual(metrics.get("conntrack_stat_drop_total"), 0)
        self.assertEqual(metrics.get("conntrack_tcp_listeners"), 1)
        lines = [line for line in it.logged().splitlines() if "CAP_NET_ADMIN" in line]
        self.assertEqual(len(lines), 1, lines)
        for way in ("AmbientCapabilities=CAP_NET_ADMIN", "setcap cap_net_admin+ep", "--cap-add=NET_ADMIN"):
            self.assertIn(way, lines[0])
        self.assertNotIn("level=ERROR", it.logged())
        for pid in it.pids():
            self.assertEqual(capabilities(pid)[:2], (0, 0))

    def test_user_without_capability(self):
        self.check_without_capability(self.start(*NOBODY))

    def test_root_without_the_capability(self):
        self.check_without_capability(self.start("setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin"))

    def test_an_empty_table_does_not_hide_the_missing_capability(self):
        it = self.exporter(prefix=NOBODY, program=self.program)
        self.assertEqual(successes(it.metrics()), UNPRIVILEGED)

    def test_one_shot_without_capability(self):
        namespace = self.one_flow()
        done = subprocess.run(namespace.command(*NOBODY, self.program, "metrics"), capture_output=True, text=True,
                              check=False)
        testlib.check_sanitizers(done.stderr)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(successes(testlib.Metrics(done.stdout)), UNPRIVILEGED)
        self.assertEqual(len([line for line in done.stderr.splitlines() if "CAP_NET_ADMIN" in line]), 1)


if __name__ == "__main__":
    testlib.main()
