# SPDX-License-Identifier: GPL-2.0-or-later
"""One walk over a full table, beside the kernel's bare dump and conntrack -L.

"floor" receives
ctnetlink's dump and throws it away, "walk" is the exporter's without a limit, "+ join" the same and what correlation
needs, "+ talkers" and what talkers need, "+ both" and both, "lookups" what the join does beside the walk (the sockets'
dump and a lookup for each), "walk, default" the walk with the limit that it has unless told otherwise, "conntrack -L"
is the command.
"""

import contextlib
import os
import resource

from benchlib import WALK, interleaved, median, spread, table, testlib, timed

DEFAULT_LIMIT = "262144"


def contenders(namespace):
    commands = {
        "floor": [WALK, "floor", "0", "0"],
        "walk": [WALK, "walk", "0", "0"],
        "+ join": [WALK, "join", "0", "0"],
        "+ talkers": [WALK, "talkers", "0", "0"],
        "+ both": [WALK, "all", "0", "0"],
        "lookups": [WALK, "lookups", "0", "0"],
        "walk, default": [WALK, "walk", DEFAULT_LIMIT, "0"],
        "conntrack -L": ["conntrack", "-L"],
    }
    return {name: lambda command=command: timed(namespace.command(*command)) for name, command in commands.items()}


@contextlib.contextmanager
def connections(namespace, sockets):
    """Tracked loopback connections with this many sockets: half of them here, half in a child process."""
    wanted = sockets // 2 + 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    namespace.nft("table inet track { chain c { type filter hook output priority 0; ct state new accept; }; }")
    listener = namespace.socket()
    listener.bind(("127.0.0.1", 80))
    listener.listen(1000)
    child = os.fork()
    if child == 0:
        held = [listener.accept() for _ in range(sockets // 2)]
        held[0][0].recv(1)
        os._exit(0)
    clients = []
    for i in range(sockets // 2):
        clients.append(namespace.socket())
        clients[i].bind((f"127.0.{i // 10000 + 1}.1", 0))
        clients[i].connect(("127.0.0.1", 80))
    try:
        yield
    finally:
        for client in clients:
            client.close()
        os.waitpid(child, 0)


def measure(plan):
    flows, sockets = (2000, 200) if plan.quick else (1000000, 20000)
    testlib.need("conntrack", "ip", "nft")
    with testlib.Namespace() as namespace, testlib.raised_limit(flows + flows // 10):
        namespace.run(testlib.FILL, f"--count={flows}", "--mix")
        with connections(namespace, sockets):
            return {"flows": int(namespace.run("conntrack", "-C")), "sockets": sockets,
                    "samples": interleaved(contenders(namespace), plan.rounds)}


def report(result):
    rows = []
    floor = median(result["samples"]["floor"], "cpu")
    for name, samples in result["samples"].items():
        least, most = spread(samples, "cpu")
        rows.append([name, *(f"{median(samples, key):.2f}" for key in ("wall", "user", "system", "cpu")),
                     f"{least:.2f} to {most:.2f}", f"{median(samples, 'cpu') / floor:.2f}"])
    return f"{result['flows']} flows, {result['sockets']} sockets\n\n" + \
        table(["", "wall s", "user s", "system s", "CPU s", "from to", "/ floor"], rows)
