/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "sockstat_parse.h"

#include <string.h>

#include "procfs.h"

bool sockstat_parse_tcp(const char *text, const char *key, uint64_t *ret)
{
	const size_t key_length = strlen(key);
	const char *s = strncmp(text, "TCP:", 4) == 0 ? text : strstr(text, "\nTCP:");
	const char *end;

	if (!s)
		return false;
	s += *s == '\n';
	end = s + strcspn(s, "\n");
	/* Words are "name number" pairs; a name starts behind a blank. */
	while (s < end) {
		const char *word = s + strspn(s, " ");
		size_t length = strcspn(word, " \n");

		s = word + length;
		if (length == key_length && strncmp(word, key, length) == 0)
			return parse_u64(&s, 10, ret);
		if (length == 0)
			return false;
	}
	return false;
}

bool numbers_parse(const char *text, unsigned int index, uint64_t *ret)
{
	uint64_t value;

	for (unsigned int i = 0; i <= index; i++)
		if (!parse_u64(&text, 10, &value))
			return false;
	*ret = value;
	return true;
}
