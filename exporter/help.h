/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the tables of flags, commands, collectors and metrics say, in words. */

#include <stdio.h>

/* --help: usage, flags, commands, collectors and their metrics. */
void help_print(FILE *out);

/* The table of metrics that stands in README.md, in Markdown. */
void help_print_metrics(FILE *out);

/* --version. */
void help_print_version(FILE *out);
