# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands while memory and calls to the kernel fail: what they print is right, or they print nothing and say so."""

import errno
import json
import os
import subprocess
import time

from faults import FIRST, FOREVER, Host, Plan, SANITIZED, SEED, TestCase, Truth, chosen, testlib

MOST = 25
BOUND_S = 10
# What a look at the host measures anew each time.
MOVES = {"interval_seconds", "duration_seconds"}


class Commands(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = cls.enter_class(Host())
        cls.injected = {}
        cls.plan = Plan()
        cls.addClassCleanup(cls.plan.close)

    @classmethod
    def tearDownClass(cls):
        print("\nseed", SEED, "injected:", cls.injected)

    def command(self, *args):
        """Runs a command under the plan."""
        started = time.monotonic()
        done = subprocess.run(self.host.namespace.command(*self.plan.prefix, testlib.EXPORTER, *args),
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertLess(time.monotonic() - started, BOUND_S)
        testlib.check_sanitizers(done.stderr)
        return done

    def inject_each(self, args, call, judge, most=MOST, **how):
        """One run for each call that is to fail."""
        self.plan.disarm(FIRST, call)
        self.command(*args)
        for nth in chosen(self.plan.disarm(FIRST, call)[0], most):
            self.inject(args, call, nth, judge, **how)

    def inject(self, args, call, nth, judge, **how):
        self.plan.arm(FIRST, call, nth, **how)
        done = self.command(*args)
        hits = self.plan.disarm(FIRST, call)[1]
        with self.subTest(args=args, call=call, nth=nth, **how):
            self.assertIn(done.returncode, (0, 1), done.stderr)
            if done.returncode == 0:
                self.assertEqual(judge(done.stdout), [])
            else:
                self.assertEqual(done.stdout, "")
                self.assertIn("level=ERROR", done.stderr)
        self.injected[f"{args[0]} {call}"] = self.injected.get(f"{args[0]} {call}", 0) + (hits > 0)

    def truth(self):
        def ask(query):
            only = [f"--collector.{query.split('=')[1]}"] if query else []
            return testlib.Metrics(self.command("metrics", *(["--collector.disable-defaults"] if only else []), *only).stdout)
        return Truth(ask)

    def test_metrics(self):
        truth = self.truth()

        def judge(text):
            return truth.wrong(testlib.Metrics(text))

        self.inject_each(["metrics"], "alloc", judge, error=errno.ENOMEM)
        self.inject_each(["metrics"], "open", judge, most=6, error=errno.EMFILE)
        self.inject_each(["metrics"], "read", judge, most=6, error=errno.EIO)
        self.inject_each(["metrics"], "recvmsg", judge, most=6, error=errno.ENOBUFS)
        for call, error in (("open", errno.ENFILE), ("read", errno.EIO), ("recvmsg", errno.ENOBUFS), ("socket", errno.EMFILE)):
            if SANITIZED and call in ("open", "read"):
                continue  # its search for leaks opens and reads files, too
            self.inject(["metrics"], call, 1, judge, error=error, last=FOREVER)
        self.inject(["metrics"], "recvmsg", 1, judge, action="flags", argument=0x10, last=FOREVER)

    def test_output(self):
        """What a pipe takes in pieces arrives whole; what cannot be written is a failure."""
        whole = len(self.command("metrics").stdout.splitlines())
        self.plan.arm(FIRST, "write", 1, action="short", argument=100, last=FOREVER)
        done = self.command("metrics")
        self.plan.disarm(FIRST, "write")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, whole))
        for error in (errno.ENOSPC, errno.EPIPE, errno.EIO):
            self.plan.arm(FIRST, "write", 1, error=error)
            done = self.command("metrics")
            self.plan.disarm(FIRST, "write")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(os.strerror(error), done.stderr)
        self.plan.arm(FIRST, "write", 1, error=errno.EINTR, last=50)
        self.assertEqual(len(self.command("metrics").stdout.splitlines()), whole)
        self.plan.disarm(FIRST, "write")

    def differences(self, have, want, path=""):
        """Where a document tells something else than the clean one; null and an unknown thing left out are allowed."""
        if have is None or path.rsplit(".", 1)[-1] in MOVES or path.endswith("_per_second"):
            return []
        if isinstance(want, dict) and isinstance(have, dict):
            return [found for key, value in have.items() for found in
                    (self.differences(value, want[key], f"{path}.{key}") if key in want else [f"new: {path}.{key}"])]
        if isinstance(want, list) and isinstance(have, list):
            if len(have) != len(want):
                return [f"{path}: {len(have)} elements, not {len(want)}"]
            return [found for i, value in enumerate(have) for found in self.differences(value, want[i], f"{path}[{i}]")]
        if have != want:
            return [f"{path} is {have!r}, not {want!r}"]
        return []

    def test_talkers(self):
        args = ["talkers", "--format=json"]
        clean = json.loads(self.command(*args).stdout)
        self.inject_each(args, "alloc", lambda text: self.differences(json.loads(text), clean), error=errno.ENOMEM)
        text = self.command("talkers").stdout.splitlines()
        self.inject_each(["talkers"], "alloc", lambda out: [] if len(out.splitlines()) == len(text) else [out],
                         most=MOST // 2, error=errno.ENOMEM)

    def test_diagnosis(self):
        args = ["diagnose", "--interval=20ms", "--format=json"]
        clean = json.loads(self.command(*args).stdout)

        def judge(text):
            found = json.loads(text)
            # Without some numbers there may be fewer findings, or one that says so; what it shows stays true.
            missing = sorted(set(clean["overview"]) - set(found["overview"]))
            return self.differences(found["overview"], clean["overview"]) + missing

        self.inject_each(args, "alloc", judge, error=errno.ENOMEM)
        self.inject_each(args, "open", judge, most=6, error=errno.EMFILE)
        self.inject_each(args, "recvmsg", judge, most=6, error=errno.ENOBUFS)
        self.inject_each(["diagnose", "--interval=20ms"], "alloc", lambda text: [] if text else ["nothing"], most=MOST // 2,
                         error=errno.ENOMEM)


if __name__ == "__main__":
    testlib.need("conntrack")
    testlib.main()
