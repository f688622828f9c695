# SPDX-License-Identifier: GPL-2.0-or-later
"""Idle costs nothing: nobody wakes up while nobody asks."""

import time

from common import Wire, status, testlib
from secured import LOGIN, TLS, Secured, login

SECONDS = 10


def wake_ups(it):
    """How often each process has gone to sleep or was put aside so far."""
    fields = [status(pid) for pid in it.pids()]
    return [(int(f["voluntary_ctxt_switches"]), int(f["nonvoluntary_ctxt_switches"])) for f in fields]


class Idle(Secured):
    def test_neither_process_wakes_up(self):
        never_asked = self.exporter()
        asked = self.exporter()
        with Wire(asked) as wire:
            self.assertEqual(wire.ask("/metrics", "Connection: close").status, 200)
        # A scraper's connection stays open between scrapes.
        connected = self.exporter()
        wire = self.enter(Wire(connected))
        self.assertEqual(wire.ask("/metrics").status, 200)
        exporters = {"never asked": never_asked, "asked once": asked, "connected": connected,
                     "never asked over TLS": self.start(TLS + LOGIN), "connected over TLS": self.start(TLS + LOGIN)}
        wire = self.tls(exporters["connected over TLS"])
        self.assertEqual(wire.ask("/metrics", login("wrong")).status, 401)
        self.assertEqual(wire.ask("/metrics", login()).status, 200)
        time.sleep(0.5)
        before = {name: wake_ups(it) for name, it in exporters.items()}
        time.sleep(SECONDS)
        self.assertEqual({name: wake_ups(it) for name, it in exporters.items()}, before)


if __name__ == "__main__":
    testlib.main()
