/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "netstat_parse.h"

#include <stddef.h>
#include <string.h>

#include "procfs.h"

struct word {
	const char *at;
	size_t length; /* 0: the line has no more */
};

/* The next word of the line at *s, which moves behind it. */
static struct word next_word(const char **s)
{
	struct word word = { .at = *s + strspn(*s, " \t") };

	word.length = strcspn(word.at, " \t\n");
	*s = word.at + word.length;
	return word;
}

static bool is_word(const struct word *word, const char *text)
{
	return strlen(text) == word->length && strncmp(text, word->at, word->length) == 0;
}

/* A word that is a number from its first to its last character. */
static bool word_value(const struct word *word, uint64_t *ret)
{
	const char *s = word->at;
	uint64_t value;

	if (!parse_u64(&s, 10, &value) || s != word->at + word->length)
		return false;
	*ret = value;
	return true;
}

static bool find_value(const char *names, const char *values, const char *name, uint64_t *ret)
{
	struct word in_names, in_values;

	do {
		in_names = next_word(&names);
		in_values = next_word(&values);
		if (is_word(&in_names, name))
			return word_value(&in_values, ret);
	} while (in_names.length && in_values.length);
	return false;
}

static const char *next_line(const char *s)
{
	s += strcspn(s, "\n");
	return *s ? s + 1 : s;
}

/* What stands behind the prefix and its colon on this line; NULL when it starts otherwise. */
static const char *behind_prefix(const char *line, const char *prefix)
{
	const size_t length = strlen(prefix);

	return strncmp(line, prefix, length) == 0 && line[length] == ':' ? line + length + 1 : NULL;
}

bool netstat_parse(const char *text, const char *prefix, const char *name, uint64_t *ret)
{
	const char *line = text;

	while (*line) {
		const char *names = behind_prefix(line, prefix), *values;

		line = next_line(line);
		values = names ? behind_prefix(line, prefix) : NULL;
		if (!values)
			continue;
		if (find_value(names, values, name, ret))
			return true;
		line = next_line(line);
	}
	return false;
}
