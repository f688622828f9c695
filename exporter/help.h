/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the tables of flags, commands, collectors and metrics say, in words. */

#include <stdio.h>

/* --help: usage, flags, commands, collectors and their metrics. */
void help_print(FILE *out);

/* The table of metrics that stands in README.md, in Markdown. */
void help_print_metrics(FILE *out);

/* --help-man: the manual page, in mdoc(7). */
void help_print_manual(FILE *out);

/* --completion-script-bash and --completion-script-zsh. */
void help_print_completion_bash(FILE *out);
void help_print_completion_zsh(FILE *out);

/* --version. */
void help_print_version(FILE *out);
