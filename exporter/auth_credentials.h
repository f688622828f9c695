/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The Authorization header of a request, as RFC 7617 has it. Pure. */

#define AUTH_NAME_MAX 255      /* bytes */
#define AUTH_PASSWORD_MAX 1024 /* bytes; bcrypt looks at the first 72, see bcrypt.h */

struct auth_credentials {
	char name[AUTH_NAME_MAX + 1];
	char password[AUTH_PASSWORD_MAX + 1];
};

/*
 * Parses "Basic BASE64", of any case and with spaces before and after the base64. Up to its first
 * colon that is the name, the rest the password; either may be empty. Returns 0, or -EINVAL for
 * NULL and whatever else is not exactly that: another scheme, garbage, a NUL, no colon, a name or
 * password that is too long. The caller wipes *ret.
 */
int auth_credentials_parse(const char *authorization, struct auth_credentials *ret);
