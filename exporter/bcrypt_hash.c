/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "bcrypt_hash.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define COST_AT 4 /* in "$2y$10$" */
#define SALT_AT 7
#define PREFIX "$2y$"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool has_prefix(const char *text)
{
	return text[0] == '$' && text[1] == '2' &&
	       (text[2] == 'a' || text[2] == 'b' || text[2] == 'y') && text[3] == '$' &&
	       is_digit(text[COST_AT]) && is_digit(text[COST_AT + 1]) && text[SALT_AT - 1] == '$';
}

unsigned int bcrypt_cost(const char *text)
{
	static const char alphabet[] =
		"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	unsigned int cost;

	if (strlen(text) != BCRYPT_HASH_LENGTH || !has_prefix(text) ||
	    strspn(text + SALT_AT, alphabet) != BCRYPT_HASH_LENGTH - SALT_AT)
		return 0;
	cost = (unsigned int)(text[COST_AT] - '0') * 10 + (unsigned int)(text[COST_AT + 1] - '0');
	return cost >= BCRYPT_COST_MIN && cost <= BCRYPT_COST_MAX ? cost : 0;
}

int bcrypt_parse(const char *text, struct bcrypt_hash *ret)
{
	const unsigned int cost = bcrypt_cost(text);

	if (cost == 0)
		return -EINVAL;
	memcpy(ret->text, text, sizeof(ret->text));
	memcpy(ret->text, PREFIX, COST_AT);
	ret->cost = cost;
	return 0;
}

void bcrypt_fake(unsigned int cost, struct bcrypt_hash *ret)
{
	assert(cost >= BCRYPT_COST_MIN && cost <= BCRYPT_COST_MAX);
	(void)snprintf(ret->text, sizeof(ret->text), PREFIX "%02u$%s", cost,
		       "Nobody.has.this.salt..None.has.this.sum.nor.could.it.");
	ret->cost = cost;
}
