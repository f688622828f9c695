# SPDX-License-Identifier: GPL-2.0-or-later
"""An NFQUEUE that holds packets: how a test keeps two unconfirmed flows in the kernel at the same time."""

import select
import socket
import struct
import time

NETLINK_NETFILTER = 12
NLMSG_ERROR = 2
NLM_F_REQUEST, NLM_F_ACK = 1, 4
NFNL_SUBSYS_QUEUE = 3
PACKET, VERDICT, CONFIG = 0, 1, 2
NFQA_PACKET_HDR, NFQA_VERDICT_HDR = 1, 2
NFQA_CFG_CMD, NFQA_CFG_PARAMS = 1, 2
NFQNL_CFG_CMD_BIND = 1
NFQNL_COPY_META = 1
NF_ACCEPT = 1


class Queue:
    """Queue 0 of a namespace; no packet of it moves on before accept()."""

    def __init__(self, namespace):
        self.socket = namespace.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.bind((0, 0))
        self.sequence = 0

    def __enter__(self):
        self._send(CONFIG, NFQA_CFG_CMD, struct.pack("!BBH", NFQNL_CFG_CMD_BIND, 0, 0), NLM_F_ACK)
        self._send(CONFIG, NFQA_CFG_PARAMS, struct.pack("!IB3x", 0, NFQNL_COPY_META), NLM_F_ACK)
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _send(self, kind, attribute, payload, flags=0):
        self.sequence += 1
        body = struct.pack("=BBH", socket.AF_UNSPEC, 0, 0) + struct.pack("=HH", 4 + len(payload), attribute) + payload
        self.socket.send(struct.pack("=IHHII", 16 + len(body), NFNL_SUBSYS_QUEUE << 8 | kind, NLM_F_REQUEST | flags,
                                     self.sequence, 0) + body)
        if flags & NLM_F_ACK:
            answer = self.socket.recv(65536)
            error = struct.unpack_from("=i", answer, 16)[0]
            if struct.unpack_from("=H", answer, 4)[0] != NLMSG_ERROR or error != 0:
                raise OSError(-error, "nfnetlink_queue")

    def wait(self, n, timeout_s=5):
        """The ids of n packets that wait in the queue."""
        ids, end = [], time.monotonic() + timeout_s
        while len(ids) < n:
            if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError(f"{len(ids)} of {n} packets came to the queue")
            message = self.socket.recv(65536)
            offset = 20
            while offset + 4 <= len(message):
                length, kind = struct.unpack_from("=HH", message, offset)
                if kind & 0x3fff == NFQA_PACKET_HDR:
                    ids.append(struct.unpack_from("!I", message, offset + 4)[0])
                offset += max(4, (length + 3) & ~3)
        return ids

    def accept(self, packet):
        self._send(VERDICT, NFQA_VERDICT_HDR, struct.pack("!II", NF_ACCEPT, packet))
