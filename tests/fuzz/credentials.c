/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The Authorization header. What was accepted, encoded again, is accepted and means the same. */

#include "fuzz.h"

#include "../../exporter/auth_credentials.h"

static void encode(const char *text, size_t length, char *ret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < length; i += 3) {
		uint32_t bits = 0;

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (i + k < length ? (uint8_t)text[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			*ret++ = i + k <= length ? digits[bits >> (18 - 6 * k) & 63] : '=';
	}
	*ret = '\0';
}

static void repeat(const struct auth_credentials *credentials)
{
	static struct auth_credentials again;
	static char header[8 + 4 * sizeof(again)], text[sizeof(again)];
	const int n = snprintf(text, sizeof(text), "%s:%s", credentials->name,
			       credentials->password);

	HOLDS(!strchr(credentials->name, ':'));
	HOLDS(n > 0 && (size_t)n < sizeof(text));
	memcpy(header, "basic ", 6);
	encode(text, (size_t)n, header + 6);
	HOLDS(auth_credentials_parse(header, &again) == 0);
	HOLDS(strcmp(again.name, credentials->name) == 0);
	HOLDS(strcmp(again.password, credentials->password) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_all(data, size);
	struct auth_credentials *credentials = malloc(sizeof(*credentials));

	HOLDS(credentials);
	memset(credentials, 'x', sizeof(*credentials));
	if (auth_credentials_parse(text, credentials) == 0) {
		HOLDS(memchr(credentials->name, '\0', sizeof(credentials->name)));
		HOLDS(memchr(credentials->password, '\0', sizeof(credentials->password)));
		repeat(credentials);
	} else {
		HOLDS(credentials->name[0] == 'x' && credentials->password[0] == 'x');
	}
	free(credentials);
	free(text);
	return 0;
}
