/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "help_template.h"

#include <stdbool.h>
#include <string.h>

#include "version.h"

/* The slot whose {{name}} text begins with, or NULL. */
static const struct help_slot *find_slot(const char *text, const struct help_slot *slots, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const size_t length = strlen(slots[i].name);

		if (strncmp(text + 2, slots[i].name, length) == 0 &&
		    strncmp(text + 2 + length, "}}", 2) == 0)
			return &slots[i];
	}
	return NULL;
}

void help_fill(FILE *out, const char *text, const struct help_slot *slots, size_t n)
{
	bool starts_line = true;

	while (*text) {
		const struct help_slot *slot = strncmp(text, "{{", 2) == 0
						       ? find_slot(text, slots, n)
						       : NULL;

		if (!slot) {
			fputc(*text, out);
			starts_line = *text++ == '\n';
			continue;
		}
		slot->print(out);
		text += strlen(slot->name) + strlen("{{}}");
		if (starts_line && *text == '\n')
			text++;
		else
			starts_line = false;
	}
}

void help_print_program(FILE *out)
{
	fputs(EXPORTER_PROGRAM, out);
}
