/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include <zlib.h>

#include "../../exporter/gzip.h"

#define BOUND (16U << 20)

/* gzip only: 16 makes zlib refuse a stream without the gzip header. */
static void check_inflates_to(const char *packed, size_t packed_len, const char *bytes, size_t len)
{
	unsigned char *text = malloc(len + 1);
	z_stream stream = { .avail_in = (uInt)packed_len, .avail_out = (uInt)len + 1 };

	assert_non_null(text);
	stream.next_in = (Bytef *)packed;
	stream.next_out = text;
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, len);
	assert_int_equal(stream.avail_in, 0);
	if (len)
		assert_memory_equal(text, bytes, len);
	assert_int_equal(inflateEnd(&stream), Z_OK);
	free(text);
}

static size_t check_round_trip(const char *bytes, size_t len)
{
	struct buffer packed;
	size_t packed_len;

	buffer_init(&packed, BOUND);
	assert_int_equal(gzip_compress(bytes, len, &packed), 0);
	assert_int_equal(packed.error, 0);
	check_inflates_to(packed.data, packed.len, bytes, len);
	packed_len = packed.len;
	buffer_finish(&packed);
	return packed_len;
}

static void small_texts(_unused_ void **state)
{
	check_round_trip(NULL, 0);
	check_round_trip("", 0);
	check_round_trip("x", 1);
	check_round_trip("a\0b", 3);
	check_round_trip("conntrack_entries 7\n", 20);
}

static void an_exposition_gets_much_smaller(_unused_ void **state)
{
	static const char line[] = "conntrack_flows{family=\"ipv4\",protocol=\"tcp\"} 12345\n";
	struct buffer text;

	buffer_init(&text, BOUND);
	for (int i = 0; i < 20000; i++)
		buffer_append_string(&text, line);
	assert_true(check_round_trip(text.data, text.len) < text.len / 20);
	buffer_finish(&text);
}

/* What does not compress fills the output chunk more than once. */
static void random_bytes(_unused_ void **state)
{
	struct dice dice = dice_start();
	static char bytes[300000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)dice_next(&dice);
	for (size_t len = sizeof(bytes); len > 0; len /= 3)
		check_round_trip(bytes, len);
}

static void it_is_appended(_unused_ void **state)
{
	struct buffer b;

	buffer_init(&b, BOUND);
	buffer_append_string(&b, "before");
	assert_int_equal(gzip_compress("text", 4, &b), 0);
	assert_memory_equal(b.data, "before", 6);
	check_inflates_to(b.data + 6, b.len - 6, "text", 4);
	buffer_finish(&b);
}

static void a_bound_that_is_too_small_is_an_error(_unused_ void **state)
{
	static char zeros[1U << 20];
	struct buffer b;

	for (size_t bound = 0; bound < 1000; bound += 100) {
		buffer_init(&b, bound);
		assert_true(gzip_compress(zeros, sizeof(zeros), &b) < 0);
		assert_int_equal(b.error, -EFBIG);
		buffer_finish(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_texts),
		cmocka_unit_test(an_exposition_gets_much_smaller),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(it_is_appended),
		cmocka_unit_test(a_bound_that_is_too_small_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
