/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Accept, Accept-Encoding and X-Prometheus-Scrape-Timeout-Seconds, a line each. */

#include "fuzz.h"

#include "../../exporter/negotiation.h"

/* A type that nobody has, or a blank, changes nothing. */
static char *with(const char *text, const char *before, const char *behind)
{
	const size_t length = strlen(text) + strlen(before) + strlen(behind) + 1;
	char *longer = malloc(length);

	HOLDS(longer);
	(void)snprintf(longer, length, "%s%s%s", before, text, behind);
	return longer;
}

static void check_format(const char *text)
{
	const enum exposition_format format = negotiation_format(text);
	char *first = with(text, "x/y;q=0.5, ", ""), *last = with(text, " ", " ");

	HOLDS(format < N_EXPOSITION_FORMATS && *negotiation_content_type(format));
	HOLDS(negotiation_format(first) == format && negotiation_format(last) == format);
	HOLDS(strcasestr(text, "application/") || format == EXPOSITION_TEXT);
	free(first);
	free(last);
}

static void check_gzip(const char *text)
{
	const bool gzip = negotiation_gzip(text);
	char *first = with(text, "br;q=1, ", "");

	HOLDS(negotiation_gzip(first) == gzip);
	HOLDS(!gzip || strcasestr(text, "gzip") || strchr(text, '*'));
	free(first);
}

static void check_timeout(const char *text)
{
	const uint64_t ns = negotiation_timeout_ns(text);
	double seconds;

	HOLDS(ns <= SCRAPE_TIMEOUT_MAX_S * NSEC_PER_SEC);
	if (strspn(text, "0123456789.") != strlen(text) || strtod(text, NULL) == 0) {
		HOLDS(ns == SCRAPE_TIMEOUT_DEFAULT_S * NSEC_PER_SEC);
		return;
	}
	/* Nobody is made to wait longer than he said. */
	seconds = strtod(text, NULL);
	HOLDS((double)ns <= seconds * 1e9 || strchr(strchr(text, '.') + 1, '.'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data ? data : (const uint8_t *)"", size };
	char *accept = input_text(&input, '\n'), *encoding = input_text(&input, '\n'),
	     *timeout = input_text(&input, '\n');

	check_format(accept);
	if (encoding)
		check_gzip(encoding);
	if (timeout)
		check_timeout(timeout);
	free(accept);
	free(encoding);
	free(timeout);
	return 0;
}
