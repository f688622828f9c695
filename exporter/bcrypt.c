/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "bcrypt.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "secret.h"

#define SUM_AT 29 /* 31 characters, which alone depend on the password */

struct bcrypt {
	struct crypt_data data;
};

struct bcrypt *bcrypt_create(void)
{
	return calloc(1, sizeof(struct bcrypt));
}

void bcrypt_destroy(struct bcrypt *bcrypt)
{
	free(bcrypt);
}

bool bcrypt_matches(struct bcrypt *bcrypt, const char *password, const struct bcrypt_hash *hash)
{
	char significant[BCRYPT_PASSWORD_MAX + 1];
	const size_t length = strnlen(password, BCRYPT_PASSWORD_MAX);
	const char *made;
	bool equal;

	/* libcrypt refuses passwords of 512 bytes and more. */
	memcpy(significant, password, length);
	significant[length] = '\0';
	made = crypt_r(significant, hash->text, &bcrypt->data);
	/* Not the salt: its last character may have bits that do not count. */
	equal = made && strlen(made) == BCRYPT_HASH_LENGTH &&
		secret_is_equal(made + SUM_AT, hash->text + SUM_AT, BCRYPT_HASH_LENGTH - SUM_AT);
	explicit_bzero(&bcrypt->data, sizeof(bcrypt->data));
	explicit_bzero(significant, sizeof(significant));
	return equal;
}
