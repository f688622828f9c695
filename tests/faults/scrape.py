# SPDX-License-Identifier: GPL-2.0-or-later
"""Every call that the collector process makes for a scrape fails, one after another: nothing wrong is told."""

import errno
import time

from faults import (CHILD, FOREVER, Client, Host, Plan, RANDOM, SANITIZED, SEED, TestCase, Truth, chosen, descriptors,
                    some, testlib, wait_until)

MOST = 5  # of each fault, by default
BOUND_S = 8  # no answer takes longer
NETFILTER = "/proc/sys/net/netfilter"
# Files that a scrape opens: the families that are absent where one is not there, and the collectors that fail then,
# for every kernel has it.
FILES = {
    "/net/netstat": ("tcp_listen_drops_total tcp_listen_overflows_total tcp_request_queue_full_cookies_total "
                     "tcp_request_queue_full_drops_total tcp_syn_retransmits_total", {"netstat"}),
    "/net/snmp": ("tcp_active_opens_total tcp_attempt_fails_total tcp_passive_opens_total", {"netstat"}),
    "/net/sockstat": ("tcp_memory_bytes tcp_sockets_orphaned", {"sockets"}),
    "/sys/fs/file-nr": ("file_handles file_handles_limit", {"sockets"}),
    "/sys/net/ipv4/ip_local_port_range": ("ephemeral_ports ephemeral_ports_in_use_max", {"ports"}),
    "/sys/net/netfilter": ("setting timeout_seconds", {"settings"}),
    # The first network namespace alone has these two.
    "/sys/net/ipv4/tcp_max_orphans": ("tcp_sockets_orphaned_limit", set()),
    "/sys/net/ipv4/tcp_mem": ("tcp_memory_bytes_limit", set()),
    "/sys/net/ipv4/ip_local_reserved_ports": ("", set()),
    "/modules": ("", set()),
    "/net/ip_tables_names": ("", set()),
    "/net/ip6_tables_names": ("", set()),
    # Asked where a file of iptables is not there: without it, this /proc shows nothing of the network.
    "/sys/net/core/somaxconn": ("tracking_active", set()),
}
# Likewise, those that are opened once. Netlink, too, tells the first two, and the next three only add to the size of an
# entry.
OPENED_ONCE = {**dict.fromkeys(("count", "max", "acct", "timestamp", "events"), ""), "buckets": "buckets",
               "expect_max": "expectations_limit"}
# Where there is no file of iptables there are no rules of it, and this host has none of another kind.
TABLES = {"/net/ip_tables_names": "ipv4", "/net/ip6_tables_names": "ipv6"}


class Collector(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = cls.enter_class(Host())
        cls.injected = {}

    @classmethod
    def tearDownClass(cls):
        print("\nseed", SEED, "injected:", sum(cls.injected.values()), cls.injected)

    def launch(self, missing=None):
        """An exporter, to which this file was never there."""
        self.plan = Plan()
        self.addCleanup(self.plan.close)
        if missing:
            self.plan.only(CHILD, missing)
            self.plan.arm(CHILD, "open", 1, error=errno.ENOENT, last=FOREVER)
        self.it = self.exporter("--collector.flows.min-interval=0s", namespace=self.host.namespace,
                                prefix=self.plan.prefix)
        self.client = Client(self.it)
        self.addCleanup(self.client.close)

    def start(self):
        self.launch()
        self.client.metrics()
        self.truth = Truth(lambda query: self.client.metrics("/metrics" + query))
        for _ in range(2):
            self.assertEqual(self.truth.changed(self.client.metrics()), [])
        time.sleep(0.2)
        self.held = self.holds()

    def holds(self):
        """What must be the same after each fault: descriptors and memory of the collector process.

        But for the sysctls, each of which stays open once it was read: some are when the kernel does not answer otherwise.
        """
        targets = list(descriptors(self.it.pids()[1]).values())
        sysctls = [target for target in targets if target.startswith("/proc/sys/net/netfilter/")]
        self.assertEqual(sorted(sysctls), sorted(set(sysctls)))
        return len(targets) - len(sysctls), self.plan.live(CHILD) if not SANITIZED else None

    def total(self, call):
        """How often a scrape makes a call; the one that waits for the next request may be of the one before."""
        self.plan.disarm(CHILD, call)
        self.client.metrics()
        return max(self.plan.disarm(CHILD, call)[0], 1)

    def inject(self, call, nth, judge, **how):
        """One scrape while a call fails, and one after it. Returns whether it was hit."""
        what = {"call": call, "nth": nth, **how}
        started = time.monotonic()
        self.plan.arm(CHILD, call, nth, **how)
        answer = self.client.get("/metrics")
        hits = self.plan.disarm(CHILD, call)[1]
        with self.subTest(**what):
            if call == "alloc" and answer.status == 500:
                self.assertEqual(answer.text, "Cannot allocate memory\n")
            else:
                self.assertEqual((answer.status, judge(testlib.Metrics(answer.text))), (200, []))
            self.assertLess(time.monotonic() - started, BOUND_S)
            self.assertEqual(self.truth.changed(self.client.metrics()), [])
            # The answer is sent before the last of it is freed.
            wait_until(lambda: self.holds() == self.held, 5, f"held: {self.held}, now {self.holds()}")
        self.injected[call] = self.injected.get(call, 0) + (hits > 0)
        return hits

    def inject_each(self, call, judge=None, **how):
        for nth in chosen(self.total(call), MOST):
            self.inject(call, nth, judge or self.truth.wrong, **how)

    def test_no_memory(self):
        self.start()
        self.inject_each("alloc", error=errno.ENOMEM)
        for nth in chosen(self.total("alloc"), MOST):
            self.inject("alloc", nth, self.truth.wrong, error=errno.ENOMEM, last=FOREVER if RANDOM.random() < 0.1 else nth + 3)

    def test_files(self):
        self.start()
        for error in some((errno.EMFILE, errno.ENFILE, errno.EACCES, errno.ENOMEM, errno.ENOTDIR)):
            self.inject_each("open", error=error)
            self.inject("open", 1, self.truth.wrong, error=error, last=FOREVER)
        for error in some((errno.EIO, errno.ESRCH, errno.ENOMEM)):
            for call in ("read", "pread"):
                self.inject_each(call, error=error)
                self.inject(call, 1, self.truth.wrong, error=error, last=FOREVER)
        self.inject_each("readdir", error=errno.EIO)

    def scrape_without(self, file):
        """A scrape while a file is not there. Returns the metrics, and how often it was opened."""
        self.plan.only(CHILD, file)
        self.plan.arm(CHILD, "open", 1, error=errno.ENOENT, last=FOREVER)
        metrics = self.client.metrics()
        hits = self.plan.disarm(CHILD, "open")[1]
        self.plan.only(CHILD, "")
        self.injected["missing"] = self.injected.get("missing", 0) + 1
        return metrics, hits

    def keys(self, families):
        """Those of a clean scrape."""
        names = {f"conntrack_{family}" for family in families.split()}
        return {key for key in self.truth.clean.samples if key[0] in names}

    def is_setting(self, name):
        return name.startswith("nf_conntrack_") and name[13:] not in ("count", "max", "buckets", "expect_max") and "frag6" not in name

    def check_setting(self, name):
        """The one sample is absent that is this setting, which is no failure."""
        metrics, _ = self.scrape_without(name)
        family = "conntrack_timeout_seconds" if "timeout" in name else "conntrack_setting"
        value = float(self.host.namespace.run("cat", f"{NETFILTER}/{name}"))
        absent = self.truth.absent(metrics)
        self.assertEqual([(key[0], self.truth.clean.samples[key]) for key in absent], [(family, value)])
        self.assertEqual(self.truth.lacks(metrics, absent, set()), [])

    def check_file(self, file, families, failed):
        """These families are absent, if it is opened at all. Returns how often it is."""
        metrics, hits = self.scrape_without("*" + file)
        if file in TABLES:
            key = "conntrack_tracking_active", frozenset({("family", TABLES[file])})
            self.assertEqual(metrics.samples[key], 0)
            if key not in self.truth.clean.samples:
                del metrics.samples[key]
        self.assertEqual(self.truth.lacks(metrics, self.keys(families) if hits else set(), failed), [])
        self.assertEqual(self.truth.changed(self.client.metrics()), [])
        return hits

    def test_files_that_are_not_there(self):
        """What stands in them is absent, and all else is as it was."""
        self.start()
        opened = self.total("open")
        self.plan.only(CHILD, "nf_conntrack_*")
        opened -= self.total("open")
        for file, (families, failed) in FILES.items():
            with self.subTest(file):
                opened -= self.check_file(file, families, failed)
        self.assertEqual(opened, 0, "these are all files that a scrape opens")
        settings = [name for name in self.host.namespace.run("ls", NETFILTER).split() if self.is_setting(name)]
        for nth in chosen(len(settings), MOST):
            with self.subTest(settings[nth - 1]):
                self.check_setting(settings[nth - 1])
        self.assertEqual(self.truth.changed(self.client.metrics()), [])

    def test_files_that_were_never_there(self):
        self.start()
        truth, names = self.truth, list(OPENED_ONCE)
        for name in (names[nth - 1] for nth in chosen(len(names), 3)):
            with self.subTest(name):
                self.client.close()
                self.it.stop()
                self.launch(f"*{NETFILTER}/nf_conntrack_{name}")
                metrics = self.client.metrics()
                hits = self.plan.disarm(CHILD, "open")[1]
                self.assertTrue(hits or name == "max", "it was looked for, unless netlink told it")
                size = metrics.get("conntrack_entry_size_bytes")
                self.assertGreater(size, 0)
                metrics.samples["conntrack_entry_size_bytes", frozenset()] = truth.clean.get("conntrack_entry_size_bytes")
                self.assertEqual(truth.lacks(metrics, self.keys(OPENED_ONCE[name]), set()), [])
                self.assertEqual(truth.changed(self.client.metrics()), [])
                self.injected["missing"] = self.injected.get("missing", 0) + 1

    def test_short_and_interrupted_reads(self):
        """These are no errors."""
        self.start()
        # What follows the first bytes of a sysctl is not given any more (proc_dointvec()).
        for call in ("read", "pread"):
            self.inject_each(call, action="short", argument=1)
            self.inject(call, 1, self.truth.wrong, action="short", argument=1, last=FOREVER)
        self.inject_each("pread", error=errno.EINTR)
        for call in ("read", "recvmsg", "sendto", "getrandom", "recv", "send"):
            self.inject_each(call, self.truth.changed, error=errno.EINTR)
            self.inject(call, RANDOM.randint(1, self.total(call)), self.truth.changed, error=errno.EINTR, last=500)

    def test_netlink_calls(self):
        self.start()
        for error in some((errno.ENOBUFS, errno.ENOMEM, errno.EPERM, errno.EIO)):
            self.inject_each("recvmsg", error=error)
            self.inject("recvmsg", 1, self.truth.wrong, error=error, last=FOREVER)
            self.inject_each("sendto", error=error)
            self.inject("sendto", 1, self.truth.wrong, error=error, last=FOREVER)
        self.inject("recvmsg", 1, self.truth.wrong, error=errno.EAGAIN, last=FOREVER)
        self.inject_each("getrandom", error=errno.ENOSYS)

    def test_netlink_answers(self):
        self.start()
        self.inject_each("recvmsg", action="truncate")
        self.inject_each("recvmsg", action="flags", argument=0x10)
        self.inject("recvmsg", 1, self.truth.wrong, action="flags", argument=0x10, last=FOREVER)
        for length in some((0, 15, 17, 5000, 2**31, 2**32 - 1)):
            for header in (0, 1):
                self.inject_each("recvmsg", action="length", error=header, argument=length)
            self.inject("recvmsg", 1, self.truth.wrong, action="length", argument=length, last=FOREVER)
        for length in some((1, 15, 17, 21)):
            self.inject_each("recvmsg", action="short", argument=length)
            self.inject("recvmsg", 1, self.truth.wrong, action="short", argument=length, last=FOREVER)
        for error in some((errno.EPERM, errno.ENOMEM, errno.EBUSY)):
            self.inject_each("recvmsg", action="error", error=error)
            self.inject("recvmsg", 1, self.truth.wrong, action="error", error=error, last=FOREVER)

    def test_sockets(self):
        """After each other, since those that are there are used again."""
        self.start()
        for call in ("socket", "bind", "setsockopt", "getsockname"):
            for error in some((errno.EMFILE, errno.ENFILE, errno.EPERM, errno.ENOMEM)):
                for nth in chosen(8, 4):
                    # The sockets of all queries are closed by a scrape that fails as a whole.
                    self.plan.arm(CHILD, "recvmsg", 1, error=errno.EIO, last=FOREVER)
                    self.client.metrics()
                    self.plan.disarm(CHILD, "recvmsg")
                    self.inject(call, nth, self.truth.wrong, error=error)


if __name__ == "__main__":
    testlib.need("conntrack")
    testlib.main()
