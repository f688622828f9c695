# SPDX-License-Identifier: GPL-2.0-or-later
"""What the reader sees: numbered steps, and below each its lines with the seconds since the start."""

import os
import shutil
import sys
import textwrap
import time

WIDTH_MAX = 110
TIME_WIDTH = 9


class Screen:
    """Writes to stdout; bold where that is a terminal, else plain text."""

    def __init__(self):
        self.started = time.monotonic()
        columns = shutil.get_terminal_size((WIDTH_MAX + TIME_WIDTH, 0)).columns
        self.width = max(40, min(columns - TIME_WIDTH, WIDTH_MAX))
        self.bold = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM", "dumb") != "dumb"

    def say(self, text):
        """A text, wrapped."""
        self.lines(textwrap.fill(text, self.width, subsequent_indent="  ", break_on_hyphens=False))

    def lines(self, text):
        """Lines as they are."""
        seconds = time.monotonic() - self.started
        for line in text.splitlines():
            print(f"{seconds:6.1f}s  {line}", flush=True)

    def step(self, number, of, title):
        title = f"--- {number}/{of} {title}"
        print(f"\n{f'{chr(27)}[1m{title}{chr(27)}[0m' if self.bold else title}", flush=True)

    def table(self, rows):
        """Rows of texts as columns, indented."""
        rows = list(rows)
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            self.lines("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
