/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What every fuzz target shares. A target gives the bytes to the code in blocks of memory that are
 * exactly as long as they are, so that one byte read beyond them is found.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../exporter/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A finding, like a crash, unless the condition holds. */
#define HOLDS(condition)                                                                        \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			(void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
				      #condition);                                              \
			abort();                                                                \
		}                                                                               \
	} while (0)

/* The input as it is used up. */
struct input {
	const uint8_t *at;
	size_t left;
};

/* A block of its own, to be freed. */
static inline void *input_block(const void *bytes, size_t size)
{
	void *block = malloc(size);

	HOLDS(block || size == 0);
	if (size)
		memcpy(block, bytes, size);
	return block;
}

/* The bytes before the next separator as a string, to be freed; NULL at the end of the input. */
static inline char *input_text(struct input *input, char separator)
{
	const uint8_t *end;
	size_t length;
	char *text;

	if (!input->at)
		return NULL;
	end = input->left ? memchr(input->at, separator, input->left) : NULL;
	length = end ? (size_t)(end - input->at) : input->left;
	text = malloc(length + 1);
	HOLDS(text);
	memcpy(text, input->at, length);
	text[length] = '\0';
	*input = end ? (struct input){ end + 1, input->left - length - 1 }
		     : (struct input){ NULL, 0 };
	return text;
}

/* All of the input as a string, cut at its first zero byte; to be freed. */
static inline char *input_all(const uint8_t *data, size_t size)
{
	struct input input = { data ? data : (const uint8_t *)"", size };

	return input_text(&input, '\0');
}

/* n bytes, zeros where the input has ended. */
static inline void input_bytes(struct input *input, void *ret, size_t n)
{
	const size_t have = input->left < n ? input->left : n;

	memset(ret, 0, n);
	if (have)
		memcpy(ret, input->at, have);
	input->at = have ? input->at + have : input->at;
	input->left -= have;
}

static inline uint8_t input_byte(struct input *input)
{
	uint8_t byte;

	input_bytes(input, &byte, 1);
	return byte;
}
