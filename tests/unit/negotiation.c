/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/negotiation.h"

#define OPENMETRICS EXPOSITION_OPENMETRICS
#define TEXT EXPOSITION_TEXT

static const struct {
	const char *accept;
	enum exposition_format format;
} formats[] = {
	/* Prometheus 2.42 */
	{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
	  "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	  OPENMETRICS },
	/* Prometheus 3.x */
	{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
	  "application/openmetrics-text;version=0.0.1;q=0.5,"
	  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
	  "*/*;q=0.2",
	  OPENMETRICS },
	/* Prometheus 3.x with native histograms */
	{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
	  "encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;"
	  "escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
	  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,"
	  "*/*;q=0.1",
	  OPENMETRICS },
	/* Prometheus 3.x told to ask for text alone */
	{ "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,"
	  "*/*;q=0.4",
	  TEXT },
	/* Nothing said: curl, no header, an empty one */
	{ "*/*", TEXT },
	{ NULL, TEXT },
	{ "", TEXT },
	/* Browsers */
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
	  "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
	  TEXT },
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT },
	/* Type and version must both fit */
	{ "application/openmetrics-text", OPENMETRICS },
	{ "application/openmetrics-text;version=0.0.1", TEXT },
	{ "application/openmetrics-text;version=2.0.0", TEXT },
	{ "application/openmetrics-text;version=1.0.0.0", TEXT },
	{ "application/openmetrics-text;version=1.0", TEXT },
	{ "application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.1",
	  OPENMETRICS },
	{ "text/plain;version=1.0.0", TEXT },
	{ "application/openmetrics-text2;version=1.0.0", TEXT },
	{ "xapplication/openmetrics-text;version=1.0.0", TEXT },
	{ "application/json", TEXT },
	{ "application/*", OPENMETRICS },
	{ "text/*", TEXT },
	/* Quality */
	{ "application/openmetrics-text;version=1.0.0;q=0", TEXT },
	{ "application/openmetrics-text;version=1.0.0;q=0.000", TEXT },
	{ "application/openmetrics-text;version=1.0.0;q=0.001", OPENMETRICS },
	{ "text/plain;q=0.5,application/openmetrics-text;q=0.51", OPENMETRICS },
	{ "text/plain;q=0.51,application/openmetrics-text;q=0.5", TEXT },
	{ "text/plain;q=0.9,application/openmetrics-text", OPENMETRICS },
	{ "*/*;q=0.9,application/openmetrics-text;q=1.000", OPENMETRICS },
	{ "text/plain;q=0,application/openmetrics-text;q=0.1", OPENMETRICS },
	{ "text/plain;q=0.009,application/openmetrics-text;q=0.01", OPENMETRICS },
	/* Ties go by order */
	{ "text/plain,application/openmetrics-text", TEXT },
	{ "application/openmetrics-text,text/plain", OPENMETRICS },
	{ "*/*;q=0.5,application/openmetrics-text;q=0.50", TEXT },
	{ "application/openmetrics-text;q=0.5,*/*;q=0.500", OPENMETRICS },
	/* Spelling */
	{ "Application/OpenMetrics-Text;Version=1.0.0;Q=0.5,*/*;q=0.4", OPENMETRICS },
	{ "  application/openmetrics-text \t; version = 1.0.0 ; q = 0.5 ,\ttext/plain;q=0.4",
	  OPENMETRICS },
	{ "application/openmetrics-text;version=\"1.0.0\"", OPENMETRICS },
	{ "application/openmetrics-text;version=\"0.0.1\"", TEXT },
	{ "application/openmetrics-text;version=\"1.0.0\";q=\"0.5\",text/plain;q=0.6", TEXT },
	{ "application/openmetrics-text;x=\"a,b;q=0;c\";q=0.5,text/plain;q=0.4", OPENMETRICS },
	{ "application/openmetrics-text;x=\"\\\",text/plain;q=0.9\";q=0.5,text/plain;q=0.4",
	  OPENMETRICS },
	/* Garbage is not wanted, and never in the way of what follows */
	{ ",,;;,==,\"", TEXT },
	{ ",;=, ,application/openmetrics-text;version=1.0.0", OPENMETRICS },
	{ "\"application/openmetrics-text", TEXT },
	{ "application/openmetrics-text;q", OPENMETRICS },
	{ "application/openmetrics-text;q=", TEXT },
	{ "application/openmetrics-text;q=x", TEXT },
	{ "application/openmetrics-text;q=-1", TEXT },
	{ "application/openmetrics-text;q=2", TEXT },
	{ "application/openmetrics-text;q=1.001", TEXT },
	{ "application/openmetrics-text;q=0.1234", TEXT },
	{ "application/openmetrics-text;q=0,5", TEXT },
	{ "application/openmetrics-text;q=.5", TEXT },
	{ "application/openmetrics-text;q=1e0", TEXT },
	{ "application/openmetrics-text;q=nan", TEXT },
	{ "\xff\xfe\x80;q=1,application/openmetrics-text;q=0.1", OPENMETRICS },
};

static void accept_headers(_unused_ void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (negotiation_format(formats[i].accept) != formats[i].format)
			fail_msg("%s", formats[i].accept);
}

static void content_types(_unused_ void **state)
{
	assert_string_equal(negotiation_content_type(TEXT),
			    "text/plain; version=0.0.4; charset=utf-8");
	assert_string_equal(negotiation_content_type(OPENMETRICS),
			    "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

static void accept_encoding_headers(_unused_ void **state)
{
	static const struct {
		const char *value;
		bool gzip;
	} cases[] = {
		{ NULL, false },
		{ "", false },
		{ "gzip", true },
		{ "GZip", true },
		{ "identity", false },
		{ "gzip, deflate, br, zstd", true },
		{ "deflate, br, zstd", false },
		{ "x-gzip", false },
		{ "gzipped", false },
		{ "gzip;q=0", false },
		{ "gzip;q=0.0", false },
		{ "gzip;q=0.001", true },
		{ "gzip ; q=1.0", true },
		{ "gzip;q=bad", false },
		{ "identity;q=1, gzip;q=0.5", true },
		{ "*", true },
		{ "*;q=0", false },
		{ "*, gzip;q=0", false },
		{ "gzip;q=0, *", false },
		{ "*;q=0, gzip", true },
		{ ",,gzip", true },
		{ "br;q=1.0, gzip;q=0.8, *;q=0.1", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (negotiation_gzip(cases[i].value) != cases[i].gzip)
			fail_msg("%s", cases[i].value);
}

static const struct {
	const char *value;
	uint64_t ns;
} timeouts[] = {
	/* Half a second is kept for the way back, unless nothing would be left. */
	{ "10", 9500000000 },
	{ "1", 500000000 },
	{ "1.5", 1000000000 },
	{ "0.75", 250000000 },
	{ "0.5", 500000000 },
	{ "0.25", 250000000 },
	{ "10.000000", 9500000000 },
	{ "060", 59500000000 },
	{ "120", 119500000000 },
	{ "120.5", 120000000000 },
	{ ".5", 500000000 },
	{ "10.", 9500000000 },
	/* The maximum. */
	{ "121", 120000000000 },
	{ "3600", 120000000000 },
	{ "99999999999999999999999999999999", 120000000000 },
	/* What is not a positive decimal number is as good as no header. */
	{ NULL, 30000000000 },
	{ "", 30000000000 },
	{ "0", 30000000000 },
	{ "0.000", 30000000000 },
	{ "-1", 30000000000 },
	{ "-0", 30000000000 },
	{ "+10", 30000000000 },
	{ " 10", 30000000000 },
	{ "10 ", 30000000000 },
	{ "10s", 30000000000 },
	{ "ten", 30000000000 },
	{ "nan", 30000000000 },
	{ "NaN", 30000000000 },
	{ "inf", 30000000000 },
	{ "infinity", 30000000000 },
	{ "0x10", 30000000000 },
	{ "1e3", 30000000000 },
	{ "1,5", 30000000000 },
	{ ".", 30000000000 },
	{ "...", 30000000000 },
	{ "1.2.3", 30000000000 },
};

static void scrape_timeouts(_unused_ void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(timeouts); i++)
		if (negotiation_timeout_ns(timeouts[i].value) != timeouts[i].ns)
			fail_msg("%s: %llu", timeouts[i].value,
				 (unsigned long long)negotiation_timeout_ns(timeouts[i].value));
}

/* Beyond what a double holds. */
static void a_scrape_timeout_of_400_digits(_unused_ void **state)
{
	char digits[401];

	memset(digits, '9', sizeof(digits) - 1);
	digits[sizeof(digits) - 1] = '\0';
	assert_int_equal(negotiation_timeout_ns(digits), 120000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accept_headers),
		cmocka_unit_test(content_types),
		cmocka_unit_test(accept_encoding_headers),
		cmocka_unit_test(scrape_timeouts),
		cmocka_unit_test(a_scrape_timeout_of_400_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
