# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of deploy/ share: where it is, and npm packages."""

import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import testlib  # pylint: disable=wrong-import-position

NODE_MODULES = os.path.join(testlib.SOURCE, "build-node", "node_modules")
DEPLOY = os.path.join(testlib.SOURCE, "deploy")

YAMLLINT = """{extends: default, rules: {line-length: {max: 140}, document-start: disable, braces: disable, \
indentation: {spaces: 2, indent-sequences: whatever}, comments: {min-spaces-from-content: 1}}}"""


def path(*parts):
    """A path below deploy/."""
    return os.path.join(DEPLOY, *parts)


def read(*parts):
    """The text of a file below deploy/."""
    with open(path(*parts), encoding="utf-8") as file:
        return file.read()


def need_node(*packages):
    """Ends the test as skipped without node or one of the packages of package.json."""
    testlib.need("node")
    for package in packages:
        if not os.path.isdir(os.path.join(NODE_MODULES, package)):
            testlib.skip(f"the npm package {package} is not in build-node (tests/run puts it there)")


def node(script, *args, **kwargs):
    """Runs a script of tests/deploy with the npm packages and returns what it wrote to stdout."""
    here = os.path.dirname(os.path.abspath(__file__))
    return testlib.run("node", os.path.join(here, script), *args, env={**os.environ, "NODE_PATH": NODE_MODULES}, **kwargs)


def in_user_namespace():
    """Whether root here is another user outside."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split() != ["0", "0", "4294967295"]


def need(case, *programs):
    """Ends this test case alone as skipped when a program is missing."""
    for program in programs:
        if not shutil.which(program):
            case.skipTest(f"{program} is not installed")


def whole_scrape(exporter, target="/metrics"):
    """A scrape in which every collector succeeded: on a busy machine one may end at its deadline, and be reused."""
    def scrape():
        metrics = exporter.metrics(target)
        good = metrics.nonzero("conntrack_scrape_collector_success")
        return metrics if len(good) == sum(name == "conntrack_scrape_collector_success"
                                           for name, _ in metrics.samples) else None

    return testlib.wait_until(scrape, 30, "a scrape without a failure")


def becomes(case, value, wanted, seconds=20):
    """Fails unless value() is what is wanted within so many seconds, and says what it was instead."""
    try:
        testlib.wait_until(lambda: value() == wanted, seconds, "")
    except AssertionError:
        case.assertEqual(value(), wanted)
