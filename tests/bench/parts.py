# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of tests/bench/run, in the order of README; what a part is, stands there."""

import importlib

PARTS = ("flows",)
RESULTS_MAX = 60000  # bytes


def modules():
    return {name: importlib.import_module(f"part_{name}") for name in PARTS}
