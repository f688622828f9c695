/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * bcrypt hashes "$2b$10$...", as htpasswd -B makes them: 60 characters, whose cost says that 2^cost
 * rounds are done. Pure.
 *
 * Which of 2a, 2b and 2y it is makes no difference, as it makes none to the Go of other exporters:
 * all are hashed as 2y. (libcrypt's 2a gives some passwords that are not UTF-8 another hash,
 * because of an old bug of others.)
 */

#define BCRYPT_HASH_LENGTH 60
#define BCRYPT_COST_MIN 4
#define BCRYPT_COST_MAX 31

/* One hash, ended by NUL, always of the form 2y. */
struct bcrypt_hash {
	char text[BCRYPT_HASH_LENGTH + 1];
	unsigned int cost;
};

/* 0 when text is no hash. */
unsigned int bcrypt_cost(const char *text);

/* Returns 0 or -EINVAL. */
int bcrypt_parse(const char *text, struct bcrypt_hash *ret);

/* A hash of that cost that no known password has. */
void bcrypt_fake(unsigned int cost, struct bcrypt_hash *ret);
