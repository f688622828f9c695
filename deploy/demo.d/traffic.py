# SPDX-License-Identifier: GPL-2.0-or-later
"""The traffic: a service, clients that stay, clients that come anew, and the leak that fills the table."""

import contextlib
import os
import selectors
import socket
import struct
import threading
import time

from lab import Loop

ETH_P_IP = 0x0800
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER = 8 << 20
LINE_MAX = 4096
BACKLOG = 512  # All clients may come before the first is accepted: no queue but the table is to overflow.
TALK_EVERY_S = 1
ANSWER_TIMEOUT_S = 10


class Service(Loop):
    """A TCP server that answers whatever it is told with the same."""

    def __init__(self, namespace, address):
        super().__init__()
        self.listener = namespace.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.listener.listen(BACKLOG)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)

    def once(self):
        for key, _ in self.selector.select(TALK_EVERY_S):
            if key.fileobj is self.listener:
                self.selector.register(self.listener.accept()[0], selectors.EVENT_READ)
            else:
                self._answer(key.fileobj)
        return 0

    def _answer(self, sock):
        try:
            data = sock.recv(LINE_MAX)
            sock.sendall(data)
        except ConnectionError:
            data = b""
        if not data:
            self.selector.unregister(sock)
            sock.close()

    def __exit__(self, *_):
        self.stop()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


def ask(sock, question):
    """Asks the service; ConnectionError when its answer is not the question."""
    sock.sendall(question)
    if sock.recv(LINE_MAX) != question:
        raise ConnectionError("a wrong answer")


class Clients(Loop):
    """Connections that are there from the beginning and talk from time to time."""

    def __init__(self, namespace, address, n):
        super().__init__()
        self.socks = [namespace.connect(address, ANSWER_TIMEOUT_S) for _ in range(n)]
        self.answered = self.failed = 0

    def once(self):
        for sock in self.socks:
            try:
                ask(sock, f"question {self.answered}\n".encode())
                self.answered += 1
            except OSError:
                self.failed += 1
        return TALK_EVERY_S

    @property
    def asked(self):
        """Questions so far, but for one that waits for its answer now."""
        return self.answered + self.failed

    def __exit__(self, *_):
        self.stop()
        for sock in self.socks:
            sock.close()


class Newcomers(Loop):
    """A client that connects, asks and leaves, once a second; what came of it, newest last."""

    EVERY_S = 1
    PATIENCE_S = 2

    def __init__(self, namespace, address):
        super().__init__()
        self.namespace, self.address = namespace, address
        self.results = []  # (when it began, seconds it took to connect or None)

    def once(self):
        began = time.monotonic()
        try:
            with self.namespace.connect(self.address, self.PATIENCE_S) as sock:
                took = time.monotonic() - began
                # Leaves with a RST: its entry is gone after 10 seconds, not after 2 minutes.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                ask(sock, b"hello\n")
        except (TimeoutError, ConnectionError):
            took = None
        self.results.append((began, took))
        return max(0, began + self.EVERY_S - time.monotonic())

    def since(self, when):
        """What came of attempts that began after that."""
        return [took for began, took in self.results if began > when]


def _sum(data):
    return sum(struct.unpack(f">{len(data) // 2}H", data))


class Leak(Loop):
    """Connections through the server that are opened, one after the other, and never closed.

    Every packet is a real one and crosses the server: a SYN from the client's side, the SYN-ACK that this answers it
    with on the other side, and the ACK for that. Only the ends are made up: no socket belongs to them. So the server's
    kernel tracks 262144 ESTABLISHED, assured flows, and no host has to hold 262144 sockets.
    """

    SOURCE, DESTINATIONS, PORT = "192.0.2.66", "198.51.100.0", 5432
    FIRST_PORT = 1024
    PORTS = 65536 - FIRST_PORT
    BURST = 64  # PORTS is a multiple of it
    ONWARD_EVERY_S = 0.1
    NICE = 10  # Whoever watches comes first.
    SYN, SYN_ACK, ACK = ((1000, 0, 0x02), (9000, 1001, 0x12), (1001, 9001, 0x10))  # sequence, acknowledged, flags

    def __init__(self, server, near, far):
        """near and far are the ends of the links to the server that the leak's two sides are at."""
        super().__init__()
        self.near, self.far = _packets(near), _packets(far)
        self.ethernet = bytes.fromhex((near.gateway.mac + near.mac).replace(":", "")) + ETH_P_IP.to_bytes(2, "big")
        with server.inside():
            self.count = os.open("/proc/sys/net/netfilter/nf_conntrack_count", os.O_RDONLY | os.O_CLOEXEC)
        self.until = 0       # entries of the server to go to
        self.onward = False  # whether to go on there, as somebody does who does not know that the table is full
        self.n = 0  # opened so far
        self.syn_ack, self.ack = _Answer(self.SYN, self.SYN_ACK), _Answer(self.SYN_ACK, self.ACK)

    def entries(self):
        """How many entries the server's table has."""
        return int(os.pread(self.count, 32, 0))

    def _run(self):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self.NICE)
        super()._run()

    def once(self):
        room = self.until - self.entries()
        if room <= 0 and not self.onward:
            return self.ONWARD_EVERY_S
        self._open(self.BURST if self.onward else min(self.BURST, room))
        return 0 if room > 0 else self.ONWARD_EVERY_S

    def _open(self, n):
        """Opens so many connections; of what the server lets through, the rest of the handshake follows."""
        destination, first = divmod(self.n, self.PORTS)
        first += self.FIRST_PORT
        packet, checksum = self._syn(destination % 254 + 1)
        n = min(n, 65536 - first)
        for port in range(first, first + n):
            struct.pack_into(">H", packet, 34, port)
            struct.pack_into(">H", packet, 50, 0xffff - (checksum + port) % 0xffff)
            self.near.send(packet)
        self.n += n
        self.syn_ack.answer(self.far)
        self.ack.answer(self.near)
        _drain(self.far)

    def _syn(self, destination):
        """An Ethernet frame with a SYN, but for the source port and the checksum; and the sum without these."""
        addresses = socket.inet_aton(self.SOURCE) + socket.inet_aton(self.DESTINATIONS)[:3] + bytes([destination])
        ip = struct.pack(">BBHHHBBH8s", 0x45, 0, 40, 0, 0x4000, 64, socket.IPPROTO_TCP, 0, addresses)
        tcp = struct.pack(">HH10sHHH", 0, self.PORT, _fields(*self.SYN), 64240, 0, 0)
        ip = ip[:10] + struct.pack(">H", 0xffff - _sum(ip) % 0xffff) + ip[12:]
        return bytearray(self.ethernet + ip + tcp), _sum(tcp + addresses) + socket.IPPROTO_TCP + len(tcp)

    def __exit__(self, *_):
        self.stop()
        self.near.close()
        self.far.close()
        os.close(self.count)


def _fields(sequence, acknowledged, flags):
    """The bytes of a TCP header between ports and window."""
    return struct.pack(">IIBB", sequence, acknowledged, 0x50, flags)


class _Answer:
    """What the other end says to a frame: the same with the ends exchanged, and the next step of the handshake."""

    def __init__(self, asked, answered):
        self.asked, self.answered = _fields(*asked), _fields(*answered)
        # Exchanging the ends leaves the checksum as it is.
        self.difference = _sum(self.answered) - _sum(self.asked)

    def answer(self, sock):
        """Answers the frames that have arrived; others than those of the leak are not looked at."""
        for frame in _received(sock):
            if frame[38:48] == self.asked:
                checksum = (int.from_bytes(frame[50:52], "big") - self.difference) % 0xffff
                sock.send(b"".join((frame[6:12], frame[0:6], frame[12:26], frame[30:34], frame[26:30], frame[36:38],
                                    frame[34:36], self.answered, frame[48:50], checksum.to_bytes(2, "big"),
                                    frame[52:54])))


def _packets(end):
    """A socket that sends and receives whole IPv4 frames of a device."""
    sock = end.namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
    sock.bind((end.device, ETH_P_IP))
    with contextlib.suppress(PermissionError):
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    return sock


def _received(sock):
    """The frames that have arrived."""
    with contextlib.suppress(BlockingIOError):
        while True:
            yield sock.recv(128, socket.MSG_DONTWAIT)


def _drain(sock):
    for _ in _received(sock):
        pass
