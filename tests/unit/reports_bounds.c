/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How often filtered talkers get a walk of their own, how far apart two looks may be, and whether
 * there was anything to see.
 */

#include "unit.h"

#include "../../collectors/diagnosis.h"
#include "../../collectors/observation.h"
#include "../../collectors/reports.h"
#include "../../collectors/talkers_write.h"

/* Stand-ins for the walk, and for what has no part in this. */

static struct {
	unsigned int walks, surveys;
	unsigned int lasts_ms;
	int error;
	uint64_t before_ns; /* of what a diagnosis was made */
	struct observation look;
} fake;

int walk_run(_unused_ struct collector_context *ctx, _unused_ const struct walk_consumer *consumers,
	     _unused_ size_t n, struct walk_summary *ret)
{
	const struct timespec time = { .tv_nsec = (long)(fake.lasts_ms * NSEC_PER_MSEC) };

	fake.walks++;
	(void)nanosleep(&time, NULL);
	*ret = (struct walk_summary){ .complete = true };
	return fake.error;
}

int survey_get(struct collector_context *ctx, _unused_ uint32_t parts, const struct survey **ret)
{
	fake.surveys++;
	*ret = &ctx->survey;
	return 0;
}

int talkers_init(_unused_ struct talkers *talkers, _unused_ uint32_t wanted,
		 _unused_ const struct talkers_query *filter)
{
	return 0;
}

void talkers_finish(_unused_ struct talkers *talkers)
{
}

void talkers_reset(_unused_ void *state)
{
}

void talkers_add(_unused_ void *state, _unused_ const struct flow *flow,
		 _unused_ const struct walk_view *view)
{
}

void talkers_top(_unused_ const struct talkers *talkers, _unused_ enum talkers_by by,
		 _unused_ size_t limit, _unused_ const struct walk_summary *walk,
		 struct talkers_top *ret)
{
	ret->n = 0;
}

int talkers_write_json(_unused_ const struct talkers_query *query,
		       _unused_ const struct talkers_top *top,
		       _unused_ const struct walk_summary *walk, _unused_ bool pretty,
		       _unused_ struct buffer *out)
{
	return 0;
}

void talkers_write_text(_unused_ const struct talkers_query *query,
			_unused_ const struct talkers_top *top,
			_unused_ const struct walk_summary *walk, _unused_ struct buffer *out)
{
}

void observation_take(_unused_ struct collector_context *ctx, struct observation *ret)
{
	*ret = fake.look;
	ret->taken_ns = clock_monotonic_ns();
}

void observation_take_cheap(struct collector_context *ctx, struct observation *ret)
{
	observation_take(ctx, ret);
}

void diagnosis_make(const struct observation *before, _unused_ const struct observation *now,
		    _unused_ struct diagnosis *ret)
{
	fake.before_ns = before->taken_ns;
}

int diagnosis_write_json(_unused_ const struct diagnosis *diagnosis,
			 _unused_ const struct observation *now, _unused_ struct buffer *out)
{
	return 0;
}

void diagnosis_write_text(_unused_ const struct diagnosis *diagnosis, _unused_ bool colour,
			  _unused_ unsigned int width, _unused_ struct buffer *out)
{
}

void diagnosis_write_verdict(_unused_ const struct diagnosis *diagnosis,
			     _unused_ struct buffer *out)
{
}

/* A walk that lasts so long, and what the next one has to wait then. */
static uint64_t pause_after(struct collector_context *ctx, unsigned int lasts_ms)
{
	const struct talkers_query query = { .limit = 1, .filter = TALKERS_FILTER_PORT };
	struct buffer out;
	int r;

	fake.lasts_ms = lasts_ms;
	ctx->filtered_walk_ns = 0;
	buffer_init(&out, 64);
	r = reports_talkers(ctx, &query, &out);
	assert_int_equal(r, fake.error);
	buffer_finish(&out);
	return ctx->filtered_walk_ns - clock_monotonic_ns();
}

static int ask(struct collector_context *ctx, uint32_t filter)
{
	const struct talkers_query query = { .limit = 1, .filter = filter };
	struct buffer out;
	int r;

	buffer_init(&out, 64);
	r = reports_talkers(ctx, &query, &out);
	buffer_finish(&out);
	return r;
}

static int setup(_unused_ void **state)
{
	memset(&fake, 0, sizeof(fake));
	return 0;
}

static void walks_take_a_tenth_of_the_time(_unused_ void **state)
{
	const struct collector_settings settings = { .flows_min_interval_ns = 60 * NSEC_PER_SEC };
	struct collector_context ctx = { .settings = &settings };

	/* A machine that sleeps for longer than it was told makes both longer. */
	assert_in_range(pause_after(&ctx, 20), 170 * NSEC_PER_MSEC, 5 * NSEC_PER_SEC);
	assert_int_equal(ask(&ctx, TALKERS_FILTER_PORT), -EAGAIN);
	assert_int_equal(ask(&ctx, TALKERS_FILTER_SOURCE), -EAGAIN);
	assert_int_equal(fake.walks, 1);
	ctx.filtered_walk_ns = clock_monotonic_ns();
	assert_int_equal(ask(&ctx, TALKERS_FILTER_SOURCE), 0);
	assert_int_equal(fake.walks, 2);
}

static void none_waits_longer_than_the_interval(_unused_ void **state)
{
	const struct collector_settings settings = { .flows_min_interval_ns = NSEC_PER_MSEC };
	struct collector_context ctx = { .settings = &settings };

	assert_true((int64_t)pause_after(&ctx, 50) <= (int64_t)NSEC_PER_MSEC);
}

static void a_walk_that_failed_counts(_unused_ void **state)
{
	const struct collector_settings settings = { .flows_min_interval_ns = 60 * NSEC_PER_SEC };
	struct collector_context ctx = { .settings = &settings };

	fake.error = -ETIME;
	assert_in_range(pause_after(&ctx, 20), 170 * NSEC_PER_MSEC, 5 * NSEC_PER_SEC);
	assert_int_equal(ask(&ctx, TALKERS_FILTER_PORT), -EAGAIN);
	assert_int_equal(fake.walks, 1);
}

static void the_survey_needs_no_walk_of_its_own(_unused_ void **state)
{
	const struct collector_settings settings = { .flows_min_interval_ns = 60 * NSEC_PER_SEC };
	struct collector_context ctx = { .settings = &settings, .filtered_walk_ns = UINT64_MAX };

	for (int i = 0; i < 3; i++)
		assert_int_equal(ask(&ctx, 0), 0);
	assert_int_equal(fake.surveys, 3);
	assert_int_equal(fake.walks, 0);
}

/* diagnose --interval=5m: what is too old for who did not wait for it is what was waited for. */
static void who_waited_for_minutes_gets_their_rates(_unused_ void **state)
{
	struct collector_context ctx = { 0 };
	uint64_t first_ns;
	struct buffer out;

	buffer_init(&out, 64);
	assert_int_equal(reports_diagnosis(&ctx, false, &out), -EAGAIN);
	first_ns = ctx.looks[0]->taken_ns -= 300 * NSEC_PER_SEC;
	assert_int_equal(reports_diagnosis_text(&ctx, false, 80, &out), 0);
	assert_int_equal(fake.before_ns, first_ns);
	buffer_finish(&out);
	for (int i = 0; i < CONTEXT_LOOKS; i++)
		free(ctx.looks[i]);
}

/* The report is made all the same; it is the last one that counts. */
static void whether_anything_could_be_read(_unused_ void **state)
{
	static const struct observation looks[] = {
		{ .table_error = -EPERM },
		{ .table_error = -EIO, .walk_error = -EIO },
		{ .table_error = -EPERM, .has_walk = true },
		{ .table_error = -EPERM, .has_sockets = true },
		{ .table_error = -EACCES, .table[TABLE_ENTRIES].known = true },
		{ .table[TABLE_ENTRIES].known = true },
		{ .table_error = -ENODATA },
	};
	struct collector_context ctx = { 0 };
	struct buffer out;

	buffer_init(&out, 64);
	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		fake.look = looks[i];
		ctx.saw_nothing = i >= 2;
		assert_int_equal(reports_diagnosis(&ctx, true, &out), 0);
		assert_int_equal(ctx.saw_nothing, i < 2);
		ctx.saw_nothing = i >= 2;
		assert_int_equal(reports_diagnosis_text(&ctx, true, 99, &out), 0);
		assert_int_equal(ctx.saw_nothing, i < 2);
	}
	buffer_finish(&out);
	for (int i = 0; i < CONTEXT_LOOKS; i++)
		free(ctx.looks[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(walks_take_a_tenth_of_the_time, setup),
		cmocka_unit_test_setup(none_waits_longer_than_the_interval, setup),
		cmocka_unit_test_setup(a_walk_that_failed_counts, setup),
		cmocka_unit_test_setup(the_survey_needs_no_walk_of_its_own, setup),
		cmocka_unit_test_setup(who_waited_for_minutes_gets_their_rates, setup),
		cmocka_unit_test_setup(whether_anything_could_be_read, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
