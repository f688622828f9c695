/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "secret.h"

#include <errno.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <nettle/version.h>
#include <string.h>
#include <sys/random.h>

int secret_key_create(struct secret_key *ret)
{
	ssize_t n = getrandom(ret->bytes, sizeof(ret->bytes), 0);

	if (n < 0)
		return -errno;
	return n == sizeof(ret->bytes) ? 0 : -EIO;
}

void secret_digest(const struct secret_key *key, const char *const *strings, size_t n,
		   struct secret_digest *ret)
{
	struct hmac_sha256_ctx ctx;

	hmac_sha256_set_key(&ctx, sizeof(key->bytes), key->bytes);
	for (size_t i = 0; i < n; i++) {
		const uint64_t length = strlen(strings[i]);

		hmac_sha256_update(&ctx, sizeof(length), (const uint8_t *)&length);
		hmac_sha256_update(&ctx, length, (const uint8_t *)strings[i]);
	}
#if NETTLE_VERSION_MAJOR >= 4
	hmac_sha256_digest(&ctx, ret->bytes);
#else
	hmac_sha256_digest(&ctx, sizeof(ret->bytes), ret->bytes);
#endif
	explicit_bzero(&ctx, sizeof(ctx));
}

bool secret_is_equal(const void *a, const void *b, size_t size)
{
	return memeql_sec(a, b, size);
}

/* Nettle skips white space, and takes what ends early until it is asked for the end. */
static bool is_base64(const char *text, size_t length)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t padding = 0;

	while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < length - padding; i++)
		if (!memchr(alphabet, text[i], sizeof(alphabet) - 1))
			return false;
	return length % 4 == 0;
}

int secret_base64_decode(const char *text, size_t length, void *ret, size_t size)
{
	struct base64_decode_ctx ctx;
	uint8_t group[BASE64_DECODE_LENGTH(4)];
	size_t n = 0, done;
	bool ok = is_base64(text, length);

	base64_decode_init(&ctx);
	for (size_t i = 0; ok && i < length; i += 4) {
		done = sizeof(group);
		ok = base64_decode_update(&ctx, &done, group, 4, text + i) && done <= size - n;
		if (ok)
			memcpy((uint8_t *)ret + n, group, done);
		n += ok ? done : 0;
	}
	explicit_bzero(&ctx, sizeof(ctx));
	explicit_bzero(group, sizeof(group));
	return ok ? (int)n : -EINVAL;
}
