#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""page_embed.py PAGE.HTML OUT.C OUT.H: makes C of the status page, and the Content-Security-Policy that fits it.

The page is cut at its {{placeholders}}; every other byte of it is kept. The policy allows exactly the one inline style and
the one inline script of the page, by their hashes, and requests to where the page came from.
"""

import base64
import hashlib
import re
import sys

SLOTS = ("version", "metrics", "verdict")
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
LICENSE = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
MADE = "/* Made of page.html by page_embed.py. */\n"
HEADER = """#pragma once

#include <stddef.h>

enum page_slot {{
	PAGE_SLOT_NONE,
{slots}}};

/* A piece of the page, and what goes behind it. */
struct page_part {{
	const char *text;
	size_t len;
	enum page_slot slot;
}};

#define N_PAGE_PARTS {n_parts}

extern const struct page_part page_parts[N_PAGE_PARTS];
"""
SOURCE = """
#include "page_html.h"

#include "exporter/page.h"

/* A compiler need not take longer ones than 4095 bytes; those that build this do. */
#pragma GCC diagnostic ignored "-Woverlength-strings"

{strings}
const struct page_part page_parts[N_PAGE_PARTS] = {{
{parts}}};

const char *const page_csp =
	"{policy}";
"""


def inline(page, tag):
    """The text of the only element of this kind, which has no attributes."""
    found = re.findall(rf"<{tag}\b([^>]*)>(.*?)</{tag}>", page, re.S)
    if len(found) != 1 or found[0][0]:
        raise ValueError(f"there must be one <{tag}>, without attributes")
    if PLACEHOLDER.search(found[0][1]):
        raise ValueError(f"a placeholder in <{tag}> would change its hash")
    return found[0][1]


def check(page):
    """What the policy would forbid to work is refused here."""
    markup = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    for found in re.finditer(r"<[^>]*\s(style|src|srcset|on\w+|action)=[^>]*>", markup):
        raise ValueError(f"the policy forbids the attribute {found.group(1)}: {found.group()}")
    unknown = set(PLACEHOLDER.findall(page)) - set(SLOTS)
    if unknown:
        raise ValueError(f"unknown placeholders: {' '.join(sorted(unknown))}")


def policy(page):
    def source(tag):
        digest = hashlib.sha256(inline(page, tag).encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    return (f"default-src 'none'; style-src {source('style')}; script-src {source('script')}; connect-src 'self'; "
            "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def literal(text):
    """The text as C string literals, one for each line of it."""
    def character(byte):
        if byte in b'"\\':
            return "\\" + chr(byte)
        if byte in b"\n\t":
            return {10: "\\n", 9: "\\t"}[byte]
        # No escape is longer than three octal digits, whatever follows it. ?? could begin a trigraph.
        return chr(byte) if 32 <= byte < 127 and byte != 63 else f"\\{byte:03o}"

    lines = text.splitlines(keepends=True) or [""]
    return "\n".join('\t"' + "".join(map(character, line.encode())) + '"' for line in lines)


def main():
    page_path, source_path, header_path = sys.argv[1:]
    with open(page_path, encoding="utf-8", newline="") as file:
        page = file.read()
    check(page)
    pieces = PLACEHOLDER.split(page)  # text, name, text, name, ..., text
    texts, names = pieces[::2], pieces[1::2] + ["none"]
    strings = "".join(f"static const char part_{i}[] =\n{literal(text)};\n" for i, text in enumerate(texts))
    parts = "".join(f"\t{{ part_{i}, sizeof(part_{i}) - 1, PAGE_SLOT_{name.upper()} }},\n"
                    for i, name in enumerate(names))
    slots = "".join(f"\tPAGE_SLOT_{name.upper()},\n" for name in SLOTS)
    made = {source_path: SOURCE.format(strings=strings, parts=parts, policy=policy(page)),
            header_path: HEADER.format(slots=slots, n_parts=len(texts))}
    for path, text in made.items():
        with open(path, "w", encoding="ascii", newline="\n") as file:
            file.write(LICENSE + MADE + text)


try:
    main()
except ValueError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
