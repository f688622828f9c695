# SPDX-License-Identifier: GPL-2.0-or-later
"""page_embed.py PATH OF exporter/page_embed.py: what it makes of a page, and the pages it refuses."""

import ast
import os
import re
import subprocess
import sys
import tempfile
import unittest

EMBED = sys.argv.pop()
PAGE = """<!DOCTYPE html>
<a href="{{metrics}}">{{metrics}}</a> \\ "quoted" ??/ 1\t\u00e9 {{version}}{{verdict}}
<style>
b { color: red }
</style>
<script>const a = "style=";</script>
no newline at the end"""


def embed(page):
    """(exit code, what was said, the C source, the header)"""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("page.html", "page_html.c", "page_html.h")]
        with open(paths[0], "w", encoding="utf-8", newline="") as file:
            file.write(page)
        done = subprocess.run([sys.executable, EMBED, *paths], stderr=subprocess.PIPE, text=True, check=False)
        made = []
        for path in paths[1:]:
            if os.path.exists(path):
                with open(path, encoding="ascii") as file:
                    made.append(file.read())
        return (done.returncode, done.stderr, *made)


def texts(source):
    """The bytes of the arrays. For what is written there, Python's literals are C's."""
    arrays = re.findall(r"^static const char part_\d+\[\] =\n(.*?);$", source, re.S | re.M)
    return [b"".join(ast.literal_eval("b" + line.strip()) for line in array.split("\n")) for array in arrays]


class Embed(unittest.TestCase):
    def test_every_byte_is_kept(self):
        for page in (PAGE, PAGE.replace("\n", "\r\n"), PAGE + "\n\n"):
            code, _, source, _ = embed(page)
            self.assertEqual(code, 0)
            self.assertEqual([text.decode() for text in texts(source)], re.split(r"\{\{\w+\}\}", page))
            self.assertEqual(re.findall(r"PAGE_SLOT_(\w+) \},", source),
                             ["METRICS", "METRICS", "VERSION", "VERDICT", "NONE"])

    def test_the_same_page_makes_the_same_source(self):
        self.assertEqual(embed(PAGE), embed(PAGE))

    def test_the_policy_names_the_hashes(self):
        # printf '\nb { color: red }\n' | openssl dgst -sha256 -binary | base64, and so on
        self.assertIn("style-src 'sha256-yGlZ2COO0fMfg35ueFMkXeTwfxqsIlQtrdC226cyFEQ='; "
                      "script-src 'sha256-1ETH9B029DZEsZaLQwCHEYSeCDhPvhIvL2UXTwBRg8k=';", embed(PAGE)[2])

    def test_what_the_policy_would_forbid_is_refused(self):
        for more, said in (('<b style="color: red">', "the policy forbids the attribute style"),
                           ('<img src="x.png">', "the policy forbids the attribute src"),
                           ("<b\n onclick='x()'>", "the policy forbids the attribute onclick"),
                           ("<script>second()</script>", "there must be one <script>, without attributes"),
                           ("<style></style>", "there must be one <style>, without attributes"),
                           ("{{other}}", "unknown placeholders: other")):
            code, stderr, *made = embed(PAGE + more)
            self.assertEqual((code, made), (1, []))
            self.assertIn(said, stderr)

    def test_a_placeholder_in_what_is_hashed_is_refused(self):
        code, stderr, *made = embed(PAGE.replace("color: red", "color: {{version}}"))
        self.assertEqual((code, made), (1, []))
        self.assertIn("a placeholder in <style> would change its hash", stderr)

    def test_a_script_from_elsewhere_is_refused(self):
        code, stderr, *made = embed(PAGE.replace("<script>", '<script src="x.js">'))
        self.assertEqual((code, made), (1, []))
        self.assertIn("page.html", stderr)


unittest.main(verbosity=2)
