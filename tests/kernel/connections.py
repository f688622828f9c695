#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real connections through real rules: path, NAT and state as client, router and server see them."""

import os
import shutil
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

from oracle import KernelTest, check_flows, flows  # noqa: E402
from testlib import Namespace, link, main, metrics, need, wait_until  # noqa: E402

need("conntrack", "ip", "nft", "sysctl")

TIMEOUT_S = 5
WAIT_S = 20  # for a state: where other namespaces have many flows, a look takes seconds
LIFE_S = 3600  # of a flow, whatever its state: it is there as long as a test looks at it
TRACK = "table inet track { chain c { type filter hook output priority 0; ct state new accept; }; }"
CLIENT, SERVER = {4: "10.1.0.2", 6: "2001:db8:1::2"}, {4: "10.2.0.2", 6: "2001:db8:2::2"}
ROUTER = {4: "10.1.0.1", 6: "2001:db8:1::1"}
OUTER = {4: "10.2.0.1", 6: "2001:db8:2::1"}
VIRTUAL = {4: "198.51.100.1", 6: "2001:db8:99::1"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
NFT_FAMILY = {4: "ip", 6: "ip6"}


def bracket(version, address):
    return address if version == 4 else f"[{address}]"


class Connections(KernelTest):
    """client - router - server, all three tracking both families."""

    def setUp(self):
        self.client, self.router, self.server = (self.enter(Namespace()) for _ in range(3))
        for namespace in (self.client, self.router, self.server):
            # Link-local addresses are ready at once: a router asks for its neighbours with them.
            namespace.run("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
        link(self.client, self.router, "eth0", "eth1")
        link(self.router, self.server, "eth2", "eth0")
        self.client.address("eth0", "10.1.0.2/24", "2001:db8:1::2/64")
        self.router.address("eth1", "10.1.0.1/24", "2001:db8:1::1/64")
        self.router.address("eth2", "10.2.0.1/24", "2001:db8:2::1/64")
        self.server.address("eth0", "10.2.0.2/24", "2001:db8:2::2/64")
        for namespace, version in ((n, v) for n in (self.client, self.server) for v in (4, 6)):
            via = ROUTER if namespace is self.client else OUTER
            namespace.run("ip", f"-{version}", "route", "add", "default", "via", via[version])
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for namespace in (self.client, self.router, self.server):
            namespace.nft(TRACK)
            self.lengthen_timeouts(namespace)
        self.all = {"client": self.client, "router": self.router, "server": self.server}

    @staticmethod
    def lengthen_timeouts(namespace):
        names = [name for name in namespace.run("sysctl", "-aN", "-r", r"^net\.netfilter\.nf_conntrack_\w+_timeout").split()
                 if "frag6" not in name]
        namespace.run("sysctl", "-qw", *(f"{name}={LIFE_S}" for name in names))

    def nft(self, namespace, version, hook, rule):
        """A NAT rule."""
        priority = {"prerouting": -100, "output": -100, "postrouting": 100, "input": 100}[hook]
        namespace.nft(f"table {NFT_FAMILY[version]} nat{hook} {{ chain c {{ "
                      f"type nat hook {hook} priority {priority}; {rule}; }}; }}")

    def open(self, family, kind=socket.SOCK_STREAM, namespace=None):
        sock = (namespace or self.client).socket(family, kind)
        self.addCleanup(sock.close)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.settimeout(TIMEOUT_S)
        return sock

    def listen(self, version, port=80, namespace=None):
        listener = self.open(FAMILY[version], namespace=namespace or self.server)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("::" if version == 6 else "0.0.0.0", port))
        listener.listen(16)
        return listener

    def talk(self, version, address, port=80, listen=80, namespace=None, to=None):
        """An established connection; returns both ends."""
        listener = self.listen(version, listen, to)
        there = self.open(FAMILY[version], namespace=namespace)
        there.connect((address, port))
        here, _ = listener.accept()
        self.addCleanup(here.close)
        here.settimeout(TIMEOUT_S)
        there.sendall(b"question")
        self.assertEqual(here.recv(100), b"question")
        here.sendall(b"answer")
        self.assertEqual(there.recv(100), b"answer")
        listener.close()
        return there, here

    def check(self, name, expected=1, path=None, nat=None, state=None):
        """One namespace: all against conntrack -L, and these labels; a dict gives other counts than expected."""
        given = check_flows(self, self.all[name])
        self.assertEqual(given.sum("conntrack_flows"), expected, name)
        for metric, value in (("conntrack_flows_by_path", path), ("conntrack_flows_by_nat", nat)):
            if value:
                self.assertEqual(given.nonzero(metric), {(value,): expected}, name)
        if state:
            self.assertEqual({key[1] for key in given.nonzero("conntrack_tcp_flows")}, {state}, name)
        return given

    def check_all(self, client=("outbound", "none"), router=("forwarded", "none"), server=("inbound", "none"),
                  expected=1, state="established"):
        for name, (path, nat) in (("client", client), ("router", router), ("server", server)):
            self.check(name, expected, path, nat, state)

    def wait_for_state(self, name, state):
        """The flows of a namespace come to be in this state; the network is asynchronous."""
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            given = metrics(self.all[name], "--collector.disable-defaults", "--collector.flows")
            if {key[1] for key in given.nonzero("conntrack_tcp_flows")} == {state}:
                return
            time.sleep(0.02)
        self.fail(f"{name}: not {state}: {given.nonzero('conntrack_tcp_flows')}")

    def test_plain(self):
        for version in (4, 6):
            self.talk(version, SERVER[version])
        self.check_all(expected=2)

    def test_masquerade(self):
        for version in (4, 6):
            self.nft(self.router, version, "postrouting", "masquerade")
            self.talk(version, SERVER[version])
        self.check_all(router=("forwarded", "source"), expected=2)

    def test_dnat(self):
        for version in (4, 6):
            self.nft(self.router, version, "prerouting",
                     f"tcp dport 8080 dnat to {bracket(version, SERVER[version])}:80")
            self.talk(version, ROUTER[version], 8080)
        self.check_all(router=("forwarded", "destination"), expected=2)

    def test_dnat_and_masquerade(self):
        for version in (4, 6):
            self.nft(self.router, version, "prerouting",
                     f"tcp dport 8080 dnat to {bracket(version, SERVER[version])}:80")
            self.nft(self.router, version, "postrouting", "masquerade")
            self.talk(version, ROUTER[version], 8080)
        self.check_all(router=("forwarded", "both"), expected=2)

    def test_redirect(self):
        for version in (4, 6):
            self.nft(self.server, version, "prerouting", "tcp dport 8080 redirect to :80")
            self.talk(version, SERVER[version], 8080)
        self.check_all(server=("inbound", "destination"), expected=2)

    def test_dnat_to_the_router_itself(self):
        for version in (4, 6):
            self.nft(self.router, version, "prerouting", "tcp dport 8080 redirect to :80")
            self.talk(version, VIRTUAL[version], 8080, to=self.router)
        self.check("client", 2, "outbound", "none", "established")
        self.check("router", 2, "inbound", "destination", "established")
        self.check("server", 0)

    def test_dnat_of_what_the_client_sends(self):
        for version in (4, 6):
            self.nft(self.client, version, "output",
                     f"{NFT_FAMILY[version]} daddr {VIRTUAL[version]} dnat to {SERVER[version]}")
            self.talk(version, VIRTUAL[version])
        self.check_all(client=("outbound", "destination"), expected=2)

    def test_source_nat_on_the_way_in(self):
        for version in (4, 6):
            self.nft(self.server, version, "input", f"snat to {VIRTUAL[version]}")
            self.talk(version, SERVER[version])
        self.check_all(server=("inbound", "source"), expected=2)

    def test_loopback(self):
        for version, addresses in ((4, ("127.0.0.1", "127.3.2.1", CLIENT[4])), (6, ("::1", CLIENT[6]))):
            for address in addresses:
                self.talk(version, address, namespace=self.client, to=self.client)
        self.check("client", 5, "loopback", "none", "established")
        self.check("router", 0)

    def test_notrack(self):
        self.server.nft("table inet raw {"
                        "chain in { type filter hook prerouting priority -300; tcp dport 80 notrack; };"
                        "chain out { type filter hook output priority -300; tcp sport 80 notrack; }; }")
        for version in (4, 6):
            self.talk(version, SERVER[version])
        self.check("client", 2, "outbound", "none", "established")
        given = self.check("server", 0)
        self.assertEqual(given.get("conntrack_entries"), 0)
        self.assertEqual(given.nonzero("conntrack_tcp_sockets"), {("ipv4", "established"): 1,
                                                                  ("ipv6", "established"): 1})

    def test_one_family_tracked(self):
        self.server.run("nft", "flush", "ruleset")
        self.server.nft("table ip track { chain c { type filter hook input priority 0; ct state new accept; }; }")
        for version in (4, 6):
            self.talk(version, SERVER[version])
        given = self.check("server", 1, "inbound", "none", "established")
        self.assertEqual(given.nonzero("conntrack_flows"), {("ipv4", "tcp"): 1})

    def iptables(self, namespace, version, program, *rule):
        namespace.run(program if version == 4 else program.replace("ip", "ip6", 1), "-w", "5", *rule)

    def check_iptables(self, program):
        """Masquerade, DNAT, REDIRECT and NOTRACK of one iptables."""
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed")
        for version in (4, 6):
            to = f"{bracket(version, SERVER[version])}:80"
            self.iptables(self.router, version, program, "-t", "nat", "-A", "PREROUTING", "-p", "tcp",
                          "--dport", "8080", "-j", "DNAT", "--to-destination", to)
            self.iptables(self.router, version, program, "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE")
            self.iptables(self.server, version, program, "-t", "nat", "-A", "PREROUTING", "-p", "tcp",
                          "--dport", "8081", "-j", "REDIRECT", "--to-ports", "80")
            for chain, port in (("PREROUTING", "--dport"), ("OUTPUT", "--sport")):
                self.iptables(self.server, version, program, "-t", "raw", "-A", chain, "-p", "tcp", port, "82",
                              "-j", "NOTRACK")
            self.talk(version, ROUTER[version], 8080)
            self.talk(version, SERVER[version], 8081)
            self.talk(version, SERVER[version], 82, 82)
        self.check("client", 6, "outbound", "none", "established")
        router = self.check("router", 6, "forwarded", None, "established")
        self.assertEqual(router.nonzero("conntrack_flows_by_nat"), {("both",): 2, ("source",): 4})
        server = self.check("server", 4, "inbound", None, "established")
        self.assertEqual(server.nonzero("conntrack_flows_by_nat"), {("none",): 2, ("destination",): 2})

    def test_iptables_nft(self):
        self.check_iptables("iptables-nft")

    def test_iptables_legacy(self):
        self.check_iptables("iptables-legacy")

    def test_states_of_a_close(self):
        ends = [self.talk(version, SERVER[version]) for version in (4, 6)]
        self.check_all(expected=2)
        for there, _ in ends:
            there.shutdown(socket.SHUT_WR)
        for name in self.all:
            self.wait_for_state(name, "close_wait")
        self.check_all(expected=2, state="close_wait")
        for _, here in ends:
            here.close()
        for name in self.all:
            self.wait_for_state(name, "time_wait")
        self.check_all(expected=2, state="time_wait")

    def test_state_of_a_reset(self):
        for version in (4, 6):
            there, _ = self.talk(version, SERVER[version])
            there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            there.close()
        for name in self.all:
            self.wait_for_state(name, "close")
        self.check_all(expected=2, state="close")

    def drop(self, namespace, priority, match):
        namespace.nft(f"table inet lossy {{ chain c {{ type filter hook prerouting priority {priority}; "
                      f"{match} drop; }}; }}")

    def connect_in_vain(self):
        for version in (4, 6):
            sock = self.open(FAMILY[version])
            sock.setblocking(False)
            self.assertNotEqual(sock.connect_ex((SERVER[version], 80)), 0)

    def test_syn_sent(self):
        self.drop(self.server, -300, "tcp dport 80")
        self.connect_in_vain()
        for name in ("client", "router"):
            self.wait_for_state(name, "syn_sent")
        self.check("client", 2, "outbound", "none", "syn_sent")
        given = self.check("router", 2, "forwarded", "none", "syn_sent")
        self.assertEqual(given.nonzero("conntrack_flows_by_reply"), {("tcp", "unreplied"): 2})
        self.check("server", 0)

    def test_syn_recv(self):
        """The answer never arrives: half open, replied, not assured."""
        self.drop(self.client, -300, "tcp sport 80")
        for version in (4, 6):
            self.listen(version)
        self.connect_in_vain()
        for name in ("router", "server"):
            self.wait_for_state(name, "syn_recv")
        self.check("client", 2, "outbound", "none", "syn_sent")
        given = self.check("router", 2, "forwarded", "none", "syn_recv")
        self.assertEqual(given.nonzero("conntrack_flows_by_reply"), {("tcp", "replied"): 2})
        self.check("server", 2, "inbound", "none", "syn_recv")

    def test_last_ack(self):
        """A FIN whose answers are lost is fin_wait, and last_ack once it was repeated."""
        _, here = self.talk(4, SERVER[4])
        self.drop(self.client, -300, "tcp sport 80")
        here.shutdown(socket.SHUT_WR)
        for name in ("router", "server"):
            self.wait_for_state(name, "last_ack")
        self.check("router", 1, "forwarded", "none", "last_ack")
        self.check("server", 1, "inbound", "none", "last_ack")
        self.check("client", 1, "outbound", "none", "established")

    def test_udp_becomes_replied_and_then_assured(self):
        pairs = []
        for version in (4, 6):
            here = self.open(FAMILY[version], socket.SOCK_DGRAM, self.server)
            here.bind(("::" if version == 6 else "0.0.0.0", 53))
            there = self.open(FAMILY[version], socket.SOCK_DGRAM)
            there.connect((SERVER[version], 53))
            there.send(b"?")
            pairs.append((there, here, here.recvfrom(10)[1]))
        self.assertEqual(self.check("router", 2).nonzero("conntrack_flows_by_reply"), {("udp", "unreplied"): 2})

        def answer():
            for there, here, peer in pairs:
                here.sendto(b"!", peer)
                there.recv(10)
        answer()
        self.assertEqual(self.check("router", 2).nonzero("conntrack_flows_by_reply"), {("udp", "replied"): 2})
        time.sleep(2.2)
        answer()
        for name in self.all:
            self.assertEqual(self.check(name, 2).nonzero("conntrack_flows_by_reply"), {("udp", "assured"): 2}, name)

    def answered(self, name):
        """The protocols of flows that saw an answer."""
        return {flow.protocol for flow in flows(self.all[name]) if flow.replied}

    def test_protocols_without_ports(self):
        """Real packets of ICMP, ICMPv6, GRE and a protocol without a tracker."""
        for kind, version, packet in ((socket.IPPROTO_ICMP, 4, bytes.fromhex("0800f7fd00010001")),
                                      (socket.IPPROTO_ICMPV6, 6, bytes.fromhex("8000000000010001")),
                                      (47, 4, bytes(8)), (89, 4, bytes(8)), (89, 6, bytes(8))):
            sock = self.client.socket(FAMILY[version], socket.SOCK_RAW, kind)
            self.addCleanup(sock.close)
            sock.settimeout(TIMEOUT_S)
            sock.sendto(packet, (ROUTER[version], 0))
        for name in ("client", "router"):
            wait_until(lambda name=name: self.answered(name) == {"icmp", "icmpv6"}, WAIT_S, f"{name} saw the answers")
        given = self.check("client", 5, "outbound", "none")
        self.assertEqual(given.nonzero("conntrack_flows"),
                         {("ipv4", "icmp"): 1, ("ipv6", "icmpv6"): 1, ("ipv4", "gre"): 1, ("ipv4", "other"): 1,
                          ("ipv6", "other"): 1})
        given = check_flows(self, self.router)
        self.assertEqual(given.get("conntrack_flows_by_path", path="inbound"), given.sum("conntrack_flows"))
        self.assertEqual(given.get("conntrack_flows_by_reply", protocol="icmp", reply="replied"), 1)

    def test_offloaded(self):
        try:
            self.router.nft("table inet fast { flowtable f { hook ingress priority 0; devices = { eth1, eth2 }; }; }")
        except RuntimeError as error:
            self.assertRegex(str(error), "No such file or directory|not supported")
            self.skipTest("this kernel has no flowtables (CONFIG_NF_FLOW_TABLE)")
        self.router.nft("table inet fast { chain c { type filter hook forward priority 0; "
                        "ct state established flow add @f; }; }")
        there, here = self.talk(4, SERVER[4])
        for _ in range(20):
            there.sendall(b"more")
            here.recv(100)
            here.sendall(b"more")
            there.recv(100)
        given = self.check("router", 1, "forwarded", "none", "offloaded")
        self.assertEqual(given.nonzero("conntrack_flows_offloaded"), {("software",): 1})
        self.assertEqual(given.nonzero("conntrack_flows_expiring"), {})


if __name__ == "__main__":
    main()
