/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Texts with {{names}} in them, and what the tables of flags and commands put there. */

#include <stddef.h>
#include <stdio.h>

struct help_slot {
	const char *name;
	void (*print)(FILE *out);
};

/*
 * Prints text with each {{name}} replaced by what the slot of that name prints. A slot that stands
 * on a line alone prints whole lines. A name without a slot is printed as it is.
 */
void help_fill(FILE *out, const char *text, const struct help_slot *slots, size_t n);

/* A slot: the name under which the program is installed. */
void help_print_program(FILE *out);
