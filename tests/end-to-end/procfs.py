# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad days: a procfs that lacks files or holds nonsense. What could not be read is absent, never 0."""

import os
import tempfile

from common import COLLECTORS, TestCase, successes, testlib

NO_CAPABILITY = ("setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin")
TABLE = {"conntrack_entries": "sys/net/netfilter/nf_conntrack_count",
         "conntrack_entries_limit": "sys/net/netfilter/nf_conntrack_max",
         "conntrack_buckets": "sys/net/netfilter/nf_conntrack_buckets",
         "conntrack_expectations_limit": "sys/net/netfilter/nf_conntrack_expect_max"}
FILES = {
    TABLE["conntrack_entries"]: "4711\n",
    TABLE["conntrack_entries_limit"]: "262145\n",
    TABLE["conntrack_buckets"]: "65537\n",
    TABLE["conntrack_expectations_limit"]: "1025\n",
    "sys/net/netfilter/nf_conntrack_acct": "1\n",
    "net/stat/nf_conntrack": "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop "
                             "early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
                             "00001267  0000000a 00000001 00000000 00000002 00000000 00000000 00000000 00000003 "
                             "00000004 00000005 00000006 00000007  00000000 00000000 00000000 00000008\n"
                             "00001267  00000010 00000010 00000000 00000010 00000000 00000000 00000000 00000010 "
                             "00000010 00000010 00000010 00000010  00000000 00000000 00000000 00000010\n",
    "net/sockstat": "sockets: used 9\nTCP: inuse 1 orphan 5 tw 2 alloc 3 mem 7\nUDP: inuse 0 mem 0\n",
    "sys/net/ipv4/tcp_max_orphans": "8192\n",
    "sys/net/ipv4/tcp_mem": "10\t20\t30\n",
    "sys/fs/file-nr": "1000\t10\t5000\n",
    "net/netstat": "TcpExt: ListenDrops SyncookiesSent ListenOverflows TCPSynRetrans TCPReqQFullDrop\n"
                   "TcpExt: 61 99 62 63 64\nIpExt: ListenDrops\nIpExt: 98\n",
    "net/snmp": "Ip: Forwarding\nIp: 1\nTcp: MaxConn PassiveOpens ActiveOpens AttemptFails\nTcp: -1 65 66 67\n",
    "sys/net/netfilter/nf_conntrack_tcp_timeout_established": "68\n",
    "sys/net/ipv4/ip_local_port_range": "40000\t40099\n",
    "sys/net/ipv4/ip_local_reserved_ports": "40001,40010-40011\n",
}
NETLINK_ONLY = {"table": 1, "stat": 1, "flows": 1, "correlation": 1, "sockets": 0, "netstat": 0,
                "ports": 0, "settings": 0}
FILES_ONLY = {"table": 1, "stat": 1, "flows": 0, "correlation": 0, "sockets": 1, "netstat": 1,
              "ports": 1, "settings": 1}
NETSTAT = ("conntrack_tcp_listen_drops_total", "conntrack_tcp_listen_overflows_total",
           "conntrack_tcp_syn_retransmits_total", "conntrack_tcp_request_queue_full_drops_total")
SNMP = ("conntrack_tcp_passive_opens_total", "conntrack_tcp_active_opens_total", "conntrack_tcp_attempt_fails_total")
FROM_FILES = ("conntrack_tcp_sockets_orphaned", "conntrack_tcp_sockets_orphaned_limit", "conntrack_tcp_memory_bytes",
              "conntrack_tcp_memory_bytes_limit", "conntrack_file_handles", "conntrack_file_handles_limit",
              *NETSTAT, *SNMP, "conntrack_timeout_seconds", "conntrack_setting", "conntrack_ephemeral_ports",
              "conntrack_ephemeral_ports_in_use_max")
SOCKETS = ("conntrack_tcp_sockets", "conntrack_udp_sockets", "conntrack_tcp_listeners", "conntrack_tcp_accept_queue")
ALWAYS = ("conntrack_scrape_", "conntrack_exporter_")
PAGE = os.sysconf("SC_PAGESIZE")


class Procfs(TestCase):
    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())
        self.directory = self.enter(tempfile.TemporaryDirectory())
        os.chmod(self.directory, 0o755)

    def fill(self, files):
        for path, text in files.items():
            path = os.path.join(self.directory, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="latin-1") as file:
                file.write(text)

    def remove(self, path):
        """As a sysctl goes with its module: it cannot be read any more even where it is open."""
        path = os.path.join(self.directory, path)
        os.truncate(path, 0)
        os.unlink(path)

    def start(self, *flags):
        """An exporter that has the files only, no netlink."""
        return self.exporter(f"--path.procfs={self.directory}", *flags, namespace=self.namespace, prefix=NO_CAPABILITY)

    def check_values(self, metrics, expected):
        self.assertEqual({name: metrics.get(name) for name in expected}, expected)

    def check_absent(self, metrics, *names):
        self.assertEqual(metrics.names() & set(names), set())

    def check_without_conntrack(self, directory, prefix, known):
        """known: that it is not loaded, so that nothing is tracked."""
        metrics = self.exporter(f"--path.procfs={directory}", prefix=prefix).metrics()
        conntrack = {name for name in metrics.names()
                     if name.startswith("conntrack_") and not name.startswith(SOCKETS + ALWAYS)}
        self.assertEqual(conntrack, {"conntrack_tracking_active"} if known else set())
        if known:
            self.assertEqual(metrics.sum("conntrack_tracking_active"), 0)
        self.check_absent(metrics, *FROM_FILES)
        self.check_values(metrics, {"conntrack_tcp_listeners": 1})
        self.assertEqual(successes(metrics), dict.fromkeys(COLLECTORS, 0))

    def test_a_kernel_without_conntrack(self):
        """The network has its files and conntrack has none: nothing is asked, and the sockets still come."""
        self.fill({"sys/net/core/somaxconn": "4096\n"})
        for prefix in ((), NO_CAPABILITY):
            with self.subTest(prefix=prefix):
                self.check_without_conntrack(self.directory, prefix, known=True)

    def test_an_empty_procfs(self):
        """It says nothing of conntrack either, so the kernel is asked, where that is allowed."""
        for directory in (self.directory, self.directory + "/nothing"):
            with self.subTest(directory=directory):
                self.check_without_conntrack(directory, NO_CAPABILITY, known=False)
                metrics = self.exporter(f"--path.procfs={directory}").metrics()
                self.check_values(metrics, {"conntrack_entries": 0, "conntrack_stat_drop_total": 0,
                                            "conntrack_walk_complete": 1, "conntrack_walk_flows": 0})
                self.check_absent(metrics, "conntrack_buckets", "conntrack_expectations_limit", *FROM_FILES)
                self.assertEqual(successes(metrics), NETLINK_ONLY)

    def test_netlink_tells_what_the_files_do_not(self):
        self.fill({"net/stat/nf_conntrack": FILES["net/stat/nf_conntrack"]})
        metrics = self.exporter(f"--path.procfs={self.directory}", namespace=self.namespace).metrics()
        limit = int(self.namespace.sysctl("net.netfilter.nf_conntrack_max"))
        self.check_values(metrics, {"conntrack_entries": 0, "conntrack_entries_limit": limit,
                                    "conntrack_stat_drop_total": 0, "conntrack_tcp_listeners": 1,
                                    "conntrack_walk_complete": 1, "conntrack_walk_flows": 0})
        self.check_absent(metrics, "conntrack_buckets", "conntrack_expectations_limit", *FROM_FILES)
        # What a kernel does not have is absent, and nothing failed; every kernel has sockstat, so that did.
        self.assertEqual(successes(metrics), NETLINK_ONLY)

    def test_what_the_files_say(self):
        self.fill(FILES)
        metrics = self.start().metrics()
        self.check_values(metrics, {
            "conntrack_entries": 4711, "conntrack_entries_limit": 262145, "conntrack_buckets": 65537,
            "conntrack_expectations_limit": 1025, "conntrack_entry_size_bytes": 256 + 128,
            "conntrack_stat_found_total": 0x11, "conntrack_stat_invalid_total": 0x12,
            "conntrack_stat_insert_total": 0x13, "conntrack_stat_insert_failed_total": 0x14,
            "conntrack_stat_drop_total": 0x15, "conntrack_stat_early_drop_total": 0x16,
            "conntrack_stat_error_total": 0x17, "conntrack_stat_search_restart_total": 0x18,
            "conntrack_tcp_sockets_orphaned": 5, "conntrack_tcp_sockets_orphaned_limit": 8192,
            "conntrack_tcp_memory_bytes": 7 * PAGE, "conntrack_tcp_memory_bytes_limit": 30 * PAGE,
            "conntrack_file_handles": 990, "conntrack_file_handles_limit": 5000,
            **dict(zip(NETSTAT, (61, 62, 63, 64))), **dict(zip(SNMP, (65, 66, 67)))})
        self.check_absent(metrics, "conntrack_tcp_request_queue_full_cookies_total")
        self.assertEqual(metrics.get("conntrack_timeout_seconds", protocol="tcp", state="established"), 68)
        self.assertEqual(metrics.get("conntrack_setting", name="acct"), 1)
        self.assertEqual((metrics.sum("conntrack_timeout_seconds"), metrics.sum("conntrack_setting")), (68, 1))
        self.assertEqual(successes(metrics), FILES_ONLY)

    def test_one_file_is_missing(self):
        """Only its own samples are."""
        self.fill(FILES)
        it = self.start()
        complete = it.metrics().names()
        cases = {TABLE["conntrack_entries_limit"]: {"conntrack_entries_limit"},
                 TABLE["conntrack_buckets"]: {"conntrack_buckets"},
                 TABLE["conntrack_expectations_limit"]: {"conntrack_expectations_limit"},
                 "sys/net/ipv4/tcp_max_orphans": {"conntrack_tcp_sockets_orphaned_limit"},
                 "sys/net/ipv4/tcp_mem": {"conntrack_tcp_memory_bytes_limit"},
                 "net/sockstat": {"conntrack_tcp_sockets_orphaned", "conntrack_tcp_memory_bytes"},
                 "sys/fs/file-nr": {"conntrack_file_handles", "conntrack_file_handles_limit"},
                 "net/netstat": set(NETSTAT), "net/snmp": set(SNMP),
                 "sys/net/netfilter/nf_conntrack_tcp_timeout_established": {"conntrack_timeout_seconds"},
                 "sys/net/netfilter/nf_conntrack_acct": {"conntrack_setting"}}
        for path, names in cases.items():
            with self.subTest(path):
                self.remove(path)
                self.assertEqual(complete - it.metrics().names(), names)
                self.fill({path: FILES[path]})
        self.assertEqual(it.metrics().names(), complete)

    def test_nonsense(self):
        self.fill(FILES)
        it = self.start()
        for text in ("", "\n", "abc\n", "-5\n", "12abc\n", "1.5\n", "18446744073709551616\n", "\0\0\0\0", "\xff\xfe\n",
                     "9" * 5000, "x" * 200000):
            for name, path in TABLE.items():
                with self.subTest(name=name, text=text[:30]):
                    self.fill({path: text})
                    metrics = it.metrics()
                    self.check_absent(metrics, name)
                    self.assertEqual(successes(metrics)["table"], 0)
                    self.assertEqual(successes(metrics)["sockets"], 1)
                    self.fill({path: FILES[path]})
            for path in ("net/stat/nf_conntrack", "net/sockstat", "sys/net/ipv4/tcp_mem", "sys/fs/file-nr"):
                with self.subTest(path=path, text=text[:30]):
                    self.fill({path: text})
                    metrics = it.metrics()
                    self.assertEqual(successes(metrics)["table"], 1)
                    if path == "sys/fs/file-nr":
                        self.check_absent(metrics, "conntrack_file_handles", "conntrack_file_handles_limit")
                        self.assertEqual(successes(metrics)["sockets"], 0)
                    self.fill({path: FILES[path]})
        self.assertEqual(successes(it.metrics()), FILES_ONLY)

    def test_nonsense_in_other_files(self):
        """Each with the collectors that read it, and what is absent then."""
        self.fill(FILES)
        it = self.start()
        for path, failing, names in (
                ("net/netstat", ("netstat",), NETSTAT), ("net/snmp", ("netstat",), SNMP),
                # What an entry costs depends on it.
                ("sys/net/netfilter/nf_conntrack_acct", ("settings", "table"),
                 ["conntrack_setting", "conntrack_entry_size_bytes"]),
                ("sys/net/netfilter/nf_conntrack_tcp_timeout_established", ("settings",), ["conntrack_timeout_seconds"])):
            for text in ("", "\n", "abc\n", "-5\n", "TcpExt: ListenDrops", "Tcp:\nTcp:\n", "\xff\xfe\n", "x" * 200000):
                with self.subTest(path=path, text=text[:30]):
                    self.fill({path: text})
                    metrics = it.metrics()
                    self.check_absent(metrics, *names)
                    self.assertLessEqual(TABLE.keys(), metrics.names())
                    self.assertEqual(successes(metrics), {**FILES_ONLY, **dict.fromkeys(failing, 0)})
                    self.fill({path: FILES[path]})
        self.assertEqual(successes(it.metrics()), FILES_ONLY)

    def test_a_large_value_keeps_its_digits(self):
        self.fill({**FILES, TABLE["conntrack_entries_limit"]: "18446744073709551615\n"})
        self.assertIn("\nconntrack_entries_limit 18446744073709551615\n", self.start().request().text)

    def test_a_lasting_failure_is_logged_once(self):
        self.fill(FILES)
        it = self.start()
        self.fill({"sys/fs/file-nr": "nonsense\n"})
        for _ in range(5):
            it.metrics()
        self.fill(FILES)
        it.metrics()
        lines = [line for line in it.logged().splitlines() if "collector=sockets" in line]
        self.assertEqual(len(lines), 2, lines)
        self.assertRegex(lines[0], r'level=ERROR msg="Collector failed" collector=sockets err="Bad message"$')
        self.assertRegex(lines[1], r'level=INFO msg="Collector works again" collector=sockets$')


if __name__ == "__main__":
    testlib.need("setpriv")
    testlib.main()
