/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the collector process believes of a request: only one that is exactly right. */

#include "unit.h"

#include "good_request.h"

#define ALLOWED 0x5ULL

static void requests_that_are_right(_unused_ void **state)
{
	struct request r = good;

	assert_int_equal(request_check(&r, sizeof(r), ALLOWED), 0);
	assert_int_equal(request_check(&r, sizeof(r), UINT64_MAX), 0);
	r.kind = REQUEST_QUIT;
	r.format = EXPOSITION_TEXT;
	r.flags = 0;
	r.collectors = ALLOWED;
	r.web.has = 0;
	assert_int_equal(request_check(&r, sizeof(r), ALLOWED), 0);
	r.collectors = 0;
	r.deadline_ns = 0;
	assert_int_equal(request_check(&r, sizeof(r), 0), 0);
}

static void requests_of_a_wrong_length(_unused_ void **state)
{
	char bytes[sizeof(good) + 1] = { 0 };

	memcpy(bytes, &good, sizeof(good));
	for (size_t length = 0; length < sizeof(good); length++)
		assert_int_equal(request_check(bytes, length, ALLOWED), -EMSGSIZE);
	assert_int_equal(request_check(bytes, sizeof(good), ALLOWED), 0);
	assert_int_equal(request_check(bytes, sizeof(good) + 1, ALLOWED), -EMSGSIZE);
	assert_int_equal(request_check(bytes, SIZE_MAX, ALLOWED), -EMSGSIZE);
}

static void check_refused(const struct request *r)
{
	assert_int_equal(request_check(r, sizeof(*r), ALLOWED), -EINVAL);
}

static void requests_with_a_wrong_number(_unused_ void **state)
{
	static const uint32_t magics[] = { 0, REQUEST_MAGIC - 1, REQUEST_MAGIC ^ 1U << 31 };
	static const uint32_t enums[] = { 2, 3, 255, 1U << 31, UINT32_MAX };
	struct request r;

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		r = good;
		r.magic = magics[i];
		check_refused(&r);
	}
	assert_int_equal(N_REQUEST_KINDS, 2);
	assert_int_equal(N_EXPOSITION_FORMATS, 2);
	for (size_t i = 0; i < ARRAY_SIZE(enums); i++) {
		r = good;
		r.kind = enums[i];
		check_refused(&r);
		r = good;
		r.format = enums[i];
		check_refused(&r);
	}
}

static void requests_with_a_wrong_bit(_unused_ void **state)
{
	struct request r;

	for (int bit = 0; bit < 32; bit++) {
		r = good;
		r.flags = 1U << bit;
		assert_int_equal(request_check(&r, sizeof(r), ALLOWED), bit == 0 ? 0 : -EINVAL);
	}
	for (int bit = 0; bit < 64; bit++) {
		r = good;
		r.collectors = 1ULL << bit;
		assert_int_equal(request_check(&r, sizeof(r), ALLOWED),
				 ALLOWED >> bit & 1 ? 0 : -EINVAL);
		r = good;
		r.web.has = 1ULL << bit;
		assert_int_equal(request_check(&r, sizeof(r), ALLOWED),
				 bit < N_PROCESS_VALUES ? 0 : -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_that_are_right),
		cmocka_unit_test(requests_of_a_wrong_length),
		cmocka_unit_test(requests_with_a_wrong_number),
		cmocka_unit_test(requests_with_a_wrong_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
