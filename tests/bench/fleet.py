# SPDX-License-Identifier: GPL-2.0-or-later
"""A fleet of synthetic hosts: one exposition as the exporter gave it, with values that change as on real hosts.

Counters that move on a healthy host grow at a rate of the host's own, gauges that were not 0 wander, durations and times
are new at each scrape, and the rest stays: limits, timeouts, settings, what is 0 because nothing uses it. A run is the
same each time: host n is seeded with n.
"""

import asyncio
import json
import random
import re
import time
import zlib

SAMPLE = re.compile(r"^([a-z_0-9]+)(\{.*\})? (\S+)$")
GROWS = re.compile(r"conntrack_stat_(found|invalid|clash_resolve)_total|"
                   r"conntrack_tcp_(active_opens|passive_opens|attempt_fails|syn_retransmits)_total")
WANDERS = re.compile(r"conntrack_(entries|flows|flows_by_\w+|flows_expiring|tcp_flows|walk_flows|established_(sockets|flows)"
                     r"|(tcp|udp)_sockets|tcp_sockets_orphaned|tcp_memory_bytes|file_handles|ephemeral_ports_in_use_max)"
                     r"|process_resident_memory_bytes")
DURATION = re.compile(r"conntrack_(walk|scrape_collector)_duration_seconds")
NOW = re.compile(r"conntrack_walk_timestamp_seconds")
CPU = re.compile(r"process_cpu_seconds_total")
SPREAD = 0.02  # of a gauge's value, the standard deviation of one step
FILLING = 100  # one host of so many has a table at four fifths of the limit
LOOPBACK = "127.0.0.1"


class Template:
    """The text of an exposition with a place for each value that changes."""

    def __init__(self, text):
        self.samples = 0
        self.names = []  # name and labels, of all samples
        self.kinds = []  # of the changing ones: (pattern, first value)
        self.index = []  # where they stand among the samples
        self.values = []  # first value of all samples
        self.limit = 0.0
        self.text = "\n".join(map(self.line, text.splitlines())) + "\n"

    def line(self, line):
        """A line for the % operator; what a sample in it is goes into the lists."""
        sample = None if line.startswith("#") else SAMPLE.match(line)
        if not sample:
            return line.replace("%", "%%")
        name, labels, value = sample.group(1), sample.group(2) or "", sample.group(3)
        if name == "conntrack_entries_limit":
            self.limit = float(value)
        kind = next((kind for kind in (GROWS, WANDERS, DURATION, NOW, CPU) if kind.fullmatch(name)), None)
        if kind is WANDERS and float(value) == 0:
            kind = None
        if kind:
            self.kinds.append((kind, name, float(value)))
            self.index.append(self.samples)
        self.names.append(name + labels)
        self.values.append(value)
        self.samples += 1
        return f"{name}{labels} ".replace("%", "%%") + ("%s" if kind else value)


class Host:
    """One host; step() gives its changing values so many seconds later."""

    def __init__(self, template, number):
        self.template = template
        self.dice = random.Random(number)
        self.scale = self.dice.lognormvariate(1, 1)
        self.filling = number % FILLING == 0
        self.values = [self.first(*kind) for kind in template.kinds]
        self.rates = [self.dice.lognormvariate(0, 2) for _ in template.kinds]

    def first(self, kind, name, value):
        if name == "conntrack_entries" and self.filling:
            return int(self.template.limit * 0.8)
        if kind is GROWS:
            return self.dice.randrange(10 ** 7)
        return int(value * self.scale) + 1 if kind is WANDERS else value

    def step(self, seconds, now):
        """The changing values, as text."""
        dice = self.dice
        texts = []
        for i, (kind, _, first) in enumerate(self.template.kinds):
            value = self.values[i]
            if kind is WANDERS:
                value = max(0, value + round(dice.gauss(0, 1) * max(1, value * SPREAD)))
                texts.append(str(value))
            elif kind is GROWS:
                value += int(self.rates[i] * seconds * (0.5 + dice.random()))
                texts.append(str(value))
            elif kind is DURATION:
                texts.append(f"{first * (0.8 + dice.random()):.9g}")
            elif kind is NOW:
                texts.append(f"{now - dice.random():.7f}")
            else:
                value += 0.01 * (0.8 + dice.random())
                texts.append(f"{value:.6f}")
            self.values[i] = value
        return texts


class Server(asyncio.Protocol):
    """HTTP for the fleet: /N is the exposition of host N, /totals what was served; a POST is thrown away and counted."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.buffer = b""
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, rest = self.buffer.split(b"\r\n\r\n", 1)
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            length = int(length.group(1)) if length else 0
            if len(rest) < length:
                return
            self.buffer = rest[length:]
            if head.startswith(b"POST"):
                self.fleet.totals["posts"] += 1
                self.fleet.totals["posted_bytes"] += length
                self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            else:
                self.answer(head)

    def answer(self, head):
        path = head.split(b" ", 2)[1].decode()
        body = json.dumps(self.fleet.totals).encode() if path == "/totals" else self.fleet.scrape(int(path[1:]))
        encoding = b""
        if path != "/totals" and re.search(rb"(?i)\r\naccept-encoding:.*gzip", head):
            compress = zlib.compressobj(1, zlib.DEFLATED, 31)  # as the exporter does
            body = compress.compress(body) + compress.flush()
            encoding = b"Content-Encoding: gzip\r\n"
            self.fleet.totals["gzip_bytes"] += len(body)
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
                             b"charset=utf-8\r\n%sContent-Length: %d\r\n\r\n%s" % (encoding, len(body), body))


class Fleet:
    """Hosts that come to be when they are first scraped."""

    def __init__(self, template):
        self.template = template
        self.hosts = {}
        self.totals = {"scrapes": 0, "bytes": 0, "gzip_bytes": 0, "posts": 0, "posted_bytes": 0, "cpu": 0.0}

    def scrape(self, number):
        now = time.time()
        host, last = self.hosts.get(number) or (Host(self.template, number), now)
        self.hosts[number] = host, now
        body = (self.template.text % tuple(host.step(now - last, now))).encode()
        self.totals["scrapes"] += 1
        self.totals["bytes"] += len(body)
        self.totals["cpu"] = time.process_time()
        return body

    async def listen(self, sockets):
        loop = asyncio.get_running_loop()
        for sock in sockets:
            await loop.create_server(lambda: Server(self), sock=sock, backlog=4096)
        await asyncio.Event().wait()

    def serve(self, sockets):
        """Serves on these bound sockets until it is killed."""
        asyncio.run(self.listen(sockets))


def history(template, hosts, times, wanted=".*", recorded=()):
    """OpenMetrics text, line by line, of so many hosts at these evenly spaced times: for promtool to make blocks of.

    Of the exposition what is wanted; of recorded series these names, each between 0 and 1.
    """
    wanted = re.compile(wanted)
    where = {place: i for i, place in enumerate(template.index)}
    for number in range(1, hosts + 1):
        host = Host(template, number)
        labels = f'job="conntrack",instance="host{number}:10066"'
        steps = [host.step(times.step, now) for now in times]
        for place, name in enumerate(template.names):
            if not wanted.fullmatch(name.partition("{")[0]):
                continue
            name = name.replace("{", "{" + labels + ",") if "{" in name else f"{name}{{{labels}}}"
            for now, step in zip(times, steps):
                yield f"{name} {step[where[place]] if place in where else template.values[place]} {now}\n"
        for name in recorded:
            for now in times:
                yield f"{name}{{{labels}}} {host.dice.random()} {now}\n"
    yield "# EOF\n"
