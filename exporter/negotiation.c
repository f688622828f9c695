/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "negotiation.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util.h"

#define SCRAPE_TIMEOUT_MARGIN_S 0.5

/* A part of a header, not ended by NUL. */
struct slice {
	const char *at;
	size_t len;
};

static struct slice slice_trim(struct slice s)
{
	while (s.len && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

static bool slice_is(struct slice s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

/*
 * Takes what stands before the next separator outside quotes, trimmed, from *rest. False at the
 * end.
 */
static bool slice_take(struct slice *rest, char separator, struct slice *ret)
{
	bool quoted = false;
	size_t n = 0;

	if (!rest->at)
		return false;
	for (; n < rest->len && (quoted || rest->at[n] != separator); n++) {
		if (rest->at[n] == '"')
			quoted = !quoted;
		else if (quoted && rest->at[n] == '\\' && n + 1 < rest->len)
			n++;
	}
	*ret = slice_trim((struct slice){ rest->at, n });
	*rest = n < rest->len ? (struct slice){ rest->at + n + 1, rest->len - n - 1 }
			      : (struct slice){ NULL, 0 };
	return true;
}

static struct slice slice_unquote(struct slice s)
{
	if (s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"')
		return (struct slice){ s.at + 1, s.len - 2 };
	return s;
}

/* A quality in thousandths: "1", "0.5", "0.125". What is none counts as 0: not wanted. */
static unsigned int parse_quality(struct slice s)
{
	unsigned int value = 0, digits = 0;

	if (s.len == 0 || s.len > 5 || (s.at[0] != '0' && s.at[0] != '1') ||
	    (s.len > 1 && s.at[1] != '.'))
		return 0;
	value = (unsigned int)(s.at[0] - '0');
	for (size_t i = 2; i < s.len; i++, digits++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return 0;
		value = value * 10 + (unsigned int)(s.at[i] - '0');
	}
	for (; digits < 3; digits++)
		value *= 10;
	return value <= 1000 ? value : 0;
}

/* One element of a list header: its name and the two parameters that matter. */
struct element {
	struct slice name;
	struct slice version; /* empty: none */
	unsigned int quality;
};

static bool element_take(struct slice *rest, struct element *ret)
{
	struct slice text, parameter, key;

	if (!slice_take(rest, ',', &text))
		return false;
	*ret = (struct element){ .quality = 1000 };
	(void)slice_take(&text, ';', &ret->name);
	while (slice_take(&text, ';', &parameter)) {
		struct slice value = parameter;

		if (!slice_take(&value, '=', &key) || !value.at)
			continue;
		value = slice_unquote(slice_trim(value));
		if (slice_is(key, "q"))
			ret->quality = parse_quality(value);
		else if (slice_is(key, "version"))
			ret->version = value;
	}
	return true;
}

/*
 * "text/plain;version=1.0.0" is a name of a newer Prometheus for text with UTF-8 names; 0.0.4 is
 * read for it. OpenMetrics 0.0.1 and 2.0.0 are other formats than ours.
 */
static bool element_format(const struct element *element, enum exposition_format *ret)
{
	if (slice_is(element->name, "application/openmetrics-text") ||
	    slice_is(element->name, "application/*")) {
		*ret = EXPOSITION_OPENMETRICS;
		return element->version.len == 0 || slice_is(element->version, "1.0.0");
	}
	*ret = EXPOSITION_TEXT;
	return slice_is(element->name, "text/plain") || slice_is(element->name, "text/*") ||
	       slice_is(element->name, "*/*");
}

enum exposition_format negotiation_format(const char *accept)
{
	struct slice rest = { accept, accept ? strlen(accept) : 0 };
	enum exposition_format best = EXPOSITION_TEXT, format;
	unsigned int best_quality = 0;
	struct element element;

	while (element_take(&rest, &element)) {
		if (element.quality > best_quality && element_format(&element, &format)) {
			best = format;
			best_quality = element.quality;
		}
	}
	return best;
}

const char *negotiation_content_type(enum exposition_format format)
{
	static const char *const types[N_EXPOSITION_FORMATS] = {
		[EXPOSITION_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
		[EXPOSITION_OPENMETRICS] =
			"application/openmetrics-text; version=1.0.0; charset=utf-8",
	};

	return types[format];
}

bool negotiation_gzip(const char *accept_encoding)
{
	struct slice rest = { accept_encoding, accept_encoding ? strlen(accept_encoding) : 0 };
	bool any = false;
	struct element element;

	while (element_take(&rest, &element)) {
		if (slice_is(element.name, "gzip"))
			return element.quality > 0;
		if (slice_is(element.name, "*"))
			any = element.quality > 0;
	}
	return any;
}

uint64_t negotiation_timeout_ns(const char *seconds)
{
	double value = SCRAPE_TIMEOUT_DEFAULT_S;
	char *end;

	if (seconds && *seconds && strspn(seconds, "0123456789.") == strlen(seconds)) {
		double asked = strtod(seconds, &end);

		if (*end == '\0' && asked > 0)
			value = asked > SCRAPE_TIMEOUT_MARGIN_S ? asked - SCRAPE_TIMEOUT_MARGIN_S
								: asked;
	}
	if (value > SCRAPE_TIMEOUT_MAX_S)
		value = SCRAPE_TIMEOUT_MAX_S;
	return (uint64_t)(value * (double)NSEC_PER_SEC);
}
