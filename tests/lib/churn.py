#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections opened and closed as fast as it goes, until SIGTERM; the side that connects prints how many there were.

churn.py listen ADDRESS PORTS | connect ADDRESS PORTS: ports 5000 and on. By turns the one side closes first, the other,
or one resets. churn.py hold ADDRESS PORT COUNT: so many connections from 127.0.0.2 to .6, kept open until SIGTERM.
"""

import collections
import errno
import itertools
import select
import signal
import socket
import struct
import sys
import time

FIRST_PORT = 5000
HELD = 100
IP_BIND_ADDRESS_NO_PORT = 24
RESET = struct.pack("ii", 1, 0)
CLIENT_FIRST, SERVER_FIRST, CLIENT_RESETS, N_WAYS = range(4)
running = True


def stop(*_):
    global running
    running = False


def open_socket(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)


def endpoint(address, port):
    """With the device of a link-local address (fe80::1%eth0)."""
    host, _, device = address.partition("%")
    return (host, port, 0, socket.if_nametoindex(device)) if device else (host, port)


def serve(sock):
    """What a client says at its end, or that it went. True when this was the end here, too."""
    try:
        said = sock.recv(1)
    except OSError:
        said = b""
    if said in (b"", bytes([SERVER_FIRST])):
        sock.close()
        return True
    return False


def listen(address, ports):
    poller, listeners, accepted = select.poll(), {}, {}
    for port in range(FIRST_PORT, FIRST_PORT + ports):
        listener = open_socket(address)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(endpoint(address, port))
        listener.listen(256)
        listeners[listener.fileno()] = listener
        poller.register(listener, select.POLLIN)
    print("ready", flush=True)
    while running:
        for ready, _ in poller.poll(100):
            if ready in listeners:
                sock, _ = listeners[ready].accept()
                accepted[sock.fileno()] = sock
                poller.register(sock, select.POLLIN)
            elif serve(accepted[ready]):
                poller.unregister(ready)
                del accepted[ready]


def end(sock, way):
    with sock:
        sock.sendall(bytes([way]))
        if way == SERVER_FIRST:
            sock.recv(1)
        elif way == CLIENT_RESETS:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def begin(address, port):
    sock = open_socket(address)
    try:
        sock.settimeout(5)
        sock.connect(endpoint(address, port))
    except OSError:
        sock.close()
        raise
    return sock


def connect(address, ports):
    """Each connection lives while HELD others are made."""
    made, held = 0, collections.deque()
    for i in itertools.takewhile(lambda _: running, itertools.count()):
        try:
            held.append(begin(address, FIRST_PORT + i % ports))
            made += 1
            if len(held) > HELD:
                end(held.popleft(), i % N_WAYS)
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.ECONNRESET, errno.EPIPE, None):
                raise
            time.sleep(0.01)
    print(made)


def hold(address, port, count):
    held = []
    for i in range(count):
        held.append(open_socket(address))
        held[i].setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        held[i].bind((f"127.0.0.{2 + i % 5}", 0))
        held[i].connect((address, port))
    while running:
        signal.pause()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    {"listen": listen, "connect": connect, "hold": hold}[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:]))
