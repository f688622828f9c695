#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""text_embed.py OUT.H FILE...: makes C strings of text files, each named as its file: text_manual_1 of manual.1."""

import json
import os
import re
import sys

HEAD = """/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Made of text files by text_embed.py. */

/* A compiler need not take longer strings than 4095 bytes; those that build this do. */
#pragma GCC diagnostic ignored "-Woverlength-strings"
"""


def main():
    out, *paths = sys.argv[1:]
    strings = []
    for path in paths:
        with open(path, encoding="ascii", newline="") as file:
            # A JSON string without control characters but \n and \t is a C string.
            lines = "\n".join(f"\t{json.dumps(line)}" for line in file)
        strings.append(f"\nstatic const char text_{re.sub('[^a-z0-9]', '_', os.path.basename(path))}[] =\n{lines};\n")
    with open(out, "w", encoding="ascii", newline="\n") as file:
        file.write(HEAD + "".join(strings))


main()
