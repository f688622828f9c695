# SPDX-License-Identifier: GPL-2.0-or-later
"""The totals of tests/run count a failure as one, whatever else happens, and tell of what passed only alone."""

import json
import os
import subprocess
import tempfile
import unittest

TESTLOGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "testlogs")
GOOD = {"name": "p:unit / a", "result": "OK", "stdout": "", "stderr": ""}
LATE = {"name": "p:kernel / b", "result": "TIMEOUT", "returncode": -15, "stdout": "one\ntwo\n", "stderr": "three\n"}
WRONG = {"name": "p:load+kernel / c", "result": "FAIL", "stdout": "four\n"}
EXACT = {"name": "p:clang+unit / d", "result": "FAIL", "stdout": ""}
SANITIZED = {"name": "p:kernel / i", "result": "FAIL", "stderr": "==1==ERROR: AddressSanitizer: heap-use-after-free"}
KILLED = {"name": "p:load / j", "result": "FAIL", "returncode": -11}
SKIPPED = {"name": "p:kernel / e", "result": "SKIP", "stdout": "SKIP: must be root\n"}
PARTLY = {"name": "p:kernel / f", "result": "OK", "stdout": "test_it ... skipped 'no flowtables'\n"}


class Totals(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, log, *tests):
        os.makedirs(os.path.join(self.directory, "build", "meson-logs"), exist_ok=True)
        with open(os.path.join(self.directory, "build", "meson-logs", log), "w", encoding="utf-8") as out:
            out.writelines(json.dumps(test) + "\n" for test in tests)

    def run_on(self, *args, **environment):
        done = subprocess.run([TESTLOGS, *args], cwd=self.directory, capture_output=True, text=True, check=False,
                              env={"PATH": os.environ["PATH"], **environment})
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def totals(self, *others, **environment):
        return self.run_on("totals", *others, "build/meson-logs/testlog.json", **environment)

    def test_all_is_well(self):
        self.write("testlog.json", GOOD, PARTLY)
        self.assertEqual(self.totals(), (0, "skipped a part of build: kernel / f: no flowtables\n"
                                            "2 passed, 0 failed, 0 skipped\n"))

    def test_failures(self):
        self.write("testlog.json", GOOD, LATE, WRONG)
        self.write("again.json", WRONG)
        self.assertEqual(self.totals("build-other"), (1, """FAILED build-other: does not build, or its tests do not run
FAILED build: kernel / b: TIMEOUT; it printed at last:
    one
    two
    three
FAILED build: load+kernel / c: FAIL; it printed at last:
    four
1 passed, 3 failed, 0 skipped
"""))

    def test_what_passes_alone(self):
        self.write("testlog.json", GOOD, LATE, WRONG)
        self.write("again.json", {**LATE, "result": "OK"}, WRONG)
        self.assertEqual(self.totals(), (1, """passed only alone build: kernel / b: TIMEOUT; it printed at last:
    one
    two
    three
FAILED build: load+kernel / c: FAIL; it printed at last:
    four
2 passed, 1 failed, 0 skipped
"""))

    def test_skipped(self):
        self.write("testlog.json", GOOD, SKIPPED)
        self.assertEqual(self.totals(), (0, "skipped build: kernel / e: must be root\n1 passed, 0 failed, 1 skipped\n"))
        self.assertEqual(self.totals(CI="true"), (1, """FAILED build: kernel / e: SKIP; it printed at last:
    SKIP: must be root
skipped build: kernel / e: must be root
1 passed, 1 failed, 0 skipped
"""))

    def test_nothing_was_tested(self):
        self.assertEqual(self.totals(), (1, "no test of this name\n0 passed, 0 failed, 0 skipped\n"))

    def test_which_are_tried_again(self):
        self.write("testlog.json", GOOD, LATE, SKIPPED, WRONG)
        self.assertEqual(self.run_on("again", "build"), (0, "b\nc\n"))
        # A second try says nothing of what depends on no time, nor where much is wrong.
        for more in ((EXACT,), (SANITIZED,), (KILLED,), ({**LATE, "name": "p:kernel / g"}, {**LATE, "name": "p:kernel / h"})):
            self.write("testlog.json", GOOD, LATE, WRONG, *more)
            self.assertEqual(self.run_on("again", "build"), (0, ""))


if __name__ == "__main__":
    unittest.main()
