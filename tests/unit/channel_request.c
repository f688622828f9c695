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
	r.format = EXPOSITION_TEXT;
	r.flags = 0;
	r.collectors = ALLOWED;
	r.web.usage.has = 0;
	r.web.last_reload = WEB_RELOAD_NONE;
	assert_int_equal(request_check(&r, sizeof(r), ALLOWED), 0);
	r.collectors = 0;
	r.deadline_ns = 0;
	r.tracked[FLOW_IPV4] = r.tracked[FLOW_IPV6] = TRACKING_UNKNOWN;
	assert_int_equal(request_check(&r, sizeof(r), 0), 0);
	for (int kind = REQUEST_DIAGNOSIS; kind < N_REQUEST_KINDS; kind++) {
		r = good_of(kind);
		assert_int_equal(request_check(&r, sizeof(r), ALLOWED), 0);
	}
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
	static const uint32_t enums[] = { 5, 6, 255, 1U << 31, UINT32_MAX };
	struct request r;

	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		r = good;
		r.magic = magics[i];
		check_refused(&r);
	}
	assert_int_equal(N_REQUEST_KINDS, 5);
	assert_int_equal(N_EXPOSITION_FORMATS, 2);
	for (size_t i = 0; i < ARRAY_SIZE(enums); i++) {
		r = good;
		r.kind = enums[i];
		check_refused(&r);
		r = good;
		r.format = enums[i];
		check_refused(&r);
		r = good;
		r.tracked[FLOW_IPV4] = enums[i];
		check_refused(&r);
		r = good;
		r.tracked[FLOW_IPV6] = enums[i];
		check_refused(&r);
	}
}

/* A format that exists in one kind only, and the first number that is no tracking. */
static void requests_with_the_next_number(_unused_ void **state)
{
	struct request r = good;

	r.format = N_EXPOSITION_FORMATS;
	check_refused(&r);
	r = good;
	r.tracked[FLOW_IPV6] = N_TRACKINGS;
	check_refused(&r);
	r = good;
	r.web.last_reload = N_WEB_RELOADS;
	check_refused(&r);
	r = good_of(REQUEST_TALKERS);
	r.talkers.limit = 8;
	check_refused(&r);
	r.talkers.limit = 0;
	check_refused(&r);
}

static void check_flags(enum request_kind kind, uint32_t allowed)
{
	for (int bit = 0; bit < 32; bit++) {
		struct request r = kind == REQUEST_METRICS ? good : good_of(kind);

		r.flags = 1U << bit;
		assert_int_equal(request_check(&r, sizeof(r), ALLOWED),
				 allowed & r.flags ? 0 : -EINVAL);
	}
}

static void each_kind_has_its_flags(_unused_ void **state)
{
	check_flags(REQUEST_METRICS, REQUEST_EXPORTER_METRICS);
	check_flags(REQUEST_DIAGNOSIS, REQUEST_SECOND_LOOK);
	check_flags(REQUEST_VERDICT, 0);
	check_flags(REQUEST_TALKERS, 0);
	check_flags(REQUEST_QUIT, 0);
}

/* Sets each byte behind magic, kind and flags that the kind has no use for. */
static void check_unused(enum request_kind kind, size_t from, size_t to, bool used)
{
	for (size_t at = from; at < to; at++) {
		struct request r = kind == REQUEST_METRICS ? good : good_of(kind);

		((unsigned char *)&r)[at] ^= 0x40;
		if (!used)
			check_refused(&r);
	}
}

#define FIELD(field)                     \
	offsetof(struct request, field), \
		offsetof(struct request, field) + sizeof(((struct request *)0)->field)

static void what_a_kind_does_not_use_is_zero(_unused_ void **state)
{
	for (int kind = 0; kind < N_REQUEST_KINDS; kind++) {
		const bool scrape = kind == REQUEST_METRICS, quit = kind == REQUEST_QUIT;

		check_unused(kind, FIELD(format), scrape);
		check_unused(kind, FIELD(collectors), scrape);
		check_unused(kind, FIELD(web), scrape);
		check_unused(kind, FIELD(talkers), kind == REQUEST_TALKERS);
		check_unused(kind, FIELD(deadline_ns), !quit);
		check_unused(kind, FIELD(tracked), !quit);
		check_unused(kind, offsetof(struct request, unused), sizeof(struct request), false);
	}
}

static void requests_with_a_wrong_bit(_unused_ void **state)
{
	struct request r;

	for (int bit = 0; bit < 64; bit++) {
		r = good;
		r.collectors = 1ULL << bit;
		assert_int_equal(request_check(&r, sizeof(r), ALLOWED),
				 ALLOWED >> bit & 1 ? 0 : -EINVAL);
		r = good;
		r.web.usage.has = 1ULL << bit;
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
		cmocka_unit_test(requests_with_the_next_number),
		cmocka_unit_test(each_kind_has_its_flags),
		cmocka_unit_test(what_a_kind_does_not_use_is_zero),
		cmocka_unit_test(requests_with_a_wrong_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
