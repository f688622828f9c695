# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of deploy/ share: where it is, its YAML."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import testlib  # pylint: disable=wrong-import-position

DEPLOY = os.path.join(testlib.SOURCE, "deploy")


def path(*parts):
    """A path below deploy/."""
    return os.path.join(DEPLOY, *parts)


def read(*parts):
    """The text of a file below deploy/."""
    with open(path(*parts), encoding="utf-8") as file:
        return file.read()
