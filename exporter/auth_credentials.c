/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "auth_credentials.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "secret.h"

static const char scheme[] = "Basic";

/* What stands behind the scheme, without the spaces around it; NULL when it is another scheme. */
static const char *find_base64(const char *authorization, size_t *ret_length)
{
	const size_t n = sizeof(scheme) - 1;
	const char *at = authorization + n;
	size_t length;

	if (strncasecmp(authorization, scheme, n) != 0 || *at != ' ')
		return NULL;
	at += strspn(at, " ");
	length = strlen(at);
	while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t'))
		length--;
	*ret_length = length;
	return at;
}

static int split(const uint8_t *text, size_t length, struct auth_credentials *ret)
{
	const uint8_t *colon = memchr(text, ':', length);
	size_t name, password;

	/* A NUL would end a string of ours early. */
	if (!colon || memchr(text, '\0', length))
		return -EINVAL;
	name = (size_t)(colon - text);
	password = length - name - 1;
	if (name > AUTH_NAME_MAX || password > AUTH_PASSWORD_MAX)
		return -EINVAL;
	memcpy(ret->name, text, name);
	ret->name[name] = '\0';
	memcpy(ret->password, colon + 1, password);
	ret->password[password] = '\0';
	return 0;
}

int auth_credentials_parse(const char *authorization, struct auth_credentials *ret)
{
	uint8_t text[AUTH_NAME_MAX + 1 + AUTH_PASSWORD_MAX];
	const char *base64;
	size_t length;
	int r;

	base64 = authorization ? find_base64(authorization, &length) : NULL;
	if (!base64)
		return -EINVAL;
	r = secret_base64_decode(base64, length, text, sizeof(text));
	if (r >= 0)
		r = split(text, (size_t)r, ret);
	explicit_bzero(text, sizeof(text));
	return r;
}
