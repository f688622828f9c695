# SPDX-License-Identifier: GPL-2.0-or-later
"""What the incident happens in: network namespaces, programs in them, and ways into them from this host."""

import collections
import contextlib
import ctypes
import http.client
import json
import os
import select
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import time

CLONE_NEWNET = 0x40000000
STOP_TIMEOUT_S = 5
POLL_S = 0.1
CONNECT_TIMEOUT_S = 5
PUMP_BYTES = 65536
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """Something was not seen; the text says what."""


class Interrupted(Exception):
    """A signal asked for the end."""


class Signals:
    """Remembers signals. They are looked at between two things, so that nothing is left half made."""

    ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.came = None
        for number in self.ENDING:
            signal.signal(number, self._remember)

    def _remember(self, number, _):
        self.came = self.came or number

    def check(self):
        if self.came:
            raise Interrupted(signal.Signals(self.came).name)


def run(*command, text=None):
    """Runs a command to its end and returns what it wrote to stdout; Failed when its exit code is not 0."""
    done = subprocess.run(command, input=text or "", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


class Namespace:
    """A network namespace with loopback up, gone at the end of the with block."""

    def __init__(self, role):
        self.role = role
        self.name = f"demo-{os.getpid()}-{role}"
        self.path = f"/run/netns/{self.name}"

    def __enter__(self):
        try:
            run("ip", "netns", "add", self.name)
            self.run("ip", "link", "set", "lo", "up")
        except Failed:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if os.path.exists(self.path):
            run("ip", "netns", "del", self.name)

    def command(self, *command):
        # Not "ip netns exec": it mounts /sys anew, which a chroot does not let it do.
        return ["nsenter", f"--net={self.path}", *command]

    def run(self, *command, text=None):
        return run(*self.command(*command), text=text)

    def sysctl(self, name, value):
        """Sets a sysctl that each namespace has for itself."""
        self.run("sysctl", "-qw", f"{name}={value}")

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in the namespace meanwhile."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        there = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(there)
            yield
        finally:
            _setns(own)
            os.close(own)
            os.close(there)

    def socket(self, *kind):
        """A socket of this namespace, made from outside."""
        with self.inside():
            return socket.socket(*kind)

    def connect(self, address, timeout):
        """A TCP connection that begins in this namespace."""
        sock = self.socket()
        try:
            sock.settimeout(timeout)
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return sock

    def get(self, port, path):
        """What answers on 127.0.0.1:port there: text, or what JSON says; None while nothing does."""
        connection = http.client.HTTPConnection(self.role, timeout=CONNECT_TIMEOUT_S)
        try:
            connection.sock = self.connect(("127.0.0.1", port), CONNECT_TIMEOUT_S)
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if answer.status != 200:
            return None
        return json.loads(body) if "json" in answer.headers["Content-Type"] else body


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class End:
    """One end of a link: a device with its address, in a namespace; gateway is the other end where that routes."""

    def __init__(self, namespace, device, mac, address, gateway=None):
        self.namespace, self.device, self.mac, self.address, self.gateway = namespace, device, mac, address, gateway

    def up(self):
        self.namespace.run("ip", "address", "add", f"{self.address}/24", "dev", self.device)
        self.namespace.run("ip", "link", "set", self.device, "up")


def link(left, right):
    """A cable (veth) between two ends. It goes with their namespaces."""
    run("ip", "link", "add", left.device, "address", left.mac, "netns", left.namespace.name, "type", "veth",
        "peer", "name", right.device, "address", right.mac, "netns", right.namespace.name)
    left.up()
    right.up()


class Root:
    """What a program takes for /: the directory its package was unpacked in, or / itself.

    Debian's Prometheus and Alertmanager have paths below /usr/share built in.
    """

    def __init__(self, program):
        found = shutil.which(program)
        if not found:
            raise Failed(f"{program} is not installed, and its package could not be had")
        self.program = f"/usr/bin/{program}"
        self.path = os.path.realpath(found).removesuffix(self.program) or "/"
        if os.path.isfile(self.path):  # It is not in any usr/bin.
            self.path, self.program = "/", found

    @contextlib.contextmanager
    def directory(self):
        """(path, path as the program sees it) of a directory that is gone at the end of the with block."""
        tmp = os.path.join(self.path, "tmp")
        os.makedirs(tmp, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="conntrack-demo-", dir=tmp) as path:
            yield path, f"/tmp/{os.path.basename(path)}"

    def command(self, *arguments):
        return [*(["chroot", self.path] if self.path != "/" else []), self.program, *arguments]


class Process:
    """A program in a namespace, from start to end of the with block; what it writes goes into the file log."""

    def __init__(self, name, namespace, command, log):
        self.name, self.command, self.log = name, namespace.command(*command), log
        self.process = None

    def __enter__(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):  # what it started and did not end itself
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def check(self):
        """Failed when it has ended by itself."""
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                last = "".join(log.readlines()[-3:])
            raise Failed(f"{self.name} has ended by itself, exit {self.process.returncode}:\n{last}")


class Forwarder:
    """Leads from a port of 127.0.0.1 on this host to one of 127.0.0.1 in a namespace."""

    def __init__(self, namespace, port):
        class Handler(socketserver.BaseRequestHandler):
            """One connection."""

            def handle(self):
                with contextlib.suppress(OSError), \
                        namespace.connect(("127.0.0.1", port), CONNECT_TIMEOUT_S) as there:
                    there.settimeout(None)
                    _pump(self.request, there)

        class Server(socketserver.ThreadingTCPServer):
            """A thread for each connection; none is waited for at the end."""
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

        try:
            self.server = Server(("127.0.0.1", port), Handler)
        except OSError:  # This host uses that port itself.
            self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(POLL_S,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def _pump(left, right):
    """Carries bytes both ways until both sides have said all."""
    other = {left: right, right: left}
    while other:
        for sock in select.select(list(other), [], [])[0]:
            data = sock.recv(PUMP_BYTES)
            if data:
                (right if sock is left else left).sendall(data)
            else:
                del other[sock]
                (right if sock is left else left).shutdown(socket.SHUT_WR)


class Loop:
    """Something done again and again in a thread of its own, until the end of the with block."""

    def __init__(self):
        self.stopping = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def once(self):
        """One round; returns the seconds until the next one."""
        raise NotImplementedError

    def _run(self):
        try:
            while not self.stopping.wait(self.once()):
                pass
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.error = error  # check() tells it to the main thread.

    def check(self):
        """Failed when the thread has."""
        if self.error:
            raise Failed(f"{type(self).__name__}: {type(self.error).__name__}: {self.error}") from self.error

    def stop(self):
        self.stopping.set()
        self.thread.join()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop()


class Watch:
    """Waits, while it looks after the signals and all that has to go on, and shows the news of other threads."""

    def __init__(self, signals, show):
        self.signals, self.show = signals, show
        self.checked = []
        self.news = collections.deque()

    def tell(self, text):
        """Has a text shown soon; for any thread."""
        self.news.append(text)

    def check(self):
        self.signals.check()
        while self.news:
            self.show(self.news.popleft())
        for thing in self.checked:
            thing.check()

    def wait(self, condition, seconds, what):
        """Returns the condition's value once it is true; Failed after so many seconds."""
        end = time.monotonic() + seconds
        while True:
            self.check()
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise Failed(f"not within {seconds:.0f} s: {what}")
            time.sleep(POLL_S)

    def run(self, command, seconds):
        """Runs a command that may take a while; returns what it wrote to stdout."""
        with tempfile.TemporaryFile("w+") as written, \
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.DEVNULL,
                                 start_new_session=True) as process:
            try:
                self.wait(lambda: process.poll() is not None, seconds, f"{' '.join(command)} ends")
            finally:
                process.kill()
            if process.returncode != 0:
                raise Failed(f"{' '.join(command)}: exit {process.returncode}")
            written.seek(0)
            return written.read()

    def sleep(self, seconds):
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end, seconds + STOP_TIMEOUT_S, "time goes on")
