# SPDX-License-Identifier: GPL-2.0-or-later
"""The running server with one of its processes taken over: what the process tries there kills it, or is refused."""

import os
import shutil
import signal
import socket
import tempfile

from common import SECCOMP, TestCase, testlib

INTRUDER = os.path.join(testlib.BUILD, "tests", "end-to-end", "intruder.so")
PARTNERS = {"web": "collector", "collector": "web"}
ANYBODY = ("create a file", "write to a sysctl", "TCP socket", "UNIX socket", "ptrace of the partner",
           "process_vm_readv of the partner", "pidfd_getfd of the partner", "kill the partner", "setns", "execve", "fork",
           "mprotect executable")
# What everyone may read, and what is refused to the two processes only because Landlock does so.
HIDDEN = "list /etc"
# A root directory of its own, with all that is in this one.
IN_ROOT = """
mount -t tmpfs -o mode=755 tmpfs "$0" && for entry in /*; do
    if [ -L "$entry" ]; then cp -P "$entry" "$0"; elif [ -d "$entry" ]; then mkdir "$0$entry" && mount --rbind "$entry" "$0$entry"; fi
done
echo "rate_limit: {interval: 0}" > "$0/web.yml" && exec chroot "$0" "$@"
"""


class Intrusion(TestCase):
    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())

    def take_over(self, who, attempt, *flags, prefix=(), **more):
        """Has the process try, and returns (how the web process ended or None, the log). more is of its environment."""
        # A sanitizer does not like to come second.
        env = {"LD_PRELOAD": INTRUDER, "INTRUDER": who, "INTRUDER_ATTEMPT": attempt, **more,
               "ASAN_OPTIONS": "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")}
        with testlib.Exporter(self.namespace, *flags, prefix=prefix, env=env, expect_exit=None) as it:
            with it.connect() as sock:
                sock.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                while sock.recv(65536):
                    pass
            log = it.logged()
            if "intruder: " in log:
                return None, log
            return it.process.wait(timeout=10), it.logged()

    def check_killed(self, who, attempt, *flags, **more):
        code, log = self.take_over(who, attempt, *flags, **more)
        if who == "web":
            self.assertEqual(code, -signal.SIGSYS, (who, attempt, log))
        else:
            self.assertEqual(code, 1, (who, attempt, log))
            self.assertIn(f"signal {int(signal.SIGSYS)} ", log)

    def check_refused(self, who, attempt, *flags, **more):
        code, log = self.take_over(who, attempt, *flags, **more)
        self.assertIsNone(code, (who, attempt, log))
        self.assertIn("intruder: Permission denied\n", log, (who, attempt))

    def test_system_calls(self):
        if not SECCOMP:
            self.skipTest("this build has no system call filter")
        for who in ("web", "collector"):
            for attempt in ANYBODY:
                self.check_killed(who, attempt)
        for attempt in (HIDDEN, "read /proc", "read /etc/shadow"):
            self.check_killed("web", attempt)

    def test_files(self):
        if not testlib.has_landlock():
            self.skipTest("this kernel has no Landlock")
        self.check_refused("collector", HIDDEN)
        if not SECCOMP:
            self.check_refused("web", HIDDEN)

    def test_with_a_web_configuration(self):
        """The web process may read the files beside it, for they may change, and has a thread more. No other right is added."""
        directory = self.enter(tempfile.TemporaryDirectory())
        os.chmod(directory, 0o755)
        with open(os.path.join(directory, "web.yml"), "w", encoding="utf-8") as file:
            file.write("rate_limit: {interval: 0}\n")
        flag = f"--web.config.file={file.name}"
        if SECCOMP:
            for attempt in ANYBODY:
                self.check_killed("web", attempt, flag)
        if testlib.has_landlock():
            if SECCOMP:  # sanitizers need it
                self.check_refused("web", "read /proc", flag)
            for attempt in (HIDDEN, "read /etc/shadow", "read the partner's memory by /proc"):
                self.check_refused("web", attempt, flag)

    def in_root(self):
        """The prefix and flag of an exporter whose root directory, a copy of this one, has a web configuration in it."""
        directory = self.enter(tempfile.TemporaryDirectory())
        return {"prefix": ("unshare", "--mount", "sh", "-c", IN_ROOT, directory)}, "--web.config.file=/web.yml"

    def test_a_web_configuration_in_the_root(self):
        """That file may be read, and not for its sake all others."""
        if not testlib.has_landlock():
            self.skipTest("this kernel has no Landlock")
        kwargs, flag = self.in_root()
        for attempt in (HIDDEN, "read /etc/shadow", *(["read /proc"] if SECCOMP else [])):
            self.check_refused("web", attempt, flag, **kwargs)

    def test_what_replaces_a_web_configuration_in_the_root(self):
        """It is read again when it was written to; what is in its place stays shut, which is said at the start."""
        kwargs, flag = self.in_root()
        with testlib.Exporter(self.namespace, flag, **kwargs) as it:
            found = it.wait_for_log(r'level=WARN msg="Files of the web configuration .* of their own" (.*)')
            self.assertEqual(found[1], "file=/web.yml directory=/")
            file = f"/proc/{it.web()}/root/web.yml"
            with open(file, "a", encoding="utf-8") as to:
                to.write("# nothing\n")
            os.kill(it.web(), signal.SIGHUP)
            it.wait_for_log(r'level=INFO msg="The web configuration was read again"')
            shutil.copy(file, f"{file}.new")
            os.rename(f"{file}.new", file)
            os.kill(it.web(), signal.SIGHUP)
            if testlib.has_landlock():
                it.wait_for_log(r'level=ERROR msg="The web configuration in force stays, .*Permission denied')
            self.assertEqual(it.request("/-/healthy").status, 200)
            self.assertEqual(it.logged().count("Files of the web configuration"), 1)

    def test_datagrams(self):
        """From the service manager's socket to another one, by its path: nobody but the filter would keep it from there."""
        directory = self.enter(tempfile.TemporaryDirectory())
        os.chmod(directory, 0o755)
        paths = [os.path.join(directory, name) for name in ("notify", "other")]
        manager, other = [self.enter(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) for _ in paths]
        for sock, path in ((manager, paths[0]), (other, paths[1])):
            sock.bind(path)
            os.chmod(path, 0o777)
            sock.settimeout(10)
        tell = {"NOTIFY_SOCKET": paths[0], "INTRUDER_PATH": paths[1]}
        if SECCOMP:
            self.check_killed("web", "datagram to a path", **tell)
        else:
            self.assertIsNone(self.take_over("web", "datagram to a path", **tell)[0])
            self.assertEqual(other.recv(64), b"forged")
        self.assertRegex(manager.recv(4096), rb"\AREADY=1\n")
        other.setblocking(False)
        self.assertRaises(BlockingIOError, other.recv, 64)

    def test_what_it_needs_is_left(self):
        code, log = self.take_over("collector", "read /proc")
        self.assertIsNone(code)
        self.assertIn("intruder: done\n", log)


if __name__ == "__main__":
    testlib.main()
