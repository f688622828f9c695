# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing is ever changed: every system call of a whole life, and the kernel's settings before and after."""

import os
import re
import subprocess
import tempfile

from common import ACCEPT_OPENMETRICS, COLLECTORS, TestCase, add_flow, successes, testlib

testlib.need("strace", "conntrack")

# All that may ever be sent to the kernel.
MESSAGES = {
    "NFNL_SUBSYS_CTNETLINK<<8|IPCTNL_MSG_CT_GET",
    "NFNL_SUBSYS_CTNETLINK<<8|IPCTNL_MSG_CT_GET_STATS",
    "NFNL_SUBSYS_CTNETLINK<<8|IPCTNL_MSG_CT_GET_STATS_CPU",
    "NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_GETTABLE",
    "RTM_GETADDR",
    "SOCK_DIAG_BY_FAMILY",
    "TCPDIAG_GETSOCK",
}
FLAGS = {"NLM_F_REQUEST", "NLM_F_DUMP", "NLM_F_ACK"}
# What writes to descriptors, and what those may be.
WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile", "splice", "tee", "vmsplice",
          "copy_file_range"}
WRITABLE = re.compile(r"^(pipe:|UNIX|TCP|anon_inode:\[eventfd\]|/dev/null$)")
# What changes something by its name or its meaning.
FORBIDDEN = re.compile(r"^(?:creat|rename\w*|link\w*|unlink\w*|symlink\w*|mkdir\w*|rmdir|mknod\w*|f?truncate\w*|"
                       r"f?chmod\w*|"
                       r"l?f?chown\w*|utime\w*|futimesat|u?mount\w*|move_mount|fsopen|setxattr|\w+setxattr|"
                       r"init_module|finit_module|delete_module|bpf|ptrace|process_vm_writev|kill|tkill|"
                       r"pidfd_send_signal|"
                       r"sethostname|setdomainname|settimeofday|clock_settime|adjtimex|swapo\w+|reboot|setns|unshare|"
                       r"pivot_root|chroot|quotactl|io_uring\w*|open_by_handle_at|openat2)$")
# pid name(arguments) = result; what was interrupted is told in two lines.
CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
DESCRIPTOR = re.compile(r"^(\d+)<(.*?)>(?=,|\)| )")


class Trace:
    """The system calls of a run, as (name, rest of the line)."""

    def __init__(self, text):
        self.calls = [(match.group(2), match.group(3)) for match in map(CALL.match, text.splitlines()) if match]

    def named(self, *names):
        return [rest for name, rest in self.calls if name in names]

    def to_netlink(self):
        """What was sent over netlink sockets."""
        return [rest for rest in self.named("sendto", "sendmsg", "sendmmsg") if re.match(r"\d+<NETLINK:", rest)]


class ReadOnly(TestCase):
    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())
        # Connection tracking is on, and there is something in the table.
        self.namespace.nft("table inet t {\nchain c {\ntype filter hook input priority 0\nct state invalid accept\n"
                           "}\n}\n")
        for protocol, source, destination in (("tcp", "192.0.2.1", "192.0.2.2"), ("udp", "192.0.2.1", "127.0.0.1"),
                                              ("udp", "2001:db8::1", "2001:db8::2")):
            add_flow(self.namespace, protocol, source, destination)
        directory = self.enter(tempfile.TemporaryDirectory())
        self.file = os.path.join(directory, "trace")
        self.strace = ("strace", "-f", "-v", "-yy", "-s", "256", "-o", self.file)

    def trace(self):
        with open(self.file, encoding="utf-8", errors="replace") as file:
            return Trace(file.read())

    def settings(self):
        """All sysctls of the namespace but the number of entries."""
        lines = self.namespace.run("sysctl", "-a", "--pattern", r"^net\.(netfilter|ipv4|ipv6|core|unix)\.").splitlines()
        self.assertGreater(len(lines), 100)
        return [line for line in lines if not line.startswith("net.netfilter.nf_conntrack_count ")]

    def flows(self):
        """The flows of the three hosts that do not answer, without what counts down."""
        found = []
        for family in ("ipv4", "ipv6"):
            lines = self.namespace.run("conntrack", "-L", "-f", family).splitlines()
            found += [re.sub(r"(?<=^\w{3} {6}\d{1}) +\d+ \d+|(?<=\d) \d{4,6}(?= )", "", line) for line in lines
                      if "192.0.2.1" in line or "2001:db8::1" in line]
        return sorted(found)

    def check(self, trace, expected):
        sent = trace.to_netlink()
        types = {found for rest in sent for found in re.findall(r"nlmsg_type=([^,]+),", rest)}
        self.assertEqual(types, expected)
        self.assertLessEqual(types, MESSAGES)
        self.assertEqual([rest for rest in sent if "nlmsg_type=" not in rest], [])
        flags = {flag for rest in sent for found in re.findall(r"nlmsg_flags=([^,]+),", rest)
                 for flag in found.split("|")}
        self.assertLessEqual(flags, FLAGS)
        opened = trace.named("open", "openat")
        self.assertGreater(len(opened), 10)
        for rest in opened:
            (mode,) = re.findall(r"\bO_(?:RDONLY|WRONLY|RDWR)\b", rest)
            self.assertEqual(mode, "O_RDONLY", rest)
            self.assertNotRegex(rest, r"O_(CREAT|TRUNC|APPEND|TMPFILE)")
        for rest in trace.named(*WRITES):
            target = DESCRIPTOR.match(rest)
            self.assertTrue(target, rest)
            if target.group(1) not in ("1", "2"):
                self.assertRegex(target.group(2), WRITABLE)
        self.assertEqual({name for name, _ in trace.calls if FORBIDDEN.match(name)}, set())
        self.assertEqual([rest for rest in trace.named("ioctl") if "FIO" not in rest and "TCGETS" not in rest], [])
        self.assertEqual(len(trace.named("execve", "execveat")), 1)

    def test_a_life_of_the_server(self):
        before = self.settings(), self.flows()
        self.assertEqual(len(before[1]), 3)
        env = {"ASAN_OPTIONS": "detect_leaks=0"}  # LeakSanitizer cannot run beside strace
        with testlib.Exporter(self.namespace, "--collector.stat.per-cpu", "--collector.flows.min-interval=0",
                              prefix=self.strace, env=env) as it:
            for headers in ({}, {"Accept": ACCEPT_OPENMETRICS}, {"Accept-Encoding": "gzip"}):
                self.assertEqual(it.request(headers=headers).status, 200)
            metrics = it.metrics()
            self.assertEqual(successes(metrics), dict.fromkeys(COLLECTORS, 1))
            self.assertGreaterEqual(metrics.get("conntrack_walk_flows"), 3)
            for path in ("/", "/-/healthy", "/-/ready", "/nothing", "/metrics?collect[]=flows",
                         "/metrics?exclude[]=flows"):
                it.request(path)
        trace = self.trace()
        self.check(trace, MESSAGES)
        self.assertEqual((self.settings(), self.flows()), before)

    def test_the_one_shot_command(self):
        before = self.settings(), self.flows()
        done = subprocess.run(self.namespace.command(*self.strace, testlib.EXPORTER, "metrics"), capture_output=True,
                              text=True, check=False, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(successes(testlib.Metrics(done.stdout)), dict.fromkeys(COLLECTORS, 1))
        self.check(self.trace(), MESSAGES)
        self.assertEqual((self.settings(), self.flows()), before)

    def test_the_web_process_opens_and_asks_nothing(self):
        """Once it has dropped its rights it neither opens files nor makes sockets."""
        with testlib.Exporter(self.namespace, prefix=self.strace, env={"ASAN_OPTIONS": "detect_leaks=0"}) as it:
            web, _ = it.pids()
            for path in ("/metrics", "/", "/nothing"):
                it.request(path)
        with open(self.file, encoding="utf-8", errors="replace") as file:
            lines = [line.split(None, 1)[1] for line in file if line.startswith(f"{web} ")]
        dropped = max(i for i, line in enumerate(lines) if line.startswith("prctl(PR_SET_DUMPABLE"))
        names = {match.group(1) for match in (re.match(r"(\w+)\(", line) for line in lines[dropped + 1:]) if match}
        self.assertIn("accept4", names)
        self.assertEqual(names & {"open", "openat", "openat2", "creat", "socket", "connect", "bind", "listen", "execve",
                                  "fork", "vfork", "clone3"}, set())


if __name__ == "__main__":
    testlib.main()
