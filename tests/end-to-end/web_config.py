# SPDX-License-Identifier: GPL-2.0-or-later
"""Web configurations, good and bad: what the exporter says of them is what promtool says, which has the toolkit's code."""

import os
import shutil
import tempfile
import unittest.mock

from common import TestCase, testlib

CHECK = os.path.join(testlib.BUILD, "tests", "end-to-end", "web_config_check")
EXAMPLES = os.path.join(testlib.SOURCE, "deploy", "web")
HASH = "$2y$10$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
TLS = "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\n"
HEADERS = "http_server_config:\n  headers:\n    "


def user(value, name="prometheus"):
    return f"basic_auth_users:\n  {name}: {value}\n"


GOOD = {
    "nothing": "",
    "a comment": "# nothing\n",
    "an empty document": "---\n",
    "null": "~",
    "an empty map": "{}",
    "a byte order mark": "\ufeff{}",
    "empty sections": "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n",
    "nulls for texts": "tls_server_config: {cert_file: ~, key_file: null, client_auth_type: }",
    "a version and no TLS": "tls_server_config: {min_version: TLS13}",
    "a certificate and a key": TLS,
    "absolute paths": "tls_server_config: {cert_file: @/web.crt, key_file: @/web.key}",
    "every version": TLS + "  min_version: TLS10\n  max_version: TLS13\n",
    "a cipher suite": TLS + "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n",
    "no cipher suite": TLS + "  cipher_suites: []\n",
    "every curve": TLS + "  curve_preferences:\n  - CurveP256\n  - CurveP384\n  - CurveP521\n  - X25519\n",
    "words for true": TLS + "  prefer_server_cipher_suites: On\nhttp_server_config: {http2: y}\n",
    "words for false": TLS + "  prefer_server_cipher_suites: NO\nhttp_server_config: {http2: False}\n",
    "no client certificate": TLS + "  client_auth_type: NoClientCert\n",
    "a client certificate on request": TLS + "  client_auth_type: RequestClientCert\n",
    "any client certificate": TLS + "  client_auth_type: RequireAnyClientCert\n",
    "the old name of it": TLS + "  client_auth_type: RequireClientCert\n",
    "a client CA": TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: clients-ca.crt\n",
    "the system's authorities": TLS + "  client_auth_type: RequireAndVerifyClientCert\n",
    "the system's authorities if given": TLS + "  client_auth_type: VerifyClientCertIfGiven\n",
    "verified if given": TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: clients-ca.crt\n",
    "every header": HEADERS + "X-Frame-Options: sameorigin\n    X-Content-Type-Options: nosniff\n    X-XSS-Protection: 1\n"
                    "    Strict-Transport-Security: max-age=1\n    Content-Security-Policy: ''\n",
    "no header": "http_server_config: {headers: }",
    "a user": user(HASH),
    "a number for a name": user(HASH, 1),
    "the highest cost": user(HASH.replace("10", "31", 1)),
    "the lowest cost": user(HASH.replace("10", "04", 1)),
    "a key in the long form": "? http_server_config\n: {http2: true}\n",
}

BAD = {
    "a word": "hello",
    "a list": "[]",
    "an unknown section": "tls_config: {}",
    "an unknown key": TLS + "  certfile: a\n",
    "a section twice": "http_server_config: {}\nhttp_server_config: {}\n",
    "a key twice": TLS + "  key_file: web.key\n",
    "a user twice": user(HASH) + f"  prometheus: {HASH}\n",
    "a word for a section": "tls_server_config: a",
    "a list of users": "basic_auth_users: []",
    "a map for a text": TLS + "  client_auth_type: {}\n",
    "a text for a list": TLS + "  curve_preferences: CurveP256\n",
    "a list for a key": f"basic_auth_users:\n  [a]: {HASH}\n",
    "a quoted boolean": "http_server_config: {http2: 'true'}",
    "a number for a boolean": "http_server_config: {http2: 1}",
    "no certificate": "tls_server_config: {key_file: web.key}",
    "no key": "tls_server_config: {cert_file: web.crt}",
    "an empty name": "tls_server_config: {cert_file: '', key_file: web.key}",
    "a type of clients alone": "tls_server_config: {client_auth_type: NoClientCert}",
    "a client CA alone": "tls_server_config: {client_ca_file: clients-ca.crt}",
    "a certificate that is not there": TLS.replace("web.crt", "none.crt"),
    "a certificate that is none": TLS.replace("web.crt", "none.yml"),
    "a client CA and no type": TLS + "  client_ca_file: clients-ca.crt\n",
    "a client CA that nobody asks for": TLS + "  client_ca_file: clients-ca.crt\n  client_auth_type: NoClientCert\n",
    "an unknown type of clients": TLS + "  client_auth_type: Verify\n",
    "an unknown version": TLS + "  min_version: TLS14\n",
    "an empty version": TLS + "  min_version: ''\n",
    "an unknown cipher suite": TLS + "  cipher_suites: [TLS_AES_128_GCM]\n",
    "a cipher suite that was always insecure": TLS + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n",
    "an unknown curve": TLS + "  curve_preferences: [CurveP255]\n",
    "another header": HEADERS + "X-Powered-By: x\n",
    "a header in small letters": HEADERS + "x-xss-protection: 1\n",
    "a wrong frame option": HEADERS + "X-Frame-Options: allow\n",
    "an empty frame option": HEADERS + "X-Frame-Options:\n",
    "a wrong content type option": HEADERS + "X-Content-Type-Options: sniff\n",
    "a password": user("secret"),
    "no password": user("~"),
    "another hash": user("$1$abcdefgh$0123456789012345678901"),
    "a cost too low": user(HASH.replace("10", "03", 1)),
    "a cost too high": user(HASH.replace("10", "32", 1)),
    "a tab": "http_server_config:\n\thttp2: true\n",
    "an open bracket": "tls_server_config: {",
    "an unknown anchor": "tls_server_config: *a\n",
    "bytes that are no text": "\udcff: a",
    "a control character": "\x01: a",
}

# What the toolkit lets pass: here it would mean nothing, or something else than it says.
STRICTER = {
    # Newer exporters are built with a Go that calls these insecure, and refuse them, too.
    **{f"the cipher suite {name}": TLS + f"  cipher_suites: [TLS_RSA_WITH_{name}]\n"
       for name in ("AES_128_CBC_SHA", "AES_256_CBC_SHA", "AES_128_GCM_SHA256", "AES_256_GCM_SHA384")},
    "an anchor": "tls_server_config: &a {}",
    "a tag": "tls_server_config: !!map {}",
    "two documents": "{}\n---\n{}\n",
    "versions that exclude each other": TLS + "  min_version: TLS13\n  max_version: TLS12\n",
    "a hash that is cut": user(HASH[:-1]),
    "a hash with another letter": user(HASH[:-1] + "_"),
    "a hash with a line end": f"basic_auth_users:\n  prometheus: |\n    {HASH}\n",
    "a name with a colon": user(HASH, "'a:b'"),
    "a name that is too long": user(HASH, "n" * 256),
    "headers that fit in no answer": HEADERS + f"Content-Security-Policy: {'a' * 20000}\n",
    "a line end in a header": HEADERS + 'X-XSS-Protection: "1\\r\\nSet-Cookie: a"\n',
}

# Keys that this promtool may not know yet.
NEWER_GOOD = {
    "within the file": "tls_server_config:\n  cert: |\n    CRT\n  key: |\n    KEY\n",
    "a rate limit": "rate_limit: {interval: 1s, burst: 20}",
    "no rate limit": "rate_limit: {interval: 0}",
    "names of clients": TLS + "  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: [a.example.org]\n",
}

NEWER_BAD = {
    "names of clients that are not asked": TLS + "  client_allowed_sans: [a.example.org]\n",
    "a word for an interval": "rate_limit: {interval: often, burst: 20}",
    "a word for a burst": "rate_limit: {interval: 1s, burst: many}",
}

# As STRICTER. To the toolkit a number alone is of nanoseconds, and without a burst nobody is ever let through.
NEWER_STRICTER = {
    "an interval without a unit": "rate_limit: {interval: 1, burst: 20}",
    "an interval and no burst": "rate_limit: {interval: 1s}",
    "a burst of less than nothing": "rate_limit: {interval: 1s, burst: -1}",
    "a burst of nothing": "rate_limit: {interval: 1s, burst: 0}",
    "no names of clients": TLS + "  client_auth_type: RequireAnyClientCert\n  client_allowed_sans: []\n",
}


class WebConfig(TestCase):
    within = {}  # what stands for these words in a configuration

    @classmethod
    def setUpClass(cls):
        testlib.need("openssl")
        cls.directory = cls.enter_class(tempfile.TemporaryDirectory())
        testlib.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=test", "-keyout", cls.file("web.key"), "-out", cls.file("web.crt"))
        shutil.copy(cls.file("web.crt"), cls.file("clients-ca.crt"))
        cls.enter_class(unittest.mock.patch.dict(os.environ, SSL_CERT_FILE=cls.file("clients-ca.crt")))
        cls.write("none.yml", "no certificate\n")
        for name in "CRT", "KEY":
            with open(cls.file(f"web.{name.lower()}"), encoding="ascii") as file:
                cls.within[name] = file.read().strip().replace("\n", "\n    ")

    @classmethod
    def file(cls, name):
        return os.path.join(cls.directory, name)

    @classmethod
    def write(cls, name, text):
        with open(cls.file(name), "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            for word, value in {"@": cls.directory, **cls.within}.items():
                text = text.replace(word, value)
            file.write(text)

    def files(self, cases):
        """A file for each case."""
        for number, text in enumerate(cases.values()):
            self.write(f"{number}.yml", text)
        return [self.file(f"{number}.yml") for number in range(len(cases))]

    def own(self, cases):
        """{case: what the exporter says}"""
        return dict(zip(cases, testlib.run(CHECK, *self.files(cases)).splitlines(), strict=True))

    def check_promtool(self, cases, good):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")
        for name, verdict in zip(cases, self.promtool(*self.files(cases)), strict=True):
            self.assertEqual(verdict, good, name)

    @staticmethod
    def promtool(*files):
        """Whether promtool accepts each file. What it says of a bad one may have several lines."""
        said = testlib.run("sh", "-c", 'promtool check web-config "$@" 2>&1', "-", *files, check=False)
        return [f"{file} SUCCESS" in said.splitlines() for file in files]

    def test_good(self):
        for name, said in self.own({**GOOD, **NEWER_GOOD}).items():
            self.assertEqual(said, "ok", name)

    def test_bad(self):
        for name, said in self.own({**BAD, **STRICTER, **NEWER_BAD, **NEWER_STRICTER}).items():
            self.assertRegex(said, r"^(line \d+: |cannot read '|.*certificate)", name)
            self.assertNotIn("secret", said, name)

    def test_promtool_accepts_the_same(self):
        self.check_promtool({**GOOD, **STRICTER}, True)

    def test_promtool_refuses_the_same(self):
        self.check_promtool(BAD, False)

    def test_examples(self):
        names = sorted(os.listdir(EXAMPLES))
        self.assertEqual(names, ["web-config-mtls.yml", "web-config.yml"])
        for name in names:
            shutil.copy(os.path.join(EXAMPLES, name), self.file(name))
        files = [self.file(name) for name in names]
        self.assertEqual(testlib.run(CHECK, *files), "ok\nok\n")
        if shutil.which("promtool"):
            self.assertEqual(self.promtool(*files), [True, True])


if __name__ == "__main__":
    testlib.main()
