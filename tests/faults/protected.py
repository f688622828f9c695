# SPDX-License-Identifier: GPL-2.0-or-later
"""A server with TLS and a login while its web process lacks memory, or cannot read its configuration again.

Whatever fails: nobody is served without a login, and behind it all is as it was.
"""

import errno
import itertools
import os
import signal
import time

from faults import (ALL, FIRST, FOREVER, RANDOM, Client, Host, Plan, SANITIZED, SEED, TestCase, Truth, chosen,
                    descriptors, settle, successes, testlib, wait_until)
from secured import HASH, LINE, OTHER, OTHER_HASH, PASSWORD, RELOADED, TLS, Place, login

MOST = 6
# Blocks that libraries may lose when memory fails in them, fewer than one each time. So a leak of ours that loses one
# block in few of these cases is not seen here, and left to valgrind and the sanitizers.
LIBRARIES_LOSE = MOST
BOUND_S = 8  # no answer takes longer; the exporter's own time-outs are longer
KEPT, READ = "The web configuration in force stays", "The web configuration was read again"
USERS = 12  # each logs in for the first time once; a few, or a reload would be about them alone
# What of a scrape others move: those who ask, and whoever changes the limit of this host.
MOVES = ("conntrack_exporter_", "conntrack_entries_limit")
# What an answer may be that is none.
NONE = (None, 429, 500, 503)


def header(*args):
    name, value = login(*args).split(": ", 1)
    return {name: value}


class Protected(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = cls.enter_class(Host())
        cls.place = cls.enter_class(Place())
        cls.injected = {}

    @classmethod
    def tearDownClass(cls):
        print("\nseed", SEED, "injected:", sum(cls.injected.values()), cls.injected)

    def config(self, hashed=HASH):
        """In which all have the password of this hash."""
        names = ["prometheus", *(f"{self.epoch}-{i}" for i in range(USERS))]
        return TLS + "basic_auth_users:\n" + "".join(f"  {name}: {hashed}\n" for name in names)

    def setUp(self):
        self.plan = Plan()
        self.addCleanup(self.plan.close)
        self.epoch, self.fresh, self.wrong = 0, iter(range(USERS)), itertools.count()
        self.it = self.exporter("--collector.flows.min-interval=0s", f"--web.config.file={self.place.write(self.config())}",
                                namespace=self.host.namespace, prefix=self.plan.prefix)
        self.truth = Truth(lambda query: testlib.Metrics(self.ask(f"/metrics{query}", header()).text))
        self.check_whole()

    # What clients see

    def connect(self):
        client = Client(self.it, timeout=BOUND_S, context=self.place.context)
        self.addCleanup(client.close)
        return client

    def get(self, client, path, headers=None):
        """The answer or None, which comes in time."""
        began = time.monotonic()
        answer = client.get(path, headers)
        self.assertLess(time.monotonic() - began, BOUND_S, "an answer, or the end of the connection")
        return answer

    def ask(self, path, headers=None):
        client = Client(self.it, timeout=BOUND_S, context=self.place.context)
        try:
            return self.get(client, path, headers)
        finally:
            client.close()

    def fresh_login(self):
        """Of a user who never came before."""
        user = next(self.fresh, None)
        if user is None:
            self.epoch += 1
            self.place.write(self.config())
            self.assertIn(READ, self.hup())
            self.fresh = iter(range(USERS))
            user = next(self.fresh)
        return header(PASSWORD, f"{self.epoch}-{user}")

    def wrong_login(self):
        """A password that nobody tried before."""
        return header(f"wrong {next(self.wrong)}")

    def check_whole(self):
        """Nobody comes in without a login, and who has one sees all."""
        self.assertIsNone(self.it.process.poll(), self.it.logged())
        client = self.connect()
        self.assertEqual(self.get(client, "/metrics").status, 401)
        self.assertEqual(self.get(client, "/-/healthy", self.wrong_login()).status, 401)
        answer = self.get(client, "/metrics", header())
        client.close()
        self.assertEqual(answer.status, 200)
        metrics = testlib.Metrics(answer.text)
        self.assertEqual(set(successes(metrics).values()), {1})
        self.assertEqual([wrong for wrong in self.truth.changed(metrics) if not wrong.startswith(MOVES)], [])
        self.assertEqual(metrics.get(RELOADED), 1)

    # What the process holds

    def holds(self):
        return [len(descriptors(pid)) for pid in self.it.pids()], None if SANITIZED else self.plan.live(FIRST)

    # What fails

    def count(self, what):
        self.injected[what] = self.injected.get(what, 0) + 1

    def inject_memory(self, what, act, allowed, nth, last=None):
        """act(client) gives an answer, its status is one of those allowed, or it is none; of the next one as well."""
        with self.subTest(what, nth=nth, last=last):
            client = self.connect()
            if what != "handshake":
                self.assertEqual(self.get(client, "/-/healthy").status, 401)
            self.plan.arm(FIRST, "alloc", nth, error=errno.ENOMEM, last=last)
            answer = act(client)
            if self.plan.disarm(FIRST, "alloc")[1]:
                self.count(what)
            client.close()
            self.assertIn(answer and answer.status, (*NONE, *allowed))
            if answer and answer.status != 200:
                self.assertNotIn("conntrack", answer.text)
            self.check_whole()

    def test_no_memory(self):
        if SANITIZED:
            self.skipTest("the sanitizer has its own malloc()")
        acts = {
            "handshake": (lambda client: self.get(client, "/-/healthy", header()), (200,)),
            "no login": (lambda client: self.get(client, "/metrics"), (401,)),
            "wrong login": (lambda client: self.get(client, "/metrics", self.wrong_login()), (401,)),
            "fresh login": (lambda client: self.get(client, "/-/healthy", fresh), (200,)),
            "known login": (lambda client: self.get(client, "/-/healthy", header()), (200,)),
            "scrape": (lambda client: self.get(client, "/metrics", header()), (200,)),
        }
        for what, (act, allowed) in acts.items():
            for warm in True, False:
                fresh = self.fresh_login()
                client = self.connect()
                if what != "handshake":
                    self.get(client, "/-/healthy")
                self.plan.disarm(FIRST, "alloc")
                self.assertEqual(act(client).status, allowed[0])
                client.close()
                before = settle(self.holds)
                total = self.plan.disarm(FIRST, "alloc")[0]
                if warm:
                    self.check_whole()
            self.assertGreater(total, 0, what)
            # Those who have no login are few calls, and each of them fails.
            for nth in chosen(total, MOST if 200 in allowed else total):
                fresh = self.fresh_login()
                self.inject_memory(what, act, allowed, nth)
            for nth in 1, total // 2:
                fresh = self.fresh_login()
                self.inject_memory(what, act, allowed, nth, last=FOREVER)
            files, blocks = settle(self.holds)
            self.assertEqual(files, before[0], what)
            self.assertLessEqual(blocks, before[1] + LIBRARIES_LOSE, what)

    # Reloads

    def said(self):
        """What the log says of reloads."""
        return [match.group(2) for line in self.it.logged().splitlines()
                if (match := LINE.fullmatch(line)) and (KEPT in line or READ in line)]

    def hup(self, may_be_lost=False):
        """Has it look now, and returns what it says of that; "" when it had no memory for just this line."""
        before = len(self.said())
        os.kill(self.it.web(), signal.SIGHUP)
        try:
            return wait_until(lambda: self.said()[before:], BOUND_S // 2 if may_be_lost else BOUND_S, "it looked")[0]
        except AssertionError:
            if may_be_lost and self.plan.get(FIRST, "alloc")[1]:
                return ""
            raise

    def hup_unheard(self):
        """Likewise, while not even the log has memory: it has looked when it asks for no more of it."""
        os.kill(self.it.web(), signal.SIGHUP)
        wait_until(lambda: self.plan.get(FIRST, "alloc")[1], BOUND_S, "it looks")
        count = None
        while count != self.plan.get(FIRST, "alloc")[0]:
            count = self.plan.get(FIRST, "alloc")[0]
            time.sleep(0.1)

    def reload(self, kind, call, nth=0, last=None, **fault):
        """This fails in a reload of this kind, or nothing. Returns (taken over, calls, calls that failed)."""
        if kind != "unchanged":
            self.place.write(self.config(OTHER_HASH) if kind == "changed" else self.config() + "  - a\n")
        if nth:
            self.plan.arm(FIRST, call, nth, last=last, **fault)
        else:
            self.plan.disarm(FIRST, call)
        said = self.hup_unheard() if call == "alloc" and last else self.hup(may_be_lost=call == "alloc" and nth > 0)
        calls, hits = self.plan.disarm(FIRST, call)
        taken = said is not None and READ in said
        self.assertFalse(taken and kind == "broken", said)
        words = (OTHER, PASSWORD) if taken and kind == "changed" else (PASSWORD, OTHER)
        client = self.connect()
        answers = [self.get(client, "/metrics?collect[]=table", login) for login in (None, *map(header, words))]
        client.close()
        self.assertEqual(answers[0].status, 401)
        # A change that was kept back is looked at again in a second, which may have passed.
        if said == "":
            self.assertEqual(sorted(answer.status for answer in answers[1:]), [200, 401])
        elif said is None or self.said()[-1] == said:
            self.assertEqual([answer.status for answer in answers[1:]], [200, 401], said)
            if said:
                self.assertEqual(testlib.Metrics(answers[1].text).get(RELOADED), int(taken))
        self.place.write(self.config())
        self.assertIn(READ, self.hup())
        self.check_whole()
        return taken, calls, hits

    def test_no_memory_for_a_reload(self):
        if SANITIZED:
            self.skipTest("the sanitizer has its own malloc()")
        for kind in "unchanged", "changed", "broken":
            self.reload(kind, "alloc")
            total = self.reload(kind, "alloc")[1]
            before = settle(self.holds)
            for nth, last in [*((nth, None) for nth in chosen(total, MOST)), (1, FOREVER), (total // 2, FOREVER)]:
                with self.subTest(kind, nth=nth, last=last):
                    hits = self.reload(kind, "alloc", nth, last, error=errno.ENOMEM)[2]
                    if hits:
                        self.count(f"reload {kind} alloc")
            files, blocks = settle(self.holds)
            self.assertEqual(files, before[0], kind)
            self.assertLessEqual(blocks, before[1] + LIBRARIES_LOSE, kind)

    def test_files_that_cannot_be_read(self):
        self.reload("changed", "read")
        before = settle(self.holds)
        errors = [errno.EIO, errno.EMFILE, errno.ENOMEM, errno.EINTR]
        for kind in ("unchanged", "changed", "broken") if ALL else ("changed",):
            for call in "read", "open", "fstat", "stat":
                total = self.reload(kind, call)[1]
                # What is refused in its first file names no others.
                self.assertGreater(total, 0 if kind == "broken" else 2, call)
                for nth in range(1, total + 1):
                    for error in errors if ALL else {RANDOM.choice(errors), *([errno.EINTR] if call == "read" else [])}:
                        with self.subTest(kind, call=call, nth=nth, error=errno.errorcode[error]):
                            taken, _, hits = self.reload(kind, call, nth, error=error)
                            if hits:
                                self.count(f"reload {kind} {call}")
                            if call == "read" and error == errno.EINTR:
                                self.assertEqual(taken, kind != "broken")
        with self.subTest("a few bytes at a time"):
            taken, _, hits = self.reload("changed", "read", 1, FOREVER, action="short", argument=500)
            self.assertTrue(taken and hits)
        self.assertEqual(settle(self.holds), before)


if __name__ == "__main__":
    testlib.need("conntrack", "openssl")
    testlib.main()
