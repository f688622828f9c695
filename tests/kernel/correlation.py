#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets and flows are joined as ss(8) and conntrack(8), joined by this test, say: under NAT, zones, and in motion."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import time

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib")
sys.path.insert(0, LIB)

from oracle import KernelTest, check_join, check_join_sums, connections, flows, join  # noqa: E402
from testlib import Exporter, Namespace, link, main, metrics, need  # noqa: E402

need("conntrack", "ip", "nft", "ss")

TIMEOUT_S = 5
# Shorter where a sanitizer makes everything slow, or somebody waits.
CHURN_S = float(os.environ.get("CHURN_SECONDS", "20"))
TRACK = "table inet track { chain c { type filter hook output priority 0; ct state new accept; }; }"
NEAR, FAR = {4: "10.1.0.1", 6: "2001:db8:1::1"}, {4: "10.1.0.2", 6: "2001:db8:1::2"}
BEYOND = {4: "10.2.0.2", 6: "2001:db8:2::2"}  # behind far, which is a router then
VIRTUAL = {4: "198.51.100.1", 6: "2001:db8:99::1"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
NFT_FAMILY = {4: "ip", 6: "ip6"}
TCP_REPAIR = 19
IPPROTO_MPTCP = 262
PRIORITY = {"prerouting": -100, "output": -100, "postrouting": 100, "input": 100}
BOTH_WAYS = {("remote", "tracked"): 2}
PRESENT = {("present",): 2}


def bracket(version, address):
    return address if version == 4 else f"[{address}]"


def raw(rule):
    """Ahead of conntrack, for what comes and what goes."""
    return (f"table inet raw {{ chain pre {{ type filter hook prerouting priority -300; {rule}; }};"
            f" chain out {{ type filter hook output priority -300; {rule}; }}; }}")


class Joined(KernelTest):
    """near and far, joined by a veth pair."""

    def setUp(self):
        self.near, self.far = self.namespace(), self.namespace()
        link(self.near, self.far, "eth0", "eth0")
        self.near.address("eth0", NEAR[4] + "/24", NEAR[6] + "/64")
        self.far.address("eth0", FAR[4] + "/24", FAR[6] + "/64")
        for version in (4, 6):
            self.near.run("ip", f"-{version}", "route", "add", "default", "via", FAR[version])
            self.far.run("ip", f"-{version}", "route", "add", "default", "via", NEAR[version])

    def namespace(self):
        namespace = self.enter(Namespace())
        namespace.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
        return namespace

    def track(self, *namespaces):
        for namespace in namespaces or (self.near, self.far):
            namespace.nft(TRACK)

    def nat(self, namespace, version, hook, rule):
        namespace.nft(f"table {NFT_FAMILY[version]} nat{hook} {{ chain c {{ "
                      f"type nat hook {hook} priority {PRIORITY[hook]}; {rule}; }}; }}")

    def open(self, namespace, family, device=None):
        sock = namespace.socket(family)
        self.addCleanup(sock.close)
        sock.settimeout(TIMEOUT_S)
        if device:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        return sock

    def listen(self, namespace, family, port, device=None):
        listener = self.open(namespace, family, device)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::" if family == socket.AF_INET6 else "", port))
        listener.listen(16)
        return listener

    def talk(self, version, address, port=80, listen=80, to=None, device=None, there=None, family=None, scope=0):
        """A connection from near that has carried something both ways; returns both ends, near's first."""
        family = family or FAMILY[version]
        listener = self.listen(to or self.far, family, listen, device)
        near = there or self.open(self.near, family, device)
        near.connect((address, port, 0, scope) if family == socket.AF_INET6 else (address, port))
        far, _ = listener.accept()
        self.addCleanup(far.close)
        far.settimeout(TIMEOUT_S)
        self.say(near, far)
        self.say(far, near)
        listener.close()
        return near, far

    def say(self, one, other):
        one.sendall(b"word")
        self.assertEqual(other.recv(10), b"word")

    def check(self, namespace, sockets, listed):
        """Against ss and conntrack, and against what this test knows: so that the two are not wrong together."""
        self.assertEqual(check_join(self, namespace), (sockets, listed))

    def wait(self, namespace, expected):
        """The tools come to say this; the network is asynchronous."""
        end = time.monotonic() + TIMEOUT_S
        while join(namespace) != expected and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(join(namespace), expected)
        self.check(namespace, *expected)

    def churn(self, namespace, *args):
        process = namespace.popen(sys.executable, os.path.join(LIB, "churn.py"), *args, stdout=subprocess.PIPE,
                                  text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def link_local(self, namespace):
        """The address of eth0, and its number."""
        shown = namespace.run("ip", "-6", "-o", "address", "show", "dev", "eth0", "scope", "link")
        return shown.split()[3].split("/")[0], int(shown.split(":")[0])

    def vanish(self, sock):
        """Closes without a packet."""
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        sock.close()


class Rules(Joined):

    def test_nothing(self):
        self.check(self.near, {}, {})
        self.track()
        self.check(self.near, {}, {})

    def test_plain(self):
        self.track()
        for version in (4, 6):
            self.talk(version, FAR[version])
        self.check(self.near, BOTH_WAYS, PRESENT)
        self.check(self.far, BOTH_WAYS, PRESENT)

    def test_loopback_and_own_addresses(self):
        self.track()
        for version, addresses in ((4, ("127.0.0.1", "127.3.2.1", NEAR[4])), (6, ("::1", NEAR[6]))):
            for address in addresses:
                self.talk(version, address, to=self.near)
        self.check(self.near, {("loopback", "tracked"): 10}, {("present",): 5})

    def test_redirected_loopback(self):
        """The client's peer is an address that is not here, the server's is."""
        self.track()
        for version in (4, 6):
            self.nat(self.near, version, "output", "tcp dport 8080 redirect to :80")
            self.talk(version, VIRTUAL[version], 8080, to=self.near)
        self.check(self.near, {("remote", "tracked"): 2, ("loopback", "tracked"): 2}, PRESENT)

    def test_destination_nat_of_what_near_sends(self):
        self.track()
        for version in (4, 6):
            self.nat(self.near, version, "output",
                     f"{NFT_FAMILY[version]} daddr {VIRTUAL[version]} dnat to {FAR[version]}")
            self.talk(version, VIRTUAL[version])
        self.check(self.near, BOTH_WAYS, PRESENT)
        self.check(self.far, BOTH_WAYS, PRESENT)

    def test_source_nat_to_another_port(self):
        self.track()
        for version in (4, 6):
            self.nat(self.near, version, "postrouting", "meta l4proto tcp masquerade to :700-710")
            near, far = self.talk(version, FAR[version])
            self.assertNotEqual(near.getsockname()[1], far.getpeername()[1])
        self.check(self.near, BOTH_WAYS, PRESENT)
        self.check(self.far, BOTH_WAYS, PRESENT)

    def test_redirect(self):
        self.track()
        for version in (4, 6):
            self.nat(self.far, version, "prerouting", "tcp dport 8080 redirect to :80")
            self.talk(version, FAR[version], 8080)
        self.check(self.near, BOTH_WAYS, PRESENT)
        self.check(self.far, BOTH_WAYS, PRESENT)

    def test_source_nat_on_the_way_in(self):
        self.track()
        for version in (4, 6):
            self.nat(self.far, version, "input", f"snat to {VIRTUAL[version]}")
            _, far = self.talk(version, FAR[version])
            self.assertEqual(far.getpeername()[0], VIRTUAL[version])
        self.check(self.near, BOTH_WAYS, PRESENT)
        self.check(self.far, BOTH_WAYS, PRESENT)

    def make_router(self):
        """far becomes one, with another host beyond it."""
        beyond = self.namespace()
        link(self.far, beyond, "eth1", "eth0")
        self.far.address("eth1", "10.2.0.1/24", "2001:db8:2::1/64")
        beyond.address("eth0", BEYOND[4] + "/24", BEYOND[6] + "/64")
        self.far.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for version, via in ((4, "10.2.0.1"), (6, "2001:db8:2::1")):
            beyond.run("ip", f"-{version}", "route", "add", "default", "via", via)
        self.track(self.near, self.far, beyond)
        return beyond

    def check_router(self, beyond):
        self.check(self.near, BOTH_WAYS, PRESENT)
        self.check(self.far, {}, {("forwarded",): 2})
        self.check(beyond, BOTH_WAYS, PRESENT)

    def test_forwarded(self):
        beyond = self.make_router()
        for version in (4, 6):
            self.talk(version, BEYOND[version], to=beyond)
        self.check_router(beyond)

    def test_forwarded_with_nat_of_both_ends(self):
        beyond = self.make_router()
        for version in (4, 6):
            self.nat(self.far, version, "prerouting",
                     f"tcp dport 8080 dnat to {bracket(version, BEYOND[version])}:80")
            self.nat(self.far, version, "postrouting", "meta l4proto tcp masquerade to :700-710")
            self.talk(version, FAR[version], 8080, to=beyond)
        self.check_router(beyond)

    def test_ipv4_over_ipv6_sockets(self):
        self.track()
        self.talk(6, "::ffff:" + FAR[4])
        self.talk(6, "::ffff:127.0.0.1", to=self.near)
        self.check(self.near, {("remote", "tracked"): 1, ("loopback", "tracked"): 2}, PRESENT)
        self.check(self.far, {("remote", "tracked"): 1}, {("present",): 1})

    def test_sockets_bound_to_a_device(self):
        self.track()
        for version in (4, 6):
            self.talk(version, FAR[version], device="eth0")
        self.check(self.near, BOTH_WAYS, PRESENT)
        self.check(self.far, BOTH_WAYS, PRESENT)
        self.near.run("conntrack", "-F")
        self.check(self.near, {("remote", "untracked"): 2}, {})

    def test_link_local_addresses(self):
        self.track()
        self.talk(6, self.link_local(self.far)[0], scope=self.link_local(self.near)[1])
        self.check(self.near, {("remote", "tracked"): 1}, {("present",): 1})
        self.check(self.far, {("remote", "tracked"): 1}, {("present",): 1})

    def test_multipath_tcp(self):
        """Its subflows are TCP sockets of their own."""
        if self.near.run("sysctl", "-n", "net.mptcp.enabled", check=False).strip() != "1":
            self.skipTest("this kernel has no MPTCP")
        self.track()
        listener = self.near.socket(socket.AF_INET, proto=IPPROTO_MPTCP)
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 80))
        listener.listen(4)
        there = self.near.socket(socket.AF_INET, proto=IPPROTO_MPTCP)
        self.addCleanup(there.close)
        there.connect(("127.0.0.1", 80))
        here, _ = listener.accept()
        self.addCleanup(here.close)
        self.say(there, here)
        self.say(here, there)
        self.check(self.near, {("loopback", "tracked"): 2}, {("present",): 1})

    def check_zone(self, rule):
        self.track()
        for namespace in (self.near, self.far):
            namespace.nft(raw(rule))
        ends = [self.talk(version, FAR[version]) for version in (4, 6)]
        self.check(self.near, BOTH_WAYS, PRESENT)
        self.check(self.far, BOTH_WAYS, PRESENT)
        for near, _ in ends:
            self.vanish(near)
        self.check(self.near, {}, {("absent",): 2})
        self.check(self.far, BOTH_WAYS, PRESENT)

    def test_zone(self):
        self.check_zone("ct zone set 7")

    def test_zone_of_the_original_direction(self):
        self.check_zone("ct original zone set 7")

    def test_zone_of_the_reply_direction(self):
        self.check_zone("ct reply zone set 7")


class Apart(Joined):
    """Sockets without a flow, flows without a socket, and states that differ."""

    def test_notrack(self):
        self.track()
        self.near.nft("table inet raw { chain out { type filter hook output priority -300; oif lo notrack; }; }")
        for version, address in ((4, "127.0.0.1"), (6, "::1")):
            self.talk(version, address, to=self.near)
            self.talk(version, FAR[version])
        self.check(self.near, {("loopback", "untracked"): 4, ("remote", "tracked"): 2}, PRESENT)
        self.check(self.far, BOTH_WAYS, PRESENT)

    def test_older_than_the_rules(self):
        ends = [self.talk(version, FAR[version]) for version in (4, 6)]
        self.check(self.near, {("remote", "untracked"): 2}, {})
        self.track()
        self.check(self.near, {("remote", "untracked"): 2}, {})
        self.say(*ends[0])
        self.check(self.near, {("remote", "untracked"): 1, ("remote", "tracked"): 1}, {("present",): 1})
        self.say(*reversed(ends[1]))
        self.check(self.near, BOTH_WAYS, PRESENT)

    def test_deleted_entry_of_an_idle_connection(self):
        self.track()
        ends = [self.talk(version, FAR[version]) for version in (4, 6)]
        for family in ("ipv4", "ipv6"):
            self.near.run("conntrack", "-D", "-f", family)
        self.check(self.near, {("remote", "untracked"): 2}, {})
        self.check(self.far, BOTH_WAYS, PRESENT)
        for near, far in ends:
            self.say(near, far)
        self.check(self.near, BOTH_WAYS, PRESENT)

    def test_entry_that_expired(self):
        self.track()
        self.near.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", 1)
        near, far = self.talk(4, FAR[4])
        time.sleep(2.1)
        self.check(self.near, {("remote", "untracked"): 1}, {})
        self.check(self.far, {("remote", "tracked"): 1}, {("present",): 1})
        self.near.sysctl("net.netfilter.nf_conntrack_tcp_timeout_established", 60)
        self.say(near, far)
        self.check(self.near, {("remote", "tracked"): 1}, {("present",): 1})

    def test_flow_in_another_state(self):
        """A FIN that conntrack sees and the socket does not."""
        self.track()
        self.talk(4, "127.0.0.1", to=self.near)
        ends = [self.talk(version, FAR[version]) for version in (4, 6)]
        self.near.nft("table inet lossy { chain c { type filter hook input priority 10; iif eth0 "
                      "tcp flags & fin == fin drop; }; }")
        for _, far in ends:
            far.shutdown(socket.SHUT_WR)
        self.wait(self.near, ({("remote", "mismatched"): 2, ("loopback", "tracked"): 2}, {("present",): 1}))

    def test_half_closed(self):
        """Neither is ESTABLISHED any more."""
        self.track()
        for version in (4, 6):
            self.talk(version, FAR[version])[1].shutdown(socket.SHUT_WR)
        self.wait(self.near, ({}, {}))
        self.wait(self.far, ({}, {}))

    def test_socket_that_vanished(self):
        self.track()
        for version in (4, 6):
            near, _ = self.talk(version, FAR[version])
            self.vanish(near)
        self.talk(4, FAR[4])
        self.check(self.near, {("remote", "tracked"): 1}, {("present",): 1, ("absent",): 2})
        self.check(self.far, {("remote", "tracked"): 3}, {("present",): 3})

    def test_close_that_conntrack_did_not_see(self):
        """near closes first and keeps TIME_WAIT, which is a socket; far has none."""
        self.track()
        ends = [self.talk(version, FAR[version]) for version in (4, 6)]
        for namespace in (self.near, self.far):
            namespace.nft(raw("notrack"))
        for near, far in ends:
            near.close()
            self.assertEqual(far.recv(10), b"")
            far.close()
        self.wait(self.near, ({}, PRESENT))
        self.wait(self.far, ({}, {("absent",): 2}))
        self.assertEqual({state for state, _ in connections(self.near)}, {"time_wait"})

    def test_fin_that_never_left(self):
        """A socket that still tries to say good-bye owns its flow."""
        self.track()
        near, _ = self.talk(4, FAR[4])
        self.near.nft(raw("tcp flags & fin == fin drop"))
        near.close()
        self.assertEqual({state for state, _ in connections(self.near)}, {"fin_wait1"})
        self.check(self.near, {}, {("present",): 1})

    def test_socket_that_waits_for_data_before_it_is_one(self):
        """SYN_RECV on the one side, ESTABLISHED on the other and in both tables."""
        self.track()
        listener = self.listen(self.far, socket.AF_INET, 80)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
        self.open(self.near, socket.AF_INET).connect((FAR[4], 80))
        self.wait(self.far, ({}, {("present",): 1}))
        self.assertEqual([state for state, _ in connections(self.far)], ["syn_recv"])
        self.check(self.near, {("remote", "tracked"): 1}, {("present",): 1})

    def test_all_at_once(self):
        """More unmatched ones of each kind than one message asks about, among matched ones."""
        self.track()
        self.near.nft("table inet raw { chain out { type filter hook output priority -300; oif lo tcp dport 81 notrack;"
                      " oif lo tcp sport 81 notrack; }; }")
        for i in range(50):
            self.talk(4, "127.0.0.1", 81, 81, self.near)
            self.vanish(self.talk(4, FAR[4])[0])
            self.talk(6, FAR[6])
        self.check(self.near, {("loopback", "untracked"): 100, ("remote", "tracked"): 50},
                   {("absent",): 50, ("present",): 50})


class Many(Joined):
    """20 000 sockets."""

    N = 10000

    def setUp(self):
        super().setUp()
        before, wanted = resource.getrlimit(resource.RLIMIT_NOFILE), self.N + 1000
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, before[1])))
        except (OSError, ValueError) as error:
            self.skipTest(f"at most {before[1]} open files: {error}")
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        self.track()

    def fill(self):
        """Another process holds the other ends: each has its own limit of open files."""
        sockets = self.enter(contextlib.ExitStack())
        listener = sockets.enter_context(self.near.socket())
        listener.settimeout(TIMEOUT_S)
        listener.bind(("127.0.0.1", 80))
        listener.listen(4096)  # a connection that finds no place costs a second
        self.churn(self.near, "hold", "127.0.0.1", "80", str(self.N))
        for _ in range(self.N):
            sockets.enter_context(listener.accept()[0])

    def test_20000_sockets(self):
        self.fill()
        tracked = {("loopback", "tracked"): 2 * self.N}
        for lookups in ((), ("--collector.correlation.lookups=0",), ("--collector.correlation.lookups=20000",)):
            self.assertEqual(check_join(self, self.near, *lookups), (tracked, {("present",): self.N}))
        gone = sum("[ASSURED]" in line for line in self.near.run(
            "conntrack", "-D", "-p", "tcp", "-s", "127.0.0.3").splitlines())
        untracked = 2 * (self.N // 5)
        self.assertIn(gone, (0, untracked // 2), "conntrack -D lists what it deletes")
        for flag in ("--collector.correlation.lookups=0", "--collector.correlation.lookups=20000"):
            self.assertEqual(check_join(self, self.near, flag),
                             ({("loopback", "tracked"): 2 * self.N - untracked, ("loopback", "untracked"): untracked},
                              {("present",): self.N - self.N // 5}))
        given = metrics(self.near)
        check_join_sums(self, given)
        share = given.get("conntrack_established_sockets", tracking="untracked", path="loopback") / untracked
        self.assertLess(abs(share - 1), 0.1, "a sample of half of them: a tenth is seven standard deviations")
        self.assertEqual(given.sum("conntrack_established_sockets", path="remote"), 0)


class Motion(Joined):
    """While connections come and go, and every one of them is tracked, none is ever shown as anything else."""

    def setUp(self):
        super().setUp()
        for namespace in (self.near, self.far):
            for name, value in (("ipv4.ip_local_port_range", "2000 65000"), ("ipv4.tcp_tw_reuse", 1),
                                ("ipv4.ip_local_reserved_ports", "5000-5100")):
                namespace.sysctl("net." + name, value)
        self.track()
        for namespace in (self.near, self.far):
            for state in ("time_wait", "close"):
                namespace.sysctl(f"net.netfilter.nf_conntrack_tcp_timeout_{state}", 1)

    def violations(self, given):
        """What is neither tracked nor present nor without a sample."""
        self.assertEqual(given.get("conntrack_scrape_collector_success", collector="correlation"), 1)
        wrong = {key: value for key, value in given.nonzero("conntrack_established_sockets").items()
                 if key[1] != "tracked"}
        wrong.update((key, value) for key, value in given.nonzero("conntrack_established_flows").items()
                     if key != ("present",))
        self.assertEqual(given.sum("conntrack_established_flows"),
                         given.sum("conntrack_tcp_flows", state="established"))
        return wrong

    def observe(self, namespaces):
        """Scrapes as fast as it goes; returns (scrapes, violations)."""
        scrapes, wrong = 0, []
        with contextlib.ExitStack() as stack:
            exporters = [stack.enter_context(Exporter(n, "--collector.flows.min-interval=0s")) for n in namespaces]
            end = time.monotonic() + CHURN_S
            while time.monotonic() < end:
                for exporter in exporters:
                    scrapes += 1
                    if found := self.violations(exporter.metrics()):
                        wrong.append((scrapes, exporter.namespace.name, found))
        return scrapes, wrong

    def check_motion(self, server, address):
        listener = self.churn(server, "listen", address, "16")
        self.assertEqual(listener.stdout.readline(), "ready\n")
        clients = [self.churn(self.near, "connect", address, "16") for _ in range(2)]
        scrapes, wrong = self.observe({self.near, server})
        for client in clients:
            client.terminate()
        made = sum(int(client.communicate()[0]) for client in clients)
        print(f"{scrapes} scrapes, {made} connections, {len(wrong)} violations", file=sys.stderr)
        self.assertGreater(scrapes, CHURN_S)
        self.assertGreater(made, 10 * CHURN_S)
        self.assertEqual(wrong, [])

    def test_loopback(self):
        self.check_motion(self.near, "127.0.0.1")

    def test_between_hosts(self):
        self.check_motion(self.far, FAR[4])

    def test_between_hosts_over_ipv6(self):
        self.check_motion(self.far, FAR[6])

    def test_between_link_local_addresses(self):
        """Their sockets are bound to a device, and a lookup must name it."""
        self.check_motion(self.far, self.link_local(self.far)[0] + "%eth0")


if __name__ == "__main__":
    main()
