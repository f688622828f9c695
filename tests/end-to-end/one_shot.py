# SPDX-License-Identifier: GPL-2.0-or-later
"""The command that prints one exposition, for node_exporter's textfile collector and for people."""

import os
import re
import stat
import subprocess
import tempfile
import threading

from common import COLLECTORS, TestCase, Wire, still, successes, testlib


class OneShot(TestCase):
    def setUp(self):
        self.namespace = self.enter(testlib.Namespace())
        self.directory = self.enter(tempfile.TemporaryDirectory())
        self.file = os.path.join(self.directory, "conntrack.prom")

    def run_it(self, *flags, **kwargs):
        done = subprocess.run(self.namespace.command(testlib.EXPORTER, "metrics", *flags), capture_output=True,
                              text=True, check=False, **kwargs)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def write_it(self, **kwargs):
        self.assertEqual(self.run_it(f"--output={self.file}", **kwargs), "")
        with open(self.file, encoding="utf-8") as file:
            return file.read()

    def test_the_families_and_samples_of_a_scrape(self):
        it = self.exporter(namespace=self.namespace)
        wire = self.enter(Wire(it))
        scraped = wire.ask("/metrics").text
        printed = self.run_it()
        # Root may read whether there are tables of ip_tables, the server may not; a command has no clients.
        def known(text):
            return [line for line in text.splitlines() if not line.startswith("conntrack_tracking_active{")
                    and "conntrack_exporter_http_limit_hits_total" not in line]
        self.assertIn("conntrack_exporter_http_limit_hits_total", scraped)
        self.assertNotIn("conntrack_exporter_http_limit_hits_total", printed)
        printed, scraped = ("\n".join(known(text)) for text in (printed, scraped))
        self.assertEqual(still(printed), still(scraped))
        self.assertEqual(set(testlib.Metrics(printed).samples), set(testlib.Metrics(scraped).samples))

    def test_flags_of_collectors(self):
        printed = self.run_it(*(f"--no-collector.{c}" for c in COLLECTORS if c not in ("table", "stat")),
                              "--web.disable-exporter-metrics")
        metrics = testlib.Metrics(printed)
        self.assertEqual(successes(metrics), {"table": 1, "stat": 1})
        self.assertFalse([name for name in metrics.names() if name.startswith("process_")])

    def test_a_file(self):
        self.assertEqual(still(self.write_it()), still(self.run_it("--web.disable-exporter-metrics")))
        self.assertEqual(os.listdir(self.directory), ["conntrack.prom"])

    def test_a_file_has_no_metric_that_node_exporter_has(self):
        """It fails over a family that comes twice with two HELP texts, and it has process_* itself."""
        names = testlib.Metrics(self.write_it()).names()
        self.assertIn("conntrack_entries", names)
        self.assertEqual([name for name in names if not name.startswith("conntrack_")], [])

    def test_everyone_may_read_the_file(self):
        for mask in (0o022, 0o077, 0o000):
            self.write_it(umask=mask)
            self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o644, oct(mask))

    def test_the_file_is_replaced_as_a_whole(self):
        with open(self.file, "w", encoding="ascii") as file:
            file.write("old 1\n")
        with open(self.file, encoding="ascii") as old:
            self.write_it()
            self.assertEqual(old.read(), "old 1\n")
            self.assertNotEqual(os.fstat(old.fileno()).st_ino, os.stat(self.file).st_ino)
        self.assertEqual(os.listdir(self.directory), ["conntrack.prom"])

    def test_a_reader_never_sees_a_part(self):
        names = testlib.Metrics(self.write_it()).names()
        done, seen, wrong = threading.Event(), set(), []

        def read():
            while not done.is_set():
                others = [name for name in os.listdir(self.directory) if name.endswith(".prom")]
                with open(self.file, encoding="utf-8") as file:
                    text = file.read()
                    inode = os.fstat(file.fileno()).st_ino
                seen.add(inode)
                if others != ["conntrack.prom"] or testlib.Metrics(text).names() != names or text[-1:] != "\n":
                    wrong.append((others, text))

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for _ in range(30):
                self.write_it()
        finally:
            done.set()
            reader.join()
        self.assertEqual(wrong, [])
        self.assertGreater(len(seen), 1)

    def test_a_relative_name(self):
        self.run_it("--output=here.prom", cwd=self.directory)
        self.assertEqual(os.listdir(self.directory), ["here.prom"])

    def test_a_reader_that_leaves_early(self):
        with self.namespace.popen(testlib.EXPORTER, "metrics", stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE) as process:
            process.stdout.close()
            log = process.stderr.read().decode()
        testlib.check_sanitizers(log)
        self.assertNotEqual(process.returncode, 0)
        self.assertLessEqual(len(re.findall("\n", log)), 1)


if __name__ == "__main__":
    testlib.main()
