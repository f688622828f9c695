# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of tests/bench/run, in the order of README; what a part is, stands there."""

import importlib
import json
import re

PARTS = ("flows", "sample", "scrapers", "sockets", "cheap", "traffic", "beside")
RESULTS_MAX = 120000  # bytes of results.json
DIGITS = 5


def modules():
    return {name: importlib.import_module(f"part_{name}") for name in PARTS}


def rounded(value):
    """With fewer digits, which keeps the file small."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {str(key): rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, (list, tuple)) else value


def verdict(met):
    return "met" if met else "missed"


def text(results):
    """JSON; what has nothing but numbers and words in it stands on one line."""
    return re.sub(r"([{\[])\s*([^{}\[\]]*?)\s*([}\]])",
                  lambda flat: flat[1] + re.sub(r"\n\s*", " ", flat[2]) + flat[3], json.dumps(results, indent=1)) + "\n"
