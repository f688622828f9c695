/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether a secret is in memory that is given back; needs unit.h before it, and --wrap=free. */

#include <malloc.h>

static struct {
	const char *text; /* NULL: nobody looks */
	int n;		  /* times it was there in what is given back */
} secret;

static void look_for_secret(const void *memory, size_t size)
{
	if (secret.text && memory)
		secret.n += memmem(memory, size, secret.text, strlen(secret.text)) != NULL;
}

void __real_free(void *memory);
void __wrap_free(void *memory);

void __wrap_free(void *memory)
{
	look_for_secret(memory, malloc_usable_size(memory));
	__real_free(memory);
}
