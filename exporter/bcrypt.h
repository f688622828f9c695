/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Passwords against bcrypt hashes. libcrypt is used here and nowhere else.
 *
 * bcrypt has always looked at 72 bytes alone: of a longer password the rest does not count, as with
 * Go, which makes no new hash of such a one but compares so.
 */

#include <stdbool.h>

#include "bcrypt_hash.h"

#define BCRYPT_PASSWORD_MAX 72 /* bytes that count */

/* Where a hash is made: 32 KiB, too much for a small stack. */
struct bcrypt;

struct bcrypt *bcrypt_create(void);
/* Accepts NULL. */
void bcrypt_destroy(struct bcrypt *bcrypt);

/* Takes its time: 2^cost rounds. Leaves nothing in *bcrypt. */
bool bcrypt_matches(struct bcrypt *bcrypt, const char *password, const struct bcrypt_hash *hash);
