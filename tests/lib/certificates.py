# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates made by openssl while the tests run, and connections over TLS that show or trust them."""

import os
import ssl

import testlib

testlib.need("openssl")

HERE = "DNS:localhost,IP:127.0.0.1"


class Authority:
    """An authority of this name in a directory: NAME.crt and NAME.key."""

    def __init__(self, directory, name):
        self.directory = directory
        self.name = name
        testlib.run("openssl", "req", "-x509", *self.new_key(name), "-subj", f"/CN={name}", "-days", "2", "-out",
                    self.file(f"{name}.crt"))

    def file(self, name):
        return os.path.join(self.directory, name)

    def new_key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.file(f"{name}.key"))

    def issue(self, name, san=HERE, days=1):
        """Makes NAME.crt and NAME.key and returns their paths; days below 0: expired. Whoever may read all may read both."""
        certificate, key = self.file(f"{name}.crt"), self.file(f"{name}.key")
        request = testlib.run("openssl", "req", "-new", *self.new_key(name), "-subj", f"/CN={name}", "-addext",
                              f"subjectAltName={san}")
        testlib.run("openssl", "x509", "-req", "-days", str(days), "-copy_extensions", "copy", "-out", certificate, "-CA",
                    self.file(f"{self.name}.crt"), "-CAkey", self.file(f"{self.name}.key"), input=request)
        os.chmod(key, 0o644)
        return certificate, key

    def trusted(self, certificate=None, version=None):
        """What a client needs that trusts this authority and shows the certificate and key of issue()."""
        context = ssl.create_default_context(cafile=self.file(f"{self.name}.crt"))
        if certificate:
            context.load_cert_chain(*certificate)
        if version:
            context.minimum_version = context.maximum_version = version
        return context
