# SPDX-License-Identifier: GPL-2.0-or-later
"""TLS as clients meet it: versions, suites, curves, certificates of clients, and what is not TLS at all."""

import concurrent.futures
import contextlib
import os
import socket
import ssl
import subprocess
import time

from common import COLLECTORS, Wire, successes, testlib
from secured import HITS, TLS, Place, Secured, SecureWire

import certificates  # pylint: disable=wrong-import-order

testlib.need("curl", "openssl")

ALL_1 = dict.fromkeys(COLLECTORS, 1)
VERSIONS = {"tls1": "TLS10", "tls1_1": "TLS11", "tls1_2": "TLS12", "tls1_3": "TLS13"}
REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
REQUEST_TIMEOUT_S = 10
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """What a process has used so far, all its threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def client_hello(context):
    """The first that such a client says."""
    said = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), said, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return said.read()


def healthy(it, context, **kwargs):
    """Whether /-/healthy is answered to such a client. With TLS 1.3 it learns of a refusal when it reads."""
    try:
        with SecureWire(it, context, **kwargs) as wire:
            return wire.ask("/-/healthy").text == "Healthy\n"
    except (ssl.SSLError, ConnectionResetError, BrokenPipeError, EOFError):
        return False


class Tls(Secured):
    def s_client(self, it, *flags, data=REQUEST):
        """What openssl says of a connection, without the certificates. Old protocols are allowed to it."""
        command = it.namespace.command("openssl", "s_client", "-connect", f"127.0.0.1:{it.port}", "-quiet", "-brief",
                                       "-cipher", "ALL:@SECLEVEL=0", *flags)
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                              check=False).stdout.decode()

    def answered(self, it, *flags):
        return self.s_client(it, *flags).endswith("\r\n\r\nHealthy\n")


class Handshakes(Tls):
    """With a certificate and a key alone."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.namespace = cls.enter_class(testlib.Namespace())
        cls.it = cls.enter_class(testlib.Exporter(cls.namespace, f"--web.config.file={cls.place.write(TLS)}"))
        cls.it.place = cls.place
        cls.pids = cls.it.pids()

    def tearDown(self):
        self.assertEqual(self.it.pids(), self.pids)
        self.assertTrue(healthy(self.it, self.context))

    def test_the_start(self):
        self.assertIn(f'"TLS is enabled." http2=false address=127.0.0.1:{self.it.port}', self.messages(self.it, "INFO"))
        self.assertNotIn("TLS is disabled", self.it.logged())

    def test_a_scrape(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            wire = self.tls(self.it, self.authority.trusted(version=version))
            for _ in range(2):
                self.assertEqual(successes(testlib.Metrics(wire.ask("/metrics").text)), ALL_1)

    def test_curl(self):
        for flag, protocol in ("--tls-max=1.2", "TLSv1.2"), ("--tlsv1.3", "TLSv1.3"):
            command = ["curl", "-sSv", "--cacert", self.authority.file("ca.crt"), *flag.split("="), "--compressed",
                       f"https://localhost:{self.it.port}/metrics"]
            done = subprocess.run(self.namespace.command(*command), capture_output=True, text=True, check=True)
            self.assertEqual(successes(testlib.Metrics(done.stdout)), ALL_1)
            self.assertIn(f"SSL connection using {protocol}", done.stderr)
            self.assertIn("content-encoding: gzip", done.stderr.lower())

    def test_http_2_is_never_spoken(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for offered, chosen in ([], None), (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"):
                context = self.authority.trusted(version=version)
                if offered:
                    context.set_alpn_protocols(offered)
                wire = self.tls(self.it, context)
                self.assertEqual(wire.socket.selected_alpn_protocol(), chosen)
                self.assertEqual(wire.ask("/-/healthy").status, 200)
            for offered in ["h2"], ["h2", "spdy/3"]:
                context = self.authority.trusted(version=version)
                context.set_alpn_protocols(offered)
                with self.assertRaises(ssl.SSLError):
                    self.tls(self.it, context)

    def test_suites_that_nobody_should_use(self):
        for suites in ("aNULL", "eNULL", "3DES", "RC4", "kRSA", "kDHE", "PSK", "SRP"):
            self.assertFalse(self.answered(self.it, "-tls1_2", "-cipher", f"{suites}:@SECLEVEL=0"), suites)
        self.assertTrue(self.answered(self.it, "-tls1_2", "-cipher", "ECDHE+AESGCM"))

    def test_what_is_not_tls(self):
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
        for data in (REQUEST, b"GET / HTTP/1.0\r\n\r\n", b"\0" * 5000, b"\x16\x03\x01\0\0" * 50, hello + b"\xff" * 600,
                     b"\x15\x03\x03\0\x02\x02\x28", b"\x17\x03\x03\x40\x01" + b"a" * 20000, b"\x80\x2e\x01\x03\x01" + b"a" * 50):
            with Wire(self.it) as wire:
                try:
                    wire.send(data).socket.shutdown(socket.SHUT_WR)
                    self.assertNotIn(b"HTTP/", wire.rest(), data[:20])
                except OSError:
                    pass

    def typed(self, version, *data):
        """What openssl says when these are typed one after another; R asks for another handshake, K for other keys."""
        command = self.namespace.command("openssl", "s_client", "-connect", f"127.0.0.1:{self.it.port}", version)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
            said = b""
            while b"Verify return code" not in said:
                said += client.stdout.readline()
            for each in data:
                with contextlib.suppress(BrokenPipeError):
                    client.stdin.write(each)
                    client.stdin.flush()
                time.sleep(0.2)
            return (said + client.communicate(timeout=30)[0]).decode()

    def test_renegotiation(self):
        """There is no answer any more. Other keys are not another handshake."""
        self.assertIn("\r\n\r\nHealthy\n", self.typed("-tls1_2", REQUEST))
        said = self.typed("-tls1_2", b"R\n", REQUEST)
        self.assertIn("RENEGOTIATING", said)
        self.assertNotIn("Healthy", said)
        said = self.typed("-tls1_3", b"K\n", REQUEST)
        self.assertIn("KEYUPDATE", said)
        self.assertIn("\r\n\r\nHealthy\n", said)

    def test_records(self):
        """Many requests in one, and one in many."""
        requests = REQUEST.replace(b"Connection: close\r\n", b"") * 100
        wire = self.tls(self.it)
        wire.send(requests)
        for _ in range(100):
            self.assertEqual(wire.reply().text, "Healthy\n")
        for byte in requests[:len(requests) // 100]:
            wire.send(bytes([byte]))
        self.assertEqual(wire.reply().text, "Healthy\n")


class Stalled(Tls):
    """Whoever begins to shake hands and does not go on. All other tests run meanwhile."""

    @classmethod
    def begin(cls):
        place = cls.enter_class(Place())
        cls.it = cls.enter_class(testlib.Exporter(cls.enter_class(testlib.Namespace()),
                                                  f"--web.config.file={place.write(TLS)}"))
        cls.it.place = place
        wires = [cls.enter_class(Wire(cls.it, REQUEST_TIMEOUT_S + 20, f"127.0.2.{number + 1}")) for number in range(20)]
        hello = client_hello(place.context)
        for number, wire in enumerate(wires):
            wire.send(hello if number % 2 else hello[:number])
        pool = cls.enter_class(concurrent.futures.ThreadPoolExecutor(1))
        cls.watched = pool.submit(cls.watch, wires)

    @classmethod
    def watch(cls, wires):
        """(whether others were served, when each was cut off, the share of a core that it took)"""
        began, web = time.monotonic(), cls.it.web()
        before = cpu_seconds(web)
        others = healthy(cls.it, cls.it.place.context)
        ended = [time.monotonic() - began for wire in wires if b"HTTP/" not in wire.rest()]
        return others, ended, (cpu_seconds(web) - before) / (time.monotonic() - began)

    def test_it_costs_little_and_ends_in_time(self):
        others, ended, share = self.watched.result()
        self.assertTrue(others)
        self.assertEqual(len(ended), 20)
        self.assertGreater(ended[0], REQUEST_TIMEOUT_S - 1)
        self.assertLess(ended[-1], REQUEST_TIMEOUT_S + 5)
        print(f"{share:.3f} of a core")
        self.assertLess(share, 0.2)
        metrics = testlib.Metrics(self.tls(self.it).ask("/metrics").text)
        self.assertEqual(metrics.get(HITS, limit="request_time"), len(ended))


def setUpModule():  # pylint: disable=invalid-name
    Stalled.begin()


class Restricted(Tls):
    """What the configuration allows is what there is."""

    def check_versions(self, config, *expected):
        it = self.start(TLS + config)
        self.assertEqual([name for flag, name in VERSIONS.items() if self.answered(it, f"-{flag}")], list(expected))

    def test_versions(self):
        self.check_versions("", "TLS12", "TLS13")
        self.check_versions("  min_version: TLS10\n", "TLS10", "TLS11", "TLS12", "TLS13")
        self.check_versions("  min_version: TLS11\n  max_version: TLS12\n", "TLS11", "TLS12")
        self.check_versions("  min_version: TLS13\n", "TLS13")
        self.check_versions("  max_version: TLS12\n", "TLS12")

    def test_suites(self):
        it = self.start(TLS + "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n")
        allowed, other = "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"
        self.assertIn(f"Ciphersuite: {allowed}", self.s_client(it, "-tls1_2", "-cipher", f"{other}:{allowed}"))
        self.assertFalse(self.answered(it, "-tls1_2", "-cipher", other))
        # Those of TLS 1.3 cannot be chosen.
        self.assertTrue(self.answered(it, "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"))

    def test_curves(self):
        it = self.start(TLS + "  curve_preferences: [CurveP384]\n")
        for version in ("-tls1_2", "-tls1_3"):
            self.assertIn("secp384r1", self.s_client(it, version, "-curves", "X25519:P-256:P-384"))
            self.assertFalse(self.answered(it, version, "-curves", "X25519:P-256:P-521"), version)


class Clients(Tls):
    """Who gets an answer: none, a good one, of another authority, expired, without the name."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        clients, others = (certificates.Authority(cls.place.directory.name, name) for name in ("clients-ca", "others-ca"))
        name = "DNS:prometheus.example.org"
        shown = {"none": None, "good": clients.issue("good", name), "other": others.issue("other", name),
                 "expired": clients.issue("expired", name, -1), "unnamed": clients.issue("unnamed", "DNS:example.org")}
        cls.clients = {who: [cls.authority.trusted(certificate, version)
                             for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
                       for who, certificate in shown.items()}

    def check_answered(self, config, *expected, **kwargs):
        """Exactly these are answered, whatever version they speak, and nobody who is not sees a byte of HTTP."""
        it = self.start(TLS + config, **kwargs)
        for number in range(2):
            self.assertEqual([who for who, contexts in self.clients.items() if healthy(it, contexts[number])],
                             list(expected), (config, number))
        return it

    def test_types(self):
        ca = "  client_ca_file: clients-ca.crt\n"
        everybody = ("none", "good", "other", "expired", "unnamed")
        self.check_answered("", *everybody)
        self.check_answered("  client_auth_type: NoClientCert\n", *everybody)
        self.check_answered(f"{ca}  client_auth_type: RequestClientCert\n", *everybody)
        self.check_answered(f"{ca}  client_auth_type: RequireAnyClientCert\n", *everybody[1:])
        self.check_answered(f"{ca}  client_auth_type: VerifyClientCertIfGiven\n", "none", "good", "unnamed")
        self.check_answered(f"{ca}  client_auth_type: RequireAndVerifyClientCert\n", "good", "unnamed")

    def test_the_authorities_of_the_system(self):
        """They count where no other is given, as in every exporter; they are told to the log and not to clients."""
        env = {"SSL_CERT_FILE": self.place.file("clients-ca.crt")}
        it = self.check_answered("  client_auth_type: VerifyClientCertIfGiven\n", "none", "good", "unnamed", env=env)
        self.assertIn("No client CA is given", "".join(self.messages(it, "WARN")))
        it = self.check_answered("  client_auth_type: RequireAndVerifyClientCert\n", "good", "unnamed", env=env)
        command = it.namespace.command("openssl", "s_client", "-connect", f"127.0.0.1:{it.port}", "-tls1_2")
        said = subprocess.run(command, input=b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False).stdout
        self.assertIn(b"No client certificate CA names sent", said)

    def test_the_real_authorities_of_the_system(self):
        """Where the distribution has them."""
        if not os.path.exists("/etc/ssl/certs/ca-certificates.crt"):
            self.skipTest("ca-certificates is not installed")
        self.check_answered("  client_auth_type: RequireAndVerifyClientCert\n", env={"SSL_CERT_FILE": ""})

    def test_names(self):
        self.check_answered("  client_ca_file: clients-ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n"
                            "  client_allowed_sans: [a.example.org, prometheus.example.org]\n", "good")
        self.check_answered("  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [prometheus.example.org]\n",
                            "good", "other", "expired")


if __name__ == "__main__":
    testlib.main()
