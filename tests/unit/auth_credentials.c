/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <stdio.h>

#include "../../exporter/auth_credentials.h"

/* Sizes: "Basic " and base64 of the longest, and room for more. */
#define HEADER_MAX 4096

/* As RFC 4648 section 4 writes it, for what the parser reads with a library. */
static void encode(const uint8_t *text, size_t n, char *ret)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		const uint8_t a = text[i], b = i + 1 < n ? text[i + 1] : 0,
			      c = i + 2 < n ? text[i + 2] : 0;

		*ret++ = alphabet[a >> 2];
		*ret++ = alphabet[(a & 3) << 4 | b >> 4];
		*ret++ = i + 1 < n ? alphabet[(b & 15) << 2 | c >> 6] : '=';
		*ret++ = i + 2 < n ? alphabet[c & 63] : '=';
	}
	*ret = '\0';
}

static int parse_bytes(const uint8_t *text, size_t n, struct auth_credentials *ret)
{
	char header[HEADER_MAX] = "Basic ";

	encode(text, n, header + strlen(header));
	return auth_credentials_parse(header, ret);
}

static void a_name_and_a_password_are_read(_unused_ void **state)
{
	static const struct {
		const char *header, *name, *password;
	} rows[] = {
		/* The example of RFC 7617 section 2, and of 2.1. */
		{ "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame" },
		{ "Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3" },
		{ "basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame" },
		{ "BASIC QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame" },
		{ "bAsIc     QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame" },
		{ "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== \t ", "Aladdin", "open sesame" },
		{ "Basic YTo=", "a", "" },
		{ "Basic OmI=", "", "b" },
		{ "Basic Og==", "", "" },
		{ "Basic Ojo6", "", "::" },
		{ "Basic YTpiOmM6", "a", "b:c:" },
		{ "Basic YTpiCmM=", "a", "b\nc" },
		{ "Basic YTr/+/8=", "a", "\xff\xfb\xff" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct auth_credentials credentials;

		assert_int_equal(auth_credentials_parse(rows[i].header, &credentials), 0);
		assert_string_equal(credentials.name, rows[i].name);
		assert_string_equal(credentials.password, rows[i].password);
	}
}

static void whatever_else_comes_is_refused(_unused_ void **state)
{
	static const char *const wrong[] = {
		NULL,
		"",
		" ",
		"B",
		"Basi",
		"Basic",
		"Basic ",
		"Basic   ",
		"BasicYTpi",
		"Basic\tYTpi",
		"Basic:YTpi",
		" Basic YTpi",
		"Basics YTpi",
		"Bearer YTpi",
		"Digest username=\"a\"",
		"Negotiate YTpi",
		"Basic a:b",
		/* no colon */
		"Basic YQ==",
		"Basic YWI=",
		/* padding that is missing, too much, or amid */
		"Basic YTo",
		"Basic YTo==",
		"Basic YTo===",
		"Basic YTpi=",
		"Basic YTpi==",
		"Basic YTpi====",
		"Basic =",
		"Basic ====",
		"Basic =YTpi",
		"Basic YT=pi",
		"Basic Y=p=",
		"Basic YTo=YTo=",
		"Basic YTo=YTpi",
		/* bits left over */
		"Basic YTp=",
		"Basic Oh==",
		/* what is no base64, and that of URLs */
		"Basic YT pi",
		"Basic YTpi YTpi",
		"Basic YT\tpi",
		"Basic YT\rpi",
		"Basic YT\npi",
		"Basic YTpi    YTpi",
		"Basic YTpi\r\n\r\nYTpi",
		"Basic YTpi\n",
		"Basic YTpi\r\n",
		"Basic YTpi,",
		"Basic YTpi;",
		"Basic \"YTpi\"",
		"Basic YT-_",
		"Basic YTr_-_8=",
		"Basic YTp\xc3\xa4",
		"Basic \x80YTp",
		"Basic Y",
		"Basic YTpiY",
		"Basic YTpi, Basic YTpi",
		/* a NUL in the name, in the password, at the end, alone */
		"Basic YQBiOmM=",
		"Basic YTpiAGM=",
		"Basic YTpiAA==",
		"Basic AA==",
		"Basic ADpi",
		"Basic OgA=",
	};
	struct auth_credentials credentials = { .name = "before", .password = "too" };

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(auth_credentials_parse(wrong[i], &credentials), -EINVAL);
	assert_string_equal(credentials.name, "before");
	assert_string_equal(credentials.password, "too");
}

static void the_bounds_are_exact(_unused_ void **state)
{
	uint8_t text[AUTH_NAME_MAX + AUTH_PASSWORD_MAX + 3];
	struct auth_credentials credentials;

	memset(text, 'x', sizeof(text));
	text[AUTH_NAME_MAX] = ':';
	assert_int_equal(parse_bytes(text, AUTH_NAME_MAX + 1 + AUTH_PASSWORD_MAX, &credentials), 0);
	assert_int_equal(strlen(credentials.name), AUTH_NAME_MAX);
	assert_int_equal(strlen(credentials.password), AUTH_PASSWORD_MAX);
	assert_int_equal(parse_bytes(text, AUTH_NAME_MAX + 2 + AUTH_PASSWORD_MAX, &credentials),
			 -EINVAL);
	text[AUTH_NAME_MAX] = 'x';
	text[AUTH_NAME_MAX + 1] = ':';
	assert_int_equal(parse_bytes(text, AUTH_NAME_MAX + 2, &credentials), -EINVAL);
	assert_int_equal(parse_bytes(text, sizeof(text), &credentials), -EINVAL);
	text[0] = ':';
	assert_int_equal(parse_bytes(text, AUTH_PASSWORD_MAX + 1, &credentials), 0);
	assert_int_equal(parse_bytes(text, AUTH_PASSWORD_MAX + 2, &credentials), -EINVAL);
}

static void a_header_of_a_megabyte_is_refused(_unused_ void **state)
{
	const size_t size = 1U << 20;
	char *header = malloc(size + 1);
	struct auth_credentials credentials;

	assert_non_null(header);
	memset(header, 'Y', size);
	header[size] = '\0';
	memcpy(header, "Basic   ", 8);
	assert_int_equal(auth_credentials_parse(header, &credentials), -EINVAL);
	memset(header + 5, ' ', size - 5);
	assert_int_equal(auth_credentials_parse(header, &credentials), -EINVAL);
	free(header);
}

/* Any bytes come back as they went, or are refused for the one reason there is. */
static void any_bytes_come_back(_unused_ void **state)
{
	struct dice dice = dice_start();

	for (int run = 0; run < 20000; run++) {
		const size_t n = dice_below(&dice, 40);
		uint8_t text[40];
		const uint8_t *colon;
		struct auth_credentials c;
		int r;

		for (size_t i = 0; i < n; i++)
			text[i] = dice_one_in(&dice, 10) ? ':' : (uint8_t)dice_next(&dice);
		colon = memchr(text, ':', n);
		r = parse_bytes(text, n, &c);
		if (!colon || memchr(text, '\0', n)) {
			assert_int_equal(r, -EINVAL);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(strlen(c.name), colon - text);
		assert_memory_equal(c.name, text, strlen(c.name));
		assert_int_equal(strlen(c.password), n - strlen(c.name) - 1);
		assert_memory_equal(c.password, colon + 1, strlen(c.password));
	}
}

/* What is not base64 as it is written is never taken for it. */
static void nothing_but_the_canonical_form_is_taken(_unused_ void **state)
{
	static const char characters[] = "YTpi:=+/ \t\n-_AZaz09";
	struct dice dice = dice_start();

	for (int run = 0; run < 50000; run++) {
		const size_t n = dice_below(&dice, 13);
		char header[32] = "Basic ", again[HEADER_MAX], whole[64];
		struct auth_credentials c;

		for (size_t i = 0; i < n; i++)
			header[6 + i] = characters[dice_below(&dice, sizeof(characters) - 1)];
		if (auth_credentials_parse(header, &c) < 0)
			continue;
		(void)snprintf(whole, sizeof(whole), "%.20s:%.20s", c.name, c.password);
		encode((const uint8_t *)whole, strlen(whole), again);
		for (size_t i = strlen(header); header[i - 1] == ' ' || header[i - 1] == '\t'; i--)
			header[i - 1] = '\0';
		assert_string_equal(header + 5 + strspn(header + 5, " "), again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_and_a_password_are_read),
		cmocka_unit_test(whatever_else_comes_is_refused),
		cmocka_unit_test(the_bounds_are_exact),
		cmocka_unit_test(a_header_of_a_megabyte_is_refused),
		cmocka_unit_test(any_bytes_come_back),
		cmocka_unit_test(nothing_but_the_canonical_form_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
