/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "unit.h"

#include "../../exporter/log.h"
#include "../../exporter/web_change.h"

#define MS ((int64_t)NSEC_PER_MSEC)
/* Of both clocks, when the files in force were looked at. Not a whole second. */
#define START_NS (1000 * (uint64_t)NSEC_PER_SEC)
#define START_REAL_NS (INT64_C(1700000000) * (int64_t)NSEC_PER_SEC + 123 * MS)

const char *errno_text(_unused_ int error)
{
	return "";
}

struct judged {
	struct web_change change;
	struct web_look look;
};

/* Two files, of which nobody wrote to one for a day. */
static struct judged judged(void)
{
	struct judged it = { 0 };

	for (uint64_t i = 0; i < 2; i++)
		it.look.stamps[i] = (struct web_stamp){
			.inode = i + 1, .changed_ns = START_REAL_NS - 86400000 * MS
		};
	web_change_accept(&it.change, &it.look);
	assert_int_equal(web_change_judge(&it.change, &it.look, START_NS, START_REAL_NS),
			 WEB_CHANGE_NONE);
	return it;
}

/* The clocks may differ: both count from the first look. */
static enum web_change_step judge(struct judged *it, int64_t ms, int64_t real_ms)
{
	return web_change_judge(&it->change, &it->look, START_NS + (uint64_t)(ms * MS),
				START_REAL_NS + real_ms * MS);
}

static void change(struct judged *it, size_t file, int64_t real_ms)
{
	it->look.stamps[file].size++;
	it->look.stamps[file].changed_ns = START_REAL_NS + real_ms * MS;
}

static void what_nobody_looked_at_has_rested(_unused_ void **state)
{
	struct judged it = judged();

	change(&it, 0, 1000);
	assert_int_equal(judge(&it, 6000, 6000), WEB_CHANGE_READ);
	it = judged();
	change(&it, 0, 5000);
	assert_int_equal(judge(&it, 6000, 6000), WEB_CHANGE_READ);
}

/* The kernel's time of a change is a little behind the clock. */
static void what_changed_right_after_a_look_has_rested(_unused_ void **state)
{
	struct judged it = judged();

	change(&it, 0, -10);
	assert_int_equal(judge(&it, 6000, 6000), WEB_CHANGE_READ);
}

static void a_young_change_waits(_unused_ void **state)
{
	struct judged it = judged();

	change(&it, 0, 5001);
	assert_int_equal(judge(&it, 6000, 6000), WEB_CHANGE_WAIT);
	assert_int_equal(judge(&it, 6999, 6999), WEB_CHANGE_WAIT);
	assert_int_equal(judge(&it, 7000, 7000), WEB_CHANGE_READ);
}

/* A certificate that rested, and a key that has just come. */
static void the_newest_file_counts(_unused_ void **state)
{
	struct judged it = judged();

	change(&it, 0, 1000);
	change(&it, 1, 5900);
	assert_int_equal(judge(&it, 6000, 6000), WEB_CHANGE_WAIT);
	change(&it, 0, 6500);
	assert_int_equal(judge(&it, 7000, 7000), WEB_CHANGE_WAIT);
	assert_int_equal(judge(&it, 8000, 8000), WEB_CHANGE_READ);
}

/* What is written again and again was seen for less than the rest, and is never old enough. */
static void writing_goes_on(_unused_ void **state)
{
	struct judged it = judged();

	for (int64_t ms = 1000; ms < 60000; ms += 1000) {
		change(&it, 0, ms - 400);
		assert_int_equal(judge(&it, ms, ms), WEB_CHANGE_WAIT);
	}
	assert_int_equal(judge(&it, 60000, 60000), WEB_CHANGE_READ);
}

static void the_future_is_not_believed(_unused_ void **state)
{
	struct judged it = judged();

	change(&it, 0, 3600000);
	assert_int_equal(judge(&it, 6000, 6000), WEB_CHANGE_WAIT);
	assert_int_equal(judge(&it, 7000, 7000), WEB_CHANGE_READ);
}

/*
 * The clock was set, or the server of the files has another one: it was not so
 * at the last look.
 */
static void what_is_older_than_the_last_look_is_not_believed(_unused_ void **state)
{
	struct judged it = judged();

	change(&it, 0, 900);
	assert_int_equal(judge(&it, 1000, 3600000), WEB_CHANGE_WAIT);
	assert_int_equal(judge(&it, 1999, 3600999), WEB_CHANGE_WAIT);
	assert_int_equal(judge(&it, 2000, 3601000), WEB_CHANGE_READ);
	it = judged();
	change(&it, 0, -4000);
	assert_int_equal(judge(&it, 1000, 1000), WEB_CHANGE_WAIT);
	assert_int_equal(judge(&it, 2000, 2000), WEB_CHANGE_READ);
}

/* A link that was moved to a file of yesterday, whose key may not be there yet. */
static void a_link_to_an_old_file_waits(_unused_ void **state)
{
	struct judged it = judged();

	it.look.stamps[0].inode = 77;
	assert_int_equal(judge(&it, 6000, 6000), WEB_CHANGE_WAIT);
	assert_int_equal(judge(&it, 7000, 7000), WEB_CHANGE_READ);
}

static void a_file_that_is_gone_waits(_unused_ void **state)
{
	struct judged it = judged();

	it.look.stamps[0] = (struct web_stamp){ .error = ENOENT };
	assert_int_equal(judge(&it, 6000, 6000), WEB_CHANGE_WAIT);
	assert_int_equal(judge(&it, 7000, 7000), WEB_CHANGE_READ);
}

/* File systems that know whole seconds, or every second one, cut what is more. */
static void whole_seconds_are_not_believed_to_the_second(_unused_ void **state)
{
	struct judged it = judged();

	change(&it, 0, 877);
	assert_int_equal(judge(&it, 3800, 3800), WEB_CHANGE_WAIT);
	it = judged();
	change(&it, 0, 877);
	assert_int_equal(judge(&it, 3877, 3877), WEB_CHANGE_READ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_looked_at_has_rested),
		cmocka_unit_test(what_changed_right_after_a_look_has_rested),
		cmocka_unit_test(a_young_change_waits),
		cmocka_unit_test(the_newest_file_counts),
		cmocka_unit_test(writing_goes_on),
		cmocka_unit_test(the_future_is_not_believed),
		cmocka_unit_test(what_is_older_than_the_last_look_is_not_believed),
		cmocka_unit_test(a_link_to_an_old_file_waits),
		cmocka_unit_test(a_file_that_is_gone_waits),
		cmocka_unit_test(whole_seconds_are_not_believed_to_the_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
