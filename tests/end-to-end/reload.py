# SPDX-License-Identifier: GPL-2.0-or-later
"""A web configuration that changes while it is in force: what is right is taken over, what is not changes nothing."""

import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import time

from common import status, stopped, testlib, wait_until
from secured import HASH, LOGIN, OTHER, OTHER_HASH, PASSWORD, RELOADED, TLS, Place, Secured, SecureWire, login

# A change rests for a second and is looked for once a second.
SOON_S = 20
READ = '"The web configuration was read again"'
KEPT = '"The web configuration in force stays, its change is not taken over"'


def serial(it):
    """That of the certificate which a new connection is shown."""
    with SecureWire(it, it.place.context) as wire:
        return wire.serial()


class Reload(Secured):
    def hup(self, it):
        """Has it look now, and waits until it did: returns what the log says of it."""
        before = len(self.messages(it, "INFO", "ERROR"))
        os.kill(it.web(), signal.SIGHUP)
        return wait_until(lambda: [line for line in self.messages(it, "INFO", "ERROR")[before:]
                                   if line.startswith((READ, KEPT))], SOON_S, "it looked")

    def status_of(self, it, *headers):
        with self.wire(it) as wire:
            return wire.ask("/-/healthy", *headers).status

    def reloaded(self, it, *headers):
        """The metric."""
        with self.wire(it) as wire:
            return testlib.Metrics(wire.ask("/metrics?collect[]=table", *headers).text).get(RELOADED)

    @staticmethod
    def has_another_user(it):
        """A user namespace may know root alone."""
        return status(it.web())["Uid"].split() != ["0"] * 4


class InTime(Reload):
    """What is noticed without a signal. Most of it is waiting, so all of it is done at the same time."""

    def test_it(self):
        checks = (
            self.check_certificate, self.check_password, self.check_links, self.check_slow_writing, self.check_unasked,
            lambda place: self.check_kept(place, lambda: place.write(TLS + LOGIN + "  - a\n"), "line "),
            lambda place: self.check_kept(place, lambda: os.unlink(place.file("web.crt")), "web.crt.*No such file"),
            lambda place: self.check_kept(place, lambda: place.copy("next.key", "web.key"),
                                          "the key is not the one of the certificate"),
            lambda place: self.check_kept(place, lambda: place.write("", "web.key"), "the key cannot be used"),
            lambda place: self.check_kept(place, lambda: os.chmod(place.file("web.key"), 0o600),
                                          "web.key.*Permission denied", True))
        with concurrent.futures.ThreadPoolExecutor(len(checks)) as pool:
            for done in [pool.submit(check, self.enter(Place())) for check in checks]:
                done.result()

    def check_certificate(self, place):
        """New connections have the new one. Those that are there get their answer, and are to come again."""
        it = self.start(TLS, place=place)
        old, running = self.tls(it), self.tls(it)
        self.assertNotIn("connection", old.ask("/-/healthy").headers)
        place.authority.issue("next")
        with stopped(it.pids()[1]):
            running.get("/metrics")
            self.assertTrue(running.silent())
            for kind in "crt", "key":
                place.copy(f"next.{kind}", f"web.{kind}")
            wait_until(lambda: serial(it) != old.serial(), SOON_S, "new connections get the new certificate")
            # They get the same answer, which closes none but the old one.
            new = [self.tls(it) for _ in range(2)]
            for wire in new[0], old, new[1]:
                self.assertTrue(wire.get("/metrics").silent())
        for wire in running, old:
            reply = wire.reply()
            self.assertEqual((reply.status, reply.headers.get("connection")), (200, "close"))
            self.assertTrue(wire.closed())
        for wire in new:
            self.assertNotIn("connection", wire.reply().headers)
            self.assertNotIn("connection", wire.ask("/-/healthy").headers)
        self.assertEqual(self.reloaded(it), 1)
        self.assertEqual(len([line for line in self.messages(it, "INFO") if line.startswith(READ)]), 1)

    def check_password(self, place):
        it = self.start(LOGIN, place=place)
        wire = self.plain(it)
        self.assertEqual(wire.ask("/-/healthy", login()).status, 200)
        place.write(LOGIN.replace(HASH, OTHER_HASH))
        wait_until(lambda: wire.ask("/-/healthy", login()).status == 401, SOON_S, "the old password is none any more")
        self.assertEqual(wire.ask("/-/healthy", login(OTHER)).status, 200)
        self.assertEqual(wire.ask("/-/healthy").status, 401)

    def check_unasked(self, place):
        """Of a change that rested while nobody asked, already the first who asks is told."""
        it = self.start(f"{LOGIN}  second: {HASH}\n", place=place)
        self.assertEqual(self.status_of(it, login(name="second")), 200)
        place.write(LOGIN)
        time.sleep(3.5)
        self.assertEqual([self.status_of(it, login(name=name)) for name in ("second", "prometheus")], [401, 200])

    def check_links(self, place):
        """As Kubernetes does it: the files are links through one link, which is replaced, and what it led to is gone."""
        os.mkdir(place.file("volume"))
        serials = set()
        for number in range(3):
            os.mkdir(place.file(f"volume/..{number}"))
            place.write(TLS + LOGIN, f"volume/..{number}/web.yml")
            place.authority.issue("web")
            for name in "web.crt", "web.key":
                place.copy(name, f"volume/..{number}/{name}")
            os.symlink(f"..{number}", place.file("volume/..new"))
            os.rename(place.file("volume/..new"), place.file("volume/..data"))
            if number == 0:
                for name in "web.yml", "web.crt", "web.key":
                    os.symlink(f"..data/{name}", place.file(f"volume/{name}"))
                it = self.exporter(f"--web.config.file={place.file('volume/web.yml')}")
                it.place, it.secure = place, True
            else:
                shutil.rmtree(place.file(f"volume/..{number - 1}"))
                wait_until(lambda: serial(it) not in serials, SOON_S, "the new certificate is there")
            serials.add(serial(it))
        self.assertEqual(len(serials), 3)
        self.assertEqual(self.messages(it, "ERROR"), [])
        self.assertEqual((self.status_of(it), self.status_of(it, login())), (401, 200))

    def check_kept(self, place, break_it, why, by_rights=False):
        """It is said once however often it is asked, the metric says no, all goes on as before, until it is repaired."""
        place.authority.issue("next")
        it = self.start(TLS + LOGIN, place=place)
        if by_rights and not self.has_another_user(it):
            return
        before = serial(it)
        self.assertEqual(self.reloaded(it, login()), 1)
        break_it()
        wait_until(lambda: self.reloaded(it, login()) == 0, SOON_S, "the change is refused")
        end = time.monotonic() + 1.2
        while time.monotonic() < end:
            self.assertEqual((self.status_of(it), self.status_of(it, login())), (401, 200))
            time.sleep(0.05)
        self.assertEqual(serial(it), before)
        (said,) = self.messages(it, "WARN", "ERROR")
        self.assertRegex(said, f'^{KEPT} file={place.config} err=".*{why}.*"$')
        self.assertNotRegex(said, f"{PASSWORD}|\\$2y")
        for kind in "crt", "key":
            place.copy(f"next.{kind}", f"web.{kind}")
        place.write(TLS + LOGIN)
        wait_until(lambda: self.reloaded(it, login()) == 1, SOON_S, "what is right again is taken over")
        self.assertNotEqual(serial(it), before)

    def check_slow_writing(self, place):
        """It never opens it, and what is written in one go, however slowly, is not half in force."""
        for _ in range(3):
            if self.write_slowly(place):
                return
        self.fail("this machine does not write twice a second")

    def write_slowly(self, place):
        """False when a pause was so long that what stood there counted as written."""
        it = self.start(f"{LOGIN}  second: {HASH}\nrate_limit: {{interval: 0}}\n", place=place)
        wire, found, longest = self.plain(it), [], 0
        with open(place.config, "w", encoding="utf-8") as file:
            for piece in ("", "basic_auth_users:\n", f"  prometheus: {OTHER_HASH[:30]}", f"{OTHER_HASH[30:]}\n",
                          f"  second: {OTHER_HASH}\n", "rate_limit:\n", "  interval: 0\n"):
                began = time.monotonic()
                file.write(piece)
                file.flush()
                while time.monotonic() - began < 0.4:
                    found.append(tuple(wire.ask("/-/healthy", *headers).status for headers in
                                       ((), (login("wrong"),), (login(OTHER),), (login(),), (login(name="second"),))))
                    time.sleep(0.02)
                longest = max(longest, time.monotonic() - began)
        self.assertEqual({statuses[:2] for statuses in found}, {(401, 401)})
        if longest > 0.8:
            return False
        self.assertEqual(set(found), {(401, 401, 401, 200, 200)})
        self.assertEqual(self.messages(it, "ERROR"), [])
        wait_until(lambda: wire.ask("/-/healthy", login(OTHER)).status == 200, SOON_S, "what was written is in force")
        self.assertEqual(wire.ask("/-/healthy", login()).status, 401)
        return True


class Signal(Reload):
    def test_it_means_now(self):
        """Nobody asks anything, and it does not wait until the change has rested."""
        it = self.start(LOGIN)
        self.place.write(LOGIN.replace(HASH, OTHER_HASH))
        (said,) = self.hup(it)
        self.assertTrue(said.startswith(READ), said)
        self.assertEqual([self.status_of(it, login(word)) for word in (PASSWORD, OTHER)], [401, 200])

    def test_without_a_file(self):
        it = self.exporter()
        self.assertIsNone(it.metrics().get(RELOADED))
        os.kill(it.web(), signal.SIGHUP)
        it.wait_for_log("nothing to reload")
        self.assertEqual(it.request("/-/healthy").status, 200)

    def test_by_signal_it_is_said_each_time(self):
        it = self.start(TLS + LOGIN)
        self.place.write("nonsense")
        for _ in range(2):
            (said,) = self.hup(it)
            self.assertTrue(said.startswith(KEPT))
        self.assertEqual(self.status_of(it), 401)


class Protection(Reload):
    """It never becomes less by itself."""

    def test_what_needs_a_restart(self):
        context = self.authority.trusted(self.place.web)
        clients = TLS + "  client_ca_file: ca.crt\n  client_auth_type: "
        cases = (("logins", TLS + LOGIN, TLS), ("everything", TLS + LOGIN, ""), ("TLS", TLS + LOGIN, LOGIN),
                 ("client certificates", f"{clients}RequireAndVerifyClientCert\n", TLS),
                 ("their proof", f"{clients}RequireAndVerifyClientCert\n", f"{clients}RequireAnyClientCert\n"),
                 ("their authority", f"{clients}RequireAndVerifyClientCert\n",
                  TLS + "  client_auth_type: RequireAndVerifyClientCert\n"),
                 ("their names", f"{clients}RequireAndVerifyClientCert\n  client_allowed_sans: [localhost]\n",
                  f"{clients}RequireAndVerifyClientCert\n"),
                 ("TLS, to switch on", LOGIN, TLS + LOGIN))
        for what, before, after in cases:
            with self.subTest(what):
                it = self.start(before)
                self.place.write(after)
                (said,) = self.hup(it)
                self.assertRegex(said, f"^{KEPT} .* restart only", what)
                with SecureWire(it, context) if it.secure else self.plain(it) as wire:
                    self.assertEqual(wire.ask("/-/healthy").status, 401 if LOGIN in before else 200)
                    headers = (login(),) if LOGIN in before else ()
                    self.assertEqual(testlib.Metrics(wire.ask("/metrics?collect[]=table", *headers).text).get(RELOADED), 0)

    def test_what_does_not(self):
        it = self.start(f"{LOGIN}  second: {HASH}\n")
        self.place.write(LOGIN)
        (said,) = self.hup(it)
        self.assertTrue(said.startswith(READ), said)
        self.assertEqual([self.status_of(it, login(name=name)) for name in ("prometheus", "second")], [200, 401])

    def test_a_client_whose_name_is_taken_off(self):
        """The connection that it has brings one answer more."""
        config = (f"{TLS}  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n"
                  "  client_allowed_sans: [first.example.org, second.example.org]\n")
        first, second = (self.authority.trusted(self.authority.issue(name, f"DNS:{name}.example.org"))
                         for name in ("first", "second"))
        it = self.start(config)
        kept = self.tls(it, first)
        self.assertNotIn("connection", kept.ask("/-/healthy").headers)
        self.place.write(config.replace("first.example.org, ", ""))
        (said,) = self.hup(it)
        self.assertTrue(said.startswith(READ), said)
        self.assertEqual(kept.ask("/-/healthy").headers.get("connection"), "close")
        self.assertTrue(kept.closed())
        with self.assertRaises((EOFError, OSError)):
            self.tls(it, first).ask("/-/healthy")
        self.assertEqual(self.tls(it, second).ask("/-/healthy").status, 200)

    def test_a_key_for_root_alone(self):
        """It is read before root's rights are gone. That it will not be read again is said at once."""
        place = self.enter(Place())
        os.chmod(place.file("web.key"), 0o600)
        it = self.start(TLS, place=place)
        self.assertEqual(self.status_of(it), 200)
        if not self.has_another_user(it):
            self.skipTest("root has no other user id to take here")
        (warning,) = [line for line in self.messages(it, "WARN") if "web." in line]
        self.assertRegex(warning, f'cannot be read with the rights that are left" file={place.file("web.key")} '
                                  'err="Permission denied"$')


    def test_a_directory_for_root_alone(self):
        """Said at the start of each file, and nothing changes by that."""
        place = self.enter(Place())
        os.chmod(place.directory.name, 0o700)
        it = self.start(TLS + LOGIN, place=place)
        if not self.has_another_user(it):
            self.skipTest("root has no other user id to take here")
        # A change that was seen would be one after two looks.
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            self.assertEqual(self.reloaded(it, login()), 1)
            time.sleep(0.1)
        said = self.messages(it, "WARN", "ERROR")
        self.assertEqual([re.search(r'cannot be taken over: .* file=(\S+) err="Permission denied"$', line).group(1)
                          for line in said], [place.config, place.file("web.crt"), place.file("web.key")])
        # Until something is there to be seen.
        place.write(TLS + LOGIN.replace(HASH, OTHER_HASH))
        os.chmod(place.directory.name, 0o755)
        wait_until(lambda: self.status_of(it, login(OTHER)) == 200, SOON_S, "what can be read is taken over")
        self.assertEqual(self.reloaded(it, login(OTHER)), 1)
        self.assertEqual(self.messages(it, "WARN", "ERROR"), said)


class Start(Reload):
    """What is wrong at the start is one line, and the end."""

    def check_refused(self, path, why):
        done = subprocess.run([testlib.EXPORTER, "--web.listen-address=127.0.0.1:0", f"--web.config.file={path}"],
                              capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "SSL_CERT_FILE": "/nowhere/ca.crt"})
        testlib.check_sanitizers(done.stderr)
        self.assertEqual((done.returncode, done.stdout), (1, ""), why)
        errors = [line for line in done.stderr.splitlines() if "level=INFO" not in line and "system call filter" not in line]
        self.assertEqual(len(errors), 1, done.stderr)
        self.assertRegex(errors[0], f'level=ERROR msg="Cannot use the web configuration" file={path} err=.*{why}')
        self.assertNotIn("Listening on", done.stderr)
        self.assertNotRegex(done.stderr, f"{PASSWORD}|\\$2y")

    def test_it(self):
        self.authority.issue("next")
        key = self.place.file("web.key")
        testlib.run("openssl", "ec", "-in", key, "-aes128", "-passout", "pass:secret", "-out", self.place.file("locked.key"))
        os.mkdir(self.place.file("directory"))
        configs = {
            "hello": "line 1: ",
            "tls_config: {}": "line 1: .*tls_config",
            f"{TLS}  certfile: a\n": "line 4: .*certfile",
            TLS.replace("web.crt", "none.crt"): "none.crt'?: No such file or directory",
            TLS.replace("web.crt", "directory"): "directory",
            TLS.replace("web.crt", "web.key"): "certificate",
            TLS.replace("web.key", "next.key"): "the key is not the one of the certificate",
            TLS.replace("web.key", "locked.key"): "the key is encrypted",
            f"{TLS}  min_version: TLS14\n": "line 4: .*TLS14",
            f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n": "/nowhere/ca.crt'?: No such file or directory",
            f"{TLS}  cipher_suites: [TLS_RSA_WITH_AES_128_GCM_SHA256]\n": "line 4: insecure cipher suite 'TLS_RSA_",
            f"basic_auth_users:\n  prometheus: {PASSWORD}\n": "line 2: ",
            "http_server_config:\n  headers:\n    X-Powered-By: a\n": "line 3: .*X-Powered-By",
        }
        for config, why in configs.items():
            with self.subTest(why):
                self.check_refused(self.place.write(config), why)
        for name, why in ("none.yml", "No such file or directory"), ("directory", "directory|regular file"):
            with self.subTest(name):
                self.check_refused(self.place.file(name), why)

    def test_names_are_as_they_were_written(self):
        """Beside a file that is named without a directory."""
        self.place.write(TLS.replace("web.crt", "none.crt"), "bad.yml")
        done = subprocess.run([testlib.EXPORTER, "--web.listen-address=127.0.0.1:0", "--web.config.file=bad.yml"],
                              cwd=self.place.directory.name, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot read 'none.crt': No such file or directory", done.stderr)


if __name__ == "__main__":
    testlib.main()
