# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of --web.config.file share: files that the exporter can read, TLS on the wire, logins."""

import base64
import os
import re
import shutil
import tempfile

from common import TestCase, Wire, testlib

import certificates  # pylint: disable=wrong-import-order

TLS = "tls_server_config:\n  cert_file: web.crt\n  key_file: web.key\n"
# Of PASSWORD, of OTHER, and of PASSWORD at a cost that is usual, about 70 ms.
PASSWORD, OTHER = "swordfish", "correct horse"
HASH = "$2y$04$E7McEDnZqjxNRyFOmGdv6OpNvpnhdZv7CzOweXPPVp7WG8koAvCyy"
OTHER_HASH = "$2y$04$5rLnFXLut5O8zbONI4iqa.R6zsccix0t6NGzg1v91l0PaO.GIfE.u"
USUAL_HASH = "$2y$10$W5VfFOV0Y1k2ZXkaH4/JN.ODxCPbv6Br6XyediEUkLpejr132YHdO"
LOGIN = f"basic_auth_users:\n  prometheus: {HASH}\n"
LINE = re.compile(r"time=\S+ level=(\w+) msg=(.*)")
HITS = "conntrack_exporter_http_limit_hits_total"
RELOADED = "conntrack_exporter_web_config_last_reload_successful"


def login(password=PASSWORD, name="prometheus"):
    """The header."""
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


class SecureWire(Wire):
    """As Wire, over TLS. The context is one of certificates.Authority."""

    def __init__(self, exporter, context, **kwargs):
        super().__init__(exporter, **kwargs)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        except BaseException:
            self.socket.close()
            raise

    def serial(self):
        """That of the certificate that the other side showed."""
        return self.socket.getpeercert()["serialNumber"]


class Place:
    """A directory with an authority and web.crt, which it issued. All may read it."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="web-config-")

    def __enter__(self):
        os.chmod(self.directory.name, 0o755)
        self.authority = certificates.Authority(self.directory.name, "ca")
        self.web = self.authority.issue("web")
        self.context = self.authority.trusted()
        self.config = self.file("web.yml")
        return self

    def __exit__(self, *_):
        self.directory.cleanup()

    def file(self, name):
        return os.path.join(self.directory.name, name)

    def write(self, text, name="web.yml"):
        """Puts a file in the place of another at once, and returns its path."""
        path = self.file(name)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(f"{path}.new", path)
        return path

    def copy(self, source, target):
        """Puts a file in the place of another at once."""
        shutil.copy(self.file(source), self.file(f"{target}.new"))
        os.rename(self.file(f"{target}.new"), self.file(target))


class Secured(TestCase):
    """Each class has a place."""

    @classmethod
    def setUpClass(cls):
        cls.place = cls.enter_class(Place())
        cls.authority, cls.context = cls.place.authority, cls.place.context

    def start(self, config, *flags, place=None, **kwargs):
        """An exporter with this configuration in the place."""
        place = place or self.place
        it = self.exporter(f"--web.config.file={place.write(config)}", *flags, **kwargs)
        it.place, it.secure = place, "tls_server_config" in config
        return it

    # Hashes are made with the least weight that there is: on a busy machine they are waited for.

    def tls(self, it, context=None, **kwargs):
        return self.enter(SecureWire(it, context or it.place.context, timeout=60, **kwargs))

    def plain(self, it, **kwargs):
        return self.enter(Wire(it, timeout=60, **kwargs))

    @staticmethod
    def wire(it):
        """A connection for a with block."""
        return SecureWire(it, it.place.context) if it.secure else Wire(it)

    @staticmethod
    def messages(it, *levels):
        """The log lines of these levels, without their time and level, and what a build for sanitizers says besides."""
        return [match.group(2) for line in it.logged().splitlines()
                if (match := LINE.fullmatch(line)) and match.group(1) in levels and "system call filter" not in line]
