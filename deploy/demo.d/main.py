# SPDX-License-Identifier: GPL-2.0-or-later
"""deploy/demo after all that it needs is there: plays the incident and cleans up behind it."""

import argparse
import sys

from incident import FAST, NORMAL, Incident
from lab import Failed, Interrupted, Signals, Watch
from screen import Screen


def arguments():
    """What deploy/demo was called with; its --help tells what it means."""
    parser = argparse.ArgumentParser("deploy/demo", add_help=False)
    parser.add_argument("--exporter", required=True)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--hold", action=argparse.BooleanOptionalAction,
                        default=sys.stdin.isatty() and sys.stdout.isatty())
    return parser.parse_args()


def main():
    given, signals, screen = arguments(), Signals(), Screen()
    watch = Watch(signals, screen.say)
    code = 0
    try:
        with Incident(given.exporter, FAST if given.fast else NORMAL, given.hold, screen, watch) as incident:
            incident.play()
    except Interrupted as signal:
        print(f"\n{signal}: ending here.", file=sys.stderr)
        code = 128 + signals.came
    except Failed as failure:
        print(f"\nerror: {failure}", file=sys.stderr)
        code = 1
    screen.say("Cleaned up: no process, namespace or file of this is left.")
    return code


if __name__ == "__main__":
    sys.exit(main())
