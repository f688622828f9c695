# SPDX-License-Identifier: GPL-2.0-or-later
"""What a service manager is told and what it passes, with a test in its place."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from common import (COLLECTORS, SANITIZED, SECCOMP, TestCase, Wire, descriptors, gone, socket_inodes, status, stopped,
                    successes, testlib, wait_until)

ALL_1 = dict.fromkeys(COLLECTORS, 1)
FIRST_FD = 3
STOPPING = "STOPPING=1\nSTATUS=Finishing running scrapes"
WATCHDOG = "WATCHDOG=1"
# DISPATCH_OVERDUE_S
OVERDUE_S = 10

# Moves the descriptors of the first argument to 3 and following, and becomes the rest of the arguments.
PASS = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",") if fd]
high = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
for fd in [fd for fd in fds if fd not in range(3, 3 + len(fds))]:
    os.close(fd)
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.environ.setdefault("LISTEN_FDS", str(len(fds)))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """The socket that a service manager is told on."""

    def __init__(self, namespace, name):
        self.name = name
        # Abstract names are those of a network namespace.
        self.socket = namespace.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self):
        self.socket.bind("\0" + self.name[1:] if self.name[0] == "@" else self.name)
        return self

    def __exit__(self, *_):
        self.socket.close()

    def told(self, seconds=10):
        """The next datagram, or None."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return None

    def told_until(self, seconds):
        """[(when, datagram)] of so many seconds."""
        found, end = [], time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if (text := self.told(left)) is not None:
                found.append((time.monotonic(), text))
        return found

    def fill(self):
        """Leaves no room for another datagram."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            other.connect(self.name)
            with contextlib.suppress(BlockingIOError):
                while True:
                    other.send(b"FILL=1")


class Told(TestCase):
    def setUp(self):
        self.directory = self.enter(tempfile.TemporaryDirectory())
        self.path = os.path.join(self.directory, "notify")
        self.namespace = self.enter(testlib.Namespace())

    def manager(self, name=None):
        return self.enter(Manager(self.namespace, name or self.path))

    def start(self, *flags, env=None, **kwargs):
        return self.exporter(*flags, namespace=self.namespace, env={"NOTIFY_SOCKET": self.path, **(env or {})},
                             **kwargs)


class Life(Told):
    def check_life(self, number, env=None):
        manager = self.manager((env or {}).get("NOTIFY_SOCKET"))
        it = self.start(env=env)
        self.assertEqual(manager.told(), f"READY=1\nSTATUS=Listening on 127.0.0.1:{it.port}")
        self.assertEqual(it.request("/-/ready").status, 200)
        self.assertEqual(successes(it.metrics()), ALL_1)
        self.assertIsNone(manager.told(0.2))
        os.kill(it.pids()[0], signal.SIGHUP)
        self.assertIsNone(manager.told(0.2))
        os.kill(it.pids()[0], number)
        self.assertEqual(manager.told(), STOPPING)
        self.assertEqual(it.process.wait(timeout=5), 0)
        self.assertIsNone(manager.told(0))

    def test_a_path(self):
        self.check_life(signal.SIGTERM)

    def test_an_abstract_name(self):
        self.check_life(signal.SIGINT, {"NOTIFY_SOCKET": f"@exporter-test-{os.getpid()}"})

    def test_several_addresses(self):
        manager = self.manager()
        it = self.start("--web.listen-address=127.0.0.1:0", "--web.listen-address=[::1]:0",
                        "--web.listen-address=127.0.0.1:0")
        self.assertEqual(manager.told(), f"READY=1\nSTATUS=Listening on 127.0.0.1:{it.port} and 2 more")

    def test_ready_is_the_last_step(self):
        """Behind listen() of every address and the giving up of rights in both processes."""
        if not SECCOMP or SANITIZED:
            self.skipTest("this build has no system call filter")
        if not shutil.which("strace"):
            self.skipTest("strace is not installed")
        manager = self.manager()
        trace = os.path.join(self.directory, "trace")
        self.start("--web.listen-address=127.0.0.1:0", "--web.listen-address=[::1]:0",
                   prefix=("strace", "-f", "-e", "trace=listen,capset,seccomp,sendto", "-o", trace))
        self.assertRegex(manager.told(), r"\AREADY=1\n")
        with open(trace, encoding="utf-8") as file:
            lines = file.read().splitlines()
        ready = next(i for i, line in enumerate(lines) if "READY=1" in line)
        # What libseccomp asks the kernel before fails.
        done = [(re.match(r"\d+ +(\w+)\(", line).group(1), i > ready) for i, line in enumerate(lines)
                if re.search(r" = \d+$", line) and "SECCOMP_GET" not in line]
        before = [name for name, later in done if not later]
        self.assertEqual([before.count(name) for name in ("listen", "capset", "seccomp")], [2, 2, 2], lines)
        self.assertEqual({name for name, later in done if later} - {"sendto"}, set())

    def test_not_ready_when_it_cannot_listen(self):
        manager = self.manager()
        done = subprocess.run(self.namespace.command(testlib.EXPORTER, "--web.listen-address=192.0.2.1:1"),
                              env={**os.environ, "NOTIFY_SOCKET": self.path}, capture_output=True, text=True,
                              timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIsNone(manager.told(0))

    def test_stopping_comes_before_the_end_of_a_scrape(self):
        manager = self.manager()
        it = self.start()
        manager.told()
        web, collector = it.pids()
        wire = self.enter(Wire(it))
        with stopped(collector):
            wire.get("/metrics")
            self.assertTrue(wire.silent())
            os.kill(web, signal.SIGTERM)
            self.assertEqual(manager.told(), STOPPING)
        self.assertEqual(wire.reply().status, 200)

    def test_a_request_on_its_way(self):
        """Who was accepted just before the end is answered, and who stays silent does not hold it up."""
        manager = self.manager()
        it = self.start()
        manager.told()
        wire, silent = self.enter(Wire(it)), self.enter(Wire(it))
        self.assertEqual(it.request("/-/healthy").status, 200)  # behind them, so that they are accepted
        with stopped(it.pids()[0]):
            os.kill(it.pids()[0], signal.SIGTERM)
            wire.get("/-/healthy")
        self.assertEqual(manager.told(), STOPPING)
        self.assertEqual(wire.reply().status, 200)
        self.assertEqual(it.process.wait(timeout=5), 0)
        self.assertTrue(silent.closed())

    def test_only_the_web_process_can_tell(self):
        manager = self.manager()
        it = self.start()
        manager.told()
        web, collector = it.pids()
        with open(f"/proc/{web}/net/unix", encoding="utf-8") as file:
            kinds = {int(line.split()[6]): line.split()[4] for line in file.readlines()[1:]}
        unix = {pid: sorted(kinds[inode] for inode in socket_inodes(pid) if inode in kinds) for pid in (web, collector)}
        self.assertEqual(unix, {web: ["0002", "0005"], collector: ["0005"]})  # a datagram socket and the channel
        (fd,) = [fd for fd, target in descriptors(web).items()
                 if target.startswith("socket:[") and kinds.get(int(target[8:-1])) == "0002"]
        with open(f"/proc/{web}/fdinfo/{fd}", encoding="ascii") as info:
            self.assertTrue(int(re.search(r"flags:\t(\d+)", info.read()).group(1), 8) & os.O_CLOEXEC)

    def test_commands_tell_nothing(self):
        manager = self.manager()
        for command in (["metrics"], ["talkers"], ["diagnose", "--interval=1ms"]):
            subprocess.run(self.namespace.command(testlib.EXPORTER, *command), check=True, capture_output=True,
                           env={**os.environ, "NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "1000"}, timeout=30)
            self.assertIsNone(manager.told(0))


class Trouble(Told):
    def warnings(self, it):
        return re.findall(r"level=WARN msg=(.*)", re.sub(r".*without a system call filter.*", "", it.logged()))

    def test_sockets_that_are_none(self):
        reach = '"Cannot reach the service manager, ignoring" err='
        cases = {"": '"Address family not supported by protocol"', "notify": '"Address family not supported by protocol"',
                 "vsock:2:1": '"Address family not supported by protocol"', "/nowhere/notify": '"No such file or directory"',
                 "/" + 200 * "x": '"File name too long"', f"@{os.getpid()}nobody": '"Connection refused"'}
        for name, text in cases.items():
            with self.subTest(name), testlib.Exporter(self.namespace, env={"NOTIFY_SOCKET": name}) as it:
                self.assertEqual(it.request("/-/ready").status, 200)
                self.assertEqual(self.warnings(it), [reach + text])

    def test_a_manager_that_is_gone(self):
        manager = self.manager()
        it = self.start(env={"WATCHDOG_USEC": "200000"})
        manager.told()
        manager.socket.close()
        it.wait_for_log("level=WARN")
        time.sleep(0.3)
        self.assertEqual(self.warnings(it), [
            '"Cannot tell the service manager anything any more, ignoring" err="Connection refused"'])
        self.assertEqual(successes(it.metrics()), ALL_1)

    def test_a_manager_that_does_not_read(self):
        manager = self.manager()
        manager.fill()
        it = self.start(env={"WATCHDOG_USEC": "40000"})
        for _ in range(3):
            self.assertEqual(successes(it.metrics()), ALL_1)
        while (text := manager.told()) == "FILL=1":
            pass
        self.assertRegex(text, r"\AREADY=1\n")
        self.assertEqual(manager.told(), WATCHDOG)
        # Full again, of its own signs of life.
        time.sleep(1)
        before = int(status(it.pids()[0])["voluntary_ctxt_switches"])
        time.sleep(1)
        # No more often than it would give signs of life.
        self.assertLess(int(status(it.pids()[0])["voluntary_ctxt_switches"]) - before, 80)
        self.assertEqual(it.stop(), 0)
        self.assertEqual(self.warnings(it), [])


class Watchdog(Told):
    def test_cadence(self):
        manager = self.manager()
        it = self.start(env={"WATCHDOG_USEC": "1000000"})
        self.assertRegex(manager.told(), r"\AREADY=1\n")
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                stack.enter_context(Wire(it)).ask("/metrics")
            manager.told_until(0.05)  # what it said while the scrapes were made
            start = time.monotonic()
            found = manager.told_until(3.2)
        self.assertEqual({text for _, text in found}, {WATCHDOG})
        times = [start] + [when for when, _ in found]
        self.assertLess(max(b - a for a, b in zip(times, times[1:])), 1)
        self.assertTrue(4 <= len(found) <= 6, times)

    def test_whose_it_is(self):
        own = ("sh", "-c", 'WATCHDOG_PID=$$ exec "$0" "$@"')
        cases = [(own, {}, True), ((), {"WATCHDOG_PID": str(os.getpid())}, False), ((), {"WATCHDOG_PID": "x"}, False),
                 ((), {"WATCHDOG_USEC": "0"}, False), ((), {"WATCHDOG_USEC": "-100000"}, False)]
        for prefix, env, expected in cases:
            with self.subTest(prefix=prefix, env=env), Manager(self.namespace, self.path) as manager:
                with testlib.Exporter(self.namespace, prefix=prefix,
                                      env={"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "100000", **env}):
                    self.assertRegex(manager.told(), r"\AREADY=1\n")
                    self.assertEqual(manager.told(0.5), WATCHDOG if expected else None)
            os.unlink(self.path)

    def test_a_web_process_that_stands_still(self):
        manager = self.manager()
        it = self.start(env={"WATCHDOG_USEC": "200000"})
        manager.told()
        with stopped(it.pids()[0]):
            manager.told_until(0.2)
            self.assertIsNone(manager.told(0.5))
        self.assertEqual(manager.told(), WATCHDOG)

    def test_a_collector_process_that_hangs(self):
        manager = self.manager()
        it = self.start(env={"WATCHDOG_USEC": "200000"})
        manager.told()
        wire = self.enter(Wire(it))
        with stopped(it.pids()[1]):
            # Nobody misses it yet, nor when scrapes give up.
            wire.get("/metrics", "X-Prometheus-Scrape-Timeout-Seconds: 0.6")
            self.assertEqual(wire.reply().status, 503)
            found = manager.told_until(OVERDUE_S - 2)
            self.assertGreater(len(found), 4 * (OVERDUE_S - 2))
            it.wait_for_log(r'level=ERROR msg="Collector process hangs, leaving it to the watchdog to end both"')
            manager.told_until(0.2)
            self.assertEqual(manager.told_until(0.5), [])
            self.assertEqual(it.request("/-/healthy").status, 200)
        self.assertEqual(manager.told(), WATCHDOG)
        self.assertEqual(successes(it.metrics()), ALL_1)
        self.assertEqual(it.logged().count("Collector process hangs"), 1)


class Passed(TestCase):
    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())

    def listener(self, family=socket.AF_INET, address=("127.0.0.1", 0)):
        sock = self.enter(self.namespace.socket(family))
        sock.bind(address)
        sock.listen()
        return sock

    def passing(self, *sockets, **env):
        """What has an Exporter start with these sockets."""
        fds = [sock.fileno() for sock in sockets]
        return {"prefix": (sys.executable, "-c", PASS, ",".join(map(str, fds))), "pass_fds": fds, "env": env}

    def start(self, *sockets, flags=(), **kwargs):
        return testlib.Exporter(self.namespace, "--web.systemd-socket", *flags, **self.passing(*sockets), **kwargs)

    def check_refused(self, text, *sockets, prefix=None, **env):
        passing = self.passing(*sockets, **env)
        done = subprocess.run(self.namespace.command(*(prefix or passing["prefix"]), testlib.EXPORTER,
                                                     "--web.systemd-socket"),
                              env={**os.environ, **env}, pass_fds=passing["pass_fds"], capture_output=True, text=True,
                              timeout=20, check=False)
        testlib.check_sanitizers(done.stderr)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        errors = [line for line in done.stderr.splitlines() if "level=INFO" not in line]
        self.assertEqual([line.split(" ", 1)[1] for line in errors], [f'level=ERROR msg="Cannot listen" err="{text}"'])


class Activation(Passed):
    def test_sockets_are_served_and_addresses_are_not(self):
        first, second = self.listener(), self.listener(socket.AF_INET6, ("::1", 0))
        unused = testlib.free_port(self.namespace)
        it = self.enter(self.start(first, second, flags=[f"--web.listen-address=127.0.0.1:{unused}"]))
        self.assertEqual(re.findall(r'msg="Listening on" address=(\S+)', it.logged()),
                         [f"127.0.0.1:{first.getsockname()[1]}", f"[::1]:{second.getsockname()[1]}"])
        self.assertEqual(successes(it.metrics()), ALL_1)
        it.host, it.port = second.getsockname()[:2]
        self.assertEqual(successes(it.metrics()), ALL_1)
        with self.namespace.socket() as sock:
            self.assertNotEqual(sock.connect_ex(("127.0.0.1", unused)), 0)

    def test_who_holds_them(self):
        sockets = [self.listener() for _ in range(16)]
        it = self.enter(self.start(*sockets))
        inodes = {os.fstat(sock.fileno()).st_ino for sock in sockets}
        web, collector = it.pids()
        self.assertEqual(socket_inodes(web) & inodes, inodes)
        self.assertEqual(socket_inodes(collector) & inodes, set())
        for fd in range(FIRST_FD, FIRST_FD + 16):
            with open(f"/proc/{web}/fdinfo/{fd}", encoding="ascii") as info:
                flags = int(re.search(r"flags:\t(\d+)", info.read()).group(1), 8)
            self.assertTrue(flags & os.O_CLOEXEC and flags & os.O_NONBLOCK)

    def test_a_socket_in_the_file_system(self):
        path = os.path.join(self.enter(tempfile.TemporaryDirectory()), "sock")
        tcp, local = self.listener(), self.listener(socket.AF_UNIX, path)
        it = self.enter(self.start(tcp, local))
        self.assertIn(f'msg="Listening on" address={path}\n', it.logged())
        it.connect = lambda timeout=30: self.connected(path)
        self.assertEqual(successes(it.metrics()), ALL_1)
        self.assertEqual(it.request("/-/ready").text, "Ready\n")

    @staticmethod
    def connected(path):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(path)
        return sock

    def test_none_passed(self):
        none = "no socket activation file descriptors found"
        listener = self.listener()
        self.check_refused(none, prefix=["env"])
        self.check_refused(none)
        self.check_refused(none, listener, LISTEN_PID=str(os.getpid()))
        self.check_refused(none, listener, LISTEN_PID="")
        self.check_refused(none, listener, LISTEN_FDS="1 ")
        self.check_refused(none, listener, LISTEN_FDS="-1")

    def test_what_cannot_be_listened_on(self):
        says = "file descriptor 4 is not a listening stream socket"
        listener = self.listener()
        udp = self.enter(self.namespace.socket(kind=socket.SOCK_DGRAM))
        bound = self.enter(self.namespace.socket())
        bound.bind(("127.0.0.1", 0))
        client = self.enter(self.namespace.socket())
        client.connect(listener.getsockname())
        file = self.enter(open("/dev/null", encoding="ascii"))
        for fd in (udp, bound, client):
            self.check_refused(says, listener, fd)
        self.check_refused(says + ": Socket operation on non-socket", listener, file)
        self.check_refused(says + ": Bad file descriptor", listener, LISTEN_FDS="2")
        self.check_refused("more than 16 sockets were passed", *[listener] * 17)
        self.check_refused("more than 16 sockets were passed", listener, LISTEN_FDS="4294967297")

    def test_without_the_flag_they_are_closed(self):
        listener = self.listener()
        it = self.enter(testlib.Exporter(self.namespace, **self.passing(listener)))
        self.assertNotEqual(it.port, listener.getsockname()[1])
        it.wait_for_log("Sockets were passed and are not used without --web.systemd-socket")
        for pid in it.pids():
            self.assertNotIn(os.fstat(listener.fileno()).st_ino, socket_inodes(pid))

    def test_one_that_somebody_else_shuts_down(self):
        """It would be ready for ever, with nothing to accept, and the watchdog would see nothing wrong."""
        listener = self.listener()
        it = self.enter(self.start(listener, expect_exit=1))
        listener.shutdown(socket.SHUT_RDWR)
        it.wait_for_log("A listening socket was shut down by somebody else")
        self.assertEqual(it.process.wait(timeout=10), 1)

    def test_who_connects_during_a_restart_waits(self):
        listener = self.listener()
        with self.start(listener) as it:
            web, collector = it.pids()
            scrape = self.enter(Wire(it))
            with stopped(collector):
                scrape.get("/metrics")
                self.assertTrue(scrape.silent())
                os.kill(web, signal.SIGTERM)
                it.wait_for_log("finishing running scrapes")
                late = self.enter(Wire(it)).get("/-/healthy")
                # The socket has something to say and is not listened to.
                before = status(web)
                time.sleep(1)
                after = status(web)
                for which in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"):
                    self.assertLess(int(after[which]) - int(before[which]), 10, which)
                self.assertTrue(late.silent())
            self.assertEqual(scrape.reply().status, 200)
            self.assertEqual(it.process.wait(timeout=5), 0)
        self.assertTrue(late.silent())
        with self.start(listener):
            self.assertEqual(late.reply().text, "Healthy\n")

    def test_systemd_socket_activate(self):
        if not shutil.which("systemd-socket-activate"):
            self.skipTest("systemd-socket-activate is not installed")
        port = testlib.free_port(self.namespace)
        log = self.enter(tempfile.TemporaryFile("w+"))
        process = self.namespace.popen("systemd-socket-activate", f"--listen=127.0.0.1:{port}", testlib.EXPORTER,
                                       "--web.systemd-socket", stderr=log)
        try:
            def answer():
                with self.namespace.socket() as sock:
                    if sock.connect_ex(("127.0.0.1", port)) != 0:
                        return b""
                    sock.settimeout(20)
                    sock.sendall(b"GET /-/ready HTTP/1.0\r\n\r\n")
                    return sock.recv(4096)
            self.assertIn(b"200 OK", wait_until(answer, 10, "it listens"))
            collector = testlib.children(process.pid)[0]
        finally:
            process.terminate()
            self.assertEqual(process.wait(timeout=10), 0)
        wait_until(lambda: gone(collector), 2, "the collector process ended")


if __name__ == "__main__":
    testlib.main()
