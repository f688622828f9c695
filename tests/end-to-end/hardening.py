# SPDX-License-Identifier: GPL-2.0-or-later
"""What the compiler and the linker put around the program, read from the program itself."""

import glob
import os
import re

from common import SANITIZED, TestCase, testlib

testlib.need("readelf")
X86 = os.uname().machine == "x86_64"


def readelf(*args, path=testlib.EXPORTER):
    return testlib.run("readelf", "--wide", *args, path)


class Hardening(TestCase):
    def test_its_address_is_random(self):
        self.assertRegex(readelf("--file-header"), r"Type: +DYN ")
        self.assertRegex(readelf("--dynamic"), r"\(FLAGS_1\) .*\bPIE\b")

    def test_its_tables_are_read_only(self):
        self.assertIn(" GNU_RELRO ", readelf("--program-headers"))
        self.assertRegex(readelf("--dynamic"), r"\(FLAGS(?:_1)?\) .*\b(?:BIND_)?NOW\b")
        self.assertNotIn("TEXTREL", readelf("--dynamic"))

    def test_nothing_is_writable_and_executable(self):
        headers = readelf("--program-headers")
        flags = dict(re.findall(r"^ +(LOAD|GNU_STACK) +(?:0x\w+ +){5}([R ][W ][E ]) ", headers, re.M))
        self.assertEqual(flags["GNU_STACK"], "RW ")
        loads = re.findall(r"^ +LOAD +(?:0x\w+ +){5}([R ][W ][E ]) ", headers, re.M)
        self.assertGreaterEqual(len(loads), 4)
        # What is executable is nothing else: constants, and so gadgets in them, are not.
        self.assertEqual([load for load in loads if load.strip() not in ("R", "RW", "R E")], [])
        self.assertEqual(loads.count("R E"), 1)

    def test_overruns_end_it(self):
        symbols = readelf("--dyn-syms")
        self.assertIn("__stack_chk_fail", symbols)
        if SANITIZED:
            return  # they look at memory themselves
        fortified = set(re.findall(r"\b(__\w+_chk)\b", symbols)) - {"__stack_chk"}
        self.assertGreater(len(fortified), 3, symbols)

    def test_jumps_land_where_they_may(self):
        """Indirect branch tracking and a shadow stack, in our own objects: the C library's say nothing of it in Debian."""
        if not X86:
            self.skipTest("for x86 only")
        objects = glob.glob(os.path.join(testlib.BUILD, "libcore.a.p", "*.c.o"))
        self.assertGreater(len(objects), 80)
        for path in objects:
            self.assertRegex(readelf("--notes", path=path), r"x86 feature: IBT, SHSTK", path)

    def test_it_looks_for_libraries_nowhere_else(self):
        self.assertNotRegex(readelf("--dynamic"), r"\((?:RPATH|RUNPATH)\)")


if __name__ == "__main__":
    testlib.main()
